"""The directory as resources: Practitioner, PractitionerRole, Organization, Location, HealthcareService.

Rule: Annuaire Santé FHIR 1.2.0-snapshot: identifiers IDNPS, RPPS, IDNST, FINEG, FINEJ, SIRET; FR Core 2.2.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from aubier.access.labels import IDNPS, IDNST
from aubier.ground.rows import Resource
from aubier.sandbox.batch import Batch
from aubier.sandbox.territory import numbers
from aubier.sandbox.territory.carers import Carer, Directory, Place
from aubier.sandbox.territory.draw import fixed_id
from aubier.sandbox.territory.people import FICTIVE, GENDERS, IDENTIFIER_TYPES, PROFILE, insee

_NOS = "https://mos.esante.gouv.fr/NOS/"
_AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"


def _tre(table: str, code: str) -> dict[str, str]:
    return {"system": f"{_NOS}TRE_{table}/FHIR/TRE-{table.replace('_', '-')}", "code": code}


PROFESSIONS = "G15-ProfessionSante"
"""The nomenclature of professions, as `TRE_` names it."""
_SERVICES = {
    "Urgences": "Service d'accueil des urgences",
    "Maternité": "Maternité, salle de naissance",
}


def batches(directory: Directory, size: int = 500) -> Iterator[Batch]:
    """The whole directory in batches of about `size` resources: establishments, then professionals."""
    batch = Batch("directory/1")
    number = 1
    for group in _groups(directory):
        batch.resources += group
        if len(batch.resources) >= size:
            yield batch
            number += 1
            batch = Batch(f"directory/{number}")
    if batch.resources:
        yield batch


def _groups(directory: Directory) -> Iterator[list[Resource]]:
    for place in directory.places:
        yield establishment(place)
    for carer in directory.carers:
        yield [practitioner(carer), role(carer)]


def establishment(place: Place) -> list[Resource]:
    """Organization (legal entity first for a hospital), Location and HealthcareServices of a place."""
    legal = [_organization(place, place.legal_id, place.legal, legal=True)] if place.legal else []
    names = place.services or (place.name,)
    services = [_service(place, name) for name in names] if place.kind in ("hospital", "practice") else []
    return [*legal, _organization(place, place.id, place.number), _location(place), *services]


def _identifier(system: str, kind: str, value: str) -> dict[str, Any]:
    coding = {"system": IDENTIFIER_TYPES, "code": kind}
    return {"use": "official", "type": {"coding": [coding]}, "system": system, "value": value}


def _structure_identifiers(number: str, legal: bool) -> list[dict[str, Any]]:
    if len(number) == 14:
        return [
            _identifier(IDNST, "IDNST", "3" + number),
            _identifier("https://sirene.fr", "SIRET", number),
        ]
    kind = "FINEJ" if legal else "FINEG"
    return [
        _identifier(IDNST, "IDNST", "1" + number),
        _identifier("https://finess.esante.gouv.fr", kind, number),
    ]


def _organization_type(kind: str, coding: dict[str, str]) -> dict[str, Any]:
    return {"extension": [{"url": _AS + "as-ext-organization-types", "valueCode": kind}], "coding": [coding]}


def _organization(place: Place, logical_id: str, number: str, legal: bool = False) -> Resource:
    entity = "LEGAL-ENTITY" if legal else "GEOGRAPHICAL-ENTITY"
    coding = {"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307", "code": entity}
    resource: Resource = {
        "resourceType": "Organization",
        "id": logical_id,
        "meta": {"profile": [PROFILE + "organization"], "tag": [FICTIVE]},
        "identifier": _structure_identifiers(number, legal),
        "active": True,
        "type": [
            _organization_type("organizationType", coding),
            _organization_type("secteurActiviteRASS", _tre("R02-SecteurActivite", place.sector)),
        ],
        "name": f"{place.name} (entité juridique)" if legal else place.name,
        "telecom": [{"system": "phone", "value": place.phone, "use": "work"}],
        "address": [_address(place)],
    }
    if place.legal and not legal:
        resource["partOf"] = {"reference": f"Organization/{place.legal_id}"}
    return resource


def _address(place: Place) -> dict[str, Any]:
    commune = place.commune
    return {
        "extension": [insee(commune.code)],
        "use": "work",
        "line": [place.street],
        "city": commune.name,
        "postalCode": commune.postal_code,
        "country": "FR",
    }


def location_id(place: Place) -> str:
    """The logical id of the place's Location."""
    return fixed_id("location", place.id)


def _location(place: Place) -> Resource:
    commune = place.commune
    position = {"longitude": Decimal(commune.longitude), "latitude": Decimal(commune.latitude)}
    return {
        "resourceType": "Location",
        "id": location_id(place),
        "status": "active",
        "name": place.name,
        "mode": "instance",
        "address": _address(place),
        "position": position,
        "managingOrganization": {"reference": f"Organization/{place.id}"},
    }


def _service(place: Place, name: str) -> Resource:
    return {
        "resourceType": "HealthcareService",
        "id": fixed_id("service", place.id, name),
        "active": True,
        "providedBy": {"reference": f"Organization/{place.id}"},
        "location": [{"reference": f"Location/{location_id(place)}"}],
        "name": _SERVICES.get(name, name),
        "telecom": [{"system": "phone", "value": place.phone, "use": "work"}],
        "appointmentRequired": name != "Urgences",
    }


def _mailbox(carer: Carer) -> dict[str, Any]:
    coding = {**_tre("R256-TypeMessagerie", "MSSANTE")}
    address = numbers.mailbox(carer.given, carer.family, carer.rpps[-4:-1])
    return {
        "extension": [{"url": PROFILE + "contact-point-email-type", "valueCoding": coding}],
        "system": "email",
        "value": address.replace("@example.org", "@mssante.example.org"),
        "use": "work",
    }


def practitioner(carer: Carer) -> Resource:
    """The Practitioner resource of a carer."""
    name: dict[str, Any] = {"use": "usual", "family": carer.family, "given": [carer.given]}
    name["prefix"] = ["MME" if carer.sex == "F" else "M"]
    if carer.trade.prefix:
        name["suffix"] = [carer.trade.prefix]
    return {
        "resourceType": "Practitioner",
        "id": carer.id,
        "meta": {"profile": [PROFILE + "practitioner"], "tag": [FICTIVE]},
        "identifier": [
            _identifier(IDNPS, "IDNPS", carer.idnps),
            _identifier("https://rpps.esante.gouv.fr", "RPPS", carer.rpps),
        ],
        "active": True,
        "name": [name],
        "telecom": [_mailbox(carer)],
        "gender": GENDERS[carer.sex],
        "qualification": _qualifications(carer),
    }


def _qualifications(carer: Carer) -> list[dict[str, Any]]:
    trade = carer.trade
    category = _tre("R09-CategorieProfessionnelle", "C")
    found = [{"code": {"coding": [_tre(PROFESSIONS, trade.profession), category]}}]
    if trade.specialty:
        kind = _tre("R04-TypeSavoirFaire", "S")
        codings = [{**_tre("R38-SpecialiteOrdinale", trade.specialty), "display": trade.label}, kind]
        found.append({"code": {"coding": codings}})
    return found


def role(carer: Carer) -> Resource:
    """The PractitionerRole resource: this professional in this place."""
    place, trade = carer.place, carer.trade
    mode = "S" if place.kind == "hospital" else "L"
    resource: Resource = {
        "resourceType": "PractitionerRole",
        "id": carer.role_id,
        "meta": {"profile": [PROFILE + "practitioner-role"]},
        "active": True,
        "period": {"start": carer.since.isoformat()},
        "practitioner": carer.link,
        "organization": place.link,
        "code": [
            {"coding": [_tre("R22-GenreActivite", "GENR01")]},
            {"coding": [_tre("R23-ModeExercice", mode)]},
            {"coding": [{**_tre(PROFESSIONS, trade.profession), "display": trade.label}]},
        ],
        "location": [{"reference": f"Location/{location_id(place)}"}],
    }
    if trade.specialty:
        specialty = {**_tre("R38-SpecialiteOrdinale", trade.specialty), "display": trade.label}
        resource["specialty"] = [{"coding": [specialty]}]
    return resource
