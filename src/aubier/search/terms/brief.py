"""Values that are kept short where less says the same."""

from __future__ import annotations

from aubier.fhir.fhirpath.values.quantities import UCUM
from aubier.ground.text import fold
from aubier.search.keys import bounded, bounded_text

_MARK = "="


def unit_system(system: str) -> str:
    """The system of a unit, as it is kept: nearly all are of UCUM, which one sign stands for."""
    if system == UCUM:
        return _MARK
    return bounded(_MARK + system if system.startswith(_MARK) else system)


def compared(text: str) -> tuple[str, str]:
    """A text folded, and as written where that is not the same, as far as they are compared."""
    norm, written = bounded_text(fold(text)), bounded_text(text)
    return norm, ("" if written == norm else written)
