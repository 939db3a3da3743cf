"""Versions that are asked for by a pattern: `1.2.x` stands for every 1.2.

Rule: FHIR R5, references.html, canonical matching with wildcards; HL7 FHIR Terminology Ecosystem.
"""

from __future__ import annotations

_ANY = frozenset("xX*")


def is_pattern(version: str) -> bool:
    """Whether a version stands for several."""
    return any(part in _ANY for part in version.split("."))


def fits(have: str, asked: str) -> bool:
    """Whether a version is the one asked, or one of those asked; any is when none is asked."""
    if asked in ("", have):
        return True
    parts, wanted = have.split("."), asked.split(".")
    return len(parts) == len(wanted) and all(w in _ANY or w == p for p, w in zip(parts, wanted, strict=True))


def numbers(version: str) -> list[int]:
    """A version by its numbers: 2.10 comes after 2.9."""
    digits = "".join(c if c.isascii() and c.isdigit() else " " for c in version[:200])
    return [int(number[:30]) for number in digits.split()]
