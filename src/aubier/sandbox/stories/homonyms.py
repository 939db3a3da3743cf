"""Two men named Jean Martin, born four days apart in the same town: the right letter for the right man."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from aubier.sandbox.batch import Batch
from aubier.sandbox.clinical.catalogue import ATC, concept, diseases, medicines, tests
from aubier.sandbox.clinical.measures import result
from aubier.sandbox.clinical.prevention import FLU, immunize
from aubier.sandbox.clinical.record import Record
from aubier.sandbox.clinical.treatments import prescribe
from aubier.sandbox.stories.story import Stage, Story

_FIRST = ("diabetes2", ("metformine",), ("hba1c", "7.4"))
_SECOND = ("atrial_fibrillation", ("apixaban", "bisoprolol"), ("haemoglobin", "14.1"))


def build(stage: Stage) -> Batch:
    """Jean Martin (born on the 14th), Jean Martin (born on the 18th), and the doctor they share."""
    year = stage.today.year - 63
    men = (
        ("martin-14", date(year, 7, 14), ("Jean", "Pierre"), "6 rue du Môle", _FIRST),
        ("martin-18", date(year, 7, 18), ("Jean", "Paul"), "31 rue des Plomarc'h", _SECOND),
    )
    for slug, born, given, street, health in men:
        person = stage.person(slug, "M", born, family="Martin", given=given, street=street,
                              email=f"{slug}@example.org")  # fmt: skip
        record = stage.record(person, stage.cast["dr.morvan"])
        _health(stage, record, health)
        stage.citizen(
            slug, person,
            f"Jean Martin né le {born.day} juillet : son homonyme a le même médecin",
            f"Jean Martin born on {born.day} July: his namesake has the same doctor",
        )  # fmt: skip
        if slug == "martin-18":
            penicillin = concept(ATC, "J01C", "Pénicilline")
            record.allergy(penicillin, stage.before(6000), by=stage.cast["dr.morvan"], severe=True)
    return stage.close()


def _health(stage: Stage, record: Record, health: tuple[Any, ...]) -> None:
    illness, keys, (lab, value) = health
    morvan, disease = stage.cast["dr.morvan"], diseases()[illness]
    record.condition(disease.code, stage.before(2400), by=morvan, entry=illness)
    for key in keys:
        prescribe(record, medicines()[key], stage.before(22), by=morvan, group=f"ORD-{illness}", entry=key)
    result(record, tests()[lab], Decimal(value), stage.before(24), by=stage.cast["dr.riou"].place.link)
    record.encounter(stage.before(22), by=morvan, reason=disease.code, hour=10, entry="visit")
    pharmacist = stage.cast["pharmacie.port"]
    immunize(record, FLU, stage.before(380), by=pharmacist, lot="FL1920", disease="Grippe")
    for kind, author, text in (
        ("biology", "dr.riou", f"{tests()[lab].code['text']} : {value.replace('.', ',')}."),
        ("consultation", "dr.morvan", f"{disease.code['text']} : état stable."),
        ("prescription", "dr.morvan", "Renouvellement pour trois mois."),
    ):
        stage.file(record, kind, 22, by=stage.cast[author], paragraphs=(text,), entry=kind)


STORY = Story(
    "homonyms",
    {"fr": "Deux Jean Martin", "en": "Two Jean Martins"},
    build,
)
"""Homonyms: same names, same sex, same town, birth dates four days apart."""
