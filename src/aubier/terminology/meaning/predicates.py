"""Which concepts of one code system: a tree of conditions, with two readers.

`holds` decides on one concept in hand; `path` writes the same condition as an SQL/JSON path over the facts
that the tables keep of each concept. Tests hold the two to the same answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aubier.ground.problem import problem
from aubier.terminology.meaning import regex
from aubier.terminology.meaning.concepts import Concept

LISTED = 5_000
"""The most codes that one condition may list for the database."""


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; without parts, everything."""

    parts: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the parts holds; without parts, nothing."""

    parts: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Predicate


@dataclass(frozen=True, slots=True, eq=False)
class Among:
    """The code is a key of `codes`, whose order is that of the list."""

    codes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Below:
    """The concept is `code` or below it (`itself`), or only below."""

    code: str
    itself: bool = True


@dataclass(frozen=True, slots=True)
class Has:
    """A property has one of the values; without values, any."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Like:
    """A value of a property is wholly what the pattern describes; `work` is what it may still cost."""

    name: str
    pattern: regex.Node
    work: regex.Work = field(default_factory=regex.Work, compare=False, repr=False)


Predicate = All | AnyOf | Not | Among | Below | Has | Like

EVERYTHING = All()
ACTIVE = Not(Has("inactive", ("true",)))


def holds(predicate: Predicate, concept: Concept) -> bool:
    """Whether the condition holds for a concept. Problem `too-costly` for a pattern that takes too much."""
    match predicate:
        case All(parts):
            return all(holds(part, concept) for part in parts)
        case AnyOf(parts):
            return any(holds(part, concept) for part in parts)
        case Not(part):
            return not holds(part, concept)
        case Among(codes):
            return concept.code in codes
        case Below(code, itself):
            return code in concept.lineage and (itself or code != concept.code)
        case Has(name, ()):
            return bool(concept.texts(name))
        case Has(name, values):
            return any(text in values for text in concept.texts(name))
        case Like(name, pattern, work):
            return any(regex.matches(pattern, text, work) for text in concept.texts(name))
    return False


def path(predicate: Predicate) -> str:
    """The condition as an SQL/JSON path predicate over `facts`. Problem `too-costly` for endless lists."""
    match predicate:
        case All(parts):
            return "(" + (" && ".join(path(part) for part in parts) or '$.code != ""') + ")"
        case AnyOf(parts):
            return "(" + (" || ".join(path(part) for part in parts) or '$.code == ""') + ")"
        case Not(part):
            return f"!({path(part)})"
        case Among(codes):
            return _equal("$.code", codes)
        case Below(code, True):
            return f"($.line[*] == {_quoted(code)})"
        case Below(code, False):
            return f"($.line[*] == {_quoted(code)} && $.code != {_quoted(code)})"
        case Has(name, ()):
            return f"(exists({_place(name)}))"
        case Has(name, values):
            return _equal(_place(name), values)
        case Like(name, pattern):
            return f"({_place(name)} like_regex {_quoted(regex.written(pattern))})"
    raise AssertionError(predicate)


def facts(concept: Concept) -> dict[str, Any]:
    """What the tables keep of a concept for `path`: code, parents, lineage, and properties as texts."""
    properties: dict[str, list[str]] = {}
    for one in concept.properties:
        properties.setdefault(one.code, []).append(one.text)
    for name in ("display", "inactive"):
        properties[name] = concept.texts(name)
    found: dict[str, Any] = {"code": concept.code, "prop": {k: v for k, v in properties.items() if v}}
    if concept.parents:
        found["par"] = list(concept.parents)
    return found | {"line": sorted(concept.lineage | {concept.code})}


def listing(predicate: Predicate) -> list[str] | None:
    """The codes beyond which the condition cannot hold, in order; None when they are not listed."""
    match predicate:
        case Among(codes):
            return list(codes)
        case All(parts):
            found = [listed for part in parts if (listed := listing(part)) is not None]
            return min(found, key=len) if found else None
        case AnyOf(parts):
            lists = [listing(part) for part in parts]
            if all(one is not None for one in lists):
                return list(dict.fromkeys(code for one in lists for code in one or ()))
    return None


def by_code(predicate: Predicate) -> bool:
    """Whether the code alone tells whether the condition holds."""
    match predicate:
        case All(parts) | AnyOf(parts):
            return all(by_code(part) for part in parts)
        case Not(part):
            return by_code(part)
    return isinstance(predicate, Among)


def divided(predicate: Predicate) -> tuple[Predicate | None, Predicate | None]:
    """The condition as (what is listed, the rest), each None when there is nothing of that kind."""
    if listing(predicate) is not None:
        return predicate, None
    match predicate:
        case AnyOf(parts):
            halves = [divided(part) for part in parts]
            listed = tuple(a for a, _ in halves if a is not None)
            rest = tuple(b for _, b in halves if b is not None)
            return (AnyOf(listed) if listed else None), AnyOf(rest)
        case All(parts):
            turn = next((n for n, part in enumerate(parts) if isinstance(part, AnyOf)), None)
            if turn is not None:
                others = parts[:turn] + parts[turn + 1 :]
                inner, rest_of = divided(parts[turn])
                made = [None if half is None else All((half, *others)) for half in (inner, rest_of)]
                return made[0], made[1]
    return None, predicate


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _place(name: str) -> str:
    match name:
        case "code" | "concept":
            return "$.code"
        case "parent" | "subsumedBy":
            return "$.par[*]"
    return f"$.prop.{_quoted(name)}[*]"


def _equal(place: str, values: Iterable[str]) -> str:
    tests = [f"{place} == {_quoted(value)}" for value in values]
    if len(tests) > LISTED:
        raise problem(
            "too-costly",
            f"A value set may combine lists of at most {LISTED} codes with other conditions",
            f"Un jeu de valeurs combine au plus des listes de {LISTED} codes avec d'autres conditions",
            at="ValueSet.compose",
        )
    return "(" + (" || ".join(tests) or '$.code == ""') + ")"
