"""The people the bench is about: made from a seed, kept as NDJSON, and what must be answered of them."""
