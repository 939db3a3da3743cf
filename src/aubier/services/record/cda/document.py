"""The DocumentReference of a CDA document.

Rule: PDSm 3.1.1 (comprehensive DocumentReference); CI-SIS volet Partage de documents de santé v1.16
(metadata deduced from the CDA header).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime

from aubier.access.labels import CONFIDENTIALITY
from aubier.ground.clock import instant
from aubier.ground.rows import Resource
from aubier.services.record.cda.model import Code, Header, Id, Name, Organization, Party, PatientRole
from aubier.services.record.codes import (
    document_class,
    document_format,
    system_url,
)

MEDIA_TYPE = "application/xml"
"""The media type under which a CDA is stored and given back. Rule: PDSm4DMP 0.1.0 examples."""
_GENDERS = {"M": "male", "F": "female", "UN": "unknown"}
_BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
_INSEE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code"
_COMMUNES = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
_IDENTIFIER_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
_KINDS = {"1.2.250.1.71.4.2.1": "IDNPS", "1.2.250.1.71.4.2.2": "IDNST"}
_RELATIONS = {"RPLC": "replaces", "APND": "appends", "XFRM": "transforms"}
_UNIQUE_ID = {
    "coding": [
        {
            "system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType",
            "code": "uniqueId",
        }
    ]
}


def fingerprint(content: bytes) -> Resource:
    """The `size` (bytes) and `hash` (SHA-1, base64) of an Attachment. Rule: FHIR R4 Attachment.hash."""
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    return {"size": len(content), "hash": base64.b64encode(digest).decode()}


def identifier_of(found: Id) -> Resource:
    """A FHIR Identifier of an HL7 II: the root as system, or the whole as a URI without extension."""
    if not found.extension:
        return {"system": "urn:ietf:rfc:3986", "value": found.uri}
    kind = _KINDS.get(found.root)
    typed = {"type": {"coding": [{"system": _IDENTIFIER_TYPES, "code": kind}]}} if kind else {}
    return {**typed, "system": found.uri, "value": found.extension}


def patient_identifiers(patient: PatientRole) -> list[Resource]:
    """The identifiers of the document's patient, as FHIR, in order."""
    return [identifier_of(i) for i in patient.ids if i.extension]


def _concept(code: Code) -> Resource:
    coding = {"system": system_url(code.system), "code": code.code, "display": code.display}
    return {"coding": [{k: v for k, v in coding.items() if v}]}


def _human(name: Name) -> Resource:
    made = {
        "text": name.text,
        "family": name.family,
        "given": [name.given] if name.given and name.given != "." else [],
        "prefix": [name.prefix] if name.prefix else [],
        "suffix": [name.suffix] if name.suffix else [],
    }
    return {k: v for k, v in made.items() if v}


def source_patient(patient: PatientRole, identifiers: Sequence[Resource]) -> Resource:
    """A Patient of the traits that the document tells, with only the `identifiers` that may be forwarded."""
    name: Resource = {"use": "official", "family": patient.name.birth_family or patient.name.family}
    given = patient.name.birth_given or patient.name.given
    made: Resource = {"resourceType": "Patient", "name": [name | ({"given": [given]} if given else {})]}
    if patient.birth_place:
        code = {"url": _INSEE, "valueCoding": {"system": _COMMUNES, "code": patient.birth_place}}
        made["extension"] = [{"url": _BIRTH_PLACE, "valueAddress": {"extension": [code]}}]
    made |= {"identifier": list(identifiers)} if identifiers else {}
    made |= {"gender": _GENDERS[patient.gender]} if patient.gender in _GENDERS else {}
    made |= {"birthDate": patient.birth_date} if patient.birth_date else {}
    return made


def _organization(organization: Organization, local: str) -> Resource:
    made = {
        "resourceType": "Organization",
        "id": local,
        "identifier": [identifier_of(i) for i in organization.ids],
        "name": organization.name,
    }
    return {k: v for k, v in made.items() if v}


def _logical(ids: Sequence[Id], display: str, local: str) -> Resource:
    """A reference to a contained resource that also says, without opening it, who it is."""
    made: Resource = {"reference": f"#{local}"}
    made |= {"identifier": identifier_of(ids[0])} if ids else {}
    return made | ({"display": display} if display else {})


def _contained_author(party: Party, local: str) -> list[Resource]:
    """A device, or a role with its practitioner and organization, as contained resources."""
    identifiers = [identifier_of(i) for i in party.ids]
    place = [_organization(party.organization, f"{local}-org")] if party.organization.name else []
    if party.device:
        device: Resource = {"resourceType": "Device", "id": local, "identifier": identifiers}
        device["deviceName"] = [{"name": party.device, "type": "user-friendly-name"}]
        owner = {"owner": {"reference": f"#{local}-org"}} if place else {}
        return [{k: v for k, v in (device | owner).items() if v}, *place]
    person = {
        "resourceType": "Practitioner",
        "id": f"{local}-person",
        "identifier": identifiers,
        "name": [_human(party.name)] if party.name.text else [],
    }
    role: Resource = {"resourceType": "PractitionerRole", "id": local, "identifier": identifiers}
    role["practitioner"] = {"reference": f"#{local}-person"}
    role |= {"organization": {"reference": f"#{local}-org"}} if place else {}
    role |= {"code": [_concept(party.role)]} if party.role.code else {}
    role |= {"specialty": [_concept(party.specialty)]} if party.specialty.code else {}
    return [{k: v for k, v in made.items() if v} for made in (role, person)] + place


def _authors(header: Header) -> tuple[list[Resource], list[Resource]]:
    """References to the authors, and the contained resources they name."""
    references, contained = [], []
    for number, party in enumerate(header.authors, start=1):
        local = f"author-{number}"
        contained += _contained_author(party, local)
        references.append(_logical(party.ids, party.text, local))
    return references, contained


def _context(header: Header) -> Resource:
    act = next((e for e in header.events if e.start), None)
    start, end = (act.start, act.end) if act else (header.stay.start, header.stay.end)
    performers = [p for e in header.events for p in e.performers]
    organizations = [p.organization for p in (*performers, *header.authors)]
    setting = next((o.setting for o in organizations if o.setting.code), Code())
    period = {k: v for k, v in (("start", start), ("end", end)) if v}
    made = {
        "event": [_concept(e.code) for e in header.events if e.code.code],
        "period": period,
        "facilityType": _concept(header.stay.facility) if header.stay.facility.code else None,
        "practiceSetting": _concept(setting) if setting.code else None,
        "sourcePatientInfo": {"reference": "#patient"},
    }
    return {k: v for k, v in made.items() if v}


def _attachment(header: Header, content: bytes, url: str) -> Resource:
    made = {
        "contentType": MEDIA_TYPE,
        "language": header.language,
        "url": url,
        **fingerprint(content),
        "title": header.title,
        "creation": header.date if "T" in header.date else "",
    }
    return {k: v for k, v in made.items() if v}


def _relations(header: Header) -> list[Resource]:
    return [
        {
            "code": _RELATIONS[r.how],
            "target": {"type": "DocumentReference", "identifier": identifier_of(r.id)},
        }
        for r in header.related
        if r.how in _RELATIONS
    ]


def document_reference(
    header: Header,
    content: bytes,
    *,
    subject: str,
    url: str,
    now: datetime,
    identifiers: Sequence[Resource] | None = None,
) -> Resource:
    """A DocumentReference (R4) of the CDA `content` read as `header`, about the Patient `subject`.

    `url` is where the content is; `identifiers` those of the patient that may be forwarded (all of the
    header's by default). A replaced document is named by its identifier: the action finds its id.
    """
    authors, contained = _authors(header)
    kept = patient_identifiers(header.patient) if identifiers is None else identifiers
    patient = source_patient(header.patient, kept) | {"id": "patient"}
    label = {"system": CONFIDENTIALITY, "code": header.confidentiality.code or "N"}
    made: Resource = {
        "resourceType": "DocumentReference",
        "contained": [patient, *contained, _organization(header.custodian, "custodian")],
        "masterIdentifier": {"type": _UNIQUE_ID, **identifier_of(header.id)},
        "status": "current",
        "type": _concept(header.code),
        "category": [{"coding": [document_class(header.code.code)]}],
        "subject": {"reference": subject},
        "date": instant(now),
        "author": authors,
        "custodian": _logical(header.custodian.ids, header.custodian.name, "custodian"),
        "relatesTo": _relations(header),
        "description": header.title,
        "securityLabel": [{"coding": [label]}],
        "content": [
            {
                "attachment": _attachment(header, content, url),
                "format": document_format(header.models, header.media_type),
            }
        ],
        "context": _context(header),
    }
    return {k: v for k, v in made.items() if v}
