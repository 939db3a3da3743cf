"""`ConceptMap/$translate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.store.aside import by_size
from aubier.terminology.meaning import concept_map
from aubier.terminology.meaning.concept_map import NO_MATCH, Link, Unmapped, applies
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
from aubier.terminology.shelves import map_keeping
from aubier.terminology.shelves.map_keeping import Route

DEEPEST = 10
"""How many maps may send a code on to another."""


async def translate(ctx: Any, parameters: Resource) -> Resource:
    """`ConceptMap/$translate`: what a code is called elsewhere.

    In: `url` (and `conceptMapVersion`), `conceptMap` or by instance, else every map that is here; `code` with
    `system`, `coding` or `codeableConcept`; `source` and `target` value sets, `targetsystem`, `reverse`,
    `dependency`. Out: result, message, and the matches with their equivalence. A group's `unmapped` answers
    for codes it does not map. Problem `not-found` for a map that is not here.
    """
    open_to(ctx, "ConceptMap")
    call = asked(_as_r4(parameters), ("ConceptMap", "translate"))
    url = call.text("url")
    given, number = call.resource("conceptMap", "ConceptMap"), None
    if call.id:
        given, number = await _stored(ctx.store, call.id)
    maps = (one for one in call.brought() if one.get("resourceType") == "ConceptMap")
    brought = [given] if given is not None else [one for one in maps if url in ("", one.get("url"))]
    if number is not None:
        brought = []
    elif not brought and url:
        number = await map_keeping.find(ctx.store, url, call.text("conceptMapVersion"))
    named = given is not None or number is not None or bool(url)
    source, target = ("" if named else call.text(side) for side in ("source", "target"))
    route = Route(call.text("targetsystem"), number, source, target, call.flag("reverse"))
    known, found = _dependencies(call), list[Link]()
    codes = _codes(call)
    each: list[Mapped | None] = [await _mapped(one, codes, route) for one in brought]
    for one in each or [None]:
        translator = Translator(ctx.store, one, known, named)
        found += [m for system, code in codes for m in await translator.links(system, code, route)]
    return _told(ctx, list(dict.fromkeys((_key(m), n) for n, m in enumerate(found))), found)


async def _stored(store: Any, logical: str) -> tuple[Resource | None, int | None]:
    """A map by its id, if whoever asks may read it: its number where it is in the tables, else itself."""
    raw = (await store.read_row("ConceptMap", logical)).raw
    number = await map_keeping.of_resource(store, logical)
    given = await by_size(len(raw), fhir_json.parse, raw) if number is None else None
    return given, number


_R5 = {
    "sourceCode": "code",
    "sourceSystem": "system",
    "sourceCoding": "coding",
    "sourceCodeableConcept": "codeableConcept",
    "sourceScope": "source",
    "targetScope": "target",
    "targetSystem": "targetsystem",
}
_R5_TURNED = {
    "targetCode": "code",
    "targetSystem": "system",
    "targetCoding": "coding",
    "targetCodeableConcept": "codeableConcept",
    "sourceSystem": "targetsystem",
    "sourceScope": "source",
    "targetScope": "target",
}
"""The names of R5, where a code of the target asks for the way back. Rule: FHIR R5, ConceptMap/$translate."""


def _as_r4(parameters: Resource) -> Resource:
    """The call in the names of R4, whichever it was made in."""
    rows = parameters.get("parameter", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return parameters
    back = {"targetCode", "targetCoding", "targetCodeableConcept"} & {str(r.get("name")) for r in rows}
    names = _R5_TURNED if back else _R5
    turned = [{"name": "reverse", "valueBoolean": True}] if back else []
    renamed = [{**row, "name": names.get(str(row.get("name")), row.get("name"))} for row in rows]
    return {**parameters, "parameter": renamed + turned}


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a map that came with the call says of the codes that are asked, and of those it does not map."""

    name: str
    by_code: dict[str, list[Link]]
    unmapped: list[Unmapped]

    def links(self, system: str, code: str, route: Route) -> tuple[list[Link], list[tuple[str, Unmapped]]]:
        """Where a code leads, and what the groups say of what they do not map."""
        found = [
            link
            for link in self.by_code.get(code, ())
            if link.source_system in (system, "") and route.target_system in ("", link.target_system)
        ]
        rest = [
            (self.name, one)
            for one in self.unmapped
            if one.source in (system, "") and route.target_system in ("", one.target)
        ]
        return found, rest


async def _mapped(given: Resource, codes: Sequence[tuple[str, str]], route: Route) -> Mapped:
    """A map that came with the call, read once for all codes."""
    wanted = frozenset(code for _, code in codes)

    def read(resource: Resource) -> Mapped:
        by_code: dict[str, list[Link]] = {}
        if route.reverse:
            links = [link.turned() for link in concept_map.mappings(resource, to=wanted)]
        else:
            links = list(concept_map.mappings(resource, wanted))
        for link in links:
            by_code.setdefault(link.source_code, []).append(link)
        return Mapped(concept_map.canonical(resource), by_code, concept_map.unmapped(resource))

    return await understood(read, given)


@dataclass(slots=True)
class Translator:
    """Follows one map, given or kept, or all that are kept. `named`: the call says which."""

    store: Any
    given: Mapped | None
    known: dict[str, frozenset[str]]
    named: bool
    road: list[str] = field(default_factory=list)

    async def links(self, system: str, code: str, route: Route) -> list[Link]:
        """Where a code leads; where it is not mapped, what the maps say of such codes."""
        if self.given is not None:
            found, rest = self.given.links(system, code, route)
        else:
            found = await map_keeping.links(self.store, system, code, route)
            rest = [] if found or route.reverse else await map_keeping.unmapped(self.store, system, route)
        if found or route.reverse:
            return [link for link in found if applies(link, self.known)]
        return [link for name, one in rest for link in await self._unmapped(system, code, name, one, route)]

    async def _unmapped(self, system: str, code: str, name: str, one: Unmapped, route: Route) -> list[Link]:
        match one.mode:
            case "provided":
                return [Link(system, code, one.target, code, "equivalent", {}, name)]
            case "fixed" if one.code:
                return [Link(system, code, one.target, one.code, "inexact", {"display": one.display}, name)]
            case "other-map" if one.url and one.url not in self.road and len(self.road) < DEEPEST:
                try:
                    number = await map_keeping.find(self.store, one.url)
                except Problem as refusal:
                    if self.named or refusal.kind != "not-found":
                        raise
                    return []  # where every map is asked, one that leads nowhere has nothing to say
                further = Translator(self.store, None, self.known, self.named, [*self.road, one.url])
                return await further.links(system, code, Route(route.target_system, number))
        return []


def _codes(call: Asked) -> list[tuple[str, str]]:
    rows = call.codings()
    if rows is None and call.text("code"):
        return [(call.needed("system"), call.text("code"))]
    if not rows:
        raise missing("code", "coding", "codeableConcept")
    return [(str(row.get("system", "")), str(row["code"])) for row in rows]


def _dependencies(call: Asked) -> dict[str, frozenset[str]]:
    """What is known of what mappings depend on: element to the codes and texts it has."""
    found: dict[str, frozenset[str]] = {}
    for row, at in call.each("dependency"):
        parts = {p.get("name"): p for p in row.get("part") or () if isinstance(p, dict)}
        element = (parts.get("element") or {}).get("valueUri")
        concept = (parts.get("concept") or {}).get("valueCodeableConcept")
        if not isinstance(element, str) or not isinstance(concept, dict):
            raise problem(
                "value",
                "A dependency has an element (uri) and a concept (CodeableConcept)",
                "Une dependency a un element (uri) et un concept (CodeableConcept)",
                at=at,
            )
        codes = [str(c.get("code", "")) for c in concept.get("coding") or () if isinstance(c, dict)]
        found[element] = found.get(element, frozenset()) | {*codes, str(concept.get("text", ""))}
    return found


def _key(link: Link) -> tuple[str, ...]:
    return link.target_system, link.target_code, link.equivalence, link.map


def _told(ctx: Any, keys: Sequence[Any], found: list[Link]) -> Resource:
    unique = {key: found[n] for key, n in reversed(keys)}
    matches = list(reversed(unique.values()))
    good = any(link.equivalence not in NO_MATCH for link in matches)
    issues = [] if good else [_NOTHING]
    return answer(
        [
            {"name": "result", "valueBoolean": good},
            message(issues, ctx.language),
            *(_match(m) for m in matches),
        ]
    )


_NOTHING = Issue(
    "not-found",
    "No concept map here translates this code so",
    "Aucune table de correspondance d'ici ne traduit ce code ainsi",
)


def _match(link: Link) -> Resource:
    coding = {
        "system": link.target_system,
        "version": link.detail.get("version"),
        "code": link.target_code,
        "display": link.detail.get("display"),
    }
    parts: list[Resource | None] = [{"name": "equivalence", "valueCode": link.equivalence}]
    if link.target_code:
        parts.append({"name": "concept", "valueCoding": {k: v for k, v in coding.items() if v}})
    for one in link.detail.get("product", ()):
        product = {"system": one.get("system"), "code": one.get("value"), "display": one.get("display")}
        inner = [
            part("element", "valueUri", one.get("property")),
            part("concept", "valueCoding", {k: v for k, v in product.items() if v}),
        ]
        parts.append({"name": "product", "part": [p for p in inner if p is not None]})
    parts.append(part("source", "valueUri", link.map))
    return {"name": "match", "part": [p for p in parts if p is not None]}
