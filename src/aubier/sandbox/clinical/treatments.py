"""Prescriptions and dispensations, with a posology both structured and in plain French."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aubier.ground.rows import Resource
from aubier.sandbox.clinical.catalogue import Medicine
from aubier.sandbox.clinical.record import Record
from aubier.sandbox.territory.carers import Carer
from aubier.sandbox.territory.days import at

GROUPS = "urn:aubier:prescription"
"""The system of prescription numbers: lines of one prescription share one."""

_EDQM = "http://standardterms.edqm.eu"
_ROUTES = {
    "oral": ("20053000", "Voie orale"),
    "subcutaneous": ("20066000", "Voie sous-cutanée"),
    "inhalation": ("20020000", "Voie inhalée"),
    "ophthalmic": ("20047500", "Voie ophtalmique"),
    "cutaneous": ("20003000", "Voie cutanée"),
}
_MOMENTS = {
    "M": ("MORN", "le matin"),
    "N": ("NOON", "le midi"),
    "E": ("EVE", "le soir"),
    "B": ("HS", "au coucher"),
}


@lru_cache(maxsize=1024)
def dosage(medicine: Medicine, pattern: str = "", amount: Decimal | None = None) -> dict[str, Any]:
    """A Dosage: French text, timing, route and dose. The result is shared: never change it in place.

    `pattern` (the medicine's own when empty): letters M, N, E, B for moments; `H` when needed; `7` weekly;
    `90` once every three months.
    """
    pattern, amount = pattern or medicine.pattern, amount or medicine.amount
    code, route = _ROUTES[medicine.route]
    found: dict[str, Any] = {
        "text": _text(pattern, amount, medicine.unit),
        "timing": {"repeat": _repeat(pattern)},
        "route": {"coding": [{"system": _EDQM, "code": code, "display": route}], "text": route},
        "doseAndRate": [{"doseQuantity": {"value": amount, "unit": medicine.unit}}],
    }
    if pattern == "H":
        found["asNeededBoolean"] = True
    return found


def _repeat(pattern: str) -> dict[str, Any]:
    if pattern == "H":
        return {"frequency": 1, "frequencyMax": 3, "period": 1, "periodUnit": "d"}
    if pattern == "7":
        return {"frequency": 1, "period": 1, "periodUnit": "wk"}
    if pattern == "90":
        return {"frequency": 1, "period": 3, "periodUnit": "mo"}
    when = [_MOMENTS[letter][0] for letter in pattern]
    return {"frequency": len(pattern), "period": 1, "periodUnit": "d", "when": when}


def _text(pattern: str, amount: Decimal, unit: str) -> str:
    what = f"{_number(amount)} {unit}{'s' if amount >= 2 else ''}"
    if pattern == "H":
        return f"{what} si besoin, au plus 3 fois par jour"
    if pattern == "7":
        return f"{what} une fois par semaine"
    if pattern == "90":
        return f"{what} tous les trois mois"
    return f"{what} " + _listed([_MOMENTS[letter][1] for letter in pattern])


def _number(amount: Decimal) -> str:
    return str(amount).replace(".", ",")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " et " + words[-1]


def prescribe(record: Record, medicine: Medicine, day: date, *, by: Carer, **more: Any) -> Resource:
    """A MedicationRequest. `more`: `group` (prescription number), `days`, `status`, `pattern`, `reason`,
    `boxes`, `repeats`, `note`, `prior` (reference replaced), `hour`, `entry`."""
    days = more.get("days", 90)
    prior = more.get("prior")
    return record.add(
        "MedicationRequest",
        more.get("entry", ""),
        status=more.get("status", "active"),
        intent="order",
        medicationCodeableConcept=medicine.code,
        subject=record.subject,
        authoredOn=at(day, more.get("hour", 11)),
        requester=by.link,
        groupIdentifier={"system": GROUPS, "value": more["group"]} if more.get("group") else None,
        reasonReference=[more["reason"]] if more.get("reason") else None,
        dosageInstruction=[dosage(medicine, more.get("pattern", ""))],
        dispenseRequest=_supply(day, days, more),
        priorPrescription={"reference": prior} if prior else None,
        note=[{"text": more["note"]}] if more.get("note") else None,
    )


def _supply(day: date, days: int, more: dict[str, Any]) -> dict[str, Any]:
    end = day + timedelta(days=days)
    supply: dict[str, Any] = {
        "validityPeriod": {"start": day.isoformat(), "end": end.isoformat()},
        "expectedSupplyDuration": {
            "value": days,
            "unit": "jours",
            "system": "http://unitsofmeasure.org",
            "code": "d",
        },
    }
    if more.get("repeats"):
        supply["numberOfRepeatsAllowed"] = more["repeats"]
    if more.get("boxes"):
        supply["quantity"] = {"value": more["boxes"], "unit": "boîte"}
    return supply


def dispense(record: Record, request: Resource, day: date, *, by: Carer, **more: Any) -> Resource:
    """A completed MedicationDispense. `more`: `boxes` (1), `days`, `note`, `partial`, `hour`, `entry`."""
    kind = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "FFP" if more.get("partial") else "FFC",
    }
    return record.add(
        "MedicationDispense",
        more.get("entry", ""),
        status="completed",
        medicationCodeableConcept=request["medicationCodeableConcept"],
        subject=record.subject,
        performer=[{"actor": by.link}, {"actor": by.place.link}],
        authorizingPrescription=[{"reference": f"MedicationRequest/{request['id']}"}],
        type={"coding": [kind]},
        quantity={"value": more.get("boxes", 1), "unit": "boîte"},
        daysSupply={"value": more["days"], "unit": "jours"} if more.get("days") else None,
        whenHandedOver=at(day, more.get("hour", 15)),
        note=[{"text": more["note"]}] if more.get("note") else None,
        dosageInstruction=request["dosageInstruction"],
    )
