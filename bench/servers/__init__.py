"""The servers that are measured: ours and its peers, each on a database of its own in the same PostgreSQL."""
