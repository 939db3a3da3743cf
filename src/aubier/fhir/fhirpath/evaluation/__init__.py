"""What an expression meets while it is evaluated: its environment and budget, and what the data decides."""
