"""Lines of an extraction for the tests, over the published header lines."""

from __future__ import annotations

from functools import cache

from aubier.referentials.directory.extraction.extract import Activity, Kind, Row, read_header
from tests.where import SHARED


@cache
def header(kind: Kind = "Personne_activite") -> bytes:
    """The published header line of a file."""
    return (SHARED / "fixtures/annuaire-extraction" / f"PS_LibreAcces_{kind}.header.txt").read_bytes()


@cache
def names(kind: Kind = "Personne_activite") -> list[str]:
    """The published column names of a file, the last empty one left out."""
    return header(kind).decode().strip("\r\n").split("|")[:-1]


def line(kind: Kind = "Personne_activite", **fields: str) -> bytes:
    """A data line with these cells, by the beginning of their column's name `_` for a space."""
    cells = dict.fromkeys(names(kind), "")
    for short, value in fields.items():
        cells[column(kind, short)] = value
    return ("|".join(cells.values()) + "|\n").encode()


@cache
def column(kind: Kind, short: str) -> str:
    """The one column of this name, else the first that begins so."""
    start = short.replace("_", " ").lower()
    exact = [name for name in names(kind) if plain(name) == start]
    return next(name for name in [*exact, *names(kind)] if plain(name).startswith(start))


def plain(name: str) -> str:
    """A column name without accents and apostrophes, in small letters."""
    table = str.maketrans("éèôÉ'", "eeoE ")
    return name.translate(table).lower()


DOCTOR = {
    "type_d_identifiant": "8",
    "identifiant_pp": "10000000009",
    "identification_nationale": "810000000009",
    "code_civilite_d_exercice": "DR",
    "code_civilite": "M",
    "nom_d_exercice": "LE GOFF",
    "prenom": "YANN",
    "code_profession": "10",
    "libelle_profession": "Médecin",
    "code_categorie": "C",
    "code_type_savoir": "S",
    "code_savoir": "SM54",
    "libelle_savoir": "Médecine générale",
}


def doctor(**more: str) -> bytes:
    """An activity line of one doctor."""
    return line("Personne_activite", **{**DOCTOR, **more})


def row(text: bytes, kind: Kind = "Personne_activite") -> Row:
    """A line as a row."""
    return read_header(header(kind), kind).row(text)


def activity(**more: str) -> Activity:
    """The doctor's activity as a row."""
    found = row(doctor(**more))
    assert isinstance(found, Activity)
    return found
