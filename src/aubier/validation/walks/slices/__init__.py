"""Which slice of a list a value belongs to."""
