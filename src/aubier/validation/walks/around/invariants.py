"""Invariants: FHIRPath compiled once for a type, evaluated on an item in its surroundings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aubier.fhir.fhirpath import Environment, TypedFinder, typed
from aubier.ground.memory import Memory
from aubier.ground.problem import Problem
from aubier.validation.profiles.items import Item, children
from aubier.validation.walks.around.resolving import Surroundings, TooMuch, container

_MENDED = {
    "operator = 'exists' implies (answer is Boolean)": "operator = 'exists' implies (answer is boolean)",
    "enableWhen.count() > 2 implies enableBehavior.exists()": (
        "enableWhen.count() > 1 implies enableBehavior.exists()"
    ),
}
"""Published invariants that do not say what they mean, as later releases write them (FHIR R4B 4.3.0): que-7
asks for a System type, which no FHIR boolean is; que-12 lets two conditions pass that its own text does not.
"""

_ORDERED = "start.hasValue().not() or end.hasValue().not() or (start <= end)"
"""per-1: of two ends of which one is a part of the other (a day, an hour of it), it cannot be told which is
first, and the rule asks for it; a day and an hour of the next are as they are written, whatever the zone."""

_SILENT = frozenset(
    {
        "fullUrl.contains('/_history/').not()",
        "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')",
        "probability is decimal implies (probability as decimal) <= 100",
        "lastModified.exists().not() or authoredOn.exists().not() or lastModified >= authoredOn",
    }
)
"""Published rules that mean to say nothing where what they speak of is absent, or a day beside an hour."""

LONGEST = 400_000
"""Items that one evaluation may look at or make, some 0.2 s: nobody else is served meanwhile. Of a Bundle of
20,000 entries, the dearest published one looks at 180,000."""

_UNREADABLE: Memory[tuple[str, str], bool] = Memory(2_000_000)
"""The expressions lately found not to compile for a type; `typed` remembers those that do."""


def _evaluate(expression: str, type: str) -> TypedFinder | None:
    """The compiled expression, or None when it does not compile here."""
    if _UNREADABLE.get((expression, type)):
        return None
    try:
        return typed(_MENDED.get(expression, expression), type)
    except (Problem, RecursionError):
        _UNREADABLE.keep((expression, type), True, len(expression) + 300)
        return None


def holds(
    expression: str, item: Item, around: Surroundings, *, outer: bool = False, published: bool = False
) -> bool | None:
    """Whether an invariant holds on an item; None when it cannot be evaluated.

    `outer`: `%resource` is the resource that holds this one. `published`: the specification states it, whose
    rules are true or broken: with an empty answer (`max.toInteger() > 0` of a text) they are broken. One of
    a profile holds then: it may speak of what is absent.
    """
    run = _evaluate(expression, item.type)
    above = item.parent if outer and item.parent is not None else item
    if run is None:
        return None
    if item.value is None:
        return True
    if around.tally.left < 0:
        raise TooMuch
    verdict: bool | None = None
    for moment in around.moments(expression):
        try:
            found = run(item.value, _environment(above, around, moment))
        except (Problem, ArithmeticError, ValueError, RecursionError):
            return None
        if not found and expression == _ORDERED:
            return not _within_each_other(item.value)
        if not found:
            return not published or expression in _SILENT
        verdict = len(found) == 1 and found[0][0] is not False
        if verdict:
            break
    return verdict


def _within_each_other(period: dict[str, Any]) -> bool:
    start, end = sorted((str(period.get("start")), str(period.get("end"))), key=len)
    return end.startswith(start)


def orphans(expression: str, item: Item, left: Item, around: Surroundings) -> list[Item]:
    """The contained resources that dom-3, which asks whether there are none (`.empty()`), finds in `left`."""
    found = _reached(expression.removesuffix(".empty()"), left, around) or {}
    return [one for one in children(item, "contained") if id(one.value) in found]


def reaches(expression: str, item: Item, around: Surroundings) -> bool:
    """Whether an expression on the resource around an item finds that item; true where it cannot be told.

    What it finds is looked for once, however many items ask.
    """
    top = item.resource
    if top is None:
        return True
    key = expression, id(top.value)
    if key not in around.reached:
        around.reached[key] = _reached(expression, top, around)
    found = around.reached[key]
    # A primitive value is the same wherever it stands: that one like it was found must do.
    value = item.value
    return found is None or id(value) in found or (value.__class__ is not dict and ("", value) in found)


def _reached(expression: str, top: Item, around: Surroundings) -> dict[Any, Any] | None:
    """What an expression finds, by identity and, of primitives, by value; None where it cannot be told."""
    run = _evaluate(expression, top.type)
    if run is None:
        return None
    try:
        found = [value for value, _, _ in run(top.value, _environment(top, around, around.now))]
    except (Problem, ArithmeticError, ValueError, RecursionError):
        return None
    return {id(one): one for one in found} | {("", one): one for one in found if one.__class__ is not dict}


def _environment(item: Item, around: Surroundings, now: datetime | None) -> Environment:
    """The world of an item: the resource around it, the one that stands by itself, what references name."""
    whole = item.resource
    if whole is None:
        return Environment(now=now)

    def resolve(reference: Any) -> dict[str, Any] | None:
        holder = around.holder(reference, whole)
        found = around.resolve(Item(reference, None, "Reference", item, "", "", holder))
        return found.value if found is not None else None

    return Environment(
        resource=whole.value,
        root_resource=container(whole).value,
        resolve=resolve,
        conforms_to=lambda value, canonical: around.conforms(value, canonical, whole),
        now=now,
        member_of=around.member_of,
        budget=LONGEST,
        tally=around.tally,
    )
