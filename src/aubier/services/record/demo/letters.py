"""Plausible documents for the sandbox: CDA R2 N3 as bytes, from arguments only.

The same arguments give the same bytes. Rule: CI-SIS Structuration minimale v1.16 (header), with the
models of the liaison letter, the laboratory report, the prescription and the imaging report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from aubier.services.record.cda.xml import HL7

_LOINC = "2.16.840.1.113883.6.1"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TITLES = {"M": "M", "F": "MME"}


@dataclass(frozen=True, slots=True)
class Person:
    """The patient of a document: strict traits and number. `birth_date` YYYY-MM-DD, `sex` M or F.

    `ins_oid` is a test OID, bare; `birth_place` an INSEE code.
    """

    ins: str
    ins_oid: str
    birth_name: str
    given_names: str
    first_given: str
    birth_date: str
    sex: str
    birth_place: str
    birth_city: str = ""
    used_name: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """An establishment or practice: IDNST, name, sector of activity (R02) and setting (A01)."""

    idnst: str
    name: str
    sector: tuple[str, str] = ("SA01", "Etablissement public de santé")
    setting: tuple[str, str] = ("ETABLISSEMENT", "Etablissement de santé")


@dataclass(frozen=True, slots=True)
class Writer:
    """A professional: IDNPS, name, profession and know-how (A02)."""

    idnps: str
    family: str
    given: str
    specialty: tuple[str, str]
    place: Place
    sex: str = "F"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a section: header cells and rows of cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A section: title, LOINC code and its parts in order, paragraphs (str), lists (tuple) or tables."""

    title: str
    code: tuple[str, str]
    parts: tuple[str | tuple[str, ...] | Table, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A document's own facts. `when` and the period are aware datetimes; `identifier` its unique OID.

    `replaces` is the identifier of the version it replaces; `recipients` who it is addressed to.
    """

    identifier: str
    when: datetime
    patient: Person
    writer: Writer
    start: datetime | None = None
    end: datetime | None = None
    recipients: tuple[Writer, ...] = ()
    replaces: str = ""
    version: int = 1


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")


def _put(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    child = etree.SubElement(parent, f"{{{HL7}}}{name}")
    for key, value in attributes.items():
        child.set(key, value)
    child.text = text or None
    return child


def _coded(parent: etree._Element, name: str, code: tuple[str, str], system: str) -> etree._Element:
    return _put(parent, name, code=code[0], displayName=code[1], codeSystem=system)


def _patient(root: etree._Element, person: Person) -> None:
    role = _put(_put(root, "recordTarget"), "patientRole")
    _put(role, "id", extension=person.ins, root=person.ins_oid)
    _put(role, "addr", nullFlavor="NASK")
    _put(role, "telecom", nullFlavor="NASK")
    patient = _put(role, "patient", classCode="PSN")
    name = _put(patient, "name")
    _put(name, "family", person.birth_name, qualifier="BR")
    _put(name, "given", person.given_names)
    _put(name, "given", person.first_given, qualifier="BR")
    if person.used_name:
        _put(name, "family", person.used_name, qualifier="CL")
        _put(name, "given", person.first_given, qualifier="CL")
    sex = (person.sex, {"M": "Masculin", "F": "Féminin"}.get(person.sex, "Indéterminé"))
    _coded(patient, "administrativeGenderCode", sex, "2.16.840.1.113883.5.1")
    _put(patient, "birthTime", value=person.birth_date.replace("-", ""))
    address = _put(_put(_put(patient, "birthplace"), "place"), "addr")
    _put(address, "county", person.birth_place)
    if person.birth_city:
        _put(address, "city", person.birth_city.upper())


def _name(parent: etree._Element, writer: Writer) -> None:
    name = _put(parent, "name")
    _put(name, "family", writer.family.upper())
    _put(name, "given", writer.given)
    _put(name, "prefix", _TITLES.get(writer.sex, ""))
    if writer.specialty[0].startswith("G15_10"):
        _put(name, "suffix", "DR")


def _organization(parent: etree._Element, name: str, place: Place, *, setting: bool = False) -> None:
    made = _put(parent, name)
    _put(made, "id", root="1.2.250.1.71.4.2.2", extension=place.idnst)
    _put(made, "name", place.name)
    if setting:
        _coded(made, "standardIndustryClassCode", place.setting, "1.2.250.1.213.1.1.4.9")


def _entity(parent: etree._Element, name: str, writer: Writer, *, setting: bool = False) -> None:
    entity = _put(parent, name)
    _put(entity, "id", root="1.2.250.1.71.4.2.1", extension=writer.idnps)
    _coded(entity, "code", writer.specialty, "1.2.250.1.213.1.1.4.5")
    _put(entity, "addr", nullFlavor="NASK")
    _put(entity, "telecom", nullFlavor="NASK")
    _name(_put(entity, "assignedPerson"), writer)
    _organization(entity, "representedOrganization", writer.place, setting=setting)


def _people(root: etree._Element, story: Story) -> None:
    author = _put(root, "author")
    _put(author, "time", value=_stamp(story.when))
    _entity(author, "assignedAuthor", story.writer)
    custodian = _put(_put(root, "custodian"), "assignedCustodian")
    _organization(custodian, "representedCustodianOrganization", story.writer.place)
    for recipient in story.recipients:
        made = _put(_put(root, "informationRecipient"), "intendedRecipient")
        _put(made, "id", root="1.2.250.1.71.4.2.1", extension=recipient.idnps)
        _name(_put(made, "informationRecipient"), recipient)
        _organization(made, "receivedOrganization", recipient.place)
    signer = _put(root, "legalAuthenticator")
    _put(signer, "time", value=_stamp(story.when))
    _put(signer, "signatureCode", code="S")
    _entity(signer, "assignedEntity", story.writer)


def _period(parent: etree._Element, story: Story) -> None:
    times = _put(parent, "effectiveTime")
    _put(times, "low", value=_stamp(story.start or story.when))
    if story.end:
        _put(times, "high", value=_stamp(story.end))


def _act(root: etree._Element, story: Story, act: tuple[str, str, str]) -> None:
    event = _put(_put(root, "documentationOf"), "serviceEvent", classCode="ACT")
    _coded(event, "code", act[:2], act[2])
    _period(event, story)
    performer = _put(event, "performer", typeCode="PRF")
    _put(performer, "time", nullFlavor="NA")
    _entity(performer, "assignedEntity", story.writer, setting=True)
    if story.replaces:
        parent = _put(_put(root, "relatedDocument", typeCode="RPLC"), "parentDocument")
        _put(parent, "id", root=story.replaces)
    stay = _put(_put(root, "componentOf"), "encompassingEncounter")
    _period(stay, story)
    facility = _put(_put(stay, "location"), "healthCareFacility")
    _coded(facility, "code", story.writer.place.sector, "1.2.250.1.71.4.2.4")
    _put(_put(facility, "location"), "name", story.writer.place.name)


def _table(text: etree._Element, table: Table) -> None:
    made = _put(text, "table", border="0")
    head = _put(_put(made, "thead"), "tr")
    for cell in table.head:
        _put(head, "th", cell)
    body = _put(made, "tbody")
    for row in table.rows:
        line = _put(body, "tr")
        for cell in row:
            _put(line, "td", cell)


def _section(body: etree._Element, section: Section) -> None:
    made = _put(_put(body, "component"), "section")
    _coded(made, "code", section.code, _LOINC)
    _put(made, "title", section.title)
    text = _put(made, "text")
    for part in section.parts:
        if isinstance(part, str):
            _put(text, "paragraph", part)
        elif isinstance(part, Table):
            _table(text, part)
        else:
            items = _put(text, "list")
            for item in part:
                _put(items, "item", item)


def cda(
    story: Story,
    sections: Sequence[Section],
    *,
    kind: tuple[str, str],
    title: str,
    model: str,
    act: tuple[str, str, str],
) -> bytes:
    """A CDA R2 N3 document in UTF-8.

    `kind` is the LOINC type and its label, `model` the document's templateId, `act` the act's code,
    label and code system OID.
    """
    root = etree.Element(f"{{{HL7}}}ClinicalDocument", nsmap={None: HL7, "xsi": _XSI})
    _put(root, "realmCode", code="FR")
    _put(root, "typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040")
    for template in ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", model):
        _put(root, "templateId", root=template)
    _put(root, "id", root=story.identifier)
    _coded(root, "code", kind, _LOINC)
    _put(root, "title", title)
    _put(root, "effectiveTime", value=_stamp(story.when))
    _coded(root, "confidentialityCode", ("N", "Normal"), "2.16.840.1.113883.5.25")
    _put(root, "languageCode", code="fr-FR")
    _put(root, "setId", root=story.identifier.rpartition(".")[0])
    _put(root, "versionNumber", value=str(story.version))
    _patient(root, story.patient)
    _people(root, story)
    _act(root, story, act)
    body = _put(_put(root, "component"), "structuredBody")
    for section in sections:
        _section(body, section)
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))


def discharge_letter(
    story: Story,
    *,
    reason: str,
    summary: Sequence[str],
    treatments: Sequence[tuple[str, str, str]],
    follow_up: Sequence[str],
) -> bytes:
    """A liaison letter at hospital discharge; `treatments` are medicine, dose, until when.

    Rule: CSP R1112-1-2 (liaison letter); LOINC 11490-0.
    """
    medicines = Table(("Médicament", "Posologie", "Jusqu'au"), tuple(treatments))
    sections = (
        Section("Motif d'hospitalisation", ("42349-1", "Motif de la demande"), (reason,)),
        Section("Synthèse médicale du séjour", ("8648-8", "Synthèse du séjour"), tuple(summary)),
        Section("Traitements à la sortie", ("10183-2", "Traitements à la sortie"), (medicines,)),
        Section("Suites à donner", ("18776-5", "Suites à donner"), (tuple(follow_up),)),
    )
    return cda(
        story,
        sections,
        kind=("11490-0", "Lettre de liaison à la sortie d'un établissement de soins"),
        title="Lettre de liaison à la sortie de l'établissement de santé",
        model="1.2.250.1.213.1.1.1.29",
        act=("IMP", "Hospitalisation", "2.16.840.1.113883.5.4"),
    )


def consultation_report(story: Story, *, reason: str, findings: Sequence[str], plan: Sequence[str]) -> bytes:
    """A consultation report. LOINC 11488-4."""
    sections = (
        Section("Motif de la consultation", ("42349-1", "Motif"), (reason,)),
        Section("Examen et conclusion", ("11496-7", "Examen clinique"), tuple(findings)),
        Section("Conduite à tenir", ("18776-5", "Plan de soins"), (tuple(plan),)),
    )
    return cda(
        story,
        sections,
        kind=("11488-4", "CR ou fiche de consultation ou de visite"),
        title="Compte rendu de consultation",
        model="1.2.250.1.213.1.1.1.1",
        act=("11429006", "Consultation", "2.16.840.1.113883.6.96"),
    )


def laboratory_report(
    story: Story, *, results: Sequence[tuple[str, str, str]], conclusion: str = ""
) -> bytes:
    """A laboratory report; `results` are analysis, result with unit, reference values. LOINC 11502-2."""
    table = Table(("Analyse", "Résultat", "Valeurs de référence"), tuple(results))
    parts: tuple[str | tuple[str, ...] | Table, ...] = (table, conclusion) if conclusion else (table,)
    return cda(
        story,
        (Section("Résultats", ("18719-5", "Biochimie"), parts),),
        kind=("11502-2", "CR d'examens biologiques"),
        title="Compte rendu d'examens biologiques",
        model="1.2.250.1.213.1.1.1.55",
        act=("18719-5", "Biochimie", _LOINC),
    )


def prescription(story: Story, *, lines: Sequence[tuple[str, str, str]]) -> bytes:
    """A prescription of medicines; `lines` are medicine, dose, duration. LOINC 57833-6."""
    table = Table(("Médicament", "Posologie", "Durée"), tuple(lines))
    return cda(
        story,
        (Section("Traitements prescrits", ("57828-6", "Prescription"), (table,)),),
        kind=("57833-6", "Prescription de produits de santé"),
        title="Ordonnance de médicaments",
        model="1.2.250.1.213.1.1.1.39",
        act=("57833-6", "Prescription de produits de santé", _LOINC),
    )


def imaging_report(story: Story, *, examination: str, findings: Sequence[str], conclusion: str) -> bytes:
    """An imaging report. LOINC 18748-4."""
    sections = (
        Section("Examen", ("55111-9", "Acte d'imagerie"), (examination,)),
        Section("Résultats", ("59776-5", "Résultats"), tuple(findings)),
        Section("Conclusion", ("19005-8", "Conclusion"), (conclusion,)),
    )
    return cda(
        story,
        sections,
        kind=("18748-4", "CR d'imagerie médicale"),
        title=f"Compte rendu d'imagerie : {examination}",
        model="1.2.250.1.213.1.1.1.45",
        act=("18748-4", "Acte d'imagerie", _LOINC),
    )


BUILDERS: dict[str, Callable[..., bytes]] = {
    "11490-0": discharge_letter,
    "11488-4": consultation_report,
    "11502-2": laboratory_report,
    "57833-6": prescription,
    "18748-4": imaging_report,
}
"""The builders by document type (LOINC)."""
