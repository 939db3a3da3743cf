"""From a published file to the tables, and a CodeSystem that tells that it is here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from aubier.ground.rows import Resource
from aubier.terminology.meaning.concepts import Concept
from aubier.terminology.nomenclatures import bdpm, ccam, claml, loinc, resource
from aubier.terminology.nomenclatures.nomenclature import Nomenclature
from aubier.terminology.shelves import keeping
from aubier.terminology.shelves.library import Store

READERS: tuple[ModuleType, ...] = (bdpm, ccam, loinc, claml, resource)
"""Every format; each has `recognised(path)` and `read(path)`."""


def recognise(path: Path) -> Nomenclature | None:
    """The nomenclature of a file or folder, or None. Problem `structure` when it cannot be read."""
    for reader in READERS:
        found = reader.recognised(path)
        if found is not None:
            nomenclature: Nomenclature = reader.read(found)
            return nomenclature
    return None


def is_nomenclature(path: Path) -> bool:
    """Whether a file or folder is in one of the formats."""
    return any(reader.recognised(path) is not None for reader in READERS)


async def load(store: Store, found: Nomenclature, told: Callable[[int], None] = lambda count: None) -> int:
    """Puts a nomenclature into the tables, in place of what was loaded as the same; gives how many concepts.

    Nobody sees it before it is whole. Problem: nothing changed.
    """

    def counted() -> Iterator[Concept]:
        for n, concept in enumerate(found.concepts(), 1):
            if n % keeping.BLOCK == 0:
                told(n)
            yield concept

    return await keeping.load(
        store, found.system, counted(), resource=identifier(found), supplements=found.supplements
    )


def identifier(found: Nomenclature) -> str:
    """The logical id of the CodeSystem that stands for it: the end of its URL, and its version."""
    tail = re.sub(r"https?://|fhir/", "", found.system.url)
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{tail}-{found.system.version}").strip("-")[-64:].lstrip("-.")


def header(found: Nomenclature, count: int) -> Resource:
    """The CodeSystem that tells that a nomenclature is here: its concepts are in the tables, not in it."""
    system = found.system
    row: Resource = {
        "resourceType": "CodeSystem",
        "id": identifier(found),
        "url": system.url,
        "version": system.version,
        "name": system.name,
        "title": system.title,
        "status": "active",
        "publisher": found.publisher,
        "caseSensitive": system.case_sensitive,
        "content": "not-present",
        "count": count,
    }
    return {name: value for name, value in row.items() if value != ""}
