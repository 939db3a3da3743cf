"""Grammars that write what is valid: resources, searches, expressions, patches.

Everything is decided by the `Random` that is given: Hypothesis's own (which shrinks), or one that was seeded.
"""
