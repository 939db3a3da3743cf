"""`CodeSystem/$lookup`, `CodeSystem/$validate-code` and `CodeSystem/$subsumes`."""

from __future__ import annotations

from typing import Any

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.terminology.api import Terminology
from aubier.terminology.meaning.concepts import Concept, System
from aubier.terminology.operations.language import asked_language, shown, spoken
from aubier.terminology.operations.parameters import (
    Asked,
    answer,
    asked,
    designated,
    missing,
    open_to,
    part,
    terminology_of,
)
from aubier.terminology.operations.value_sets import supplements
from aubier.terminology.shelves.remembering import Reading

MOST_CHILDREN = 1_000
"""The most children that `$lookup` names."""


async def lookup(ctx: Any, parameters: Resource, reading: Reading) -> Resource:
    """`CodeSystem/$lookup`: what is known of a code.

    In: `code` and `system` (and `version`), or `coding`; `displayLanguage`; `property` to choose among
    designation, parent, child and the system's own. Out: name, version, system and code (as R5 gives them),
    display, abstract, definition, designations and properties. Problem `not-found` for a code or system that
    is not here.
    """
    open_to(ctx, "CodeSystem")
    call = asked(parameters, ("CodeSystem", "lookup"), undone=("date",))
    system, code, version = _coded(call)
    terminology = await terminology_of(ctx, call, reading)
    await supplements(call, terminology)
    found, concept = await terminology.lookup(system, code, version)
    wanted = set(call.texts("property")) - {"*"}
    tongues = spoken(asked_language(call))
    parts = [
        part("name", "valueString", found.name or found.title or found.url),
        part("version", "valueString", found.version),
        part("system", "valueUri", system),
        part("code", "valueCode", concept.code),
        part("display", "valueString", shown(concept, found, tongues) or concept.code),
        part("definition", "valueString", concept.definition) if _in("definition", wanted) else None,
        part("abstract", "valueBoolean", True) if concept.abstract else None,
    ]
    if _in("designation", wanted):
        parts += designated(concept.designations)
    for code_, kind, value in await _properties(terminology, found, concept, wanted):
        parts.append(
            {
                "name": "property",
                "part": [{"name": "code", "valueCode": code_}, {"name": "value", kind: value}],
            }
        )
    return answer(parts)


def _in(name: str, wanted: set[str]) -> bool:
    return not wanted or name in wanted


async def _properties(
    terminology: Terminology, system: System, concept: Concept, wanted: set[str]
) -> list[tuple[str, str, Any]]:
    """(code, value[x], value) of every property that is wanted."""
    found = [(p.code, p.kind, p.value) for p in concept.properties if p.code != "child"]
    found += [("parent", "valueCode", code) for code in concept.parents]
    if _in("inactive", wanted):
        found.append(("inactive", "valueBoolean", concept.inactive))
    if _in("child", wanted):
        below = await terminology.library.children(system, concept.code, MOST_CHILDREN)
        found += [("child", "valueCode", code) for code in below]
    kept = [row for row in found if _in(row[0], wanted)]
    return list({(code, kind, str(value)): (code, kind, value) for code, kind, value in kept}.values())


async def subsumes(ctx: Any, parameters: Resource, reading: Reading) -> Resource:
    """`CodeSystem/$subsumes`: how codeA stands to codeB in their hierarchy.

    In: `codeA`, `codeB` and `system` (or by instance), or `codingA` and `codingB`; `version`. Out: outcome,
    one of equivalent, subsumes, subsumed-by, not-subsumed. Problem `not-found` for what is not here, `value`
    for codes of two systems, or of two versions of one.
    """
    open_to(ctx, "CodeSystem")
    call = asked(parameters, ("CodeSystem", "subsumes"))
    system, version = await here(ctx, call)
    system, version = system or call.text("system"), version or call.text("version")
    pair = []
    for letter in "AB":
        coding = call.structure(f"coding{letter}", "valueCoding") or {}
        pair.append(str(coding.get("code", "")) or call.needed(f"code{letter}"))
        own, its = str(coding.get("system", "")), str(coding.get("version", ""))
        if own and system and own != system:
            raise _apart(("systems", "systèmes"), (system, own), letter, "system")
        if its and version and its != version:
            raise _apart(("versions", "versions"), (version, its), letter, "version")
        system, version = own or system, its or version
    outcome = await (await terminology_of(ctx, call, reading)).subsumes(
        system or call.needed("system"), pair[0], pair[1], version
    )
    return answer([part("outcome", "valueCode", outcome)])


def _apart(what: tuple[str, str], said: tuple[str, str], letter: str, element: str) -> Problem:
    """The refusal of codes of two systems, or of two versions of one: `said` at the `element` of both."""
    one, other = (text[:120] for text in said)
    return problem(
        "value",
        f"Codes of two {what[0]} are not compared ({one}, {other}); translate one of them first",
        f"On ne compare pas des codes de deux {what[1]} ({one}, {other}) ; traduisez d'abord l'un d'eux",
        at=f"Parameters.parameter.where(name='coding{letter}').value.ofType(Coding).{element}",
        rule="FHIR R4 4.0.1 CodeSystem/$subsumes",
    )


async def here(ctx: Any, call: Asked) -> tuple[str, str]:
    """The URL and version of the CodeSystem whose instance is asked, or empty texts."""
    if not call.id:
        return "", ""
    resource = await ctx.store.read("CodeSystem", call.id)
    if not resource.get("url"):
        raise problem(
            "not-supported",
            f"CodeSystem/{call.id} has no url, so nothing can be asked of it",
            f"CodeSystem/{call.id} n'a pas d'url, on ne peut rien lui demander",
            at="CodeSystem.url",
        )
    return str(resource["url"]), str(resource.get("version", ""))


def _coded(call: Asked) -> tuple[str, str, str]:
    coding = call.structure("coding", "valueCoding")
    if coding is not None:
        code, system = str(coding.get("code", "")), str(coding.get("system", ""))
        if not code or not system:
            raise missing("coding.code", "coding.system")
        return system, code, str(coding.get("version", ""))
    return call.needed("system"), call.needed("code"), call.text("version")
