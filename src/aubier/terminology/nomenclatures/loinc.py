"""LOINC: its main table, and the table of a linguistic variant as a supplement with designations.

Rule: LOINC release, LoincTable/Loinc.csv and AccessoryFiles/LinguisticVariants/<lang><n>LinguisticVariant.csv
(header line, UTF-8). The properties are those of the LOINC code system in FHIR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from aubier.terminology.meaning.concepts import Concept, Property, System
from aubier.terminology.nomenclatures.nomenclature import Nomenclature, cells_of, plain, text, unreadable

URL = "http://loinc.org"
_AXES = ("COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP")
_PROPERTIES = (
    *_AXES,
    "CLASS",
    "CLASSTYPE",
    "STATUS",
    "ORDER_OBS",
    "EXAMPLE_UCUM_UNITS",
    "VersionLastChanged",
)
_VARIANT = re.compile(r"([a-z]{2})([A-Z]{2})\d*LinguisticVariant\.csv")
_NUMBER = re.compile(r"(?:LP|LA|LL|LG)?\d{1,8}-\d")
_GONE = ("DEPRECATED", "DISCOURAGED")


def recognised(path: Path) -> Path | None:
    """The path itself, when it is named as one of these tables is."""
    return path if plain(path) == "Loinc.csv" or _VARIANT.fullmatch(plain(path)) else None


def read(path: Path) -> Nomenclature:
    """The main table, or a variant. Problem `structure` when the columns are not there."""
    variant = _VARIANT.fullmatch(plain(path))
    _columns(path, ("LOINC_NUM", *_AXES))
    if variant:
        language = f"{variant[1]}-{variant[2]}"
        system = System(f"{URL}/variant/{language}", content="supplement", name=f"LOINC {language}")
        return Nomenclature(system, lambda: _named(path, language), supplements=URL)
    version = _newest(path)
    system = System(URL, version, title="LOINC", name="LOINC")
    return Nomenclature(system, lambda: _concepts(path), publisher="Regenstrief Institute")


def _columns(path: Path, names: tuple[str, ...]) -> None:
    header = next(cells_of(path), [])
    missing = [name for name in names if name not in header]
    if missing:
        raise unreadable(path, f"no column {missing[0]}", f"pas de colonne {missing[0]}")


def _rows(path: Path) -> Iterator[dict[str, str]]:
    rows = cells_of(path)
    header = next(rows, [])
    empty = dict.fromkeys(header, "")
    for cells in rows:
        row = empty | dict(zip(header, cells, strict=False))
        if _NUMBER.fullmatch(row["LOINC_NUM"]):
            yield row


def _newest(path: Path) -> str:
    """The release: the highest version at which a term last changed, since the table names no other."""
    found = ((row.get("VersionLastChanged") or "") for row in _rows(path))
    known = [v for v in found if re.fullmatch(r"\d\.\d\d", v)]
    return max(known, default="")


def _concepts(path: Path) -> Iterator[Concept]:
    for row in _rows(path):
        properties = tuple(p for name in _PROPERTIES for p in text(name, row.get(name) or ""))
        if row.get("STATUS") in _GONE[:1]:
            properties += (Property("inactive", "valueBoolean", True),)
        yield Concept(
            row["LOINC_NUM"],
            row.get("LONG_COMMON_NAME") or ":".join(row[name] for name in _AXES if row[name]),
            row.get("DefinitionDescription") or "",
            properties=properties,
            designations=tuple(
                {"language": "en", "use": {"system": URL, "code": name}, "value": row[name]}
                for name in ("SHORTNAME", "CONSUMER_NAME", "DisplayName")
                if row.get(name)
            ),
        )


def _named(path: Path, language: str) -> Iterator[Concept]:
    """The names of a variant: the long one where there is one, else the axes as LOINC writes them."""
    for row in _rows(path):
        long = row.get("LONG_COMMON_NAME") or ":".join(row[name] for name in _AXES if row[name])
        names = [long, row.get("LinguisticVariantDisplayName"), row.get("SHORTNAME")]
        designations = tuple(
            {"language": language, "value": value} for value in dict.fromkeys(n for n in names if n)
        )
        if designations:
            yield Concept(row["LOINC_NUM"], designations=designations)
