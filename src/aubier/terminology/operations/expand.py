"""`ValueSet/$expand`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aubier.ground.chance import random_ids
from aubier.ground.clock import instant
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.terminology.expansion import Expansion, Member, Wanted
from aubier.terminology.meaning.concepts import Concept, Property, in_language
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.language import asked_language, no_other, spoken
from aubier.terminology.operations.parameters import Asked, asked, open_to, terminology_of
from aubier.terminology.operations.value_sets import resolver_of, value_set_of
from aubier.terminology.resolving import Resolver
from aubier.terminology.shelves.remembering import Reading

_TOLD = {
    "filter": "valueString",
    "offset": "valueInteger",
    "count": "valueInteger",
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
DEEPEST = 200
"""How deep concepts stand below each other in an answer."""

_UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
_CODES = "urn:ietf:bcp:47"
_PREFERRED = {
    "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
    "code": "preferredForLanguage",
}


async def expand(ctx: Any, parameters: Resource, reading: Reading) -> Resource:
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
    terminology = await terminology_of(ctx, call, reading)
    value_set = await value_set_of(ctx, call, terminology)
    resolver = await resolver_of(call, terminology)
    wanted = Wanted(
        call.text("filter"), call.number("offset") or 0, call.number("count"), call.flag("activeOnly")
    )
    found = await terminology.expand(value_set, wanted, resolver)
    spelling = _spelling(call, value_set, found)
    contains = [_contained(m, call, spelling) for m in found.members]
    nests = any(True for _ in call.each("excludeNested")) and not call.flag("excludeNested")
    if nests and wanted.count is None and not wanted.offset:
        contains = _nested(found.members, contains)
    answered = _answer(ctx, call, value_set, found, contains)
    answered["expansion"]["parameter"] += _taken(value_set, resolver, found, spelling)
    if any(system.endless for system in found.systems):
        # Rule: extension valueset-unclosed: other codes may be members too.
        answered["expansion"]["extension"] = [{"url": _UNCLOSED, "valueBoolean": True}]
    return answered


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How members are written: in which languages, with their versions, what is left out."""

    asked: str
    tongues: tuple[str, ...]
    only: bool
    several: frozenset[str]
    designations: bool
    tokens: tuple[str, ...]
    properties: frozenset[str]


def _spelling(call: Asked, value_set: ValueSet, found: Expansion) -> _Spelling:
    asked = asked_language(call, value_set)
    urls = [system.url for system in found.systems]
    return _Spelling(
        asked,
        spoken(asked),
        no_other(asked),
        frozenset(url for url in urls if urls.count(url) > 1),
        call.flag("includeDesignations", default=value_set.options.get("includeDesignations") == "true"),
        tuple(call.texts("designation")),
        frozenset(call.texts("property")),
    )


def _taken(value_set: ValueSet, resolver: Resolver, found: Expansion, how: _Spelling) -> list[Resource]:
    """What an expansion was made of, beside code systems, and what of it is less than in force."""
    rows = [("used-codesystem", url) for url in resolver.systems]
    rows += [("used-valueset", url) for url in resolver.used]
    rows += [("used-supplement", url) for url in resolver.supplements]
    rows += [("used-fragment", s.canonical) for s in found.systems if s.known and s.partial]
    rows += [(f"warning-{one}", s.canonical) for s in found.systems for one in s.standing]
    rows += [(f"warning-{one}", value_set.canonical) for one in value_set.standing]
    rows += [(f"warning-{one}", url) for url, less in resolver.used.items() for one in less]
    told: list[Resource] = [{"name": name, "valueUri": url} for name, url in dict.fromkeys(rows)]
    if how.asked:
        told.append({"name": "displayLanguage", "valueCode": how.asked})
    if resolver.merged is not None or resolver.across:
        told.append({"name": "versionsMatch", "valueBoolean": resolver.merged is not False})
    return told


def _contained(member: Member, call: Asked, how: _Spelling) -> Resource:
    concept, listed = member.concept, member.listed
    own = (listed.display if listed else "") or concept.display or concept.code * bool(member.system.grammar)
    designations = [*(listed.designations if listed else ()), *concept.designations]
    main = {"language": member.system.language, "value": own}
    display = in_language([*([main] if own else []), *designations], how.tongues)
    row: Resource = {"system": member.system.url}
    if member.system.version and member.system.url in how.several:
        row["version"] = member.system.version
    if concept.abstract:
        row["abstract"] = True
    if concept.inactive:
        row["inactive"] = True
    row["code"] = concept.code
    if said := display or ("" if how.only and how.tongues else own):
        row["display"] = said
    if how.designations:
        if own and said != own and main["language"]:
            designations.insert(0, {**main, "use": _PREFERRED})
        if kept := [dict(d) for d in designations if not how.tokens or any(_is(d, t) for t in how.tokens)]:
            row["designation"] = kept
    if kept := [_property(p) for p in _properties(concept, how.properties)]:
        row["extension"] = kept
    return row


def _properties(concept: Concept, wanted: Collection[str]) -> list[Property]:
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
    """Each row below the first of its parents that is there; others stay at the top, and what is listed.

    So does what has more than `DEEPEST` concepts above it, or stands above its own parent: no circle is lost.
    """
    pairs = list(zip(members, rows, strict=True))
    by_code = {(m.system.canonical, m.concept.code): (m, row) for m, row in pairs if m.listed is None}
    top: list[Resource] = []
    for member, row in pairs:
        concept = member.concept
        nests = member.listed is None and len(concept.lineage) <= DEEPEST
        above = (by_code.get((member.system.canonical, code)) for code in (concept.parents if nests else ()))
        places = (found[1] for found in above if found and concept.code not in found[0].concept.lineage)
        place = next(places, None)
        (top if place is None else place.setdefault("contains", [])).append(row)
    return top


def _answer(
    ctx: Any, call: Asked, value_set: ValueSet, found: Expansion, contains: list[Resource]
) -> Resource:
    expansion: Resource = {
        "identifier": f"urn:uuid:{random_ids()}",
        "timestamp": instant(ctx.now),
        "total": found.total,
        "offset": found.offset,
        "parameter": _said(call),
    }
    if contains:
        expansion["contains"] = contains
    row = {"resourceType": "ValueSet", "status": "active", **value_set.head}
    if call.flag("includeDefinition") and value_set.compose:
        row["compose"] = value_set.compose
    return {**row, "expansion": expansion}


def _said(call: Asked) -> list[Resource]:
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
    return rows
