"""Time zones. Rule: the IANA time zone database, as this machine has it."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from aubier.terminology.meaning.concepts import Concept


@cache
def names() -> dict[str, str]:
    """The names of every zone, in alphabetical order."""
    return dict.fromkeys(sorted(available_timezones() - {"localtime", "posixrules", "Factory"}), "")


def concept(code: str) -> Concept | None:
    """A zone by its name."""
    return Concept(code, lineage=frozenset((code,))) if code in names() else None
