"""A load in parts: what one process is given at a time, what it touches, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aubier.cli.loading.files import Document, documents
from aubier.ground.rows import Resource
from aubier.store.bulk import BulkReport
from aubier.store.compartment import followed

_DOCUMENTS = 1000
_BYTES = 4 << 20
_SETTING = frozenset(
    {"CodeSystem", "ConceptMap", "NamingSystem", "SearchParameter", "StructureDefinition", "ValueSet"}
)
"""What other resources are understood by."""


@dataclass(frozen=True, slots=True)
class Part:
    """Documents to be read and stored together. `patient`: one whose criteria nothing meets is put off."""

    documents: list[Document]
    patient: bool


@dataclass(frozen=True, slots=True)
class Touched:
    """The resources that a part writes, those that must be stored before it if they are on their way, and
    whether it must be `alone`.
    """

    writes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    alone: bool = False

    def follows(self, earlier: Touched) -> bool:
        """Whether this may only be written when an earlier part has been."""
        apart = self.writes.isdisjoint(earlier.writes) and self.needs.isdisjoint(earlier.writes)
        return self.alone or earlier.alone or not apart


@dataclass(slots=True)
class Outcome:
    """What came of a part. `put_off`: the files whose criteria nothing meets yet."""

    report: BulkReport = field(default_factory=BulkReport)
    put_off: list[Path] = field(default_factory=list)


def parts(paths: Iterable[Path], *, patient: bool) -> Iterator[Part]:
    """The parts of a load, in order: each of a thousand documents, or as soon as it has four megabytes."""
    taken: list[Document] = []
    size = 0
    for path in paths:
        for document in documents(path):
            taken.append(document)
            size += len(document.data)
            # What nobody else brings is refused in the order of the files: each is stored before the next.
            alone = not (patient or document.lined)
            if len(taken) >= _DOCUMENTS or size >= _BYTES or alone:
                yield Part(taken, patient)
                taken, size = [], 0
    if taken:
        yield Part(taken, patient)


def touched(rows: Iterable[Resource], *, patient: bool) -> Touched:
    """What these resources touch.

    The order of two versions of one resource counts, and of two Patients with one number; what lives with
    another finds it stored, and a List the documents whose masks it bears.
    """
    writes: set[str] = set()
    needs: set[str] = set()
    alone = not patient
    for row in rows:
        kind = row["resourceType"]
        writes.add(f"{kind}/{row.get('id', '')}")
        alone = alone or kind in _SETTING
        if kind == "Patient":
            writes.update(f"{i.get('system')}|{i.get('value')}" for i in row.get("identifier") or [])
        elif kind == "List":
            named = (entry.get("item") or {} for entry in row.get("entry") or [])
            needs.update(str(item.get("reference")) for item in named)
        else:
            needs.update(followed(row))
    return Touched(frozenset(writes), frozenset(needs), alone)
