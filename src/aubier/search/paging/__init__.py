"""The order of a page (`order`), and the mark at which the next one begins (`marks`)."""
