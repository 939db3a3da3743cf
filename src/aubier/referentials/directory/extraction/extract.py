"""The three files of the open extraction `PS_LibreAcces`, read line by line.

Columns are found by the names of the header line, whatever their order and number (52 or 56 and on); UTF-8 or
Latin-1; a bad line is reported with its number and reason, and the reading goes on.

Rule: Annuaire Santé, extraction en libre accès (three `|`-separated files with a header line).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, Literal, NamedTuple

from aubier.ground.problem import Problem, problem
from aubier.ground.text import fold

Kind = Literal["Personne_activite", "SavoirFaire", "Dipl_AutExerc"]
KINDS: tuple[Kind, ...] = ("Personne_activite", "SavoirFaire", "Dipl_AutExerc")
RULE = "Annuaire Santé, PS_LibreAcces"
MAX_LINE = 16_384
"""Bytes of the longest line read; real ones stay below 2,000."""

_FILE = re.compile(r"PS_LibreAcces_(?P<kind>Personne_activite|SavoirFaire|Dipl_AutExerc)(?:_\d+)?\.txt$")


class Activity(NamedTuple):
    """A line of `Personne_activite`: one activity of one professional. Empty text where the file says
    nothing.

    `idnps` is prefixed. FINESS and SIRET are without prefix; `structure_idnst` (former identifier) is
    prefixed.
    """

    id_type: str
    id_number: str
    idnps: str
    exercise_title: str
    title: str
    family: str
    given: str
    profession: str
    profession_label: str
    category: str
    skill_type: str
    skill: str
    skill_label: str
    mode: str
    siret: str
    siren: str
    finess: str
    finess_legal: str
    structure: str
    name: str
    brand: str
    addressee: str
    point: str
    house: str
    repetition: str
    street_type: str
    street_type_label: str
    street: str
    distribution: str
    cedex: str
    postal_code: str
    commune: str
    commune_label: str
    country: str
    phone: str
    phone2: str
    fax: str
    email: str
    department: str
    structure_idnst: str
    authority: str
    sector: str
    sector_label: str
    pharmacist_table: str
    role: str
    role_label: str
    activity_kind: str


class Skill(NamedTuple):
    """A line of `SavoirFaire`: one skill (ordinal specialty, competence...) of one exercise."""

    id_type: str
    id_number: str
    idnps: str
    family: str
    given: str
    profession: str
    category: str
    skill_type: str
    skill: str
    skill_label: str


class Degree(NamedTuple):
    """A line of `Dipl_AutExerc`: one degree or one authorisation to practise."""

    id_type: str
    id_number: str
    idnps: str
    family: str
    given: str
    degree_type: str
    degree: str
    degree_label: str
    permit_type: str
    permit: str
    permit_label: str


Row = Activity | Skill | Degree

_PERSON = {
    "id_type": "Type d'identifiant PP",
    "id_number": "Identifiant PP",
    "idnps": "Identification nationale PP",
    "family": "Nom d'exercice",
    "given": "Prénom d'exercice",
}
_SKILL = {
    "profession": "Code profession",
    "category": "Code catégorie professionnelle",
    "skill_type": "Code type savoir-faire",
    "skill": "Code savoir-faire",
    "skill_label": "Libellé savoir-faire",
}
_STRUCTURE = {
    "addressee": "Complément destinataire",
    "point": "Complément point géographique",
    "house": "Numéro Voie",
    "repetition": "Indice répétition voie",
    "street_type": "Code type de voie",
    "street_type_label": "Libellé type de voie",
    "street": "Libellé Voie",
    "distribution": "Mention distribution",
    "cedex": "Bureau cedex",
    "postal_code": "Code postal",
    "commune": "Code commune",
    "commune_label": "Libellé commune",
    "country": "Code pays",
    "phone": "Téléphone",
    "phone2": "Téléphone 2",
    "fax": "Télécopie",
    "email": "Adresse e-mail",
}
HEADINGS: dict[Kind, dict[str, str]] = {
    "Personne_activite": {
        **_PERSON,
        **_SKILL,
        "exercise_title": "Code civilité d'exercice",
        "title": "Code civilité",
        "profession_label": "Libellé profession",
        "mode": "Code mode exercice",
        "siret": "Numéro SIRET site",
        "siren": "Numéro SIREN site",
        "finess": "Numéro FINESS site",
        "finess_legal": "Numéro FINESS établissement juridique",
        "structure": "Identifiant technique de la structure",
        "name": "Raison sociale site",
        "brand": "Enseigne commerciale site",
        **{field: f"{heading} (coord. structure)" for field, heading in _STRUCTURE.items()},
        "department": "Code Département (structure)",
        "structure_idnst": "Ancien identifiant de la structure",
        "authority": "Autorité d'enregistrement",
        "sector": "Code secteur d'activité",
        "sector_label": "Libellé secteur d'activité",
        "pharmacist_table": "Code section tableau pharmaciens",
        "role": "Code rôle",
        "role_label": "Libellé rôle",
        "activity_kind": "Code genre activité",
    },
    "SavoirFaire": {**_PERSON, **_SKILL},
    "Dipl_AutExerc": {
        **_PERSON,
        "degree_type": "Code type diplôme obtenu",
        "degree": "Code diplôme obtenu",
        "degree_label": "Libellé diplôme obtenu",
        "permit_type": "Code type autorisation",
        "permit": "Code discipline autorisation",
        "permit_label": "Libellé discipline autorisation",
    },
}
"""The heading of each field we read, by file; other columns are left aside."""

_ROWS: dict[Kind, type[Activity] | type[Skill] | type[Degree]] = {
    "Personne_activite": Activity,
    "SavoirFaire": Skill,
    "Dipl_AutExerc": Degree,
}
_NEEDED = ("idnps", "family")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out: its file, its number (the header is line 1), why in English and French."""

    kind: Kind
    number: int
    reason: str
    fr: str


Report = Callable[[BadLine], None]


@dataclass(frozen=True, slots=True)
class Header:
    """What a header line says: the encoding of the file, how many columns, how to pick ours from a line."""

    kind: Kind
    encoding: Literal["utf-8", "latin-1"]
    width: int
    pick: Callable[[list[str]], tuple[str, ...]]

    def row(self, line: bytes) -> Row:
        """The row of a data line; ValueError (reason in English, in French) when it is no such line."""
        if len(line) > MAX_LINE:
            raise ValueError("longer than 16 kB", "plus de 16 ko")
        if b"\0" in line:
            raise ValueError("holds a null character", "contient un caractère nul")
        try:
            parts = line.decode(self.encoding).rstrip("\r\n").split("|")
        except UnicodeDecodeError as wrong:
            raise ValueError("bytes that are no UTF-8", "octets qui ne sont pas de l'UTF-8") from wrong
        if len(parts) != self.width and not (len(parts) == self.width + 1 and not parts[-1]):
            counts = f"{len(parts) - (not parts[-1])} / {self.width}"
            raise ValueError(f"wrong number of columns: {counts}", f"nombre de colonnes faux : {counts}")
        parts.append("")
        return _ROWS[self.kind]._make(map(str.strip, self.pick(parts)))


def read_header(line: bytes, kind: Kind) -> Header:
    """What the first line of a file says; Problem `structure` when it is not the header of such a file.

    Rule: names decide, not positions: the file had 52 columns in 2021 and has 56 since.
    """
    try:
        text, encoding = line.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = line.decode("latin-1"), "latin-1"
    names = [fold(name) for name in text.strip("\r\n").split("|")]
    if names and not names[-1]:
        names.pop()
    places = {name: place for place, name in enumerate(names)}
    wanted = HEADINGS[kind]
    lacking = [wanted[field] for field in _NEEDED if fold(wanted[field]) not in places]
    if lacking:
        raise problem(
            "structure",
            f"Not a {kind} file: the header lacks {', '.join(lacking)}",
            f"Ce n'est pas un fichier {kind} : l'en-tête n'a pas {', '.join(lacking)}",
            at=f"{kind}:1",
            rule=RULE,
        )
    # A column that the file does not have is read from the empty text added after the last one.
    order = [places.get(fold(wanted[field]), -1) for field in _ROWS[kind]._fields]
    return Header(kind, "utf-8" if encoding == "utf-8" else "latin-1", len(names), itemgetter(*order))


def read(lines: Iterable[bytes], kind: Kind, report: Report) -> Iterator[tuple[int, Row]]:
    """The rows of a file with their line numbers; bad lines go to `report` and are left out.

    Problem `structure` when the header is not the right one, or the file is empty.
    """
    stream = iter(lines)
    header = read_header(next(stream, b""), kind)
    for number, line in enumerate(stream, start=2):
        if not line.strip():
            continue
        try:
            row = header.row(line)
        except ValueError as wrong:
            reason, fr = wrong.args
            report(BadLine(kind, number, reason, fr))
            continue
        yield number, row


def lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a binary stream; what goes beyond MAX_LINE in a line is skipped."""
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        yield line


def kind_of_file(name: str) -> Kind | None:
    """Which of the three files a name announces, or None."""
    found = _FILE.search(name)
    return next((kind for kind in KINDS if kind == found["kind"]), None) if found else None


def open_extract(path: Path, opened: ExitStack) -> dict[Kind, IO[bytes]]:
    """The files of an extract as binary streams by kind, from a folder, a ZIP or the activity file alone.

    The streams live as long as `opened`. The newest file of a kind wins (names end with the date). Problem
    `not-found` when there is no `Personne_activite` file, `structure` when the ZIP is broken.
    """
    try:
        found = _open_zip(path, opened) if zipfile.is_zipfile(path) else _open_folder(path, opened)
    except zipfile.BadZipFile as broken:
        raise problem("structure", f"{path.name} is a broken ZIP", f"{path.name} : ZIP abîmé") from broken
    if "Personne_activite" not in found:
        raise _no_extract(path)
    return found


def _open_zip(path: Path, opened: ExitStack) -> dict[Kind, IO[bytes]]:
    archive = opened.enter_context(zipfile.ZipFile(path))
    names = {kind: name for name in sorted(archive.namelist()) if (kind := kind_of_file(name))}
    return {
        kind: opened.enter_context(io.BufferedReader(archive.open(name), 1 << 16))  # type: ignore[type-var]
        for kind, name in names.items()
    }


def _open_folder(path: Path, opened: ExitStack) -> dict[Kind, IO[bytes]]:
    files = [path] if path.is_file() else sorted(path.glob("PS_LibreAcces_*.txt"))
    found = {kind: file for file in files if (kind := kind_of_file(file.name))}
    return {kind: opened.enter_context(file.open("rb", 1 << 16)) for kind, file in found.items()}


def _no_extract(path: Path) -> Problem:
    return problem(
        "not-found",
        f"No PS_LibreAcces_Personne_activite file in {path.name}",
        f"Pas de fichier PS_LibreAcces_Personne_activite dans {path.name}",
        rule=RULE,
    )
