"""The French document nomenclatures the record needs, as data files with their sources.

`code_systems.csv`: OID of a code system and its FHIR URL (NOS of the ANS; HL7 terminology).
`document_formats.csv`: document model (templateId) or media type, and formatCode
(ASS_A11-CorresModeleCDA-XdsFormatCode-CISIS of 2026-06-29, ASS_A12).
`document_classes.csv`: document type (JDV_J07 of 2026-06-29) and class (TRE_A03 of 2023-12-15). The
published table ASS_X04 was not at hand: the class is our reading of each type's label.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from aubier.ground.rows import Resource

NOS = "https://mos.esante.gouv.fr/NOS"
CLASS_SYSTEM = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
_FORMAT_SYSTEMS = {
    "A06": f"{NOS}/TRE_A06-FormatCodeComplementaire/FHIR/TRE-A06-FormatCodeComplementaire",
    "A11": f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
}
_UNPROFILED = ("A06", "urn:asipSante:modelesHorsProfils:2011")

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "10": "Compte rendu",
        "11": "Synthèse",
        "31": "Imagerie médicale",
        "42": "Prescription",
        "43": "Dispensation",
        "44": "Plan de soins, protocole de soins",
        "45": "Traitement administré",
        "52": "Certificat, déclaration",
        "60": "Données de remboursement",
        "90": "Autres documents déposés par le patient",
        "95": "Document de gestion",
        "99": "Document technique",
    }
)
"""Document classes (TRE_A03) and their labels."""


def _rows(name: str) -> list[list[str]]:
    text = files(__package__).joinpath(name).read_text("utf-8")
    return list(csv.reader(text.splitlines()))[1:]


@cache
def _systems() -> Mapping[str, str]:
    return {row[0]: row[1] for row in _rows("code_systems.csv")}


@cache
def _formats() -> Mapping[str, tuple[str, str]]:
    return {model: (system, code) for model, system, code in _rows("document_formats.csv")}


@cache
def _classes() -> Mapping[str, str]:
    return {row[0]: row[1] for row in _rows("document_classes.csv")}


def system_url(oid: str) -> str:
    """The FHIR URL of a code system given by OID; `urn:oid:...` when it has none that we know."""
    return _systems().get(oid, f"urn:oid:{oid}")


def document_class(type_code: str) -> Resource:
    """The category (Coding of TRE_A03) of a document type; `10` compte rendu for an unknown type."""
    code = _classes().get(type_code, "10")
    return {"system": CLASS_SYSTEM, "code": code, "display": CLASSES[code]}


def document_format(models: tuple[str, ...], media_type: str = "") -> Resource:
    """The format (Coding) of a document from its models (most precise last), or its N1 media type."""
    known = [_formats()[m] for m in (media_type, *models) if m in _formats()]
    system, code = (known[0] if media_type and known else known[-1]) if known else _UNPROFILED
    return {"system": _FORMAT_SYSTEMS[system], "code": code}
