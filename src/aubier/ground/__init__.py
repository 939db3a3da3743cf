"""Floor 0: what every room stands on.

Problems, the clock, randomness, text folding and the frozen rows by which rooms declare
themselves. Imports nothing of ours and does no I/O.
"""
