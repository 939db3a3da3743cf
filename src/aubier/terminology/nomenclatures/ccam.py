"""CCAM, the classification of medical procedures, as the health insurance publishes it in one table.

A chapter line has a number (1, 01.01, 01.01.01...), an act line a code of four letters and three figures; a
line without either completes the one before: a note, a further activity, or the modifiers in brackets.
Rule: Cnam, CCAM, table of acts by chapters with activity, phase, tariffs and grouping.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from aubier.terminology.meaning.concepts import Concept, Property, System
from aubier.terminology.nomenclatures.nomenclature import (
    Nomenclature,
    cells_of,
    plain,
    table,
    text,
    unreadable,
)

URL = "https://smt.esante.gouv.fr/terminologie-ccam"
_VERSION = re.compile(r"CCAM\b.*?version\s+(\d+)", re.IGNORECASE)
_CHAPTER = re.compile(r"\d{1,2}(\.\d\d){0,8}", re.ASCII)
_ACT = re.compile(r"[A-Z]{4}\d{3}")
_TARIFF = re.compile(r"\d{1,9}(?:\.\d{1,6})?", re.ASCII)
_MODIFIERS = re.compile(r"\[([^\]]*)\]")
_LONGEST_NOTE = 4_000


def recognised(path: Path) -> Path | None:
    """The path itself, when it is a table whose name or first line says CCAM."""
    if not plain(path).lower().endswith(".csv") or path.is_dir():
        return None
    with table(path) as lines:
        first = lines.readline(1_000)
    return path if _VERSION.search(first) else None


def read(path: Path) -> Nomenclature:
    """The chapters and acts of a table. Problem `structure` when there is no version in its first line."""
    with table(path) as lines:
        found = _VERSION.search(lines.readline(1_000))
    if found is None:
        raise unreadable(path, "its first line names no version", "sa première ligne ne nomme pas de version")
    system = System(URL, found[1], title="Classification commune des actes médicaux", name="CCAM")
    return Nomenclature(system, lambda: _concepts(path), publisher="Cnam")


@dataclass(slots=True)
class _Entry:
    """A chapter or an act, as its lines come."""

    code: str
    display: str
    parents: tuple[str, ...]
    properties: list[Property] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def concept(self) -> Concept:
        """It, complete."""
        return Concept(
            self.code,
            self.display,
            "\n".join(self.notes)[:_LONGEST_NOTE],
            self.parents,
            properties=tuple(dict.fromkeys(self.properties)),
        )


def _concepts(path: Path) -> Iterator[Concept]:
    entry: _Entry | None = None
    chapters: dict[str, None] = {}
    for row in cells_of(path):
        code, *cells = [cell.strip() for cell in row] + [""] * (11 - len(row))
        begun = _begun(code, cells, chapters)
        if begun is not None:
            if entry is not None:
                yield entry.concept()
            entry = begun
        elif entry is not None:
            _complete(entry, code, cells)
    if entry is not None:
        yield entry.concept()


def _begun(code: str, cells: list[str], chapters: dict[str, None]) -> _Entry | None:
    """The chapter or act that a line begins; a number that came before is one of the lists at the end."""
    if _CHAPTER.fullmatch(code) and code not in chapters:
        entry = _Entry(
            code, cells[1], _above(code, chapters), [Property("notSelectable", "valueBoolean", True)]
        )
        chapters[code] = None
        return entry
    if chapters and _ACT.fullmatch(code):
        return _Entry(code, cells[1], (next(reversed(chapters)),), _act(cells))
    return None


def _above(chapter: str, known: Collection[str]) -> tuple[str, ...]:
    """The nearest chapter above that the table has: 01.02 above 01.02.03, and 1 above 01.02."""
    above = chapter
    while "." in above:
        above = above.rpartition(".")[0]
        name = above if "." in above else str(int(above))
        if name in known:
            return (name,)
    return ()


def _act(cells: list[str]) -> list[Property]:
    found = [*text("activity", cells[2]), *text("phase", cells[3]), *text("grouping", cells[9])]
    if _TARIFF.fullmatch(cells[4]):  # not covered: the table says so in words
        found.append(Property("tariff", "valueDecimal", Decimal(cells[4])))
    return found


def _complete(entry: _Entry, code: str, cells: list[str]) -> None:
    if modifiers := _MODIFIERS.fullmatch(code):
        entry.properties += [p for one in modifiers[1].split(",") for p in text("modifier", one)]
    if cells[2].isdigit():
        entry.properties += text("activity", cells[2])
    elif cells[1]:
        entry.notes.append(cells[1])
