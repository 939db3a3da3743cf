"""HTTP that the server sends: to places that others chose, so as little as possible is trusted of them."""
