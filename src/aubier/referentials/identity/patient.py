"""A FHIR Patient read and written as FR Core says: strict traits, INS, status, and what is missing.

Rule: FR Core 2.2.0, fr-core-patient-ins and fr-core-identity-reliability; RNIV 1 v2.0 §3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.referentials.identity.number import AUTHORITIES, check
from aubier.referentials.identity.rules import (
    SI_07,
    Attribute,
    Standing,
    Status,
    standing_issues,
    status_name,
)

_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
PROFILE = f"{_CORE}fr-core-patient-ins"
RELIABILITY = f"{_CORE}fr-core-identity-reliability"
_RELIABILITY = (RELIABILITY, f"{_CORE}fr-core-ident-reliability", f"{_CORE}fr-core-patient-ident-reliability")
GIVEN_LIST = f"{_CORE}fr-core-patient-birth-list-given-name"
_GIVEN_LIST = (GIVEN_LIST, f"{_CORE}birth-list-given-name", f"{_CORE}fr-core-birth-list-given-name")
BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
_BIRTH_PLACE = (BIRTH_PLACE, f"{_CORE}fr-core-patient-birth-place")
INSEE = f"{_CORE}fr-core-address-insee-code"
_INSEE = (INSEE, "http://interopsante.org/fhir/StructureDefinition/FrAddressInseeCode")
COMMUNES = "https://mos.esante.gouv.fr/NOS/TRE_R13-Commune/FHIR/TRE-R13-Commune"
TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
_COMMENTS = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445"
_STATUSES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445"
_METHODS = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-identity-method-collection"

PROFILE_RULE = "FR Core 2.2.0, fr-core-patient-ins"
FR_CORE_1 = "FR Core 2.2.0, fr-core-1"
FR_CORE_2 = "FR Core 2.2.0, fr-core-2"
QUALIFIED = "RNIV 1 v2.0 §3.2: only a qualified identity carries its INS number"

_ATTRIBUTE_CODES = {
    "DOUT": Attribute.DOUT,
    "FICT": Attribute.FICT,
    "HOMO": Attribute.HOMO,
    "HOMD": Attribute.HOMO,
    "HOMA": Attribute.HOMO,
}
_ATTRIBUTE_WRITTEN = {Attribute.DOUT: "DOUT", Attribute.FICT: "FICT", Attribute.HOMO: "HOMA"}


@dataclass(frozen=True, slots=True)
class Traits:
    """The five strict traits, as written; an empty text is a missing trait.

    `given_names` is the whole list of birth given names, `first_given` the first of them, `sex` a FHIR
    gender, `birth_date` a FHIR date, `birth_place` an INSEE code of five characters (99 and the country
    abroad).
    """

    birth_name: str = ""
    given_names: str = ""
    first_given: str = ""
    sex: str = ""
    birth_date: str = ""
    birth_place: str = ""


@dataclass(frozen=True, slots=True)
class Ins:
    """An INS as an identity carries it: the number and the authority that gave it (`system`, a urn:oid)."""

    value: str
    system: str

    @property
    def oid(self) -> str:
        """The OID of the authority, bare."""
        return self.system.removeprefix("urn:oid:")


@dataclass(frozen=True, slots=True)
class Strip:
    """What is shown of an identity, and nothing else.

    `name` is `BIRTH NAME First`, `used_name` the name in use, `ins` empty unless the identity is qualified.
    """

    name: str
    used_name: str
    birth_date: str
    sex: str
    birth_place: str
    ins: str
    status: Status


_TRAIT_WORDS = {
    "birth_name": ("birth name", "nom de naissance", "Patient.name.where(use='official').family"),
    "given_names": (
        "list of birth given names",
        "liste des prénoms de naissance",
        f"Patient.name.where(use='official').extension('{GIVEN_LIST}')",
    ),
    "first_given": (
        "first birth given name",
        "premier prénom de naissance",
        "Patient.name.where(use='official').given",
    ),
    "sex": ("sex", "sexe", "Patient.gender"),
    "birth_date": ("birth date", "date de naissance", "Patient.birthDate"),
    "birth_place": (
        "birth place (INSEE code)",
        "lieu de naissance (code INSEE)",
        f"Patient.extension('{BIRTH_PLACE}').value.extension('{INSEE}')",
    ),
}


def traits(patient: Resource) -> Traits:
    """The strict traits of a Patient, empty where it does not tell them."""
    official = next(iter(_official_names(patient)), {})
    given = official.get("given") or [""]
    return Traits(
        birth_name=official.get("family") or "",
        given_names=_text(_extension(official, _GIVEN_LIST)),
        first_given=given[0] or "",
        sex=patient.get("gender") or "",
        birth_date=patient.get("birthDate") or "",
        birth_place=_birth_place(patient),
    )


def _official_names(patient: Resource) -> list[Resource]:
    return [n for n in patient.get("name", ()) if n.get("use") == "official"]


def _birth_place(patient: Resource) -> str:
    address = (_extension(patient, _BIRTH_PLACE) or {}).get("valueAddress") or {}
    return _text(_extension(address, _INSEE))


def _extension(element: Resource, urls: tuple[str, ...]) -> Resource | None:
    return next((e for e in element.get("extension", ()) if e.get("url") in urls), None)


def _text(extension: Resource | None) -> str:
    for name, value in (extension or {}).items():
        if name == "valueCoding":
            return value.get("code") or ""
        if name.startswith("value") and isinstance(value, str):
            return value
    return ""


def _reliabilities(patient: Resource) -> Iterator[Resource]:
    return (e for e in patient.get("extension", ()) if e.get("url") in _RELIABILITY)


def _parts(patient: Resource, name: str) -> Iterator[Any]:
    for reliability in _reliabilities(patient):
        for part in reliability.get("extension", ()):
            if part.get("url") == name:
                yield next((v for k, v in part.items() if k.startswith("value")), None)


def standing(patient: Resource) -> Standing:
    """The status and attributes of a Patient; provisional where it tells none that RNIV knows.

    Both the present and the older canonicals of the reliability extension are read.
    """
    codes = [str(c.get("code")) for c in _parts(patient, "identityStatus") if isinstance(c, dict)]
    status = next((Status(c) for c in codes if c in Status.__members__), Status.PROV)
    found = {
        _ATTRIBUTE_CODES[coding["code"]]
        for value in _parts(patient, "comment")
        if isinstance(value, dict)
        for coding in value.get("coding", [value])
        if coding.get("code") in _ATTRIBUTE_CODES
    }
    return Standing(status, frozenset(found))


def status(patient: Resource) -> Status:
    """The status a Patient declares, PROV when none.

    Rule: RNIV 1 v2.0 EXI SI 07.
    """
    return standing(patient).status


def proofs(patient: Resource) -> frozenset[tuple[str, str]]:
    """When the identity was verified: pairs of (dateInterrogationINSi or validationDate, date)."""
    return frozenset(
        (name, value)
        for name in ("dateInterrogationINSi", "dateCollection", "validationDate")
        for value in _parts(patient, name)
        if isinstance(value, str)
    )


def ins_of(patient: Resource) -> Ins | None:
    """The INS a Patient carries under a known authority with the use that goes with it, or None.

    An `old` one does not count. Nothing is said of whether the number may be used: see `may_carry_ins`.
    """
    for identifier in patient.get("identifier", ()):
        authority = AUTHORITIES.get(identifier.get("system") or "")
        if authority and identifier.get("value") and identifier.get("use", authority.use) == authority.use:
            return Ins(identifier["value"], authority.system)
    return None


def missing_traits(of: Traits) -> tuple[str, ...]:
    """The names (fields of `Traits`) of the strict traits that are not told."""
    return tuple(name for name in _TRAIT_WORDS if not getattr(of, name))


def trait_issue(name: str) -> Issue:
    """The issue that says which strict trait (a field of `Traits`) is missing."""
    en, fr, at = _TRAIT_WORDS[name]
    return Issue(
        "required", f"Strict trait missing: {en}", f"Trait strict manquant : {fr}", (at,), rule=PROFILE_RULE
    )


def patient_ins_issues(patient: Resource) -> list[Issue]:
    """What keeps a Patient from being a FR Core Patient INS, one issue for each thing; empty when it is one.

    Rule: FR Core 2.2.0 fr-core-patient-ins, fr-core-1, fr-core-2; RNIV EXI SI 07 and 09.
    """
    issues = [trait_issue(name) for name in missing_traits(traits(patient))]
    issues += _name_issues(patient) + _reliability_issues(patient)
    if not patient.get("identifier"):
        issues.append(
            _required("identifier", "At least one identifier is needed", "Il faut au moins un identifiant")
        )
    if patient.get("gender") == "other":
        issues.append(
            Issue(
                "code-invalid",
                "The sex of an INS is male, female or unknown",
                "Le sexe d'une INS est masculin, féminin ou inconnu",
                ("Patient.gender",),
                rule=PROFILE_RULE,
            )
        )
    return issues + standing_issues(standing(patient)) + _number_issues(patient)


def _required(place: str, text: str, fr: str) -> Issue:
    return Issue("required", text, fr, (f"Patient.{place}",), rule=PROFILE_RULE)


def _name_issues(patient: Resource) -> list[Issue]:
    names = _official_names(patient)
    if len(names) > 1:
        return [
            _invariant(
                "Patient.name", "There is more than one official name", "Il y a plus d'un nom officiel"
            )
        ]
    if names and len(names[0].get("given") or ()) > 1:
        text = (
            "The official name holds the first given name only; the others stand in the list of given names"
        )
        fr = "Le nom officiel ne porte que le premier prénom ; les autres sont dans la liste des prénoms"
        return [_invariant("Patient.name.given", text, fr)]
    return []


def _invariant(at: str, text: str, fr: str, rule: str = PROFILE_RULE) -> Issue:
    return Issue("invariant", text, fr, (at,), rule=rule)


def _reliability_issues(patient: Resource) -> list[Issue]:
    at = f"extension('{RELIABILITY}')"
    if not any(_reliabilities(patient)):
        return [
            _required(
                at, "The reliability of the identity is not told", "La fiabilité de l'identité n'est pas dite"
            )
        ]
    statuses = [c for c in _parts(patient, "identityStatus") if isinstance(c, dict)]
    if len(statuses) > 1:
        text, fr = "An identity has one status only", "Une identité n'a qu'un statut"
        return [_invariant(f"Patient.{at}", text, fr, SI_07)]
    if not statuses or statuses[0].get("code") not in Status.__members__:
        text = "The status of the identity is missing: PROV, RECUP, VALI or QUAL"
        return [_required(at, text, "Il manque le statut de l'identité : PROV, RECUP, VALI ou QUAL")]
    return []


def _number_issues(patient: Resource) -> list[Issue]:
    if not standing(patient).document:
        return []
    issues = []
    carried = ins_of(patient)
    if carried is None:
        text = "A validated or qualified identity needs an INS number with its authority and use"
        fr = "Une identité validée ou qualifiée doit porter un matricule INS, avec son autorité et son usage"
        issues.append(_invariant("Patient.identifier", text, fr, FR_CORE_1))
    official = [i for i in patient.get("identifier", ()) if i.get("use") == "official"]
    temporary = carried is not None and AUTHORITIES[carried.system].use == "temp"
    if len(official) > 1 and not temporary:
        text, fr = "There is more than one official identifier", "Il y a plus d'un identifiant officiel"
        issues.append(_invariant("Patient.identifier", text, fr, FR_CORE_2))
    return issues


def may_carry_ins(patient: Resource, *, sandbox: bool) -> list[Issue]:
    """Why the INS number of this Patient may not go into the record or to others; empty when it may.

    Each missing trait, the status, the number and its authority are told one by one.
    Rule: RNIV 1 v2.0: only a qualified identity carries its number; EXI SI 09.
    """
    stands = standing(patient)
    issues = [trait_issue(name) for name in missing_traits(traits(patient))]
    if stands.status is not Status.QUAL:
        issues.append(_not_qualified(stands.status))
    issues += standing_issues(stands)
    carried = ins_of(patient)
    if carried is None:
        issues.append(_required("identifier", "The INS number is missing", "Il manque le matricule INS"))
        return issues
    return issues + check(carried.value, carried.system, sandbox=sandbox)


def _not_qualified(found: Status) -> Issue:
    at = f"Patient.extension('{RELIABILITY}').extension('identityStatus')"
    return Issue(
        "business-rule",
        f"The identity is {status_name(found, 'en')} ({found}), not qualified (QUAL)",
        f"L'identité est {status_name(found, 'fr')} ({found}), non qualifiée (QUAL)",
        (at,),
        rule=QUALIFIED,
    )


def identity_strip(patient: Resource, *, sandbox: bool) -> Strip:
    """The strip shown of an identity; the INS number is in it only when the identity may carry it."""
    told = traits(patient)
    names = patient.get("name", ())
    used = next((n for n in names if n.get("use") == "usual"), None) or (names[0] if names else {})
    carried = ins_of(patient) if not may_carry_ins(patient, sandbox=sandbox) else None
    return Strip(
        name=f"{told.birth_name} {told.first_given}".strip() or _used_name(used),
        used_name=_used_name(used),
        birth_date=told.birth_date,
        sex=told.sex,
        birth_place=told.birth_place,
        ins=carried.value if carried else "",
        status=status(patient),
    )


def _used_name(name: Resource) -> str:
    parts = [name.get("family") or "", *(g for g in name.get("given", ()) if g)]
    return " ".join(p for p in parts if p) or name.get("text") or ""


def with_standing(
    patient: Resource,
    to: Standing,
    *,
    method: str = "",
    insi_date: date | None = None,
    document: str = "",
    validation_date: date | None = None,
) -> Resource:
    """A copy of the Patient whose reliability extension tells `to` and its proofs, and nothing older.

    `method` is how the traits came (SM, CV, INSI, CB, RFID, AV), `document` the validation mode (PA, CN...).
    """
    parts: list[Resource] = [
        {"url": "identityStatus", "valueCoding": {"system": _STATUSES, "code": str(to.status)}}
    ]
    if method:
        parts.append({"url": "methodCollection", "valueCoding": {"system": _METHODS, "code": method}})
    if insi_date:
        parts.append({"url": "dateInterrogationINSi", "valueDate": insi_date.isoformat()})
    for attribute in sorted(to.attributes):
        code = {"system": _COMMENTS, "code": _ATTRIBUTE_WRITTEN[attribute]}
        parts.append({"url": "comment", "valueCodeableConcept": {"coding": [code]}})
    if document:
        parts.append({"url": "validationMode", "valueCoding": {"code": document}})
    if validation_date:
        parts.append({"url": "validationDate", "valueDate": validation_date.isoformat()})
    others = [e for e in patient.get("extension", ()) if e.get("url") not in _RELIABILITY]
    return {**patient, "extension": [{"url": RELIABILITY, "extension": parts}, *others]}


def patient_ins(told: Traits, ins: Ins | None, **kept: Any) -> Resource:
    """A Patient in the form of FR Core Patient INS from traits and number; `kept` are added as they are.

    Tells no status: see `with_standing`. Missing traits are left out, and named by `patient_ins_issues`.
    """
    name: Resource = {"use": "official"}
    if told.given_names:
        name["extension"] = [{"url": GIVEN_LIST, "valueString": told.given_names}]
    name |= {"family": told.birth_name} if told.birth_name else {}
    name |= {"given": [told.first_given]} if told.first_given else {}
    patient: Resource = {"resourceType": "Patient", "meta": {"profile": [PROFILE]}}
    if told.birth_place:
        code = {"url": INSEE, "valueCoding": {"system": COMMUNES, "code": told.birth_place}}
        patient["extension"] = [{"url": BIRTH_PLACE, "valueAddress": {"extension": [code]}}]
    if ins:
        patient["identifier"] = [identifier(ins)]
    patient |= {"name": [name]} if len(name) > 1 else {}
    patient |= {"gender": told.sex} if told.sex else {}
    patient |= {"birthDate": told.birth_date} if told.birth_date else {}
    return patient | kept


def identifier(ins: Ins) -> Resource:
    """The Identifier element of an INS: use, type, system, value.

    Rule: FR Core 2.2.0 fr-core-patient-ins, identifier slices.
    """
    authority = AUTHORITIES[ins.system]
    coding = {"system": TYPES, "code": authority.code}
    return {"use": authority.use, "type": {"coding": [coding]}, "system": ins.system, "value": ins.value}
