"""$snapshot. Rule: FHIR R4 4.0.1, structuredefinition-operation-snapshot.html."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aubier.fhir.packages import Canonicals, split
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.validation.profiles.library import LONGEST
from aubier.validation.resource import validate
from aubier.validation.service.named import read_named
from aubier.validation.service.operations import apart, rows_of
from aubier.validation.service.shelf import stored
from aubier.validation.snapshots import Snapshots
from aubier.validation.snapshots.base import base_tree

_ROUNDS, _MOST = 24, 500
"""Times that a snapshot is made, each with what it lacked before, and definitions that it may rest on."""
_UNREADABLE = frozenset({"structure", "value"})


async def snapshot(ctx: Any, parameters: Resource) -> Resource:
    """The StructureDefinition with a snapshot made from its differential.

    It comes by itself, in `definition`, by `url`, or (instance) from the store. Problem: it is not here, one
    it rests on is not, or its differential does not fit.
    """
    asked, logical = apart(parameters)
    definition = await _definition(ctx, asked, logical)
    _check_definition(definition)
    return await _made(ctx.store.as_system("validation"), definition)


async def _made(view: Any, definition: Resource) -> Resource:
    """The snapshot, with every word of what it rests on: definitions as they are stored, read for it alone.

    What is looked for in vain is read, and the snapshot is made again.
    """
    held: Canonicals[Resource] = Canonicals()
    asked = set[str]()
    missed = set(_named(definition))

    def find(canonical: str) -> Resource | None:
        found = held.find(canonical)
        if found is None:
            missed.add(split(canonical)[0])
        return found

    for _ in range(_ROUNDS):
        wanted = sorted(url for url in missed - asked if len(url) <= LONGEST)
        asked |= missed
        if len(asked) > _MOST:
            break
        async for one in stored(view, [("StructureDefinition", url) for url in wanted]):
            held.add(one["url"], str(one.get("version", "")), one)
        missed.clear()
        try:
            made = Snapshots(find, prose=True).snapshot(definition)
        except Problem:
            if missed <= asked:
                raise
        else:
            if missed <= asked:
                return made
    raise _too_many()


def _named(definition: Resource) -> Iterator[str]:
    """What a definition says itself that it rests on, and the specification does not define."""
    rows = (definition.get("differential") or {}).get("element") or ()
    types = (type for row in rows for type in row.get("type") or ())
    profiles = (profile for type in types for profile in type.get("profile") or ())
    for canonical in (definition.get("baseDefinition"), *profiles):
        if canonical and base_tree(canonical) is None:
            yield split(canonical)[0]


def _too_many() -> Problem:
    return problem(
        "too-costly",
        "This definition rests on too many others: divide it",
        "Cette définition repose sur trop d'autres : divisez-la",
        at="StructureDefinition",
    )


def _check_definition(definition: Resource) -> None:
    """Problem for what is no StructureDefinition; published ones that break a lesser rule pass."""
    wrong = [i for i in validate(definition, expected_type="StructureDefinition") if i.kind in _UNREADABLE]
    if wrong:
        raise Problem(tuple(wrong))


async def _definition(ctx: Any, asked: Resource, logical: str) -> Resource:
    if logical:
        found: Resource = await ctx.store.read("StructureDefinition", logical)
        return found
    if asked.get("resourceType") == "StructureDefinition":
        return asked
    for row in rows_of(asked):
        if isinstance(row.get("resource"), dict):
            return dict(row["resource"])
        if row.get("name") == "url":
            canonical = str(row.get("valueUri") or row.get("valueString") or row.get("valueCanonical") or "")
            known = await read_named(ctx.store, "StructureDefinition", [canonical])
            if (named := known.find(canonical)) is not None:
                return named
    raise problem(
        "not-found",
        "No StructureDefinition here: send one as definition, or the url of one that is stored",
        "Pas de StructureDefinition : envoyez-en une (definition), ou l'url d'une qui est enregistrée",
        at="Parameters.parameter",
    )
