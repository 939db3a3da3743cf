"""Documents: a DocumentReference and the Binary it points to, its content written by whoever is asked.

Rule: PDSm 3.1.1 comprehensive DocumentReference: type (J07), class (J06), author, custodian, size, SHA-1 hash
and title of the attachment, confidentiality (J08).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from aubier.access.labels import VISIBILITY
from aubier.ground.rows import Resource
from aubier.sandbox.clinical.catalogue import LOINC
from aubier.sandbox.clinical.record import Record
from aubier.sandbox.territory.carers import Carer
from aubier.sandbox.territory.days import at, french
from aubier.sandbox.territory.people import Person

_NOS = "https://mos.esante.gouv.fr/NOS/"
_TRE_A05 = f"{_NOS}TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"

KINDS = {
    "discharge": ("11490-0", "Lettre de liaison à la sortie d'un établissement de soins", "11"),
    "consultation": ("11488-4", "CR ou fiche de consultation ou de visite", "10"),
    "biology": ("11502-2", "CR d'examens biologiques", "10"),
    "imaging": ("18748-4", "CR d'imagerie médicale", "31"),
    "stay": ("34112-3", "CR hospitalier (séjour)", "10"),
    "emergency": ("15507-7", "CR de passage aux urgences", "10"),
    "operation": ("34874-8", "CR opératoire", "10"),
    "prescription": ("57833-6", "Prescription de produits de santé", "42"),
    "care": ("57832-8", "Prescription de soins", "42"),
    "dispensing": ("60593-1", "Dispensation médicamenteuse", "43"),
    "vaccination": ("87273-9", "Note de vaccination", "45"),
    "summary": ("60591-5", "Synthèse médicale", "11"),
    "psychiatry": ("68599-0", "Synthèse psychiatrique", "11"),
    "child": ("59283-2", "CR d'examen de l'enfant", "10"),
    "birth": ("78489-2", "Synthèse Enfant en Maternité", "11"),
    "referral": ("96349-6", "Lettre d'adressage", "11"),
    "telemedicine": ("85208-7", "CR de télémédecine", "10"),
    "nursing": ("11506-3", "CR ou fiche de suivi de soins par auxiliaire médical", "10"),
    "certificate": ("CERT_DECL", "Certificat, déclaration", "52"),
    "directives": ("EXPPAT_3", "Directives anticipées", "90"),
    "patient-care": ("DOCPAT02", "Traitement ou document de soins déposé par le patient", "90"),
    "patient-report": ("DOCPAT03", "CR déposé par le patient", "90"),
}
"""Document kinds: code (LOINC, or TRE_A05 when not numeric), French label, class (TRE_A03)."""


_TITLES = {
    "biology": (
        "Bilan lipidique",
        "Ionogramme et créatinine",
        "BNP",
        "Numération formule sanguine",
        "Glycémie",
    ),
    "consultation": ("Consultation de suivi", "Consultation de cardiologie", "Avis et conduite à tenir"),
    "imaging": ("Échographie cardiaque", "Radiographie du thorax", "Doppler des membres inférieurs"),
    "prescription": ("Renouvellement de traitement", "Ordonnance de médicaments"),
    "vaccination": (
        "Vaccin contre la grippe",
        "Rappel diphtérie, tétanos, poliomyélite",
        "Vaccin contre le Covid-19",
    ),
    "nursing": ("Transmission infirmière", "Suivi de pansement"),
    "patient-care": ("Relevé de tension à la maison", "Photo d'une ancienne ordonnance"),
}


def usual_title(kind: str, rank: int) -> str:
    """A title as authors write them, varied by `rank`; the type's label for kinds without a list."""
    titles = _TITLES.get(kind, (KINDS[kind][1],))
    return titles[rank % len(titles)]


@dataclass(frozen=True, slots=True)
class Letter:
    """What a document says, before it has a form. `author` is None when the patient deposits it.

    `code`, `label`: type of document (J07). `when` is a FHIR dateTime; `set_id` a URN of the document.
    """

    kind: str
    title: str
    day: date
    when: str
    paragraphs: tuple[str, ...]
    patient: Person
    set_id: str
    author: Carer | None = None

    @property
    def code(self) -> str:
        """The type's code."""
        return KINDS[self.kind][0]

    @property
    def label(self) -> str:
        """The type's French label."""
        return KINDS[self.kind][1]


@dataclass(frozen=True, slots=True)
class Content:
    """A written document: bytes, media type and format code (`TRE_A11` or IHE)."""

    data: bytes
    media_type: str = "text/plain"
    format_code: str = "urn:ihe:iti:xds-sd:text:2008"
    charset: str = field(default="utf-8")


Writer = Callable[[Letter], Content]
"""Gives a letter its form: plain text here, CDA R2 when the record room's writer is plugged in."""


def plain_text(letter: Letter) -> Content:
    """The letter as UTF-8 text, the default form."""
    person, author = letter.patient, letter.author
    place = f"{author.place.name}, {author.place.commune.name}" if author else "Mon espace santé"
    about = f"{person.display}, né{'e' if person.sex == 'F' else ''} le {french(person.birth)}"
    head = f"{place}\n{french(letter.day)}\n\n{letter.title}\n{about}\n"
    sign = author.display if author else person.display
    return Content("\n".join((head, *letter.paragraphs, "", sign, "")).encode())


@dataclass(frozen=True, slots=True)
class Filed:
    """A document filed in a record: its two resources."""

    reference: Resource
    binary: Resource


def file(record: Record, writer: Writer, kind: str, day: date, **more: Any) -> Filed:
    """Files a document. `more`: `title`, `paragraphs`, `by` (Carer or None), `hour`, `minute`, `entry`,
    `visibility` (codes of TRE_A07), `replaces` (a DocumentReference), `status`, `doc_status`, `encounter`.
    """
    author: Carer | None = more.get("by")
    when = at(day, more.get("hour", 12), more.get("minute", 0))
    binary = record.add("Binary", more.get("entry", ""))
    letter = Letter(
        kind=kind,
        title=more.get("title") or KINDS[kind][1],
        day=day,
        when=when,
        paragraphs=tuple(more.get("paragraphs", ())),
        patient=record.person,
        set_id=f"urn:uuid:{binary['id']}",
        author=author,
    )
    content = writer(letter)
    if codes := more.get("visibility"):
        binary["meta"] = {"security": [{"system": VISIBILITY, "code": code} for code in codes]}
    binary["contentType"] = content.media_type
    binary["securityContext"] = record.subject
    binary["data"] = base64.b64encode(content.data).decode("ascii")
    return Filed(_reference(record, letter, content, more), binary)


def _reference(record: Record, letter: Letter, content: Content, more: dict[str, Any]) -> Resource:
    _, label, category = KINDS[letter.kind]
    system = LOINC if letter.code[0].isdigit() else _TRE_A05
    author, replaced = letter.author, more.get("replaces")
    codes = more.get("visibility", ())
    relates = {"code": "replaces", "target": {"reference": f"DocumentReference/{replaced}"}}
    return record.add(
        "DocumentReference",
        more.get("entry", ""),
        masterIdentifier={"system": "urn:ietf:rfc:3986", "value": letter.set_id},
        status=more.get("status", "current"),
        docStatus=more.get("doc_status"),
        type={"coding": [{"system": system, "code": letter.code, "display": label}]},
        category=[_nos("A03-ClasseDocument", category)] if category else None,
        subject=record.subject,
        date=letter.when,
        author=[author.link if author else record.subject],
        custodian=author.place.link if author else None,
        relatesTo=[relates] if replaced else None,
        description=letter.title,
        securityLabel=[{"coding": [{"system": VISIBILITY, "code": code}]} for code in codes or ("N",)],
        content=[_content(letter, content)],
        context=_context(letter, more),
    )


def _content(letter: Letter, content: Content) -> dict[str, Any]:
    digest = hashlib.sha1(content.data, usedforsecurity=False).digest()
    attachment = {
        "contentType": content.media_type,
        "language": "fr-FR",
        "url": f"Binary/{letter.set_id.removeprefix('urn:uuid:')}",
        "size": len(content.data),
        "hash": base64.b64encode(digest).decode("ascii"),
        "title": letter.title,
        "creation": letter.when,
    }
    system = f"{_NOS}TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
    return {"attachment": attachment, "format": {"system": system, "code": content.format_code}}


def _context(letter: Letter, more: dict[str, Any]) -> dict[str, Any]:
    hospital = letter.author is not None and letter.author.place.kind == "hospital"
    sector = letter.author.place.sector if letter.author else "SA43"
    setting = "ETABLISSEMENT" if hospital else "AMBULATOIRE"
    context: dict[str, Any] = {
        "period": {"start": letter.when, "end": letter.when},
        "facilityType": _nos("R02-SecteurActivite", sector),
        "practiceSetting": _nos("A01-CadreExercice", setting),
    }
    if more.get("encounter"):
        context["encounter"] = [{"reference": f"Encounter/{more['encounter']}"}]
    return context


def _nos(table: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_NOS}TRE_{table}/FHIR/TRE-{table}", "code": code}]}
