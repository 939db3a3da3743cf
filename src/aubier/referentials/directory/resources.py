"""Lines of the extraction turned into the directory's resources, as the Annuaire examples write them.

Pure. Ids come from the national identifiers, so the same professional has the same id in every load.

Rule: Annuaire Santé 1.2.0: as-dp-practitioner, as-dp-practitionerrole, as-dp-organization.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from aubier.access.labels import IDNPS, IDNST
from aubier.ground.rows import Resource
from aubier.referentials.directory.extraction.extract import Activity, Degree, Row, Skill
from aubier.referentials.directory.rules import FINESS, RPPS, RPPS_RANG, SIRENE, TYPES

SOURCE = "https://annuaire.esante.gouv.fr"
_AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
_ADXP = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"
EMAIL_TYPE = f"{_CORE}fr-core-contact-point-email-type"
INSEE = f"{_CORE}fr-core-address-insee-code"
ORGANIZATION_TYPES = f"{_AS}as-ext-organization-types"
DATA_TRACE = f"{_AS}as-ext-data-trace"
STRUCTURE_KINDS = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307"
ADELI = "https://adeli.esante.gouv.fr"


def nos(code: str, name: str) -> str:
    """The URL of a code system of the NOS: `nos("G15", "ProfessionSante")`."""
    return f"https://mos.esante.gouv.fr/NOS/TRE_{code}-{name}/FHIR/TRE-{code}-{name}"


PROFESSIONS = nos("G15", "ProfessionSante")
CATEGORIES = nos("R09", "CategorieProfessionnelle")
SKILL_TYPES = nos("R04", "TypeSavoirFaire")
DEGREE_TYPES = nos("R14", "TypeDiplome")
ROLES = nos("R21", "Fonction")
ACTIVITY_KINDS = nos("R22", "GenreActivite")
MODES = nos("R23", "ModeExercice")
SECTORS = nos("R02", "SecteurActivite")
COMMUNES = nos("R13", "Commune")
AUTHORITIES = nos("R60", "AutoriteEnregistrement")
MAIL_TYPES = nos("R256", "TypeMessagerie")

_G15 = "10 21 26 28 31 32 35 36 37 38 39 40 50 60 69 70 80 81 82 83 84 85 86 91 92 94 95 96 98"
_HEALTH_PROFESSIONS = frozenset(_G15.split(" "))
_TITLES = frozenset(["71", "72", "73", "93"])
_SKILLS = {
    "S": nos("R38", "SpecialiteOrdinale"),
    "C": nos("R39", "Competence"),
    "CEX": nos("R40", "CompetenceExclusive"),
    "DNQ": nos("R42", "DESCnonQualifiant"),
    "CAPA": nos("R43", "CapaciteSavoirFaire"),
    "PAC": nos("R44", "QualificationPAC"),
    "FQ": nos("R45", "FonctionQualifiee"),
    "DEC": nos("R97", "DroitExerciceCompl"),
    "OP": nos("G13", "OrientationParticuliere"),
}
_DEGREES = {"DE": nos("R48", "DiplomeEtatFrancais")}


def directory_id(kind: str, *parts: str) -> str:
    """The logical id of a directory resource: the same for the same kind and national identifiers."""
    digest = sha256("\x1f".join((kind, *parts)).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def profession_system(code: str) -> str:
    """The code system of a profession code: health professions, titles, social work, or others."""
    if code in _HEALTH_PROFESSIONS:
        return PROFESSIONS
    if code in _TITLES:
        return nos("R95", "UsagerTitre")
    return nos("R94", "ProfessionSocial") if code == "41" else nos("R291", "AutreProfession")


def structure_key(row: Activity) -> str:
    """The IDNST of the structure of an activity, prefixed; empty when the line names none.

    Rule: FINESS (1), else SIRET (3), else SIREN (2), else the technical identifier (4); the former identifier
    of the extraction is already prefixed and wins.
    """
    for prefix, value in (
        ("", row.structure_idnst),
        ("1", row.finess),
        ("3", row.siret),
        ("2", row.siren),
        ("4", row.structure),
    ):
        if value:
            return prefix + value
    return ""


def practitioner(
    activities: Sequence[Activity], skills: Sequence[Skill], degrees: Sequence[Degree]
) -> Resource:
    """The Practitioner of one professional's lines (at least one in all), in the order of the files."""
    practised: list[Activity | Skill] = [*activities, *skills]
    first: Row = practised[0] if practised else degrees[0]
    resource = _resource("Practitioner", directory_id("Practitioner", first.idnps))
    resource["identifier"] = _person_identifiers(first)
    if activities:
        resource["extension"] = [_trace(activities[0].authority, "RPPS" if first.idnps[0] == "8" else "")]
    resource["active"] = True
    resource["name"] = [_name(first, activities)]
    mailboxes = _mailboxes(activities)
    if mailboxes:
        resource["telecom"] = mailboxes
    qualifications = [
        *_unique(_degree(row) for row in degrees if row.degree),
        *_unique(_exercise(row) for row in practised if row.profession),
        *_unique(_skill(row) for row in practised if row.skill),
    ]
    if qualifications:
        resource["qualification"] = qualifications
    return resource


def _resource(kind: str, logical_id: str) -> Resource:
    profile = f"{_AS}as-dp-{kind.lower()}"
    return {
        "resourceType": kind,
        "id": logical_id,
        "meta": {"source": SOURCE, "profile": [profile]},
        "language": "fr",
    }


def _person_identifiers(row: Row) -> list[Resource]:
    found = [identifier(IDNPS, "IDNPS", row.idnps)]
    if row.idnps.startswith("8"):
        found.append(identifier(RPPS, "RPPS", row.idnps[1:]))
    elif row.idnps.startswith("0"):
        found.append(identifier(ADELI, "ADELI", row.idnps[1:]))
    return found


def identifier(system: str, code: str, value: str) -> Resource:
    """An official national Identifier, as the Annuaire writes it."""
    return {
        "use": "official",
        "type": {"coding": [{"system": TYPES, "code": code}]},
        "system": system,
        "value": value,
    }


def _name(row: Row, activities: Sequence[Activity]) -> Resource:
    name: Resource = {"use": "usual", "family": row.family}
    if row.given:
        name["given"] = [row.given]
    title = next((a.title for a in activities if a.title), "")
    exercise = next((a.exercise_title for a in activities if a.exercise_title), "")
    if title:
        name["prefix"] = [title]
    if exercise:
        name["suffix"] = [exercise]
    return name


def _trace(authority: str, system: str) -> Resource:
    parts: list[Resource] = []
    if authority:
        concept = {"coding": [{"system": AUTHORITIES, "code": authority.split("/")[0]}], "text": authority}
        parts.append({"url": "autorite-enregistrement", "valueCodeableConcept": concept})
    if system:
        parts.append({"url": "systeme-information", "valueCode": system})
    # An extension must hold something.
    return {"url": DATA_TRACE, "extension": parts or [{"url": "systeme-information", "valueCode": "CG"}]}


def is_mailbox(email: str) -> bool:
    """Whether an address is of the secure mail space.

    Rule: MSSanté: the domains of the space end with `.mssante.fr`.
    """
    return email.lower().endswith(".mssante.fr")


def mailbox(address: str) -> Resource:
    """A secure mailbox as a ContactPoint.

    Rule: Annuaire Santé 1.2.0, as-mailbox-mss.
    """
    coding = {"system": MAIL_TYPES, "code": "MSSANTE"}
    return {"extension": [{"url": EMAIL_TYPE, "valueCoding": coding}], "system": "email", "value": address}


def _mailboxes(activities: Iterable[Activity]) -> list[Resource]:
    return [mailbox(address) for address in dict.fromkeys(a.email for a in activities if is_mailbox(a.email))]


def _coding(system: str, code: str, display: str = "") -> Resource:
    coding = {"system": system, "code": code} if system else {"code": code}
    return coding | {"display": display} if display else coding


def _exercise(row: Activity | Skill) -> tuple[Any, Resource]:
    codes = [_coding(profession_system(row.profession), row.profession)]
    if isinstance(row, Activity) and row.profession_label:
        codes[0]["display"] = row.profession_label
    if row.category:
        codes.append(_coding(CATEGORIES, row.category))
    return (row.profession, row.category), {"code": {"coding": codes}}


def _skill(row: Activity | Skill) -> tuple[Any, Resource]:
    codes = [_coding(SKILL_TYPES, row.skill_type)] if row.skill_type else []
    codes.append(_coding(_SKILLS.get(row.skill_type, ""), row.skill, row.skill_label))
    return (row.skill_type, row.skill), {"code": {"coding": codes}}


def _degree(row: Degree) -> tuple[Any, Resource]:
    codes = [_coding(_DEGREES.get(row.degree_type, ""), row.degree, row.degree_label)]
    if row.degree_type:
        codes.append(_coding(DEGREE_TYPES, row.degree_type))
    return (row.degree_type, row.degree), {"code": {"coding": codes}}


def _unique(pairs: Iterable[tuple[Any, Resource]]) -> list[Resource]:
    kept: dict[Any, Resource] = {}
    for key, value in pairs:
        kept.setdefault(key, value)
    return list(kept.values())


def roles(activities: Iterable[Activity]) -> list[Resource]:
    """The PractitionerRoles of one professional: one for each different situation, in the order of the file.

    A line that tells neither structure nor kind of activity makes none.
    """
    found: dict[str, Resource] = {}
    for row in activities:
        key = structure_key(row)
        if not (key or row.mode or row.role or row.activity_kind):
            continue
        situation = (row.idnps, key, row.profession, row.category, row.mode, row.sector)
        logical_id = directory_id("PractitionerRole", *situation, row.role, row.activity_kind)
        if logical_id not in found:
            found[logical_id] = _role(row, key, logical_id)
    return list(found.values())


def _role(row: Activity, key: str, logical_id: str) -> Resource:
    resource = _resource("PractitionerRole", logical_id)
    resource["extension"] = [_trace(row.authority, "RPPS" if row.idnps[0] == "8" else "")]
    resource["active"] = True
    resource["practitioner"] = {"reference": f"Practitioner/{directory_id('Practitioner', row.idnps)}"}
    if key:
        resource["organization"] = {"reference": f"Organization/{directory_id('Organization', key)}"}
    codes = [
        {"coding": [_coding(system, code, display)]}
        for system, code, display in (
            (ACTIVITY_KINDS, row.activity_kind, ""),
            (MODES, row.mode, ""),
            (ROLES, row.role, row.role_label),
        )
        if code
    ]
    if codes:
        resource["code"] = codes
    if is_mailbox(row.email):
        resource["telecom"] = [mailbox(row.email)]
    return resource


def organization(row: Activity) -> Resource | None:
    """The Organization of the structure of an activity line, or None when the line names none."""
    key = structure_key(row)
    if not key:
        return None
    resource = _resource("Organization", directory_id("Organization", key))
    resource["extension"] = [_trace(row.authority, "FINESS" if row.finess else "RPPS")]
    resource["identifier"] = _structure_identifiers(row, key)
    resource["active"] = True
    resource["type"] = _structure_types(row)
    name = row.name or row.brand or row.addressee
    if name:
        resource["name"] = name
    if row.brand and row.brand != name:
        resource["alias"] = [row.brand]
    telecom = _telecom(row)
    if telecom:
        resource["telecom"] = telecom
    address = _address(row)
    if address:
        resource["address"] = [address]
    if row.finess_legal and row.finess_legal != row.finess:
        resource["partOf"] = {"identifier": identifier(FINESS, "FINEJ", row.finess_legal)}
    return resource


def _structure_identifiers(row: Activity, key: str) -> list[Resource]:
    values = (
        (IDNST, "IDNST", key),
        (FINESS, "FINEJ" if row.finess == row.finess_legal else "FINEG", row.finess),
        (SIRENE, "SIRET", row.siret),
        (SIRENE, "SIREN", row.siren),
        (RPPS_RANG, "RPPSRG", row.structure),
    )
    return [identifier(system, code, value) for system, code, value in values if value]


def _structure_types(row: Activity) -> list[Resource]:
    legal = bool(row.finess) and row.finess == row.finess_legal
    kind = "LEGAL-ENTITY" if legal else "GEOGRAPHICAL-ENTITY"
    found = [_structure_type("organizationType", STRUCTURE_KINDS, kind)]
    if row.sector:
        found.append(_structure_type("secteurActiviteRASS", SECTORS, row.sector, row.sector_label))
    return found


def _structure_type(slice_name: str, system: str, code: str, display: str = "") -> Resource:
    return {
        "extension": [{"url": ORGANIZATION_TYPES, "valueCode": slice_name}],
        "coding": [_coding(system, code, display)],
    }


def _telecom(row: Activity) -> list[Resource]:
    found = [("phone", row.phone), ("phone", row.phone2), ("fax", row.fax)]
    telecom: list[Resource] = [{"system": s, "value": v} for s, v in dict.fromkeys(found) if v]
    # A secure mailbox goes with the situation of its holder; only the structure's own e-mail stands here.
    if row.email and not is_mailbox(row.email):
        telecom.append({"system": "email", "value": row.email})
    return telecom


def _address(row: Activity) -> Resource:
    parts = (
        ("houseNumber", row.house),
        ("buildingNumberSuffix", row.repetition),
        ("streetNameType", row.street_type),
        ("streetNameBase", row.street),
    )
    told = [{"url": _ADXP + name, "valueString": value} for name, value in parts if value]
    street = " ".join(p for p in (row.house, row.repetition, row.street_type_label, row.street) if p)
    lines = [text for text in (row.addressee, row.point, street, row.distribution) if text]
    address: Resource = {}
    if row.commune:
        address["extension"] = [{"url": INSEE, "valueCoding": {"system": COMMUNES, "code": row.commune}}]
    if lines:
        address["line"] = lines
    if told and street:
        place = lines.index(street)
        address["_line"] = [{"extension": told} if n == place else None for n in range(len(lines))]
    city = row.commune_label or row.cedex.removeprefix(row.postal_code).strip()
    for name, value in (
        ("city", city),
        ("district", row.department),
        ("postalCode", row.postal_code),
        ("country", row.country),
    ):
        if value:
            address[name] = value
    return address
