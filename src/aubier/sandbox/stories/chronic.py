"""Jean-Luc Quéméner weighs himself every morning: telemonitored heart failure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from aubier.sandbox.batch import Batch, Relationship
from aubier.sandbox.clinical.catalogue import diseases, medicines, tests
from aubier.sandbox.clinical.measures import VITALS, decimal, pressure, quantity, result, vital
from aubier.sandbox.clinical.prevention import FLU, immunize
from aubier.sandbox.clinical.record import Record
from aubier.sandbox.clinical.treatments import dispense, prescribe
from aubier.sandbox.stories.story import Stage, Story
from aubier.sandbox.territory.carers import Carer
from aubier.sandbox.territory.days import at

_DAYS = 90
_SILENT = range(40, 43)
_SURGE = {20: 0.9, 19: 1.8, 18: 2.4, 17: 1.6, 16: 0.7}


def build(stage: Stage) -> Batch:
    """Jean-Luc, his scale, ninety mornings, one real alert, three silent days."""
    born = date(stage.today.year - 68, 2, 11)
    person = stage.person(
        "jean-luc", "M", born, family="Quéméner", given=("Jean-Luc", "Marie"), town="Concarneau",
        street="9 rue des Sardiniers",
    )  # fmt: skip
    gp = stage.cast["dr.kerneis"]
    record = stage.record(person, gp)
    failure = _illness(stage, record, gp)
    scale = _device(stage, record, failure)
    _mornings(stage, record, scale)
    _alert(stage, record)
    _treatment(stage, record, failure)
    _follow_up(stage, record, gp)
    cast = stage.cast
    stage.allow(
        Relationship(person.id, cast["dr.cloarec"].key, "care-team", start=stage.before(900)),
        Relationship(person.id, cast["s.kerjean"].key, "care-team", start=stage.before(_DAYS)),
        Relationship(person.id, cast.place("bourg").key, "pharmacy", start=stage.before(500)),
    )
    stage.looked(person, cast["s.kerjean"], 1, 9, ("Observation", 30), minute=5)
    stage.looked(person, cast["dr.cloarec"], 6, 11, ("Observation", 30), ("MedicationRequest", 4))
    stage.citizen(
        "jean-luc", person,
        "68 ans, insuffisance cardiaque suivie à distance, se pèse chaque matin",
        "68, heart failure followed from a distance, weighs himself every morning",
    )  # fmt: skip
    return stage.close()


def _illness(stage: Stage, record: Record, gp: Carer) -> dict[str, Any]:
    catalogue, cloarec = diseases(), stage.cast["dr.cloarec"]
    record.condition(catalogue["hypertension"].code, stage.before(5200), by=gp, entry="pressure")
    record.condition(catalogue["diabetes2"].code, stage.before(2900), by=gp, entry="diabetes")
    failure = record.condition(
        catalogue["heart_failure"].code, stage.before(820), by=cloarec, entry="failure"
    )
    return {"reference": f"Condition/{failure['id']}"}


def _device(stage: Stage, record: Record, failure: dict[str, Any]) -> dict[str, Any]:
    cloarec, start = stage.cast["dr.cloarec"], stage.before(_DAYS)
    device = record.add(
        "Device", "scale", status="active", manufacturer="Fictif", modelNumber="BAL-01",
        type={"text": "Balance connectée"}, patient=record.subject, serialNumber="BAL-0001",
    )  # fmt: skip
    order = record.add(
        "ServiceRequest", "monitoring", status="active", intent="order", subject=record.subject,
        code={"text": "Télésurveillance de l'insuffisance cardiaque, six mois"}, requester=cloarec.link,
        authoredOn=at(start, 10), reasonReference=[failure],
    )  # fmt: skip
    goal = _goal(stage, record)
    record.add(
        "CarePlan", "monitoring", status="active", intent="plan", title="Télésuivi du poids",
        subject=record.subject, period={"start": start.isoformat(), "end": stage.before(-90).isoformat()},
        author=cloarec.link, goal=[goal], addresses=[failure],
        activity=[{"reference": {"reference": f"ServiceRequest/{order['id']}"}}],
    )  # fmt: skip
    return {"reference": f"Device/{device['id']}"}


def _goal(stage: Stage, record: Record) -> dict[str, Any]:
    code, unit = VITALS["weight"]
    band = {"low": quantity(Decimal(84), unit), "high": quantity(Decimal(87), unit)}
    goal = record.add(
        "Goal", "weight", lifecycleStatus="active", description={"text": "Poids entre 84 et 87 kg"},
        subject=record.subject, startDate=stage.before(_DAYS).isoformat(),
        target=[{"measure": code, "detailRange": band}],
    )  # fmt: skip
    return {"reference": f"Goal/{goal['id']}"}


def _mornings(stage: Stage, record: Record, scale: dict[str, Any]) -> None:
    draw = stage.draw("weight")
    for back in range(_DAYS, -1, -1):
        if back in _SILENT:
            continue
        value = decimal(85.4 + _SURGE.get(back, 0) + draw.around(0, 0.25), 1)
        minute = draw.between(2, 40)
        vital(record, "weight", value, stage.before(back), hour=7, minute=minute, device=scale)
        if back % 7 == 0:
            pressure(record, draw.between(118, 134), draw.between(68, 80), stage.before(back), hour=7)


def _alert(stage: Stage, record: Record) -> None:
    nurse, day = stage.cast["s.kerjean"], stage.before(18)
    issue = record.add(
        "DetectedIssue", "surge", status="final", severity="high", patient=record.subject,
        identifiedDateTime=at(day, 7, 20), detail="Prise de 2,4 kg en trois jours (seuil : 2 kg)",
    )  # fmt: skip
    record.add(
        "Task", "surge", status="completed", intent="order", code={"text": "Alerte de poids"},
        description="Appeler le patient sous deux heures", **{"for": record.subject},
        focus={"reference": f"DetectedIssue/{issue['id']}"}, owner=nurse.link,
        authoredOn=at(day, 7, 20), executionPeriod={"start": at(day, 7, 20), "end": at(day, 8, 5)},
    )  # fmt: skip
    record.add(
        "Communication", "seen", status="completed", subject=record.subject, sent=at(day, 7, 21),
        recipient=[record.subject], sender=nurse.link,
        payload=[{"contentString": "Nous avons vu votre poids de ce matin. Nous vous appelons avant 9 h."}],
    )  # fmt: skip
    record.encounter(day, by=nurse, kind="VR", hour=8, minutes=15, entry="call")


def _treatment(stage: Stage, record: Record, failure: dict[str, Any]) -> None:
    cloarec, pharmacist = stage.cast["dr.cloarec"], stage.cast["pharmacie.baie"]
    keys = ("bisoprolol", "furosemide_40", "spironolactone", "dapagliflozine", "sacubitril", "metformine")
    for key in keys:
        request = prescribe(
            record, medicines()[key], stage.before(60), by=cloarec, group="ORD-CLOAREC-0923", days=180,
            reason=failure, entry=key,
        )  # fmt: skip
        for back in (58, 28):
            dispense(record, request, stage.before(back), by=pharmacist, days=30, entry=f"{key}-{back}")


_BLOOD = (
    (200, "388", "4.4", "101"),
    (110, "352", "4.6", "104"),
    (17, "520", "4.2", "109"),
    (5, "341", "4.8", "112"),
)
"""Blood tests: days ago, BNP (ng/L), potassium (mmol/L), creatinine (umol/L)."""


def _follow_up(stage: Stage, record: Record, gp: Carer) -> None:
    cast = stage.cast
    lab = cast["dr.riou"].place.link
    for back, bnp, potassium, creatinine in _BLOOD:
        for key, value in (("bnp", bnp), ("potassium", potassium), ("creatinine", creatinine)):
            result(record, tests()[key], Decimal(value), stage.before(back), by=lab)
        text = (
            f"BNP {bnp} ng/L, potassium {potassium.replace('.', ',')} mmol/L, créatinine {creatinine} µmol/L."
        )
        stage.file(record, "biology", back, by=cast["dr.riou"], paragraphs=(text,))
    for back in (270, 180, 60):
        record.encounter(stage.before(back), by=cast["dr.cloarec"], reason=diseases()["heart_failure"].code)
        text = "Insuffisance cardiaque stable sous traitement. FEVG 41 %. Télésuivi du poids poursuivi."
        stage.file(record, "consultation", back, by=cast["dr.cloarec"], paragraphs=(text,))
    stage.file(
        record, "telemedicine", 16, by=cast["dr.cloarec"], title="Alerte de télésuivi close",
        paragraphs=("Prise de 2,4 kg après des repas salés. Diurétique doublé deux jours.",),
    )  # fmt: skip
    immunize(record, FLU, stage.before(20), by=stage.cast["pharmacie.baie"], lot="FL4410", disease="Grippe")
    carers = [gp, cast["dr.cloarec"], cast["s.kerjean"]]
    record.team("Télésuivi de Jean-Luc", carers, since=stage.before(_DAYS), entry="circle")
    record.appointment(
        stage.before(-30), 15, by=cast["dr.cloarec"], text="Bilan de télésuivi", entry="review"
    )


STORY = Story(
    "chronic",
    {"fr": "Jean-Luc se pèse chaque matin", "en": "Jean-Luc weighs himself every morning"},
    build,
)
"""Chronic patient: heart failure with telemonitored weight."""
