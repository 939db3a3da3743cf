"""Invented files in the formats of the publishers."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

CIS = [
    "10000001\tBRUMÉOL 5 mg, comprimé\tcomprimé\torale;sublinguale\tAutorisation active\tProcédure nationale"
    "\tCommercialisée\t07/03/1999\t\t\t LABO DES DUNES\tOui",
    "10000002\tGENÊTINE, pommade\tpommade\tcutanée\tAutorisation abrogée\tProcédure nationale"
    "\tNon commercialisée\t01/02/1980\t\t\t LABO DES DUNES\tNon",
    "not a line of the file",
]
CIP = [
    "10000001\t1234567\tplaquette de 30 comprimés\tPrésentation active\tDéclaration\t01/01/2001"
    "\t3400912345670\toui\t65%"
]

CCAM = [
    ["CNAM - CCAM version 99 applicable 01/01/2030", *[""] * 10],
    ["Code", "", "Texte", "Activité", "Phase", "Tarif 1", "Tarif 2", "", "", "", "Regroupement"],
    ["1", "", "MOULINS À VENT", *[""] * 8],
    ["", "", "À l'exclusion de : moulins à eau", *[""] * 8],
    ["01.01", "", "AILES", *[""] * 8],
    ["01.01.01", "", "Toile", *[""] * 8],
    ["ZZQP001", "", "Couture d'une toile,\nà la main", "1", "0", "51.84", "51.84", "", "", "2", "ATM"],
    ["[A, F]", "", "Note de l'acte", *[""] * 8],
    ["", "", "anesthésie", "4", "0", "10.00", "10.00", "", "", "1", "ADA"],
    ["ZZQP002", "", "Pesée", "1", "0", "Non pris en charge", "Non pris en charge", "", "", "", ""],
]

LOINC = [
    [
        *("LOINC_NUM", "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS"),
        *("VersionLastChanged", "STATUS", "SHORTNAME", "LONG_COMMON_NAME"),
    ],
    [
        "99001-1",
        "Wind",
        "Vel",
        "Pt",
        "Sky",
        "Qn",
        "",
        "WEATHER",
        "2.99",
        "ACTIVE",
        "Wind",
        "Wind speed in Sky",
    ],
    ["99002-9", "Fog", "Prid", "Pt", "Sky", "Nom", "", "WEATHER", "2.50", "DEPRECATED", "Fog", "Fog in Sky"],
]
VARIANT = [
    [
        "LOINC_NUM",
        "COMPONENT",
        "PROPERTY",
        "TIME_ASPCT",
        "SYSTEM",
        "SCALE_TYP",
        "METHOD_TYP",
        "LONG_COMMON_NAME",
    ],
    ["99001-1", "Vent", "Vitesse", "Ponctuel", "Ciel", "Numérique", "", ""],
]

CLAML = """<?xml version="1.0" encoding="UTF-8"?>
<ClaML version="2.0.0"><Title name="ICD-10-test" version="2030">Classification of weathers</Title>
<ModifierClass modifier="M1" code=".0"><Rubric kind="preferred"><Label>by day</Label></Rubric></ModifierClass>
<ModifierClass modifier="M1" code=".1">
 <Rubric kind="preferred"><Label>by night</Label></Rubric></ModifierClass>
<Class code="I" kind="chapter"><SubClass code="W00-W09"/>
 <Rubric kind="preferred"><Label xml:lang="fr">Temps</Label></Rubric></Class>
<Class code="W00-W09" kind="block"><SuperClass code="I"/><SubClass code="W00"/><SubClass code="W01"/>
 <Rubric kind="preferred"><Label>Vents</Label></Rubric></Class>
<Class code="W00" kind="category" usage="dagger"><SuperClass code="W00-W09"/><SubClass code="W00.1"/>
 <ModifiedBy code="M1"/><Rubric kind="preferred"><Label>Brise</Label></Rubric>
 <Rubric kind="exclusion"><Label>sans <Reference>W01</Reference></Label></Rubric></Class>
<Class code="W00.1" kind="category"><SuperClass code="W00"/>
 <Rubric kind="preferred"><Label>Brise du soir</Label></Rubric></Class>
<Class code="W01" kind="category"><SuperClass code="W00-W09"/>
 <Rubric kind="preferred"><Label>Calme</Label></Rubric></Class>
</ClaML>"""


def bdpm(folder: Path) -> Path:
    """A folder with both files, in the two encodings in which they come."""
    (folder / "CIS_bdpm.txt").write_bytes("\r\n".join(CIS).encode("cp1252"))
    (folder / "CIS_CIP_bdpm.txt.gz").write_bytes(gzip.compress("\n".join(CIP).encode()))
    return folder


def table(path: Path, rows: list[list[str]]) -> Path:
    """A CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def resource(path: Path, count: int, **more: Any) -> Path:
    """A CodeSystem that is large for its number of concepts, its url after them."""
    filler = "é" * 200
    concepts = [{"code": f"c{n}", "display": f"Concept {n}", "definition": filler} for n in range(count)]
    below = {"code": "top", "concept": [{"code": "below"}]}
    row = {
        "resourceType": "CodeSystem",
        "status": "active",
        "content": "complete",
        "concept": [below, *concepts],
    }
    path.write_text(
        json.dumps({**row, "url": "https://terminology.example/large", "version": "7", **more}, indent=1)
    )
    return path
