"""Validation against profiles: a pure walk, then one batch of questions to terminology.

`check` is the way in; `walk` walks a profile; `slices` tells slices apart; `around` follows
references inside what is validated and evaluates invariants; `ground` walks what the specification itself
says beyond structure; `rules` holds what is said of whole resources; `words` says it all.

Rule: FHIR R4 4.0.1, profiling.html, validation.html, extensibility.html.
"""

from aubier.validation.walks.check import Found, validated, walked

__all__ = ["Found", "validated", "walked"]
