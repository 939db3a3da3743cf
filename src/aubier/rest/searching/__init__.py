"""Searches of more than one type: of the whole base, and inside a compartment."""
