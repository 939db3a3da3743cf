"""The value set that a call names, and how the call wants it followed."""

from __future__ import annotations

from typing import Any

from aubier.terminology.api import Terminology
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.parameters import Asked, understood
from aubier.terminology.resolving import Resolver, unknown_supplement
from aubier.terminology.shelves.library import parted


async def resolver_of(call: Asked, terminology: Terminology) -> Resolver:
    """How a call wants the value set followed. Problem `not-found` for a supplement that is not here."""
    return Resolver(
        terminology.library,
        versions=dict(parted(c) for c in call.texts("system-version")),
        forced=dict(parted(c) for c in call.texts("force-system-version")),
        checked=dict(parted(c) for c in call.texts("check-system-version")),
        without=[parted(c)[0] for c in call.texts("exclude-system")],
        sets=dict(parted(c) for c in call.texts("default-valueset-version")),
        supplements=await supplements(call, terminology),
    )


async def value_set_of(ctx: Any, call: Asked, terminology: Terminology) -> ValueSet:
    """The value set that a call names: by instance, as a resource, or by URL. Problem when there is none."""
    given = call.resource("valueSet", "ValueSet")
    if call.id:
        given = await ctx.store.read("ValueSet", call.id)
    if given is not None:
        return await understood(value_set.read, given)
    return await terminology.find_value_set(call.needed("url"), call.text("valueSetVersion"))


async def supplements(call: Asked, terminology: Terminology) -> dict[str, None]:
    """The supplements that a call asks for. Problem `not-found` for one that is not here."""
    found: dict[str, None] = {}
    for canonical in call.texts("useSupplement"):
        named = await terminology.library.supplement(canonical)
        if not named:
            raise unknown_supplement(canonical)
        found[named] = None
    return found
