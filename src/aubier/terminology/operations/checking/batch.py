"""`$batch-validate-code`: many checks in one call. Rule: HL7 FHIR Terminology Ecosystem, batch validation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aubier.fhir.outcome import outcome
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.terminology.api import Terminology
from aubier.terminology.operations.checking.validate import code_system_verdict, value_set_verdict
from aubier.terminology.operations.parameters import answer, asked, open_to, terminology_of

MOST = 1_000
"""The most checks of one call, and the most codings of all its checks."""

_Check = Callable[[Any, Resource, Terminology], Awaitable[Resource]]


async def in_value_sets(ctx: Any, parameters: Resource) -> Resource:
    """`ValueSet/$batch-validate-code`: what `ValueSet/$validate-code` says of each `validation`.

    In: `validation` (Parameters) once for each check; what stands beside them holds for all that do not say
    otherwise. Out: as many `validation`, in the same order: Parameters, or the OperationOutcome of a check
    that cannot be made. Problem `too-costly` beyond 1,000 checks.
    """
    open_to(ctx, "ValueSet")
    return await _each(ctx, parameters, "ValueSet", value_set_verdict)


async def in_code_systems(ctx: Any, parameters: Resource) -> Resource:
    """`CodeSystem/$batch-validate-code`: the same by `CodeSystem/$validate-code`."""
    open_to(ctx, "CodeSystem")
    return await _each(ctx, parameters, "CodeSystem", code_system_verdict)


async def _each(ctx: Any, parameters: Resource, kind: str, check: _Check) -> Resource:
    call = asked(parameters, (kind, "validate-code"), also=("validation", "system"))
    terminology = await terminology_of(ctx, call)
    shared = [row for row in call.given if row["name"] not in ("validation", "tx-resource")]
    asks = list(call.each("validation"))
    if not asks or sum(_codings(row) for row, _ in asks) > MOST:
        raise problem(
            "too-costly" if asks else "required",
            f"Give from 1 to {MOST} validation parameters, of {MOST} codings in all at most",
            f"Donnez de 1 à {MOST} paramètres validation, de {MOST} codings en tout au plus",
            at="Parameters.parameter.where(name='validation')",
        )
    found: list[Resource | None] = []
    for row, at in asks:
        inner = row.get("resource")
        if not isinstance(inner, dict) or not isinstance(inner.get("parameter", []), list):
            raise problem("structure", "Give a Parameters resource", "Donnez une ressource Parameters", at=at)
        own = [one for one in inner.get("parameter", []) if isinstance(one, dict)]
        names = {one.get("name") for one in own}
        given = {
            **inner,
            "_language": call.language,
            "parameter": [*own, *(one for one in shared if one["name"] not in names)],
        }
        found.append({"name": "validation", "resource": await _one(ctx, given, terminology, check)})
    return answer(found)


def _codings(row: Resource) -> int:
    """How many codings a check asks about, one at least."""
    inner = row.get("resource")
    rows = inner.get("parameter") if isinstance(inner, dict) else None
    concepts = (
        [r.get("valueCodeableConcept") for r in rows if isinstance(r, dict)] if isinstance(rows, list) else []
    )
    lists = [c.get("coding") for c in concepts if isinstance(c, dict)]
    return max(1, sum(len(one) for one in lists if isinstance(one, list)))


async def _one(ctx: Any, given: Resource, terminology: Terminology, check: _Check) -> Resource:
    """One check. Its refusal is its answer: the others go on."""
    try:
        return await check(ctx, given, terminology)
    except Problem as refusal:
        return outcome(refusal.issues, ctx.language)
