"""What the files of a load hold: resources by themselves, lines of them, Bundles taken apart."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.fhir.json import LIMITS
from aubier.fhir.references import replace_references
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.importing.criteria import as_found, asks
from aubier.store.compartment import lives_with_others
from aubier.validation import check

Placed = tuple[str, Resource | Problem]
"""A place, and the resource that is there or what is wrong with it."""

_LINED = (".ndjson", ".jsonl")
_READ = (".json", ".xml", *_LINED)
_HOLDERS = ("collection", "batch", "transaction", "searchset")
_STORING = ("POST", "PUT")
_LOOKED = 10_000
"""Lines looked through before this is told."""
_URN = "urn:uuid:"
_LONGEST = LIMITS.size + len(codecs.BOM_UTF8) + 2
"""Bytes of a file or line: one more than a resource may have, with what stands around it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file, or a line of one (`lined`), as it lies there; `place` names it."""

    place: str
    data: bytes
    lined: bool


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file; of a folder those of FHIR, in alphabetical order. Problem: a folder without any."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        within = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in _READ and not p.is_dir()]
        if not within:
            raise problem(
                "not-found",
                f"Nothing to load in {path}: a folder is searched for {', '.join(_READ)};"
                " name packages and nomenclatures one by one",
                f"Rien à charger dans {path} : un dossier est parcouru pour ses {', '.join(_READ)} ;"
                " nommez paquets et nomenclatures un par un",
            )
        yield from within


def in_turn(found: Iterable[Path]) -> list[Path]:
    """The files in the order in which they are loaded: what lives with others is last.

    The first line tells: a file of an export is of one type. Rule: Bulk Data Access 2.0, Export, file output.
    """
    return sorted(found, key=lambda path: _is_lined(path) and _lives_with_others(path))


def _lives_with_others(path: Path) -> bool:
    first = next(documents(path), None)
    try:
        return first is not None and lives_with_others(str(fhir_json.parse(first.data).get("resourceType")))
    except Problem:
        return False  # told when it is loaded


def documents(path: Path) -> Iterator[Document]:
    """What one file holds, not looked at yet. Of what is too long so much as is refused for its length."""
    with path.open("rb") as file:
        if not _is_lined(path):
            yield Document(str(path), file.read(_LONGEST).removeprefix(codecs.BOM_UTF8), False)
            return
        for number, line in enumerate(_lines(file), 1):
            whole = len(line) < _LONGEST
            if told := line.removeprefix(codecs.BOM_UTF8).strip() if whole else line:
                yield Document(f"{path}:{number}", told, True)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is too long its beginning, so that no more of it is in memory."""
    while line := file.readline(_LONGEST):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(_LONGEST)


def _is_lined(path: Path) -> bool:
    return path.suffix.lower() in _LINED


def resources(document: Document) -> list[Placed]:
    """The checked resources of a document; a Bundle that is to be written, as what it holds."""
    try:
        read = fhir_xml.parse if document.data.lstrip().startswith(b"<") else fhir_json.parse
        resource = read(document.data)
        check(as_found(resource) if document.lined and b"?" in document.data else resource)
    except Problem as refusal:
        return [(document.place, refusal)]
    return [*unpacked(document.place, resource)]


def waits(path: Path, looked: Callable[[int], None]) -> bool:
    """Whether a file of lines names by criteria what another file may bring. `looked` hears of so many more
    lines, now and then.
    """
    for number, line in enumerate(documents(path) if _is_lined(path) else (), 1):
        if b"?" in line.data and names_criteria(line.data, resources(line)):
            return True
        if number % _LOOKED == 0:
            looked(_LOOKED)
    return False


def names_criteria(data: bytes, rows: Iterable[Placed]) -> bool:
    """Whether what was read from `data` has a reference by criteria. Most has no question mark."""
    return b"?" in data and any(not isinstance(row, Problem) and asks(row) for _, row in rows)


def unpacked(place: str, resource: Resource) -> list[Placed]:
    """A Bundle to be written is loaded as what it holds, its entries' own references kept together.

    An entry without id takes the UUID of its fullUrl. Any other resource is loaded as itself. What an entry
    asks that is no storing is refused at its place.
    """
    if resource["resourceType"] != "Bundle" or resource.get("type") not in _HOLDERS:
        return [(place, resource)]
    held: dict[int, tuple[str, Resource]] = {}
    refused: list[Placed] = []
    for n, entry in enumerate(resource.get("entry", [])):
        method = entry.get("request", {}).get("method", _STORING[0])
        if method not in _STORING:
            refused.append((f"{place}#{n}", _no_storing(n, method)))
        elif isinstance(entry.get("resource"), dict):
            held[n] = str(entry.get("fullUrl", "")), _identified(entry)
    names = {url: f"{r['resourceType']}/{r['id']}" for url, r in held.values() if url and r.get("id")}
    return [*((f"{place}#{n}", replace_references(r, names)) for n, (_, r) in held.items()), *refused]


def _no_storing(number: int, method: str) -> Problem:
    return problem(
        "not-supported",
        f"A load stores what a Bundle holds, and makes no {method}: send the Bundle to the server instead",
        f"Un chargement enregistre ce que contient un Bundle, sans {method} : envoyez-le plutôt au serveur",
        at=f"Bundle.entry[{number}].request.method",
    )


def _identified(entry: Resource) -> Resource:
    resource: Resource = entry["resource"]
    url = str(entry.get("fullUrl", ""))
    if resource.get("id") or not url.startswith(_URN):
        return resource
    return {**resource, "id": url.removeprefix(_URN)}
