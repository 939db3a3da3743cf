"""Values that are kept short where less says the same."""

from __future__ import annotations

import re

from aubier.fhir.fhirpath.values.quantities import UCUM
from aubier.ground.text import fold
from aubier.search.keys import bounded, bounded_text

_MARK = "="
STATED = "\x1f"
"""Stands between the code of a unit and the word that people read."""
_PUNCTUATION = re.compile(r"[!\"'(),\-.:;?\[\]{}\u00a1\u00ab\u00b7\u00bb\u00bf\u2010-\u2027\u2039\u203a]+")
"""What separates words and says nothing by itself: `%`, `&`, `/` and the like say something."""


def unit_system(system: str) -> str:
    """The system of a unit, as it is kept: nearly all are of UCUM, which one sign stands for."""
    if system == UCUM:
        return _MARK
    return bounded(_MARK + system if system.startswith(_MARK) else system)


def unit_code(code: str, unit: str) -> str:
    """The code of a unit as it is kept: with the word that people read behind it, where that is another."""
    return code + (STATED + unit if code and unit not in ("", code) else "")


def plainly(text: str) -> str:
    """A text as it is searched: folded, punctuation a space; only folded where it is nothing but punctuation.

    Rule: FHIR R4 4.0.1, search 3.1.1.4.8.
    """
    folded = fold(text)
    spaced = _PUNCTUATION.sub(" ", folded)
    return folded if spaced == folded else " ".join(spaced.split()) or folded


def compared(text: str) -> tuple[str, str]:
    """A text as it is searched, and as written where that is not the same, as far as they are compared."""
    norm, written = bounded_text(plainly(text)), bounded_text(text)
    return norm, ("" if written == norm else written)
