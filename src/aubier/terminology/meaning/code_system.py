"""CodeSystem resources read into concepts. Rule: FHIR R4, CodeSystem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from aubier.ground.rows import Resource
from aubier.terminology.meaning.concepts import Concept, Property, System
from aubier.terminology.meaning.value_set import STATUS, standing

_HIERARCHY = ("parent", "subsumedBy")
_STANDARD = "http://hl7.org/fhir/concept-properties"
_KNOWN = frozenset(("inactive", "notSelectable", "status", "parent", "child"))


def system_of(resource: Resource) -> System:
    """The system of a resource. An unsaid `caseSensitive` means that case counts.

    What names a system that it supplements is a supplement, whatever `content` says: no code is its own.
    Rule: FHIR R4 4.0.1 codesystem.html#supplements.
    """
    return System(
        url=str(resource.get("url", "")),
        version=str(resource.get("version", "")),
        content="supplement" if resource.get("supplements") else str(resource.get("content", "complete")),
        case_sensitive=resource.get("caseSensitive") is not False,
        title=str(resource.get("title", "")),
        name=str(resource.get("name", "")),
        language=str(resource.get("language", "")),
        standing=standing(resource),
    )


def concepts_of(resource: Resource) -> Iterator[Concept]:
    """Every concept of a resource, in its order, those nested after the one that holds them.

    Only direct parents are known here: by nesting and by the properties parent and subsumedBy. The property
    `child` of another concept is for who has them all.
    """
    known = aliases(resource)
    for concept in resource.get("concept") or ():
        yield from nested(concept, known)


def aliases(resource: Resource) -> dict[str, str]:
    """The properties of a system that are those of the standard under another code.

    Rule: FHIR R4, CodeSystem.property.uri and concept-properties.
    """
    found = {}
    for one in resource.get("property") or ():
        base, _, name = str(one.get("uri", "")).partition("#")
        if base == _STANDARD and name in _KNOWN and one.get("code") != name:
            found[str(one.get("code", ""))] = name
    return found


def nested(concept: Resource, known: Mapping[str, str] | None = None) -> Iterator[Concept]:
    """One concept and those nested in it; `known` as `aliases`."""
    pending: list[tuple[Resource, str]] = [(concept, "")]
    while pending:
        row, parent = pending.pop()
        made = _concept(row, parent, known or {})
        yield made
        pending += [(child, made.code) for child in reversed(row.get("concept") or ())]


def _concept(row: Resource, parent: str, known: Mapping[str, str]) -> Concept:
    every = tuple(_property(one) for one in row.get("property") or () if one.get("code"))
    every += tuple(replace(p, code=known[p.code]) for p in every if p.code in known)
    said = (e.get("valueCode") for e in row.get("extension") or () if e.get("url") == STATUS)
    every += tuple(Property("standards-status", "valueCode", str(code)) for code in said if code)
    above = [p.text for p in every if p.code in _HIERARCHY]
    parents = tuple(dict.fromkeys([*([parent] if parent else []), *above]))
    return Concept(
        code=str(row.get("code", "")),
        display=str(row.get("display", "")),
        definition=str(row.get("definition", "")),
        parents=parents,
        properties=tuple(p for p in every if p.code not in _HIERARCHY),
        designations=tuple(row.get("designation") or ()),
    )


def _property(row: Resource) -> Property:
    kind, value = next(((k, v) for k, v in row.items() if k.startswith("value")), ("valueString", ""))
    return Property(str(row["code"]), kind, value)


def value_kind(value: Any) -> str:
    """The `value[x]` of a plain value."""
    if isinstance(value, bool):
        return "valueBoolean"
    return "valueInteger" if isinstance(value, int) else "valueString"
