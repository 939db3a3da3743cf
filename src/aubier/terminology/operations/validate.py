"""`CodeSystem/$validate-code` and `ValueSet/$validate-code`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.terminology.api import Coded, Finding, Terminology, Verdict, judge, outside
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.code_system import concepts_of, system_of
from aubier.terminology.meaning.concepts import languages
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.code_systems import here
from aubier.terminology.operations.parameters import (
    Asked,
    asked,
    missing,
    open_to,
    terminology_of,
    understood,
)
from aubier.terminology.operations.verdicts import told
from aubier.terminology.resolving import Resolver, unknown_supplement, unknown_system
from aubier.terminology.shelves.library import parted


async def in_code_system(ctx: Any, parameters: Resource) -> Resource:
    """`CodeSystem/$validate-code`: whether a code is one of a system's.

    In: `url` (or by instance, or `codeSystem`) with `code`, or `coding`, or `codeableConcept`; `version`,
    `display`, `displayLanguage`. Out: result, and message, display, code, system, version. An unknown code is
    `false`; Problem `not-found` for a system that is not here.
    """
    open_to(ctx, "CodeSystem")
    call = asked(parameters, ("CodeSystem", "validate-code"), also=("system",), undone=("date",))
    given = call.resource("codeSystem", "CodeSystem")
    if given is not None:
        codes = _codes(call, str(given.get("url", "")))
        found, concepts = understood(lambda row: (system_of(row), list(concepts_of(row))), given)
        return told(ctx, call, codes, judge(found, concepts, codes))
    url, version = await here(ctx, call)
    url = url or call.text("url") or call.text("system")
    codes = _codes(call, url)
    if url and any(c.system != url for c in codes):
        codes = [c for c in codes if c.system == url] or [_elsewhere()]
    version = version or call.text("version")
    terminology = terminology_of(ctx, call)
    for one in codes:
        found = await terminology.library.system(one.system, one.version or version)
        if not found.known:
            raise unknown_system(found.canonical)
    verdicts = await terminology.validate_all([replace(c, version=c.version or version) for c in codes])
    return told(ctx, call, codes, verdicts)


def _elsewhere() -> Coded:
    raise problem(
        "value",
        "No coding is of the code system that was asked",
        "Aucun coding n'est du système de codes demandé",
        at="Parameters.parameter.where(name='coding')",
    )


async def in_value_set(ctx: Any, parameters: Resource) -> Resource:
    """`ValueSet/$validate-code`: whether a code is in a value set.

    In: `url` (and `valueSetVersion`), `valueSet`, or by instance; `code` with `system` (and `systemVersion`),
    `coding` or `codeableConcept`; `display`, `abstract`, `displayLanguage`. Out: as for a code system. A
    concept that only groups others is not valid unless `abstract` is true. Problem `not-found` for a value
    set that is not here.
    """
    open_to(ctx, "ValueSet")
    call = asked(parameters, ("ValueSet", "validate-code"), undone=("date", "context"))
    terminology = terminology_of(ctx, call)
    asked_set = await value_set_of(ctx, call, terminology)
    codes = _codes(call, call.text("system"))
    version = call.text("systemVersion")
    codes = [replace(c, version=c.version or version) for c in codes]
    resolver = await resolver_of(call, terminology)
    try:
        verdicts = await terminology.validate_all(
            codes, asked_set, abstract=call.flag("abstract", default=True), resolver=resolver
        )
    except Problem as refusal:
        if refusal.kind not in ("not-found", "business-rule") or asked_set.supplements:
            raise
        # What the value set itself takes from is not here, or not in the version that the call demands.
        verdicts = [Verdict(False, False, checked=False, issues=refusal.issues) for _ in codes]
    if call.structure("coding", "valueCoding") or call.structure("codeableConcept", "valueCodeableConcept"):
        verdicts = [
            v if c.system else _without_system(c, asked_set) for c, v in zip(codes, verdicts, strict=True)
        ]
    return told(ctx, call, codes, verdicts, asked_set)


def _without_system(coded: Coded, asked_set: ValueSet) -> Verdict:
    warning = Finding(
        "invalid",
        "A Coding without system has no meaning; add its system",
        "Un Coding sans système n'a pas de sens ; ajoutez son système",
        severity="warning",
        reason="invalid-data",
    )
    return Verdict(False, False, issues=(*outside(coded, asked_set).issues, warning))


async def resolver_of(call: Asked, terminology: Terminology) -> Resolver:
    """How a call wants the value set followed. Problem `not-found` for a supplement that is not here."""
    for canonical in call.texts("useSupplement"):
        if not await terminology.library.supplement(canonical):
            raise unknown_supplement(canonical)
    return Resolver(
        terminology.library,
        versions=dict(parted(c) for c in call.texts("system-version")),
        forced=dict(parted(c) for c in call.texts("force-system-version")),
        checked=dict(parted(c) for c in call.texts("check-system-version")),
        without=[parted(c)[0] for c in call.texts("exclude-system")],
        sets=dict(parted(c) for c in call.texts("default-valueset-version")),
    )


async def value_set_of(ctx: Any, call: Asked, terminology: Terminology) -> ValueSet:
    """The value set that a call names: by instance, as a resource, or by URL. Problem when there is none."""
    given = call.resource("valueSet", "ValueSet")
    if call.id:
        given = await ctx.store.read("ValueSet", call.id)
    if given is not None:
        return understood(value_set.read, given)
    return await terminology.find_value_set(call.needed("url"), call.text("valueSetVersion"))


def _codes(call: Asked, url: str) -> list[Coded]:
    """The codes to check. Problem `required` when there is none."""
    rows = call.codings()
    spoken = languages(call.text("displayLanguage"))
    if rows is None and call.text("code"):
        return [Coded(url, call.text("code"), call.text("display"), languages=spoken)]
    if not rows:
        raise missing("code", "coding", "codeableConcept")
    names = ("system", "code", "display", "version")
    said = ([str(row.get(name) or "") for name in names] for row in rows)
    return [Coded(system, code, display, version, spoken) for system, code, display, version in said]
