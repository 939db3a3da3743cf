"""What is kept of a resource: its bytes, packed, and the rows by which it is found."""
