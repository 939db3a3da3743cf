"""What the files of a load hold: resources by themselves, lines of them, Bundles taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from aubier.fhir import json as fhir_json
from aubier.fhir.references import Place, Reference, iter_references, replace_references
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.validation import check

Placed = tuple[str, Resource | Problem]
"""A place, and the resource that is there or what is wrong with it."""

_HOLDERS = ("collection", "batch", "transaction", "searchset")
_URN = "urn:uuid:"


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file, folders in alphabetical order."""
    for path in paths:
        if path.is_dir():
            yield from files(p for p in sorted(path.rglob("*")) if p.suffix in (".json", ".ndjson"))
        else:
            yield path


def resources(path: Path) -> Iterator[Placed]:
    """What one file holds; a Bundle that is to be written, as what it holds."""
    for place, found in _read(path):
        if isinstance(found, Problem):
            yield place, found
        else:
            yield from unpacked(place, found)


def names_criteria(path: Path) -> bool:
    """Whether a line of a file of lines has a reference by criteria. Most lines have no question mark."""
    with path.open("rb") as lines:
        for line in lines:
            _, found = _parsed("", line) if b"?" in line else ("", {})
            if not isinstance(found, Problem) and any(True for _ in by_criteria(found)):
                return True
    return False


def by_criteria(resource: Resource) -> Iterator[Place]:
    """The references of a resource that are written as a search: `Practitioner?identifier=...`."""
    for place in iter_references(resource):
        if "?" in place.text and Reference.parse(place.text).form == "conditional":
            yield place


def lines_of(path: Path) -> Iterator[Placed]:
    """What each line of a file holds, still to be checked."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _parsed(f"{path}:{number}", line)


def checked(placed: Placed) -> Placed:
    """The same, a Problem when the base specification refuses it."""
    place, resource = placed
    if isinstance(resource, Problem):
        return placed
    try:
        check(resource)
    except Problem as refusal:
        return place, refusal
    return placed


def _read(path: Path) -> Iterator[Placed]:
    rows = lines_of(path) if path.suffix == ".ndjson" else iter([_parsed(str(path), path.read_bytes())])
    return map(checked, rows)


def _parsed(place: str, data: bytes) -> Placed:
    try:
        return place, fhir_json.parse(data)
    except Problem as refusal:
        return place, refusal


def unpacked(place: str, resource: Resource) -> list[tuple[str, Resource]]:
    """A Bundle to be written is loaded as what it holds, its entries' own references kept together.

    An entry without id takes the UUID of its fullUrl. Any other resource is loaded as itself.
    """
    if resource["resourceType"] != "Bundle" or resource.get("type") not in _HOLDERS:
        return [(place, resource)]
    entries = [e for e in resource.get("entry", []) if isinstance(e.get("resource"), dict)]
    told = {id(e): _identified(e) for e in entries}
    names = {
        str(e["fullUrl"]): f"{r['resourceType']}/{r['id']}"
        for e in entries
        if (r := told[id(e)]).get("id") and e.get("fullUrl")
    }
    return [(f"{place}#{n}", replace_references(told[id(e)], names)) for n, e in enumerate(entries)]


def _identified(entry: Resource) -> Resource:
    resource: Resource = entry["resource"]
    url = str(entry.get("fullUrl", ""))
    if resource.get("id") or not url.startswith(_URN):
        return resource
    return {**resource, "id": url.removeprefix(_URN)}
