"""The types of R4 as FHIRPath walks them: which JSON keys a step reads, and what it finds there.

A nested element without a type of its own is named by its path: `Patient.contact`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from aubier.fhir import definitions as published

_NESTED = frozenset({"BackboneElement", "Element"})
_TIMES = frozenset({"date", "dateTime", "instant", "time"})
_TEXTS = frozenset(
    {"string", "code", "id", "markdown", "uri", "url", "canonical", "oid", "uuid", "base64Binary", "xhtml"}
)
_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
SYSTEM = frozenset({"Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "Any"})
"""The types of FHIRPath's own namespace; a value of theirs has the type `System.<name>`."""
_SYSTEM_CLASSES = {
    **dict.fromkeys(("System.String", "System.Date", "System.DateTime", "System.Time"), "str"),
    "System.Boolean": "bool",
    "System.Integer": "number",
    "System.Decimal": "number",
}
_PLAIN = {
    **dict.fromkeys(_TEXTS, "String"),
    **dict.fromkeys(_NUMBERS - {"decimal"}, "Integer"),
    "decimal": "Decimal",
    "boolean": "Boolean",
    "date": "Date",
    "dateTime": "DateTime",
    "instant": "DateTime",
    "time": "Time",
    **{f"System.{name}": name for name in SYSTEM - {"Any"}},
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one step finds: `keys` are JSON keys with the type there, several for a choice element."""

    keys: tuple[tuple[str, str], ...]
    many: bool


@lru_cache(maxsize=4096)
def steps(type: str) -> Mapping[str, Step]:
    """The elements of a type by FHIRPath name (`value`, not `value[x]`); nothing for an unknown type."""
    owner, _, path = type.partition(".")
    if owner == "System":
        return _SYSTEM_STEPS.get(path, {})
    if not knows(owner):
        return {}
    definition = published.definitions().type(owner)
    element = definition.find(path) if path else None
    if path and element is None:
        return {}
    children = element.children if element else definition.elements
    return {name.removesuffix("[x]"): _step(child) for name, child in children.items()}


def knows(type: str) -> bool:
    """Whether `type` is the name of a FHIR type."""
    return type in published.definitions().types


def is_open(type: str) -> bool:
    """Whether only the data tells the type: `Resource` and `DomainResource`."""
    return type in {"Resource", "DomainResource"}


def is_resource(type: str) -> bool:
    """Whether `type` is a resource type, abstract ones included."""
    return knows(type) and published.definitions().type(type).kind == "resource"


@lru_cache(maxsize=65_536)
def is_a(type: str, ancestor: str) -> bool:
    """Whether `type` is `ancestor` or descends from it. FHIRPath's own quantity is a Quantity of FHIR too."""
    if type == ancestor:
        return True
    if type.startswith("System."):
        return ancestor == "System.Any" or (type, ancestor) == ("System.Quantity", "Quantity")
    if "." in type:
        return ancestor in _NESTED
    return knows(type) and ancestor in published.definitions().type(type).bases


@cache
def json_class(type: str) -> str:
    """The class of the JSON value of a type: `str`, `bool`, `number`, or `dict` when it has elements."""
    if type in _SYSTEM_CLASSES:
        return _SYSTEM_CLASSES[type]
    if type in _TEXTS or type in _TIMES:
        return "str"
    if type == "boolean":
        return "bool"
    return "number" if type in _NUMBERS else "dict"


@cache
def plain(type: str) -> str:
    """The type of FHIRPath's own (`String`, `Quantity`...) that a type stands for; empty if none.

    Rule: FHIR R4 4.0.1, fhirpath.html#types.
    """
    if type in _PLAIN:
        return _PLAIN[type]
    return "Quantity" if is_a(type, "Quantity") else ""


def is_text(type: str) -> bool:
    """Whether values of a FHIR type compare as plain text: strings, codes and URIs, not dates."""
    return type in _TEXTS


def is_time(type: str) -> bool:
    """Whether values of a FHIR type are dates or times."""
    return type in _TIMES


def _step(element: published.Element) -> Step:
    """The step to an element; nested elements and content references are named by path."""
    if element.children and not (element.types and element.types[0].code not in _NESTED):
        nested = element.content or element.path
        return Step(((element.name, nested),), element.many)
    if not element.choice:
        return Step(tuple((element.name, t.code) for t in element.types[:1]), element.many)
    stem = element.name.removesuffix("[x]")
    return Step(tuple((stem + t.code[0].upper() + t.code[1:], t.code) for t in element.types), element.many)


def _one(name: str, type: str) -> dict[str, Step]:
    return {name: Step(((name, type),), False)}


_SYSTEM_STEPS: Mapping[str, Mapping[str, Step]] = {
    "Quantity": _one("value", "System.Decimal") | _one("unit", "System.String"),
    **{
        name: _one("namespace", "System.String")
        | _one("name", "System.String")
        | _one("baseType", "System.String")
        for name in ("SimpleTypeInfo", "ClassInfo")
    },
}
