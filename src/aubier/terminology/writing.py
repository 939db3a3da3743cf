"""What happens when somebody writes or deletes a CodeSystem, a ValueSet or a ConceptMap on /fhir."""

from __future__ import annotations

from typing import Any

from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.terminology.shelves import keeping, map_keeping

TYPES = ("CodeSystem", "ValueSet", "ConceptMap")

RULE = "FHIR R4, CodeSystem (csd-1) and ValueSet (vsd-1, vsd-2)"


async def keep(ctx: Any, resource: Resource, before: Resource | None) -> Resource:
    """Keeps what the operations need of a resource, in the transaction that stores it; changes nothing.

    Problem `business-rule` for a code that comes twice, `value` or `not-supported` for a value set that
    cannot be understood.
    """
    match resource["resourceType"]:
        case "CodeSystem":
            await keeping.keep_code_system(ctx.store, resource)
        case "ValueSet":
            await keeping.keep_value_set(ctx.store, resource)
        case "ConceptMap":
            await map_keeping.keep(ctx.store, resource)
    return resource


async def keep_stored(ctx: Any, resource: Resource) -> None:
    """Keeps what a release that had no such tables stored; what is known already stays as it is."""
    if resource["resourceType"] == "CodeSystem" and await keeping.is_kept(ctx.store, str(resource["id"])):
        return
    await keep(ctx, resource, None)


async def forget(ctx: Any, change: Any) -> None:
    """After a resource was deleted: the operations no longer know it, unless it came back meanwhile."""
    if change.op != "delete":
        return
    try:
        await ctx.store.read(change.type, change.id)
    except Problem as refusal:
        if refusal.kind not in ("deleted", "not-found"):
            raise
        await _forget(ctx, change.type, change.id)


async def _forget(ctx: Any, kind: str, logical: str) -> None:
    if kind == "ConceptMap":
        await map_keeping.forget(ctx.store, logical)
    else:
        await keeping.forget_resource(ctx.store, kind, logical)
