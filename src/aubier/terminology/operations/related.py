"""`ValueSet/$related`: how the codes of one value set stand to those of another.

Rule: HL7 FHIR Terminology Ecosystem, ValueSet related.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.terminology.api import Terminology
from aubier.terminology.expansion import WHOLE, Wanted
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.parameters import (
    Asked,
    answer,
    asked,
    open_to,
    part,
    terminology_of,
    understood,
)

_SHOWN = 100
"""The most codes that diagnostics name."""

_SAID = {
    "same": ("have the same codes", "ont les mêmes codes"),
    "empty": ("have no codes", "n'ont aucun code"),
    "superset": (
        "differ: the first has all the codes of the second, and more",
        "diffèrent : le premier a tous les codes du second, et d'autres",
    ),
    "subset": (
        "differ: the second has all the codes of the first, and more",
        "diffèrent : le second a tous les codes du premier, et d'autres",
    ),
    "overlapping": ("share some codes", "ont des codes en commun"),
    "disjoint": ("share no code", "n'ont aucun code en commun"),
    "indeterminate": (
        "cannot be compared: one cannot be listed here",
        "ne se comparent pas : l'un d'eux ne peut être listé ici",
    ),
}

_Codes = dict[tuple[str, str], None]


async def related(ctx: Any, parameters: Resource) -> Resource:
    """`ValueSet/$related`: same, superset, subset, overlapping, disjoint, empty or indeterminate.

    In: `thisUrl` (and `thisVersion`) or `thisValueSet`, by instance too; `otherUrl` or `otherValueSet`;
    `diagnostics` to hear which codes. Out: result, message, and with diagnostics common-codes, missing-codes
    (of the first alone) and extra-codes (of the second alone), at most 100 each. Beyond 10,000 codes, or of a
    system that is not here: indeterminate. Problem `not-found` for a value set that is not here.
    """
    open_to(ctx, "ValueSet")
    names = [f"{side}{what}" for side in ("this", "other") for what in ("Url", "Version", "ValueSet")]
    call = asked(parameters, ("ValueSet", "related"), also=(*names, "diagnostics", "tx-resource"))
    terminology = await terminology_of(ctx, call)
    sets = [await _named(ctx, call, terminology, side) for side in ("this", "other")]
    found = [await _codes(terminology, one) for one in sets]
    first, second = found
    result = "indeterminate" if first is None or second is None else _relation(first.keys(), second.keys())
    titles = [one.canonical or "ValueSet" for one in sets]
    english, french = _SAID[result]
    text = f"{' et '.join(titles)} {french}" if ctx.language == "fr" else f"{' and '.join(titles)} {english}"
    parts = [part("result", "valueCode", result), part("message", "valueString", text[:1000])]
    if call.flag("diagnostics") and first is not None and second is not None:
        parts += [
            part("common-codes", "valueString", _list(c for c in first if c in second)),
            part("missing-codes", "valueString", _list(c for c in first if c not in second)),
            part("extra-codes", "valueString", _list(c for c in second if c not in first)),
        ]
    return answer(parts)


async def _named(ctx: Any, call: Asked, terminology: Terminology, side: str) -> ValueSet:
    given = call.resource(f"{side}ValueSet", "ValueSet")
    if side == "this" and call.id:
        given = await ctx.store.read("ValueSet", call.id)
    if given is not None:
        return await understood(value_set.read, given)
    return await terminology.find_value_set(call.needed(f"{side}Url"), call.text(f"{side}Version"))


async def _codes(terminology: Terminology, asked_set: ValueSet) -> _Codes | None:
    """Every (system, code) of a value set; None when they cannot be listed."""
    try:
        found = await terminology.expand(asked_set, Wanted(count=WHOLE))
    except Problem as refusal:
        if refusal.kind not in ("not-found", "too-costly"):
            raise
        return None
    if found.total > WHOLE or any(system.endless and system.known for system in found.systems):
        return None
    return {(m.system.url, m.concept.code): None for m in found.members}


def _relation(first: Collection[tuple[str, str]], second: Collection[tuple[str, str]]) -> str:
    one, other = set(first), set(second)
    if one == other:
        return "same" if one else "empty"
    if not one & other:
        return "disjoint"
    return "superset" if one > other else "subset" if one < other else "overlapping"


def _list(codes: Any) -> str:
    named = [code for _, code in codes]
    return ",".join(named[:_SHOWN]) + (",…" if len(named) > _SHOWN else "")
