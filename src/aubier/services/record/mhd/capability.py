"""The CapabilityStatement of the door, made from the table that routes its requests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aubier.ground.rows import Resource
from aubier.services.record.mhd import MHD, PDSM
from aubier.services.record.mhd.find import SEARCH_PARAMETERS, taken

_PROFILES = {
    "DocumentReference": f"{PDSM}/StructureDefinition/pdsm-comprehensive-document-reference",
    "List": f"{PDSM}/StructureDefinition/pdsm-submissionset-comprehensive",
}
_TYPES = {
    "date": "date",
    "creation": "date",
    "period": "date",
    "period-start": "date",
    "period-end": "date",
    "title": "string",
    "author": "reference",
    "source": "reference",
    "authorOrg": "reference",
    "patient": "reference",
    "related": "reference",
    "relatesto": "reference",
}
_OWN = {(p["code"], base): p["url"] for p in SEARCH_PARAMETERS for base in p["base"]}
RELEASED = datetime(2026, 11, 22)
"""When this statement last changed."""


def _parameter(code: str, kind: str) -> Resource:
    made = {"name": code, "type": _TYPES.get(code, "token")}
    return made | ({"definition": _OWN[code, kind]} if (code, kind) in _OWN else {})


def _resource(kind: str, interactions: Iterable[str]) -> Resource:
    codes = sorted(interactions)
    made: Resource = {"type": kind, "interaction": [{"code": code} for code in codes]}
    made |= {"supportedProfile": [_PROFILES[kind]]} if kind in _PROFILES else {}
    if "search-type" in codes:
        names = ["patient", *sorted(n for n in taken(kind) if "." not in n)]
        made["searchParam"] = [_parameter(n, kind) for n in names]
    if "create" in codes:
        made["documentation"] = "create is ITI-105 Simplified Publish: the content is inside the document"
    return made


def capability(base_url: str, interactions: Iterable[tuple[str, str]]) -> Resource:
    """The statement of the door at `base_url`/pdsm; `interactions` are (type or empty, code) pairs."""
    pairs = sorted(set(interactions))
    kinds = sorted({kind for kind, _ in pairs if kind})
    system = [{"code": code} for kind, code in pairs if not kind]
    rest: Resource = {
        "mode": "server",
        "documentation": "Document sharing: ITI-65, ITI-66, ITI-67, ITI-68, ITI-105, and metadata update",
        "resource": [_resource(k, (code for kind, code in pairs if kind == k)) for k in kinds],
        "interaction": system,
    }
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base_url}/pdsm/metadata",
        "name": "AubierPDSm",
        "title": "Partage de documents de santé en mobilité",
        "status": "active",
        "date": RELEASED.date().isoformat(),
        "kind": "instance",
        "software": {"name": "Aubier"},
        "implementation": {"description": "PDSm", "url": f"{base_url}/pdsm"},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json"],
        "instantiates": [
            f"{PDSM}/CapabilityStatement/PDSm-GestionnaireDePartageDeDocuments",
            f"{MHD}/CapabilityStatement/IHE.MHD.DocumentResponder",
        ],
        "rest": [rest],
    }
