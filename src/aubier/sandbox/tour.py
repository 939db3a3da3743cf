"""The hospital-discharge story as steps over HTTP: who acts, what they want, what must come back.

Data only: a player sends each step with the actor's token, checks the answer, and keeps what it captures for
the steps after. Paths and bodies use facts (`facts(seed, today)`) and captures by name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from aubier.access.labels import IDNPS, IDNST
from aubier.ground.chance import Ids
from aubier.ground.rows import Resource, Texts
from aubier.sandbox.batch import INS_TEST
from aubier.sandbox.clinical.catalogue import LOINC, UCUM, concept, medicines
from aubier.sandbox.stories.cast import ROLES, STRANGER, Cast
from aubier.sandbox.stories.discharge import INS, STORY
from aubier.sandbox.territory.carers import Directory
from aubier.sandbox.territory.days import at
from aubier.sandbox.territory.draw import fixed_id

Facts = Mapping[str, str]
"""What steps know by name: ids, identifiers, dates, and captures of earlier steps."""
Check = Callable[[Resource, Facts], str]
"""Looks at the answer's body; gives what is wrong in English, or an empty text."""


def _nothing(facts: Facts) -> None:
    return None


def _fine(body: Resource, facts: Facts) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `path` holds `{fact}` names; `statuses` are those that are right.

    `capture` names values taken from the answer's body for later steps.
    """

    actor: str
    intention: Texts
    method: str
    path: str
    statuses: tuple[int, ...] = (200,)
    body: Callable[[Facts], Resource | None] = _nothing
    check: Check = _fine
    capture: Mapping[str, Callable[[Resource], str]] = field(default_factory=dict)


def facts(seed: int | str, today: date, ids: Ids) -> dict[str, str]:
    """What the tour starts with: `yann`, `letter_urn`, `binary_urn`, and id and IDNPS of every professional.

    `ids` gives new UUIDs, so that the tour can be played again on the same data.
    """
    cast = Cast(Directory(seed, today))
    found = {
        "yann": fixed_id(seed, "story", STORY.key, "yann"),
        "ins": INS,
        "today": today.isoformat(),
        "now": at(today, 12),
        "letter_urn": f"urn:uuid:{ids()}",
        "binary_urn": f"urn:uuid:{ids()}",
    }
    for role in ROLES:
        carer = cast[role.login]
        found |= {
            f"{role.login}.id": carer.id,
            f"{role.login}.idnps": carer.idnps,
            f"{role.login}.name": carer.display,
            f"{role.login}.org": carer.place.id,
            f"{role.login}.idnst": carer.place.idnst,
        }
    return found


def _entries(body: Resource) -> list[Resource]:
    return [e["resource"] for e in body.get("entry", []) if e.get("search", {}).get("mode") != "outcome"]


def _only_the_strip(body: Resource, known: Facts) -> str:
    found = _entries(body)
    if len(found) != 1 or found[0].get("id") != known["yann"]:
        return "exactly one identity strip, Yann's, is expected"
    return "the strip must not tell the address" if "address" in found[0] else ""


def _empty(body: Resource, known: Facts) -> str:
    return "nothing at all may come back" if _entries(body) or body.get("total", 0) else ""


def _has_letter(body: Resource, known: Facts) -> str:
    ids = {f"DocumentReference/{e['id']}" for e in _entries(body)}
    return "" if known["letter"] in ids else "the new letter is missing"


def _holds(text: str) -> Check:
    def check(body: Resource, known: Facts) -> str:
        return "" if text in str(body) else f"{text!r} is expected in the answer"

    return check


def _first_id(body: Resource) -> str:
    return str(_entries(body)[0]["id"])


def _reference(known: Facts, login: str) -> dict[str, Any]:
    identifier = {"system": IDNPS, "value": known[f"{login}.idnps"]}
    return {
        "reference": f"Practitioner/{known[f'{login}.id']}",
        "identifier": identifier,
        "display": known[f"{login}.name"],
    }


def _subject(known: Facts) -> dict[str, str]:
    return {"reference": f"Patient/{known['yann']}"}


def _find(known: Facts) -> Resource:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "ins", "valueString": known["ins"]},
            {"name": "oid", "valueString": INS_TEST},
        ],
    }


_TEXT = "Lettre de sortie de Monsieur Le Goff. Furosémide 40 mg le matin. Kaliémie dans dix jours."


def _letter(known: Facts) -> Resource:
    data = _TEXT.encode()
    binary = {
        "resourceType": "Binary",
        "contentType": "text/plain",
        "securityContext": _subject(known),
        "data": base64.b64encode(data).decode("ascii"),
    }
    pairs = ((known["binary_urn"], binary), (known["letter_urn"], _letter_reference(known, len(data))))
    entries = [
        {
            "fullUrl": urn,
            "resource": resource,
            "request": {"method": "POST", "url": resource["resourceType"]},
        }
        for urn, resource in pairs
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _letter_reference(known: Facts, size: int) -> Resource:
    custodian = {"system": IDNST, "value": known["dr.tanguy.idnst"]}
    attachment = {
        "contentType": "text/plain",
        "language": "fr-FR",
        "url": known["binary_urn"],
        "size": size,
        "title": "Lettre de sortie, complément",
    }
    return {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": known["letter_urn"]},
        "status": "current",
        "type": concept(LOINC, "11490-0", "Lettre de liaison à la sortie d'un établissement de soins"),
        "subject": _subject(known),
        "date": known["now"],
        "author": [_reference(known, "dr.tanguy")],
        "custodian": {
            "reference": f"Organization/{known['dr.tanguy.org']}",
            "identifier": custodian,
        },
        "content": [{"attachment": attachment}],
    }


def _location(index: int) -> Callable[[Resource], str]:
    def take(body: Resource) -> str:
        location = str(body["entry"][index]["response"]["location"]).partition("/_history")[0]
        return "/".join(location.split("/")[-2:])

    return take


def _remainder(known: Facts) -> Resource:
    return {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "medicationCodeableConcept": medicines()["apixaban"].code,
        "subject": _subject(known),
        "performer": [{"actor": _reference(known, "pharmacie.port")}],
        "authorizingPrescription": [{"reference": f"MedicationRequest/{known['apixaban']}"}],
        "quantity": {"value": 1, "unit": "boîte"},
        "whenHandedOver": known["now"],
        "note": [{"text": "Reliquat remis"}],
    }


def _weight(known: Facts) -> Resource:
    vital = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [vital]}],
        "code": concept(LOINC, "29463-7", "Poids"),
        "subject": _subject(known),
        "effectiveDateTime": known["now"],
        "performer": [_reference(known, "s.kerjean")],
        "valueQuantity": {"value": Decimal("79.0"), "unit": "kg", "system": UCUM, "code": "kg"},
    }


def _text(fr: str, en: str) -> Texts:
    return {"fr": fr, "en": en}


STEPS: tuple[Step, ...] = (
    Step(
        STRANGER,
        _text("Ouvrir le dossier de Yann sans raison", "Open Yann's record without a reason"),
        "GET",
        "/fhir/Patient/{yann}",
        (404,),
    ),
    Step(
        "dr.tanguy",
        _text("Trouver Yann par son matricule INS", "Find Yann by his INS number"),
        "POST",
        "/fhir/Patient/$find",
        body=_find,
        check=_only_the_strip,
    ),
    Step(
        "dr.tanguy",
        _text("Déposer la lettre de sortie", "File the discharge letter"),
        "POST",
        "/fhir",
        body=_letter,
        capture={"content": _location(0), "letter": _location(1)},
    ),
    Step(
        "yann",
        _text("Voir ce qui est nouveau dans mon dossier", "See what is new in my record"),
        "GET",
        "/fhir/DocumentReference?patient={yann}&_sort=-date&_count=20",
        check=_has_letter,
    ),
    Step(
        "yann",
        _text("Lire la lettre", "Read the letter"),
        "GET",
        "/fhir/{content}",
        check=lambda body, known: "" if body.get("data") else "the content is missing",
    ),
    Step(
        "pharmacie.port",
        _text("Lire l'ordonnance d'apixaban", "Read the apixaban prescription"),
        "GET",
        "/fhir/MedicationRequest?patient={yann}&status=active&code=B01AF02",
        check=_holds("Apixaban"),
        capture={"apixaban": _first_id},
    ),
    Step(
        "pharmacie.port",
        _text("Remettre la boîte due", "Hand over the box owed"),
        "POST",
        "/fhir/MedicationDispense",
        (201,),
        body=_remainder,
    ),
    Step(
        "s.kerjean",
        _text("Noter le poids du jour", "Write down today's weight"),
        "POST",
        "/fhir/Observation",
        (201,),
        body=_weight,
    ),
    Step(
        "dr.morvan",
        _text("Vérifier les allergies avant la visite", "Check allergies before the visit"),
        "GET",
        "/fhir/AllergyIntolerance?patient={yann}",
        check=_holds("Pénicilline"),
    ),
    Step(
        "dr.morvan",
        _text("Lire la lettre du CHU", "Read the hospital's letter"),
        "GET",
        "/fhir/DocumentReference?patient={yann}&type=11490-0",
        check=_has_letter,
    ),
    Step(
        "gaelle",
        _text("Voir ce que prend mon père", "See what my father takes"),
        "GET",
        "/fhir/MedicationRequest?patient={yann}&status=active",
        check=_holds("Furosémide 40 mg"),
    ),
    Step(
        "gaelle",
        _text("Chercher ses directives anticipées", "Look for his advance directives"),
        "GET",
        "/fhir/DocumentReference?patient={yann}&type=EXPPAT_3",
        check=_empty,
    ),
    Step(
        STRANGER,
        _text("Chercher des documents de Yann", "Search for Yann's documents"),
        "GET",
        "/fhir/DocumentReference?patient={yann}",
        check=_empty,
    ),
)
"""The tour, in order."""
