"""The systems that have a grammar, by their URLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from aubier.terminology.grammars import languages, media, places, units, zones
from aubier.terminology.meaning.concepts import Concept, System


@dataclass(frozen=True, slots=True)
class _Grammar:
    """How a system knows its codes, and the codes that stand for all in a list of them."""

    name: str
    title: str
    concept: Callable[[str], Concept | None]
    common: Callable[[], Mapping[str, str]]
    version: str = ""
    closed: bool = False
    case_sensitive: bool = True


_UCUM = "http://unitsofmeasure.org"
_GRAMMARS = {
    _UCUM: _Grammar("UCUM", "Unified Code for Units of Measure", units.concept, units.common, "2.2"),
    "urn:ietf:bcp:47": _Grammar(
        "BCP47", "Tags for Identifying Languages", languages.concept, languages.common, case_sensitive=False
    ),
    "urn:ietf:bcp:13": _Grammar("BCP13", "Media Types", media.concept, dict),
    "urn:iso:std:iso:3166": _Grammar(
        "ISO3166", "ISO 3166-1 countries", places.country, places.countries, "2018", closed=True
    ),
    "urn:iso:std:iso:3166:-2": _Grammar("ISO31662", "ISO 3166-2 parts of countries", places.part, dict),
    "urn:iso:std:iso:4217": _Grammar(
        "ISO4217", "ISO 4217 currencies", places.currency, places.currencies, closed=True
    ),
    "https://www.iana.org/time-zones": _Grammar(
        "TimeZones", "IANA time zones", zones.concept, zones.names, closed=True
    ),
}


@cache
def system(url: str) -> System | None:
    """The system of that URL, or None when it has no grammar here."""
    found = _GRAMMARS.get(url)
    if found is None:
        return None
    return System(
        url,
        found.version,
        case_sensitive=found.case_sensitive,
        title=found.title,
        name=found.name,
        grammar="closed" if found.closed else "open",
    )


def concept(url: str, code: str) -> Concept | None:
    """A code of a system with a grammar, or None."""
    return _GRAMMARS[url].concept(code)


def common(url: str) -> dict[str, Concept]:
    """The codes of a list of such a system: all of them, or where there is no end, those that are common."""
    found = ((code, _GRAMMARS[url].concept(code)) for code in _GRAMMARS[url].common())
    return {code: one for code, one in found if one is not None}


def canonical_unit(url: str, value: str) -> str:
    """The value of a filter on `canonical` as the grammar writes it: any unit of that kind may be named."""
    return units.canonical(value) if url == _UCUM else value
