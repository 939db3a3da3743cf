"""`ValueSet/$expand`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aubier.ground.chance import random_ids
from aubier.ground.clock import instant
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.terminology.expansion import Expansion, Member, Wanted
from aubier.terminology.meaning.concepts import Concept, Property, in_language, languages
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.parameters import Asked, asked, open_to, terminology_of
from aubier.terminology.operations.validate import resolver_of, value_set_of

_TOLD = {
    "filter": "valueString",
    "offset": "valueInteger",
    "count": "valueInteger",
    "displayLanguage": "valueCode",
    "includeDesignations": "valueBoolean",
    "activeOnly": "valueBoolean",
    "excludeNested": "valueBoolean",
    "exclude-system": "valueUri",
    "system-version": "valueUri",
    "force-system-version": "valueUri",
    "check-system-version": "valueUri",
    "designation": "valueString",
    "property": "valueString",
    "useSupplement": "valueUri",
    "default-valueset-version": "valueUri",
}
_UNDONE = ("date", "context", "contextDirection")
_PROPERTY = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property"
_CODES = "urn:ietf:bcp:47"


async def expand(ctx: Any, parameters: Resource) -> Resource:
    """`ValueSet/$expand`: the concepts of a value set.

    In: `url` (and `valueSetVersion`), `valueSet`, or by instance; `filter` (each word begins a word of the
    code or of a name, accents apart), `offset` and `count`, `displayLanguage`, `includeDesignations`,
    `designation`, `includeDefinition`, `activeOnly`, `excludeNested`, `exclude-system`, `system-version`,
    `force-system-version`, `check-system-version`. Out: the ValueSet with its expansion; with
    `excludeNested=false` and no paging, concepts stand below their parents. Problem `not-found`,
    `too-costly` (see `expansion.expand`), `not-supported`.
    """
    open_to(ctx, "ValueSet")
    call = asked(parameters, ("ValueSet", "expand"), undone=_UNDONE)
    if call.flag("excludeNotForUI"):
        raise problem(
            "not-supported",
            "excludeNotForUI is not done here; leave it out",
            "excludeNotForUI n'est pas traité ici ; retirez-le",
            at="Parameters.parameter.where(name='excludeNotForUI')",
        )
    terminology = terminology_of(ctx, call)
    value_set = await value_set_of(ctx, call, terminology)
    resolver = await resolver_of(call, terminology)
    wanted = Wanted(
        call.text("filter"), call.number("offset") or 0, call.number("count"), call.flag("activeOnly")
    )
    found = await terminology.expand(value_set, wanted, resolver)
    contains = [_contained(m, call) for m in found.members]
    nests = any(True for _ in call.each("excludeNested")) and not call.flag("excludeNested")
    if nests and wanted.count is None and not wanted.offset:
        contains = _nested(found.members, contains)
    answered = _answer(ctx, call, value_set, found, contains)
    taken = [{"name": "used-valueset", "valueUri": url} for url in resolver.used]
    answered["expansion"]["parameter"] += taken
    return answered


def _contained(member: Member, call: Asked) -> Resource:
    concept, listed = member.concept, member.listed
    designations = [*(listed.designations if listed else ()), *concept.designations]
    display = in_language(designations, languages(call.text("displayLanguage")))
    row: Resource = {"system": member.system.url}
    if member.system.version:
        row["version"] = member.system.version
    if concept.abstract:
        row["abstract"] = True
    if concept.inactive:
        row["inactive"] = True
    row["code"] = concept.code
    if said := display or (listed.display if listed else "") or concept.display:
        row["display"] = said
    if call.flag("includeDesignations"):
        tokens = call.texts("designation")
        if kept := [dict(d) for d in designations if not tokens or any(_is(d, t) for t in tokens)]:
            row["designation"] = kept
    if kept := [_property(p) for p in _properties(concept, set(call.texts("property")))]:
        row["extension"] = kept
    return row


def _properties(concept: Concept, wanted: set[str]) -> list[Property]:
    found = [p for p in concept.properties if p.code in wanted]
    if "definition" in wanted and concept.definition:
        found.append(Property("definition", "valueString", concept.definition))
    return found


def _property(one: Property) -> Resource:
    """A property as R4 can say it. Rule: FHIR R5, ValueSet.expansion.contains.property, as an extension."""
    said = [{"url": "code", "valueCode": one.code}, {"url": "value", one.kind: one.value}]
    return {"url": _PROPERTY, "extension": said}


def _is(designation: Mapping[str, Any], token: str) -> bool:
    """Whether a designation is of that use (`system|code`) or language (`urn:ietf:bcp:47|fr`)."""
    system, _, code = token.rpartition("|")
    use = designation.get("use") or {}
    if system in ("", _CODES) and designation.get("language") == code:
        return True
    return use.get("code") == code and system in ("", use.get("system"))


def _nested(members: Sequence[Member], rows: list[Resource]) -> list[Resource]:
    """Each row below the first of its parents that is there; the others stay at the top."""
    by_code = {(m.system.canonical, m.concept.code): row for m, row in zip(members, rows, strict=True)}
    top: list[Resource] = []
    for member, row in zip(members, rows, strict=True):
        above = [by_code.get((member.system.canonical, code)) for code in member.concept.parents]
        place = next((found for found in above if found is not None and found is not row), None)
        circular = member.concept.code in member.concept.parents
        (top if place is None or circular else place.setdefault("contains", [])).append(row)
    return top


def _answer(
    ctx: Any, call: Asked, value_set: ValueSet, found: Expansion, contains: list[Resource]
) -> Resource:
    expansion: Resource = {
        "identifier": f"urn:uuid:{random_ids()}",
        "timestamp": instant(ctx.now),
        "total": found.total,
        "offset": found.offset,
        "parameter": _said(call, found),
    }
    if contains:
        expansion["contains"] = contains
    row = {"resourceType": "ValueSet", "status": "active", **value_set.head}
    if call.flag("includeDefinition") and value_set.compose:
        row["compose"] = value_set.compose
    return {**row, "expansion": expansion}


def _said(call: Asked, found: Expansion) -> list[Resource]:
    """What the expansion was made with."""
    rows: list[Resource] = []
    for name, kind in _TOLD.items():
        for _ in call.each(name):
            match kind:
                case "valueInteger":
                    rows.append({"name": name, kind: call.number(name)})
                case "valueBoolean":
                    rows.append({"name": name, kind: call.flag(name)})
                case _:
                    rows += [{"name": name, kind: text} for text in call.texts(name)]
            break
    rows += [{"name": "used-codesystem", "valueUri": s.canonical} for s in found.systems]
    return rows
