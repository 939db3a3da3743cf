"""One person: the traits of an identity, and the Patient resource that says them.

Rule: FR Core 2.2.0 patient and patient-ins; RNIV 1 v2.0 section on identity statuses: the INS number is
carried by a qualified identity only, so any other Patient here has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from aubier.ground.rows import Resource
from aubier.sandbox.batch import INS_TEST, NationalIdentity
from aubier.sandbox.territory.communes import Commune
from aubier.sandbox.territory.days import at

_CORE = "https://hl7.fr/ig/fhir/core"
PROFILE = f"{_CORE}/StructureDefinition/fr-core-"
"""The stem of FR Core profile and extension addresses."""
IDENTIFIER_TYPES = f"{_CORE}/CodeSystem/fr-core-cs-v2-0203"
"""The code system of French identifier types."""
COG = "https://mos.esante.gouv.fr/NOS/TRE_R13-Commune/FHIR/TRE-R13-Commune"
"""The code system of communes (INSEE's Code officiel géographique)."""
FICTIVE = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
"""The tag that every person of the sandbox bears: test data."""

GENDERS = {"M": "male", "F": "female"}
"""FHIR administrative gender by the letter used in draws."""

_INS_TYPE = {"coding": [{"system": IDENTIFIER_TYPES, "code": "INS-NIR-TEST"}]}
_LOCAL_TYPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI"}]}
LOCAL_SYSTEM = "urn:oid:1.2.250.1.213.1.4.10.9999"
"""The system of the sandbox's own patient numbers, under its test arc."""


@dataclass(slots=True)
class Person:
    """A citizen. `birth_text` is the FHIR birth date (`YYYY-MM` when the day is unknown).

    `birth_code` is the INSEE code of the birth place (99xxx abroad), `ins` the 15 characters or empty for
    someone the national base does not know, `status` PROV, RECUP, VALI or QUAL, `twin` the order of birth.
    """

    id: str
    number: int
    sex: str
    birth: date
    family: str
    given: tuple[str, ...]
    birth_code: str
    birth_city: str
    home: Commune
    street: str
    ins: str = ""
    status: str = "QUAL"
    used_family: str = ""
    birth_text: str = ""
    phone: str = ""
    mobile: str = ""
    email: str = ""
    deceased: date | None = None
    twin: int = 0
    document: str = "CN"

    @property
    def reference(self) -> str:
        """`Patient/<id>`."""
        return f"Patient/{self.id}"

    @property
    def display(self) -> str:
        """First given name and used name, as one says them."""
        return f"{self.given[0]} {self.used_family or self.family}"

    @property
    def key(self) -> str:
        """The actor key that grants are given to."""
        return f"person:{self.id}"


def identity(person: Person) -> NationalIdentity:
    """The person's line in the national base of synthetic identities."""
    return NationalIdentity(
        ins=person.ins,
        birth_name=person.family,
        given_names=person.given,
        gender=GENDERS[person.sex],
        birth_date=person.birth_text or person.birth.isoformat(),
        birth_place=person.birth_code,
        patient=person.id,
    )


def patient(person: Person, carer: dict[str, Any] | None = None) -> Resource:
    """The Patient resource; `carer` is the reference to the general practitioner."""
    qualified = person.status == "QUAL"
    resource: Resource = {
        "resourceType": "Patient",
        "id": person.id,
        "meta": {"profile": [PROFILE + ("patient-ins" if qualified else "patient")], "tag": [FICTIVE]},
        "extension": [_reliability(person), _birth_place(person)],
        "identifier": _identifiers(person, qualified),
        "active": True,
        "name": _names(person),
        "gender": GENDERS[person.sex],
        "birthDate": person.birth_text or person.birth.isoformat(),
        "address": [_address(person)],
    }
    if telecom := _telecom(person):
        resource["telecom"] = telecom
    if person.deceased:
        resource["deceasedDateTime"] = at(person.deceased, 6, 30)
    if person.twin:
        resource["multipleBirthInteger"] = person.twin
    if carer:
        resource["generalPractitioner"] = [carer]
    return resource


def _reliability(person: Person) -> dict[str, Any]:
    status = {"system": f"{_CORE}/CodeSystem/fr-core-cs-v2-0445", "code": person.status}
    parts = [{"url": "identityStatus", "valueCoding": status}]
    if person.status in ("QUAL", "VALI"):
        mode = {"system": f"{_CORE}/CodeSystem/fr-core-mode-validation-identite", "code": person.document}
        parts.append({"url": "validationMode", "valueCoding": mode})
    return {"url": PROFILE + "identity-reliability", "extension": parts}


def _birth_place(person: Person) -> dict[str, Any]:
    value = {"extension": [insee(person.birth_code)], "city": person.birth_city}
    return {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": value}


def insee(code: str) -> dict[str, Any]:
    """The INSEE code extension of an address."""
    return {"url": PROFILE + "address-insee-code", "valueCoding": {"system": COG, "code": code}}


def _identifiers(person: Person, qualified: bool) -> list[dict[str, Any]]:
    local = {"use": "usual", "type": _LOCAL_TYPE, "system": LOCAL_SYSTEM, "value": f"AB{person.number:07d}"}
    if not (qualified and person.ins):
        return [local]
    return [{"use": "official", "type": _INS_TYPE, "system": INS_TEST, "value": person.ins}, local]


def _names(person: Person) -> list[dict[str, Any]]:
    every = {"url": PROFILE + "patient-birth-list-given-name", "valueString": " ".join(person.given)}
    first = [person.given[0]]
    names: list[dict[str, Any]] = [
        {"use": "official", "family": person.family, "given": first, "extension": [every]}
    ]
    if person.used_family:
        names.append({"use": "usual", "family": person.used_family, "given": first})
    return names


def _telecom(person: Person) -> list[dict[str, Any]]:
    points = (
        ("phone", "home", person.phone),
        ("phone", "mobile", person.mobile),
        ("email", "home", person.email),
    )
    return [{"system": kind, "value": value, "use": use} for kind, use, value in points if value]


def _address(person: Person) -> dict[str, Any]:
    return {
        "extension": [insee(person.home.code)],
        "use": "home",
        "line": [person.street],
        "city": person.home.name,
        "postalCode": person.home.postal_code,
        "country": "FR",
    }
