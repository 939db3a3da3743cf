"""Where terminology stands: the systems shipped with the program, and the tables of all others."""
