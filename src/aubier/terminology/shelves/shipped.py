"""The code systems and value sets of the base specification, in memory. Rule: FHIR R4 4.0.1."""

from __future__ import annotations

from functools import lru_cache

from aubier.fhir.definitions import CodeSystem, definitions
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.code_system import value_kind
from aubier.terminology.meaning.concepts import Concept, Property, System
from aubier.terminology.meaning.value_set import ValueSet


def system(url: str) -> System | None:
    """A shipped system that holds concepts, or None."""
    return _system(url) if definitions().code_system(url) is not None else None


@lru_cache(maxsize=2048)
def _system(url: str) -> System | None:
    found = definitions().code_system(url)
    if found is None or found.content in ("not-present", "supplement"):
        return None
    return System(
        url,
        found.version,
        found.content,
        found.case_sensitive,
        found.title,
        found.name,
        size=len(found.concepts),
    )


@lru_cache(maxsize=64)
def concepts(url: str) -> dict[str, Concept]:
    """The concepts of a shipped system by code, in order; KeyError for another."""
    found = definitions().code_system(url)
    if found is None:
        raise KeyError(url)
    made = {}
    for code, row in found.concepts.items():
        properties = tuple(
            Property(name, value_kind(one), one)
            for name, value in row.properties.items()
            for one in (value if isinstance(value, list) else [value])
        )
        made[code] = Concept(code, row.display, "", row.parents, frozenset(_upward(code, found)), properties)
    return made


@lru_cache(maxsize=64)
def folded(url: str) -> dict[str, str]:
    """The codes of a shipped system by themselves in small letters."""
    return {code.lower(): code for code in concepts(url)}


def _upward(code: str, system: CodeSystem) -> set[str]:
    """A code and every code above it."""
    found, pending = {code}, [code]
    while pending:
        above = [c for c in system.concepts[pending.pop()].parents if c not in found and c in system.concepts]
        found.update(above)
        pending += above
    return found


def find_value_set(url: str) -> ValueSet | None:
    """A shipped value set, or None."""
    return _value_set(url) if url in definitions().value_sets else None


@lru_cache(maxsize=512)
def _value_set(url: str) -> ValueSet:
    return value_set.read(dict(definitions().value_sets[url]))
