"""Extracts of invented professionals, in exactly the format of `PS_LibreAcces`, of any length, streaming.

The same seed gives the same bytes. Names, given names and communes may be given by the caller; our own short
lists serve otherwise. Every number has its right key where it has one; RPPS numbers begin with 19.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import IO

from aubier.referentials.directory.extraction.extract import KINDS, Kind
from aubier.referentials.directory.rules import luhn_key

_PERSON = "Type d'identifiant PP|Identifiant PP|Identification nationale PP"
_EXERCISE = (
    "Code profession|Libellé profession|Code catégorie professionnelle|Libellé catégorie professionnelle"
)
_SKILL = "Code type savoir-faire|Libellé type savoir-faire|Code savoir-faire|Libellé savoir-faire"
_CONTACT = (
    "Complément destinataire|Complément point géographique|Numéro Voie|Indice répétition voie|"
    "Code type de voie|Libellé type de voie|Libellé Voie|Mention distribution|Bureau cedex|Code postal|"
    "Code commune|Libellé commune|Code pays|Libellé pays|Téléphone|Téléphone 2|Télécopie|Adresse e-mail"
)
_ACTIVITY = (
    f"{_PERSON}|Code civilité d'exercice|Libellé civilité d'exercice|Code civilité|Libellé civilité|"
    f"Nom d'exercice|Prénom d'exercice|{_EXERCISE}|{_SKILL}|Code mode exercice|Libellé mode exercice|"
    "Numéro SIRET site|Numéro SIREN site|Numéro FINESS site|Numéro FINESS établissement juridique|"
    "Identifiant technique de la structure|Raison sociale site|Enseigne commerciale site|"
    + "|".join(f"{name} (coord. structure)" for name in _CONTACT.split("|"))
    + "|Code Département (structure)|Libellé Département (structure)|Ancien identifiant de la structure|"
    "Autorité d'enregistrement|Code secteur d'activité|Libellé secteur d'activité|"
    "Code section tableau pharmaciens|Libellé section tableau pharmaciens|"
    "Code rôle|Libellé rôle|Code genre activité|Libellé genre activité|"
)
COLUMNS: dict[Kind, str] = {
    "Personne_activite": _ACTIVITY,
    "SavoirFaire": f"{_PERSON}|Nom d'exercice|Prénom d'exercice|{_EXERCISE}|{_SKILL}|",
    "Dipl_AutExerc": f"{_PERSON}|Nom d'exercice|Prénom d'exercice|Code type diplôme obtenu|"
    "Libellé type diplôme obtenu|Code diplôme obtenu|Libellé diplôme obtenu|Code type autorisation|"
    "Libellé type autorisation|Code discipline autorisation|Libellé discipline autorisation|",
}
"""The header line of each file, with its last `|`."""


@dataclass(frozen=True, slots=True)
class Commune:
    """A place where professionals work: INSEE code, postal code, name in capitals."""

    code: str
    postal_code: str
    name: str


@dataclass(frozen=True, slots=True)
class Names:
    """What people and places are called: family names, given names (with M or MME), communes."""

    families: Sequence[str]
    givens: Sequence[tuple[str, str]]
    communes: Sequence[Commune]


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(a, b) for a, _, b in (item.partition("/") for item in text.split(", "))]


def _words(text: str) -> list[str]:
    return text.split(", ")


OWN_NAMES = Names(
    families=_words(
        "LE GOFF, LE GALL, MARTIN, MORVAN, TANGUY, KERVELLA, GUILLOU, HÉLIAS, RIOU, QUÉMÉNER, JÉZÉQUEL, "
        "D'ANDREA, BENALI, NGUYEN, FERREIRA, PRIGENT, LE BRIS, SALAÜN, ROUÉ, CADIOU, ABGRALL, DIALLO"
    ),
    givens=_pairs(
        "YANN/M, ANNE-MARIE/MME, MAËL/M, SOIZIC/MME, ERWAN/M, NOLWENN/MME, KARIM/M, INÈS/MME, "
        "JEAN-PIERRE/M, GWENAËLLE/MME, LOÏC/M, FATOUMATA/MME, THIBAULT/M, ZOÉ/MME"
    ),
    communes=[
        Commune(*place.split("/"))
        for place in _words(
            "29019/29200/BREST, 29232/29000/QUIMPER, 29151/29600/MORLAIX, 29103/29800/LANDERNEAU, "
            "29046/29150/CHATEAULIN, 22278/22000/SAINT-BRIEUC, 22113/22300/LANNION, 56260/56000/VANNES, "
            "56121/56100/LORIENT, 35238/35000/RENNES, 35288/35400/SAINT-MALO, 35115/35300/FOUGERES"
        )
    ],
)


@dataclass(frozen=True, slots=True)
class _Profession:
    code: str
    label: str
    title: str
    skills: tuple[tuple[str, str, str, str], ...]
    degree: str
    degree_label: str
    authority: str


def _specialties(text: str) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(("S", "Spécialité ordinale", code, label) for code, label in _pairs(text))


_DOCTOR = _specialties(
    "SM54/Médecine générale, SM53/Spécialiste en Médecine Générale, SM04/Cardiologie, "
    "SM15/Dermatologie et vénéréologie, SM20/Gynécologie-obstétrique, SM40/Pédiatrie, SM42/Psychiatrie, "
    "SM44/Radio-diagnostic, SM38/Ophtalmologie, SM02/Anesthésie-réanimation"
)
_PROFESSIONS = [
    _Profession("10", "Médecin", "DR", _DOCTOR, "DE28", "Docteur en médecine", "CNOM/CNOM/CNOM"),
    _Profession("60", "Infirmier", "", (), "DE13", "DE Infirmier", "ARS/ARS/ARS"),
    _Profession("21", "Pharmacien", "DR", (), "DE09", "Docteur en pharmacie", "CNOP/CNOP/CNOP"),
    _Profession(
        "70", "Masseur-Kinésithérapeute", "", (), "DE16", "DE Masseur-kinésithérapeute", "CNOMK/CNOMK/CNOMK"
    ),
    _Profession(
        "40", "Chirurgien-Dentiste", "DR", (), "DE03", "Docteur en chirurgie dentaire", "CNOCD/CNOCD/CNOCD"
    ),
    _Profession("50", "Sage-Femme", "", (), "DE22", "DE Sage-femme", "CNOSF/CNOSF/CNOSF"),
    _Profession("35", "Aide-soignant", "", (), "DE01", "DE Aide-soignant", "ARS/ARS/ARS"),
    _Profession(
        "91", "Orthophoniste", "", (), "DE20", "Certificat de capacité d'orthophoniste", "ARS/ARS/ARS"
    ),
    _Profession("80", "Pédicure-Podologue", "", (), "DE21", "DE Pédicure-podologue", "CNOPP/CNOPP/CNOPP"),
    _Profession("28", "Opticien-Lunetier", "", (), "DE19", "BTS Opticien-lunetier", "ARS/ARS/ARS"),
    _Profession("98", "Manipulateur ERM", "", (), "DE14", "DE Manipulateur ERM", "ARS/ARS/ARS"),
    _Profession(
        "86", "Technicien de labo médical", "", (), "DE23", "DE Technicien de laboratoire", "ARS/ARS/ARS"
    ),
]
_WEIGHTS = [22, 34, 7, 10, 5, 3, 9, 3, 2, 3, 1, 1]
_SECTORS = _pairs(
    "SA01/Etablissement public de santé, SA05/Centre de santé, SA07/Cabinet individuel, "
    "SA08/Cabinet de groupe, SA33/Pharmacie d'officine, SA09/Exercice en société"
)
_STREETS = [("R", "Rue"), ("AV", "Avenue"), ("PL", "Place"), ("BD", "Boulevard"), ("", "")]
_ROLES = _pairs("FON-01/Titulaire de cabinet, FON-04/Salarié, FON-11/Remplaçant, FON-AU/Autre fonction")


@dataclass(frozen=True, slots=True)
class _Structure:
    """The columns of a structure, as they stand in a line: identifiers, name and coordinates, sector."""

    ids: tuple[str, ...]
    contact: tuple[str, ...]
    department: tuple[str, str]
    former: str
    sector: tuple[str, str]


def write_extract(
    folder: Path,
    lines: int,
    *,
    seed: str,
    stamp: str,
    names: Names = OWN_NAMES,
    encoding: str = "utf-8",
    told: Callable[[int], None] = lambda written: None,
) -> dict[Kind, Path]:
    """Writes the three files of an extract with `lines` activity lines into `folder`; gives their paths.

    `stamp` is the YYYYMMDDHHMM of the file names. Memory does not grow with `lines`. A professional has one
    to three lines, a skill line when a doctor, and one degree line. `told` hears how many lines are written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"PS_LibreAcces_{kind}_{stamp}.txt" for kind in KINDS}
    with ExitStack() as opened:
        files = {
            kind: opened.enter_context(path.open("w", encoding=encoding, newline="", buffering=1 << 16))
            for kind, path in paths.items()
        }
        for kind, file in files.items():
            file.write(COLUMNS[kind] + "\n")
        for written in _people(files, lines, Random(seed), _structures(seed, names), names):
            told(written)
    return paths


def _people(
    files: Mapping[Kind, IO[str]],
    lines: int,
    chance: Random,
    structures: Callable[[int], _Structure],
    names: Names,
) -> Iterator[int]:
    """Writes one professional after the other; gives the activity lines so far."""
    number, written, known = 0, 0, max(1, lines // 8)
    while written < lines:
        number += 1
        person, profession = _person(number, chance, names)
        exercise = f"{profession.code}|{profession.label}|C|Civil"
        skill = chance.choice(profession.skills) if profession.skills else ("",) * 4
        head, name = "|".join(person[:3]), f"{person[4]}|{person[5]}"
        title = f"{profession.title}|{'Docteur' if profession.title else ''}"
        civility = f"{person[3]}|{'Monsieur' if person[3] == 'M' else 'Madame'}"
        for _ in range(min(chance.choice((1, 1, 1, 2, 2, 3)), lines - written)):
            where = structures(chance.randrange(known))
            files["Personne_activite"].write(
                f"{head}|{title}|{civility}|{name}|{exercise}|{'|'.join(skill)}|"
                f"{_situation(chance, where, profession)}|\n"
            )
            written += 1
        if skill[0]:
            files["SavoirFaire"].write(f"{head}|{name}|{exercise}|{'|'.join(skill)}|\n")
        degree = f"DE|Diplôme d'Etat français|{profession.degree}|{profession.degree_label}"
        files["Dipl_AutExerc"].write(f"{head}|{name}|{degree}|||||\n")
        yield written


def _person(number: int, chance: Random, names: Names) -> tuple[tuple[str, ...], _Profession]:
    profession = chance.choices(_PROFESSIONS, _WEIGHTS)[0]
    given, civility = chance.choice(names.givens)
    if profession.code in ("28", "86", "91") and chance.random() < 0.4:
        kind, value = "0", f"29{number:07d}"[:9]
    else:
        body = f"19{number:08d}"
        kind, value = "8", body + luhn_key(body)
    return (kind, value, kind + value, civility, chance.choice(names.families), given), profession


def _situation(chance: Random, where: _Structure, profession: _Profession) -> str:
    liberal = where.sector[0] in ("SA07", "SA08", "SA09", "SA33")
    mode = "L|Libéral,indépendant,artisan,commerçant" if liberal else "S|Salarié"
    role = chance.choice(_ROLES)
    pharmacy = "A|Officine" if profession.code == "21" and liberal else "|"
    contact = where.contact
    if chance.random() < 0.1:
        contact = (*contact[:-1], f"contact{chance.randrange(10**6)}@pro.mssante.fr")
    return "|".join(
        (
            mode,
            *where.ids,
            *contact,
            *where.department,
            where.former,
            profession.authority,
            *where.sector,
            pharmacy,
            *role,
            "GENR01|Activité standard de soin ou de pharmacien",
        )
    )


def _structures(seed: str, names: Names) -> Callable[[int], _Structure]:
    """The structure of a number, always the same for the same seed; the last ones are remembered."""
    return lru_cache(maxsize=8192)(lambda number: _structure(number, Random(f"{seed}/{number}"), names))


def _structure(number: int, chance: Random, names: Names) -> _Structure:
    sector, commune = chance.choice(_SECTORS), chance.choice(names.communes)
    department = commune.code[:3] if commune.code.startswith(("97", "98")) else commune.code[:2]
    finess = _finess(department, number) if sector[0] in ("SA01", "SA05", "SA33") else ""
    legal = _finess(department, 900_000 + number // 10) if finess else ""
    siren = f"9{number:07d}"
    siren += luhn_key(siren)
    siret = siren + "0001"
    siret += luhn_key(siret)
    technical = f"F{finess}" if finess else f"R19{number:09d}"
    company = sector[0] in ("SA01", "SA09")
    name = f"{sector[1].split(' ')[0].upper()} {chance.choice(names.families)} {number}"
    ids = (siret if company else "", siren if company else "", finess, legal, technical, name)
    former = f"1{finess}" if finess else f"3{siret}" if company else f"4{technical[1:]}"
    brand = "" if number % 5 else f"MAISON DE SANTÉ {commune.name}"
    return _Structure((*ids, brand), _contact(chance, commune), (department, ""), former, sector)


def _finess(department: str, number: int) -> str:
    body = f"{department[:2]}{number % 1_000_000:06d}"
    return body + (luhn_key(body) if body.isdecimal() else "0")


def _contact(chance: Random, commune: Commune) -> tuple[str, ...]:
    street, label = chance.choice(_STREETS)
    house = str(chance.randrange(1, 150)) if street else ""
    phone = f"029{chance.randrange(10**7):07d}"
    cedex = f"{commune.postal_code} {commune.name}"
    email = f"accueil{chance.randrange(10**5)}@sante.example" if chance.random() < 0.3 else ""
    name = chance.choice(("DE LA GARE", "DES HALLES", "ANATOLE LE BRAZ", "DE L'ÉGLISE", "DU PORT"))
    return (
        *("", "", house, "BIS" if house and chance.random() < 0.05 else "", street, label, name),
        *("", cedex, commune.postal_code, commune.code, commune.name.title(), "99100", "France"),
        *(phone, "", "", email),
    )
