"""What keeps identity from misuse.

Numbers stay with their Patient, the base is asked by name and within a bound, nobody signs as somebody else.
"""
