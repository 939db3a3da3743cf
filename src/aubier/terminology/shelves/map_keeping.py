"""Concept maps: how they come into the tables, and where a code leads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.store.aside import by_length
from aubier.terminology.meaning import concept_map
from aubier.terminology.meaning.concept_map import Link, Unmapped, scope
from aubier.terminology.shelves.keeping import BLOCK, LONGEST, too_long
from aubier.terminology.shelves.library import Store, parted

MOST = 1_000
"""The most mappings looked at for one code."""


async def keep(store: Store, resource: Resource) -> None:
    """The mappings of a ConceptMap that is being stored, in place of what its resource said before."""
    logical = str(resource.get("id", ""))
    await store.run("terminology.forget-maps", logical)
    head = [asdict(row) for row in concept_map.unmapped(resource)]
    rows = await by_length(lambda whole: list(concept_map.mappings(whole)), resource)
    names = (str(resource.get("url", "")), str(resource.get("version", "")))
    if any(len(text) > LONGEST for text in names) or any(_long(row) for row in rows):
        raise too_long("ConceptMap")
    scopes = scope(resource, "source"), scope(resource, "target")
    made = await store.run("terminology.add-map", *names, logical, *scopes, json.dumps(head))
    for first in range(0, len(rows), BLOCK):
        block = [_row(n, row) for n, row in enumerate(rows[first : first + BLOCK], first)]
        columns = (list(column) for column in zip(*block, strict=True))
        await store.run("terminology.add-links", made[0]["mid"], *columns)


def _long(link: Link) -> bool:
    texts = (link.source_code, link.source_system, link.target_code, link.target_system)
    return any(len(text) > LONGEST for text in texts)


def _row(number: int, link: Link) -> tuple[Any, ...]:
    detail = fhir_json.dumps(dict(link.detail)).decode() if link.detail else ""
    sides = (link.source_system, link.source_code, link.target_system, link.target_code)
    return (number, *sides, link.equivalence, detail)


async def forget(store: Store, logical: str) -> None:
    """After a ConceptMap was deleted: takes its mappings away."""
    await store.run("terminology.forget-maps", logical)


@dataclass(frozen=True, slots=True)
class Route:
    """What is asked of a translation: which maps, by number, by the value sets they join, or any."""

    target_system: str = ""
    number: int | None = None
    source: str = ""
    target: str = ""
    reverse: bool = False


async def find(store: Store, canonical: str, version: str = "") -> int:
    """The number of a map. Problem `not-found`."""
    url, own = parted(canonical)
    for row in await store.run("terminology.map", url, own or version):
        return int(row["mid"])
    raise unknown_map(canonical)


async def of_resource(store: Store, logical: str) -> int | None:
    """The number of the map of the ConceptMap of that id; None where there is none."""
    rows = await store.run("terminology.map-of", logical)
    return int(rows[0]["mid"]) if rows else None


def unknown_map(canonical: str) -> Problem:
    """The refusal of a map that is not here."""
    return problem(
        "not-found",
        f"The concept map {canonical[:200]} is not here; load it, or check its address",
        f"La table de correspondance {canonical[:200]} n'est pas ici ; chargez-la, ou vérifiez son adresse",
    )


async def links(store: Store, system: str, code: str, route: Route) -> list[Link]:
    """Where a code leads, by the newest version of each map, at most `MOST`."""
    name = "terminology.links-to" if route.reverse else "terminology.links"
    scopes = (route.number, route.source, route.target)
    rows = await store.run(name, code, [system, ""], route.target_system, *scopes, MOST)
    found = [_link(row) for row in rows]
    return [link.turned() for link in found] if route.reverse else found


async def unmapped(store: Store, system: str, route: Route) -> list[tuple[str, Unmapped]]:
    """What the newest versions of maps say of codes that they do not map: (canonical of the map, what)."""
    rows = await store.run("terminology.map-heads", route.number, route.source, route.target, MOST)
    return [
        (_canonical(row), one)
        for row in rows
        for one in (Unmapped(**fields) for fields in json.loads(row["head"]))
        if one.source in (system, "") and route.target_system in ("", one.target)
    ]


def _link(row: Mapping[str, Any]) -> Link:
    detail = fhir_json.parse(row["detail"].encode()) if row["detail"] else {}
    link = Link(
        row["source_system"],
        row["source_code"],
        row["target_system"],
        row["target_code"],
        row["equivalence"],
        detail,
    )
    return replace(link, map=_canonical(row))


def _canonical(row: Mapping[str, Any]) -> str:
    return f"{row['url']}|{row['version']}" if row["version"] else str(row["url"])
