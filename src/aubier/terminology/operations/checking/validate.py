"""`CodeSystem/$validate-code` and `ValueSet/$validate-code`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.terminology.api import Coded, Terminology, Verdict
from aubier.terminology.judging import absent, judge, outside, unknown_code
from aubier.terminology.meaning.code_system import concepts_of, system_of
from aubier.terminology.meaning.concepts import System
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.checking.verdicts import told
from aubier.terminology.operations.code_systems import here
from aubier.terminology.operations.language import asked_language, spoken
from aubier.terminology.operations.parameters import (
    Asked,
    asked,
    missing,
    open_to,
    terminology_of,
    understood,
)
from aubier.terminology.operations.value_sets import resolver_of, supplements, value_set_of
from aubier.terminology.shelves.remembering import Reading


async def in_code_system(ctx: Any, parameters: Resource, reading: Reading) -> Resource:
    """`CodeSystem/$validate-code`: whether a code is one of a system's.

    In: `url` (or by instance, or `codeSystem`) with `code`, or `coding`, or `codeableConcept`; `version`,
    `display`, `displayLanguage`. Out: see `verdicts.told`. An unknown code is `false`, and so is one of a
    system that is not here.
    """
    open_to(ctx, "CodeSystem")
    return await code_system_verdict(ctx, parameters, reading=reading)


async def code_system_verdict(
    ctx: Any,
    parameters: Resource,
    terminology: Terminology | None = None,
    *,
    reading: Reading | None = None,
) -> Resource:
    """The same, with the resources that came with a call of several."""
    call = asked(parameters, ("CodeSystem", "validate-code"), also=("system",), undone=("date",))
    given = call.resource("codeSystem", "CodeSystem")
    if given is not None:
        codes = _codes(call, str(given.get("url", "")))
        verdicts = await understood(lambda row: judge(system_of(row), list(concepts_of(row)), codes), given)
        return told(ctx, call, codes, verdicts)
    url, version = await here(ctx, call)
    url = url or call.text("url") or call.text("system")
    codes = _codes(call, url)
    if url and any(c.system != url for c in codes):
        codes = [c for c in codes if c.system == url] or [_elsewhere()]
    version = version or call.text("version")
    terminology = terminology or await terminology_of(ctx, call, reading)
    await supplements(call, terminology)
    codes = [replace(c, version=c.version or version) for c in codes]
    verdicts = await terminology.validate_all(codes)
    return told(
        ctx, call, codes, [await _explained(terminology, c, v) for c, v in zip(codes, verdicts, strict=True)]
    )


def _elsewhere() -> Coded:
    raise problem(
        "value",
        "No coding is of the code system that was asked",
        "Aucun coding n'est du système de codes demandé",
        at="Parameters.parameter.where(name='coding')",
    )


async def in_value_set(ctx: Any, parameters: Resource, reading: Reading) -> Resource:
    """`ValueSet/$validate-code`: whether a code is in a value set.

    In: `url` (and `valueSetVersion`), `valueSet`, or by instance; `code` with `system` (and `systemVersion`),
    `coding` or `codeableConcept`; `display`, `abstract`, `displayLanguage`. Out: as for a code system. A
    concept that only groups others is not valid unless `abstract` is true. Problem `not-found` for a value
    set that is not here.
    """
    open_to(ctx, "ValueSet")
    return await value_set_verdict(ctx, parameters, reading=reading)


async def value_set_verdict(
    ctx: Any,
    parameters: Resource,
    terminology: Terminology | None = None,
    *,
    reading: Reading | None = None,
) -> Resource:
    """The same, with the resources that came with a call of several."""
    call = asked(parameters, ("ValueSet", "validate-code"), undone=("date", "context"))
    terminology = terminology or await terminology_of(ctx, call, reading)
    asked_set = await value_set_of(ctx, call, terminology)
    codes = _codes(call, call.text("system"), asked_set)
    version = call.text("systemVersion")
    codes = [replace(c, version=c.version or version) for c in codes]
    resolver = await resolver_of(call, terminology)
    try:
        verdicts = await terminology.validate_all(
            codes, asked_set, abstract=call.flag("abstract", default=True), resolver=resolver
        )
    except Problem as refusal:
        if refusal.kind not in ("not-found", "business-rule", "exception") or asked_set.supplements:
            raise
        # What the value set itself takes from is not here, or not in the version that the call demands.
        verdicts = [Verdict(False, False, checked=False, issues=refusal.issues) for _ in codes]
        return told(ctx, call, codes, verdicts, asked_set)
    bare = call.codings() is None
    said = [
        _inferred(c, v, asked_set) if bare else _without_system(c, asked_set) if not c.system else v
        for c, v in zip(codes, verdicts, strict=True)
    ]
    explained = [await _explained(terminology, c, v) for c, v in zip(codes, said, strict=True)]
    return told(ctx, call, codes, explained, asked_set, used=resolver.used)


def _inferred(coded: Coded, verdict: Verdict, asked_set: ValueSet) -> Verdict:
    """The verdict on a code alone, whose system the value set tells: unless it has none, or two, with it."""
    if coded.system or (verdict.member and len(verdict.rivals) < 2) or not verdict.checked:
        return verdict
    many = ", ".join(verdict.rivals)[:300]
    issue = Issue(
        "not-found",
        f"The value set does not tell one system for '{coded.code[:100]}'{f': {many}' if many else ''};"
        " give its system",
        f"Le jeu de valeurs ne donne pas un système pour « {coded.code[:100]} »"
        f"{f' : {many}' if many else ''} ; donnez son système",
        at=("code",),
        reason="cannot-infer",
    )
    return Verdict(False, False, issues=(*outside(coded, asked_set).issues, issue))


async def _explained(terminology: Terminology, coded: Coded, verdict: Verdict) -> Verdict:
    """The verdict with what is wrong with the system itself: a value set, a supplement, no absolute URL."""
    if verdict.ok or not coded.system or (verdict.system is not None and verdict.system.known):
        return replace(_bare(verdict), missing="") if not coded.system else verdict
    library = terminology.library
    if any(i.reason == "vs-invalid" for i in verdict.issues):
        return verdict
    system = await library.system(coded.system)
    if system.known:
        return await _itself(terminology, coded, verdict, system)
    if verdict.missing:
        return verdict if not await library.supplement(coded.system) else _supplementary(coded, verdict)
    gone = absent(System(coded.system))
    kept = tuple(i for i in verdict.issues if i.reason != "not-found")
    if await library.value_set(coded.system):
        return replace(
            verdict, issues=(*kept, _no_system(coded, "a value set", "un jeu de valeurs")), missing=""
        )
    if await library.supplement(coded.system):
        return _supplementary(coded, verdict)
    local = () if ":" in coded.system else (_no_system(coded, "no absolute URL", "pas une URL absolue"),)
    return replace(verdict, issues=(*kept, *local, *gone.issues), strange=coded.system)


async def _itself(terminology: Terminology, coded: Coded, verdict: Verdict, system: System) -> Verdict:
    """The verdict on a code of a system that the value set does not take from: it may not exist at all."""
    if verdict.system is not None or system.partial or coded.version not in ("", system.version):
        return verdict
    if await terminology.library.concepts(system, [coded.code]):
        return verdict
    return replace(verdict, issues=(*verdict.issues, unknown_code(coded.code, system)))


def _supplementary(coded: Coded, verdict: Verdict) -> Verdict:
    kept = (i for i in verdict.issues if i.reason != "not-found")
    wrong = _no_system(coded, "a supplement", "un supplément")
    return replace(verdict, issues=(*kept, wrong), missing=coded.system)


def _no_system(coded: Coded, what: str, fr: str) -> Issue:
    return Issue(
        "invalid",
        f"'{coded.system[:200]}' is {what}; give the URL of a code system",
        f"« {coded.system[:200]} » est {fr} ; donnez l'URL d'un système de codes",
        at=("system",),
        reason="invalid-data",
    )


def _bare(verdict: Verdict) -> Verdict:
    """The verdict on a Coding that names no system, where no value set was asked."""
    if any(i.reason in ("invalid-data", "cannot-infer") for i in verdict.issues):
        return verdict
    return verdict if verdict.checked else replace(verdict, system=None, issues=(_MEANINGLESS,))


_MEANINGLESS = Issue(
    "invalid",
    "A Coding without system has no meaning; add its system",
    "Un Coding sans système n'a pas de sens ; ajoutez son système",
    at=("",),
    severity="warning",
    reason="invalid-data",
)


def _without_system(coded: Coded, asked_set: ValueSet) -> Verdict:
    return Verdict(False, False, issues=(*outside(coded, asked_set).issues, _MEANINGLESS))


def _codes(call: Asked, url: str, asked_set: ValueSet | None = None) -> list[Coded]:
    """The codes to check. Problem `required` when there is none."""
    rows = call.codings()
    tongues = spoken(asked_language(call, asked_set))
    if rows is None and call.text("code"):
        return [Coded(url, call.text("code"), call.text("display"), languages=tongues)]
    if not rows:
        raise missing("code", "coding", "codeableConcept")
    names = ("system", "code", "display", "version")
    said = ([str(row.get(name) or "") for name in names] for row in rows)
    return [Coded(system, code, display, version, tongues) for system, code, display, version in said]
