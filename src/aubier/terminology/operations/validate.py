"""`CodeSystem/$validate-code` and `ValueSet/$validate-code`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.terminology.api import Coded, Terminology, Verdict, judge
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.code_system import concepts_of, system_of
from aubier.terminology.meaning.concepts import in_language, languages
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.code_systems import here
from aubier.terminology.operations.parameters import (
    Asked,
    answer,
    asked,
    message,
    missing,
    open_to,
    part,
    understood,
)
from aubier.terminology.resolving import unknown_system


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
        return _told(ctx, call, codes, judge(found, concepts, codes))
    url, version = await here(ctx, call)
    url = url or call.text("url") or call.text("system")
    codes = _codes(call, url)
    if url and any(c.system != url for c in codes):
        codes = [c for c in codes if c.system == url] or [_elsewhere()]
    version = version or call.text("version")
    terminology = Terminology(ctx.store)
    for one in codes:
        found = await terminology.library.system(one.system, one.version or version)
        if not found.known:
            raise unknown_system(found.canonical)
    verdicts = await terminology.validate_all([replace(c, version=c.version or version) for c in codes])
    return _told(ctx, call, codes, verdicts)


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
    terminology = Terminology(ctx.store)
    asked_set = await value_set_of(ctx, call, terminology)
    codes = _codes(call, call.text("system"))
    version = call.text("systemVersion")
    codes = [replace(c, version=c.version or version) for c in codes]
    verdicts = await terminology.validate_all(codes, asked_set, abstract=call.flag("abstract"))
    return _told(ctx, call, codes, verdicts)


async def value_set_of(ctx: Any, call: Asked, terminology: Terminology) -> ValueSet:
    """The value set that a call names: by instance, as a resource, or by URL. Problem when there is none."""
    given = call.resource("valueSet", "ValueSet")
    if call.id:
        given = await ctx.store.read("ValueSet", call.id)
    if given is not None:
        return understood(value_set.read, given)
    return await terminology.find_value_set(call.needed("url"), call.text("valueSetVersion"))


def _codes(call: Asked, system: str) -> list[Coded]:
    """The codes to check. Problem `required` when there is none."""
    rows = call.codings()
    if rows is None and call.text("code"):
        return [Coded(system, call.text("code"), call.text("display"))]
    if not rows:
        raise missing("code", "coding", "codeableConcept")
    names = ("system", "code", "display", "version")
    return [Coded(*(str(row.get(name) or "") for name in names)) for row in rows]


def _told(ctx: Any, call: Asked, codes: list[Coded], verdicts: list[Verdict]) -> Resource:
    """One answer: the first code that is valid decides; when none is, all say why."""
    best = next((n for n, v in enumerate(verdicts) if v.ok), 0)
    verdict, coded = verdicts[best], codes[best]
    issues = verdict.issues if verdict.ok else [issue for v in verdicts for issue in v.issues]
    display = verdict.display
    if verdict.concept is not None:
        spoken = languages(call.text("displayLanguage"))
        display = in_language(verdict.concept.designations, spoken) or display
    system = verdict.system
    return answer(
        [
            {"name": "result", "valueBoolean": verdict.ok},
            message(list(issues), ctx.language),
            part("display", "valueString", display),
            part("code", "valueCode", coded.code),
            part("system", "valueUri", coded.system or (system.url if system else "")),
            part("version", "valueString", system.version if system else ""),
        ]
    )
