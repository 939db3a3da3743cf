"""Resources of every type, as the definitions say they may be. Rule: FHIR R4 4.0.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

from aubier.fhir.definitions import Element, TypeRef, definitions

DEEPEST = 5
_XHTML = '<div xmlns="http://www.w3.org/1999/xhtml"><p title="a">{}</p></div>'
_TEXTS = (
    "a",
    "É",
    "a b",
    "<&>\"'",
    "\\",
    "\u00a0",
    "\N{PILE OF POO}",
    "e\u0301",
    "0",
    "true",
    "line\nline",
    "-",
)
_HELD = ("Basic", "Organization", "Practitioner", "Medication")
"""What is contained or an entry: small types."""
_UNLISTED = {"currencies": "EUR", "mimetypes": "text/plain", "languages": "fr", "all-languages": "fr"}
"""A code of each value set that names no list."""


def _text(random: Random) -> str:
    return " ".join(random.choice(_TEXTS) for _ in range(random.randint(1, 3)))


def _digits(random: Random, most: int) -> str:
    return str(random.randint(0, 10 ** random.randint(1, most) - 1))


def _decimal(random: Random) -> Any:
    return random.choice((0, 1, -1, 1.5, 100, 10**15, -0.001, 1e-7, 1e22))


def _date(random: Random) -> str:
    whole = f"{random.randint(1, 9999):04}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    return whole[: random.choice((4, 7, 10))]


def _time(random: Random) -> str:
    clock = f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}"
    return clock + random.choice(("", ".5", ".123456"))


def _instant(random: Random) -> str:
    zone = random.choice(("Z", "+02:00", "-11:30", "+14:00"))
    return f"{random.randint(1900, 2100)}-02-28T{_time(random)}{zone}"


def _moment(random: Random) -> str:
    return random.choice((_date, _instant))(random)


_PRIMITIVES: dict[str, Callable[[Random], Any]] = {
    "boolean": lambda random: random.random() < 0.5,
    "integer": lambda random: random.choice((0, 1, -1, 2**31 - 1, -(2**31))),
    "unsignedInt": lambda random: random.choice((0, 7, 2**31 - 1)),
    "positiveInt": lambda random: random.choice((1, 7, 2**31 - 1)),
    "decimal": _decimal,
    "date": _date,
    "dateTime": _moment,
    "instant": _instant,
    "time": _time,
    "id": lambda random: f"i-{_digits(random, 6)}.A",
    "oid": lambda random: f"urn:oid:1.{random.randint(0, 99)}",
    "uuid": lambda random: f"urn:uuid:00000000-0000-4000-8000-{random.randint(0, 9):012}",
    "base64Binary": lambda random: random.choice(("", "YQ==", "YWI=", "YWJj" * 5)) or "YQ==",
    "code": lambda random: random.choice(("a", "final", "a-b", "1.2")),
    "uri": lambda random: random.choice(("http://example.org/a", "urn:oid:1.2", "a:b")),
    "url": lambda random: random.choice(("http://example.org/a?b=c", "mailto:a@example.org")),
    "canonical": lambda random: random.choice(("http://example.org/a", "http://example.org/a|1.0")),
    "xhtml": lambda random: _XHTML.format("a &lt; b"),
    "http://hl7.org/fhirpath/System.String": lambda random: f"s{_digits(random, 4)}",
}


_BESIDE = frozenset({"boolean", "date", "dateTime", "decimal", "code", "uri", "string", "markdown"})
"""Primitives that are given an id of their own at times."""


@cache
def _types() -> tuple[str, ...]:
    return tuple(sorted(definitions().resource_types))


def resource(random: Random, kind: str = "", depth: int = 0) -> dict[str, Any]:
    """A resource of `kind`, or of any type."""
    name = kind or random.choice(_types())
    return {"resourceType": name, **_object(random, definitions().type(name).elements, depth)}


def _object(random: Random, elements: Mapping[str, Element], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    wanted = [e for e in elements.values() if e.min or random.random() < _likely(e, depth)]
    for element in wanted:
        _put(random, made, element, depth)
    # An element with an id alone is none (ele-1).
    if made.keys() <= {"id"}:
        simple = [
            e for e in elements.values() if e.types and e.types[0].code in _PRIMITIVES and e.name != "id"
        ]
        if simple:
            _put(random, made, random.choice(simple), depth)
        else:
            made["extension"] = [{"url": "http://example.org/x", "valueCode": "a"}]
    return made


def _likely(element: Element, depth: int) -> float:
    if depth >= DEEPEST or element.name in ("implicitRules", "modifierExtension"):
        return 0.0
    return {"extension": 0.05, "contained": 0.1 if depth == 0 else 0.0}.get(element.name, 0.25 / (depth + 1))


def _put(random: Random, made: dict[str, Any], element: Element, depth: int) -> None:
    type = random.choice(element.types) if element.types else TypeRef("BackboneElement")
    name = element.name
    if element.choice:
        name = name.removesuffix("[x]") + type.code[0].upper() + type.code[1:]
    count = random.choice((1, 1, 2, 3)) if element.many else 1
    values = [_value(random, element, type, depth) for _ in range(max(count, element.min))]
    if element.name == "contained":
        values = [{**v, "id": f"c{n}"} for n, v in enumerate(values)]
    made[name] = values if element.many else values[0]
    if type.code in _BESIDE and element.name not in ("id", "url") and random.random() < 0.1:
        beside = [{"id": "s"}] + [None] * (len(values) - 1)
        made[f"_{name}"] = beside if element.many else beside[0]


def _value(random: Random, element: Element, type: TypeRef, depth: int) -> Any:
    if element.fixed:
        return next(iter(element.fixed.values()))
    if element.children or element.content:
        return _object(random, _inside(element), depth + 1)
    if type.code in ("string", "markdown"):
        return _text(random)
    if type.code == "Resource":
        return resource(random, random.choice(_HELD), max(depth + 1, DEEPEST - 1))
    if type.code == "Reference":
        return _reference(random, type.targets)
    if type.code == "Extension":
        return {"url": "http://example.org/e", "valueString": _text(random)}
    if type.code == "code" and element.binding:
        return random.choice(_codes(element.binding.value_set))
    if type.code in _PRIMITIVES:
        return _PRIMITIVES[type.code](random)
    if type.code == "Narrative":
        return {"status": "generated", "div": _PRIMITIVES["xhtml"](random)}
    if (
        element.binding
        and element.binding.strength == "required"
        and type.code in ("Coding", "CodeableConcept")
    ):
        pairs = sorted(definitions().value_set(element.binding.value_set) or ())
        coding = (
            dict(zip(("system", "code"), random.choice(pairs), strict=True)) if pairs else {"display": "a"}
        )
        return coding if type.code == "Coding" else {"coding": [coding]}
    return _object(random, definitions().type(type.code).elements, depth + 1)


def _inside(element: Element) -> Mapping[str, Element]:
    if element.content and not element.children:
        owner, _, path = element.content.partition(".")
        found = definitions().type(owner).find(path)
        assert found is not None
        return found.children
    return element.children


@cache
def _codes(value_set: str) -> Sequence[str]:
    listed = tuple(sorted({code for _, code in definitions().value_set(value_set) or ()}))
    return listed or (_UNLISTED.get(value_set.rpartition("/")[2], "a"),)


def _reference(random: Random, targets: Sequence[str]) -> dict[str, Any]:
    kinds = [t for t in targets if t in definitions().resource_types] or ["Patient"]
    kind = random.choice(kinds)
    return random.choice(
        (
            {"reference": f"{kind}/{_digits(random, 3)}"},
            {"reference": f"https://a.example/fhir/{kind}/1/_history/2", "display": "a"},
            {"reference": f"urn:uuid:00000000-0000-4000-8000-{random.randint(0, 9):012}"},
            {"type": kind, "identifier": {"system": "urn:oid:1.2", "value": "a"}},
            {"display": _text(random)},
        )
    )
