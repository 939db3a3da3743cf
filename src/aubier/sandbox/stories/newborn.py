"""Louise and Lucas are born: two provisional identities, one becomes qualified, two parents."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from aubier.sandbox.batch import Batch, Delegation, Relationship
from aubier.sandbox.clinical.catalogue import CIM10, LOINC, concept, medicines
from aubier.sandbox.clinical.measures import vital
from aubier.sandbox.clinical.record import Record, relation
from aubier.sandbox.clinical.treatments import prescribe
from aubier.sandbox.stories.story import Stage, Story
from aubier.sandbox.territory.days import at
from aubier.sandbox.territory.people import Person

_AGE = 11
_BIRTHS = (
    ("louise", "F", ("Louise", "Anne", "Nolwenn"), "QUAL", "2.710", "47.5", "33.5", 14, 5),
    ("lucas", "M", ("Lucas", "Yves", "Malo"), "PROV", "2.590", "47.0", "33.0", 14, 12),
)
"""Slug, sex, given names, identity status, weight (kg), height, head (cm), hour and minute of birth."""


def build(stage: Stage) -> Batch:
    """Claire and Thomas, their twins, and what the maternity ward wrote."""
    today = stage.today
    common = {"town": "Quimper", "street": "4 rue des Ajoncs"}
    claire = stage.person(
        "claire", "F", today.replace(year=today.year - 31, day=9), family="Quéméner",
        given=("Claire", "Marie"), used_family="Le Dantec", **common,
    )  # fmt: skip
    thomas = stage.person(
        "thomas", "M", today.replace(year=today.year - 33, day=14), family="Le Dantec",
        given=("Thomas", "Yann"), **common,
    )  # fmt: skip
    _mother(stage, claire)
    stage.record(thomas)
    for rank, row in enumerate(_BIRTHS, 1):
        _child(stage, (claire, thomas), row, rank)
    stage.citizen(
        "claire",
        claire,
        "31 ans, mère des jumeaux Louise et Lucas",
        "31, mother of the twins Louise and Lucas",
    )
    stage.citizen(
        "thomas", thomas, "33 ans, père des jumeaux : le même accès que leur mère",
        "33, father of the twins: the same access as their mother",
    )  # fmt: skip
    return stage.close()


def _mother(stage: Stage, claire: Person) -> None:
    cast, born = stage.cast, stage.before(_AGE)
    midwife = cast["sf.jaouen"]
    record = stage.record(claire, cast["dr.morvan"])
    pregnancy = concept(CIM10, "O30", "Grossesse gémellaire")
    record.condition(pregnancy, stage.before(250), by=midwife, active=False, entry="pregnancy")
    for months in (6, 5, 4, 3, 2, 1):
        day = stage.before(_AGE + months * 30)
        record.encounter(day, by=midwife, reason=pregnancy, entry=f"visit-{months}")
        vital(record, "weight", Decimal(72 - months * 2), day, by=midwife.link)
    prescribe(
        record, medicines()["acide_folique"], stage.before(255), by=midwife, days=90, status="completed"
    )
    until = born + timedelta(days=4)
    record.encounter(born, by=midwife, reason=pregnancy, kind="IMP", until=until, hour=5, entry="birth")
    record.appointment(stage.before(-31), 10, by=midwife, text="Consultation postnatale", entry="postnatal")
    stage.file(
        record, "consultation", 40, by=midwife, title="Consultation du 8e mois",
        paragraphs=("Grossesse gémellaire de bonne évolution. Accouchement prévu à Quimper.",),
    )  # fmt: skip


def _child(stage: Stage, parents: tuple[Person, Person], row: tuple[Any, ...], rank: int) -> None:
    slug, sex, names, status, weight, height, head, hour, minute = row
    cast, born = stage.cast, stage.before(_AGE)
    child = stage.person(
        slug, sex, born, family="Le Dantec", given=names, status=status, twin=rank, document="LE",
        town="Quimper", street="4 rue des Ajoncs", mobile="", email="",
    )  # fmt: skip
    record = stage.record(child, cast["dr.autret"])
    midwife = cast["sf.jaouen"]
    measures = (("weight", weight), ("height", height), ("head", head))
    for kind, value in measures:
        vital(record, kind, Decimal(value), born, by=midwife.link, hour=hour, minute=minute + 20)
    _apgar(stage, record, hour, minute)
    until = born + timedelta(days=4)
    record.encounter(born, by=midwife, kind="IMP", until=until, hour=hour, entry="birth")
    text = f"Naissance à terme, jumeau n° {rank}. Poids {weight.replace('.', ',')} kg. Examen normal."
    stage.file(record, "birth", _AGE - 3, by=midwife, title="Synthèse de maternité", paragraphs=(text,))
    prescribe(record, medicines()["vitamine_d_nourrisson"], stage.before(_AGE - 4), by=cast["dr.autret"])
    if status == "QUAL":
        _first_examination(stage, record)
    record.appointment(
        stage.before(-19), 10 + rank, by=cast["dr.autret"], text="Examen du premier mois", entry="month-1"
    )
    _family(stage, record, parents)


def _apgar(stage: Stage, record: Record, hour: int, minute: int) -> None:
    born, midwife = stage.before(_AGE), stage.cast["sf.jaouen"]
    record.add(
        "Observation", "apgar", status="final", code=concept(LOINC, "9274-2", "Score d'Apgar à 5 minutes"),
        subject=record.subject, effectiveDateTime=at(born, hour, minute + 5), performer=[midwife.link],
        valueInteger=10,
    )  # fmt: skip


def _first_examination(stage: Stage, record: Record) -> None:
    doctor, day = stage.cast["dr.autret"], stage.before(3)
    record.encounter(day, by=doctor, reason=concept(CIM10, "Z00", "Examen du 8e jour"), entry="day-8")
    vital(record, "weight", Decimal("2.840"), day, by=doctor.link)
    stage.file(
        record, "child", 3, by=doctor, title="Certificat du 8e jour",
        paragraphs=("Examen normal. Allaitement maternel. Vitamine K donnée.",),
    )  # fmt: skip


def _family(stage: Stage, record: Record, parents: tuple[Person, Person]) -> None:
    child, born = record.person, stage.before(_AGE)
    majority = born.replace(year=born.year + 18)
    for parent, code, text in zip(parents, ("MTH", "FTH"), ("Mère", "Père"), strict=True):
        record.relative(relation(code, text), parent, since=born, entry=text)
        stage.allow(Delegation(child.id, parent.key, "parental-authority", start=born, end=majority))
    ward = stage.cast["sf.jaouen"].place
    stage.allow(Relationship(child.id, ward.key, "hospital-stay", start=born, end=stage.before(-19)))


STORY = Story(
    "newborn",
    {"fr": "Louise et son jumeau Lucas", "en": "Louise and her twin Lucas"},
    build,
)
"""Newborn twins: one identity qualified, the other still provisional; two parents."""
