"""What the files of a load hold: resources by themselves, lines of them, Bundles taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aubier.fhir import json as fhir_json
from aubier.fhir.references import replace_references
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.rest.importing.criteria import as_found, asks
from aubier.validation import check

Placed = tuple[str, Resource | Problem]
"""A place, and the resource that is there or what is wrong with it."""

_HOLDERS = ("collection", "batch", "transaction", "searchset")
_URN = "urn:uuid:"


@dataclass(frozen=True, slots=True)
class Document:
    """A file, or a line of one (`lined`), as it lies there; `place` names it."""

    place: str
    data: bytes
    lined: bool


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file, folders in alphabetical order."""
    for path in paths:
        if path.is_dir():
            yield from files(p for p in sorted(path.rglob("*")) if p.suffix in (".json", ".ndjson"))
        else:
            yield path


def documents(path: Path) -> Iterator[Document]:
    """What one file holds, not looked at yet."""
    if path.suffix != ".ndjson":
        yield Document(str(path), path.read_bytes(), False)
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield Document(f"{path}:{number}", line, True)


def resources(document: Document) -> list[Placed]:
    """The checked resources of a document; a Bundle that is to be written, as what it holds."""
    try:
        resource = fhir_json.parse(document.data)
        check(as_found(resource) if document.lined and b"?" in document.data else resource)
    except Problem as refusal:
        return [(document.place, refusal)]
    return [*unpacked(document.place, resource)]


def waits(path: Path) -> bool:
    """Whether a file of lines names by criteria what another file may bring."""
    lined = documents(path) if path.suffix == ".ndjson" else ()
    return any(b"?" in line.data and names_criteria(line.data, resources(line)) for line in lined)


def names_criteria(data: bytes, rows: Iterable[Placed]) -> bool:
    """Whether what was read from `data` has a reference by criteria. Most has no question mark."""
    return b"?" in data and any(not isinstance(row, Problem) and asks(row) for _, row in rows)


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
