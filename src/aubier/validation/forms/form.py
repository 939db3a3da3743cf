"""A Questionnaire, read: its items, their extensions, and what is wrong with their conditions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aubier.ground.problem import Issue
from aubier.validation.forms import words

CORE = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

Node = dict[str, Any]


def rows(node: Any, name: str) -> list[Node]:
    """The objects of a list; empty when there is none."""
    found = node.get(name) if isinstance(node, dict) else None
    return [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []


def told(item: Node, *urls: str) -> list[Any]:
    """The values of the extensions of an item that have one of these URLs."""
    found = (e for e in rows(item, "extension") if e.get("url") in urls)
    return [v for e in found for k, v in e.items() if k.startswith("value")]


def first(item: Node, *urls: str) -> Any:
    """The first of those values, or None."""
    return next(iter(told(item, *urls)), None)


def every(items: list[Node]) -> Iterator[Node]:
    """All items of a form, in order."""
    pending = items[::-1]
    while pending:
        item = pending.pop()
        yield item
        pending += rows(item, "item")[::-1]


def form_faults(form: Node) -> list[Issue]:
    """Conditions of a Questionnaire that name no question, their own, or one below them.

    Rule: FHIR R4 4.0.1, questionnaire-definitions.html#Questionnaire.item.enableWhen.question.
    """
    known = {str(i.get("linkId", "")) for i in every(rows(form, "item"))}
    return list(_faults(rows(form, "item"), "Questionnaire.item", known))


def _faults(items: list[Node], place: str, known: set[str]) -> Iterator[Issue]:
    for n, item in enumerate(items):
        here = f"{place}[{n}]"
        conditions = rows(item, "enableWhen")
        inside = {str(i.get("linkId", "")) for i in every([item])} if conditions else set()
        for m, condition in enumerate(conditions):
            asked = str(condition.get("question", ""))
            at = f"{here}.enableWhen[{m}].question"
            if asked not in known:
                yield words.no_such_question(at, asked)
            elif asked in inside:
                yield words.inner_question(at, asked)
        yield from _faults(rows(item, "item"), f"{here}.item", known)
