"""Statements kept by the form of their question: what is asked again, of somebody else, binds its values."""
