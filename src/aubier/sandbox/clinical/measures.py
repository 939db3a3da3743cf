"""Observations: vital signs and laboratory results, with exact decimals and UCUM units.

Rule: FHIR R4 vital signs profile (LOINC and UCUM codes); FR Core observations; mesures 3.1.0.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from aubier.ground.rows import Resource
from aubier.sandbox.clinical.catalogue import LOINC, UCUM, Test, concept
from aubier.sandbox.clinical.record import Record, category
from aubier.sandbox.territory.days import at

_VITAL = [category("vital-signs")]
_LABORATORY = [category("laboratory")]
_TERMS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_FLAGS = {code: [{"coding": [{"system": _TERMS, "code": code}]}] for code in ("N", "H", "L")}
_PRESSURE = concept(LOINC, "85354-9", "Pression artérielle")
_SYSTOLIC = concept(LOINC, "8480-6", "Pression systolique")
_DIASTOLIC = concept(LOINC, "8462-4", "Pression diastolique")

VITALS = {
    "weight": (concept(LOINC, "29463-7", "Poids"), "kg"),
    "height": (concept(LOINC, "8302-2", "Taille"), "cm"),
    "bmi": (concept(LOINC, "39156-5", "Indice de masse corporelle"), "kg/m2"),
    "head": (concept(LOINC, "9843-4", "Périmètre crânien"), "cm"),
    "heart": (concept(LOINC, "8867-4", "Fréquence cardiaque"), "/min"),
    "oxygen": (concept(LOINC, "59408-5", "Saturation en oxygène"), "%"),
    "temperature": (concept(LOINC, "8310-5", "Température"), "Cel"),
}
"""Vital signs by key: code and UCUM unit."""


def quantity(value: Decimal, unit: str) -> dict[str, Any]:
    """A Quantity in a UCUM unit; the decimals of `value` are kept as they are."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def decimal(value: float, places: int) -> Decimal:
    """A number drawn as a float, rounded to this many decimals, exact from there on."""
    return Decimal(round(value * 10**places)).scaleb(-places)


def vital(record: Record, kind: str, value: Decimal, day: date, **more: Any) -> Resource:
    """A vital sign. `more`: `hour`, `minute`, `by` (the person when absent), `device`, `entry`."""
    code, unit = VITALS[kind]
    return record.add(
        "Observation",
        more.get("entry", ""),
        status="final",
        category=_VITAL,
        code=code,
        subject=record.subject,
        effectiveDateTime=at(day, more.get("hour", 9), more.get("minute", 0)),
        performer=[more.get("by") or record.subject],
        valueQuantity=quantity(value, unit),
        device=more.get("device"),
    )


def pressure(record: Record, systolic: int, diastolic: int, day: date, **more: Any) -> Resource:
    """A blood pressure in mmHg: one Observation with two components. `more` as for `vital`."""
    return record.add(
        "Observation",
        more.get("entry", ""),
        status="final",
        category=_VITAL,
        code=_PRESSURE,
        subject=record.subject,
        effectiveDateTime=at(day, more.get("hour", 9), more.get("minute", 0)),
        performer=[more.get("by") or record.subject],
        component=[
            {"code": _SYSTOLIC, "valueQuantity": quantity(Decimal(systolic), "mm[Hg]")},
            {"code": _DIASTOLIC, "valueQuantity": quantity(Decimal(diastolic), "mm[Hg]")},
        ],
    )


def result(record: Record, test: Test, value: Decimal, day: date, **more: Any) -> Resource:
    """A laboratory result with its flag and reference range. `more`: `by`, `status` (final), `entry`."""
    return record.add(
        "Observation",
        more.get("entry", ""),
        status=more.get("status", "final"),
        category=_LABORATORY,
        code=test.code,
        subject=record.subject,
        effectiveDateTime=at(day, 7, 45),
        issued=at(day, 16, 30),
        performer=[more["by"]],
        valueQuantity=quantity(value, test.unit),
        interpretation=_flag(test, value),
        referenceRange=[_range(test)],
    )


def _flag(test: Test, value: Decimal) -> list[dict[str, Any]]:
    if test.high and value > Decimal(test.high):
        return _FLAGS["H"]
    return _FLAGS["L" if test.low and value < Decimal(test.low) else "N"]


def _range(test: Test) -> dict[str, Any]:
    bounds = (("low", test.low), ("high", test.high))
    return {name: quantity(Decimal(text), test.unit) for name, text in bounds if text}
