"""BDPM, the public base of medicines: specialities (CIS) and, below each, its packs (CIP13).

Rule: Base de données publique des médicaments, contents of CIS_bdpm.txt and CIS_CIP_bdpm.txt
(tab-separated, without header). A speciality whose authorisation is over is inactive.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aubier.terminology.meaning.concepts import Concept, Property, System
from aubier.terminology.nomenclatures.nomenclature import (
    Nomenclature,
    beside,
    date,
    flag,
    lines,
    plain,
    text,
)

URL = "https://smt.esante.gouv.fr/terminologie-bdpm"
_CIS, _CIP = "CIS_bdpm.txt", "CIS_CIP_bdpm.txt"
_ACTIVE = "Autorisation active"


def recognised(path: Path) -> Path | None:
    """The file of specialities, when the path is it, or is a folder that holds it."""
    if path.is_dir():
        return beside(path / "any", _CIS)
    return path if plain(path) == _CIS else None


def read(path: Path) -> Nomenclature:
    """The specialities of a file and, when the file of packs stands beside it, their packs."""
    system = System(URL, title="Base de données publique des médicaments", name="BDPM")
    return Nomenclature(system, lambda: _concepts(path), publisher="ANSM, HAS, UNCAM")


def _concepts(path: Path) -> Iterator[Concept]:
    names: dict[str, str] = {}
    for row in _rows(path, 11):
        names[row[0]] = row[1].strip()
        yield _speciality(row)
    packs = beside(path, _CIP)
    for row in _rows(packs, 7) if packs else ():
        if row[6] and row[0] in names:
            yield _pack(row, names[row[0]])


def _rows(path: Path, least: int) -> Iterator[list[str]]:
    for line in lines(path):
        row = line.split("\t")
        if len(row) >= least and row[0].strip().isdigit():
            yield row


def _speciality(row: list[str]) -> Concept:
    routes = tuple(p for route in row[3].split(";") for p in text("route", route))
    return Concept(
        row[0].strip(),
        row[1].strip(),
        properties=(
            *text("form", row[2]),
            *routes,
            *text("authorisation", row[4]),
            *text("procedure", row[5]),
            *text("marketing", row[6]),
            *date("authorised", row[7]),
            *text("holder", row[10]),
            *flag("watched", row[11:12] == ["Oui"]),
            *flag("inactive", row[4].strip() != _ACTIVE),
        ),
    )


def _pack(row: list[str], name: str) -> Concept:
    return Concept(
        row[6].strip(),
        f"{name}, {row[2].strip()}",
        parents=(row[0].strip(),),
        properties=(
            Property("CIP7", "valueString", row[1].strip()),
            *text("status-text", row[3]),
            *text("marketing", row[4]),
            *date("declared", row[5]),
            *(text("reimbursement", row[8]) if len(row) > 8 else ()),
        ),
    )
