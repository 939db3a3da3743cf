"""Places, names, numbers, households and carers: who lives in the synthetic Brittany, and who cares for them.

The same seed and the same date give the same bytes, on any machine: draws use only the Mersenne Twister's
`random()` and `getrandbits()`, never a hash, a clock, or the order of a set.
"""
