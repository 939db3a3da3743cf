"""References by criteria in what is imported: what they mean is looked for when what stands before is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from aubier.access.view import View
from aubier.fhir.references import replace_references
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import decoded
from aubier.rest.operations.standard import refuse_pages
from aubier.rest.searching.single import by_criteria, met_by
from aubier.search.query import parse

_Placed = tuple[str, Resource]


def asks(resource: Resource) -> bool:
    """Whether a resource names anything by criteria."""
    return next(by_criteria(resource), None) is not None


def as_found(resource: Resource) -> Resource:
    """The same with its references as they will be once what meets their criteria is found."""
    told = {place.text: f"{place.text.partition('?')[0]}/0" for place in by_criteria(resource)}
    return replace_references(resource, told) if told else resource


async def resolved(view: View, rows: Sequence[_Placed]) -> tuple[list[_Placed], list[tuple[str, Problem]]]:
    """The rows with `Type/id` in the place of criteria, each asked once; those whose criteria lead nowhere.

    Problem `transient`: the store does not answer; they are to be asked again.
    """
    known: dict[str, str | Problem] = {}
    found: list[_Placed] = []
    lost: list[tuple[str, Problem]] = []
    for line, resource in rows:
        issues: list[Issue] = []
        told: dict[str, str] = {}
        for place in by_criteria(resource):
            if place.text not in known:
                known[place.text] = await met(view, place.text)
            one = known[place.text]
            if isinstance(one, str):
                told[place.text] = one
            else:
                issues += unmet(one, place.path)
        if issues:
            lost.append((line, Problem(tuple(issues))))
        else:
            found.append((line, replace_references(resource, told)))
    return found, lost


def unmet(refusal: Problem, path: str) -> list[Issue]:
    """Why the criteria of the reference at `path` lead nowhere."""
    return [replace(i, at=(f"{path}.reference",)) for i in refusal.issues]


async def met(view: View, text: str) -> str | Problem:
    """`Type/id` of the one resource that meets `text` (`Practitioner?identifier=...`), or why there is none.

    Problem `transient`: the store does not answer.
    """
    kind, _, criteria = text.partition("?")
    try:
        query = parse(kind, decoded(criteria), registry=view.access.store.registry)
        refuse_pages(name for name, _ in query.applied)
        return await met_by(view, structs.replace(query, count=2, total="none"), text, "reference")
    except Problem as refusal:
        if refusal.kind == "transient":
            raise
        return refusal
