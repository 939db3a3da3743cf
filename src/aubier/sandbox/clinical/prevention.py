"""Vaccines by the calendar, growth of children: what a record shows of someone who follows advice, mostly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from aubier.ground.rows import Resource
from aubier.sandbox.clinical.catalogue import ATC, Vaccine, concept, vaccines
from aubier.sandbox.clinical.measures import decimal, vital
from aubier.sandbox.clinical.record import Record
from aubier.sandbox.territory.carers import Carer
from aubier.sandbox.territory.draw import Draw

FLU = concept(ATC, "J07BB02", "Grippe saisonnière")
"""Seasonal influenza vaccine."""
COVID = concept(ATC, "J07BN01", "Covid-19 (ARN messager)")
"""Covid-19 vaccine."""
_MONTH = 30.44
_DIGITAL_SINCE = date(2012, 1, 1)


def immunize(record: Record, code: dict[str, Any], day: date, *, by: Carer, **more: Any) -> Resource:
    """A completed Immunization. `more`: `dose` (rank), `lot`, `disease`, `entry`."""
    protocol: dict[str, Any] = {"doseNumberPositiveInt": more.get("dose", 1)}
    if more.get("disease"):
        protocol["targetDisease"] = [{"text": more["disease"]}]
    return record.add(
        "Immunization",
        more.get("entry", ""),
        status="completed",
        vaccineCode=code,
        patient=record.subject,
        occurrenceDateTime=day.isoformat(),
        primarySource=True,
        lotNumber=more.get("lot"),
        performer=[{"actor": by.link}],
        protocolApplied=[protocol],
    )


def calendar(record: Record, draw: Draw, today: date, *, by: Carer, years: int, share: float = 1.0) -> None:
    """The vaccines of the calendar that this person had: recorded since records are digital, or as a child.

    `share` (0 to 1) of them found their way into the record.

    Rule: Calendrier des vaccinations 2025 (ages and first birth years are data, `vaccines.csv`).
    """
    birth = record.person.birth
    for vaccine in vaccines().values():
        if birth.year >= vaccine.born_from and draw.chance(vaccine.uptake * share):
            _doses(record, draw, vaccine, today=today, by=by)
    _seasonal(record, draw, today, by=by, years=years)


def _doses(record: Record, draw: Draw, vaccine: Vaccine, *, today: date, by: Carer) -> None:
    birth = record.person.birth
    for rank, months in enumerate(vaccine.ages, 1):
        day = birth + timedelta(days=int(months * _MONTH) + draw.below(40 if months < 30 else 300))
        if _DIGITAL_SINCE <= day < _end(record, today):
            lot = f"{vaccine.key[:2].upper()}{draw.between(1000, 9999)}"
            immunize(record, vaccine.code, day, by=by, dose=rank, lot=lot, disease=vaccine.disease)


def _seasonal(record: Record, draw: Draw, today: date, *, by: Carer, years: int) -> None:
    faithful = draw.chance(0.55 if years >= 65 else 0.06)
    if faithful and years >= 18:
        for back in (2, 1):
            day = date(today.year - back, 10, 15) + timedelta(days=draw.below(50))
            if day < _end(record, today):
                immunize(record, FLU, day, by=by, lot=f"FL{draw.between(1000, 9999)}", disease="Grippe")
    if years >= 75 and draw.chance(0.5):
        day = date(today.year - 1, 10, 20) + timedelta(days=draw.below(40))
        if day < _end(record, today):
            immunize(record, COVID, day, by=by, lot=f"CO{draw.between(1000, 9999)}", disease="Covid-19")


def _end(record: Record, today: date) -> date:
    return record.person.deceased or today


_GROWTH = (
    (0, 3.35, 50.0, 34.5), (1, 4.3, 54.0, 37.0), (2, 5.2, 57.5, 39.0), (4, 6.6, 63.0, 41.5),
    (9, 8.8, 71.5, 45.0), (11, 9.4, 74.0, 46.0), (16, 10.6, 79.5, 47.0), (24, 12.2, 87.0, 48.5),
    (36, 14.3, 95.5, 0), (48, 16.4, 102.5, 0), (72, 20.8, 116.0, 0), (96, 25.8, 128.0, 0),
    (120, 32.0, 138.5, 0), (144, 40.0, 150.0, 0), (186, 56.0, 167.0, 0),
)  # fmt: skip
"""Age in months, weight (kg), height (cm), head circumference (cm): usual values at the examinations."""


def growth(record: Record, draw: Draw, today: date, *, by: Carer, most: int = 4) -> None:
    """Weight, height and, for infants, head circumference at the last examinations (at most `most`)."""
    person = record.person
    size = draw.around(1.0, 0.07) * (1.015 if person.sex == "M" else 0.985)
    months = (today - person.birth).days / _MONTH
    for age, weight, height, head in [row for row in _GROWTH if row[0] <= months][-most:]:
        day = person.birth + timedelta(days=int(age * _MONTH) + (draw.below(12) if age else 0))
        day = min(day, today)
        vital(record, "weight", decimal(weight * size, 2), day, by=by.link)
        vital(record, "height", decimal(height * (0.5 + size / 2), 1), day, by=by.link)
        if head:
            vital(record, "head", Decimal(round(head * (0.8 + size / 5) * 10)).scaleb(-1), day, by=by.link)
