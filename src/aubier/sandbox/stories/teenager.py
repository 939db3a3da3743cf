"""Inès, 16, came alone: a secret visit that her parents must not be able to guess."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from aubier.access.labels import VISIBILITY
from aubier.sandbox.batch import Batch, Delegation, Mask, Relationship
from aubier.sandbox.clinical.catalogue import CIM10, concept, diseases, medicines
from aubier.sandbox.clinical.measures import pressure, vital
from aubier.sandbox.clinical.prevention import calendar
from aubier.sandbox.clinical.record import Record, relation
from aubier.sandbox.clinical.treatments import dispense, prescribe
from aubier.sandbox.stories.story import Stage, Story
from aubier.sandbox.territory.people import Person

HIDDEN_FROM_PARENTS = "INVISIBLE_REP_LEGAUX"
"""The visibility code of everything written during a secret visit (TRE_A07)."""


def build(stage: Stage) -> Batch:
    """Inès, her two parents, an ordinary record, and one secret visit."""
    year, street = stage.today.year, "27 rue de la Fontaine"
    born = date(year - 16, 4, 12) if stage.today >= date(stage.today.year, 4, 12) else date(year - 17, 4, 12)
    common = {"town": "Quimper", "street": street}
    ines = stage.person("ines", "F", born, family="Benali", given=("Inès", "Sarah"), **common)
    nadia = stage.person("nadia", "F", date(year - 44, 1, 25), family="Haddad", given=("Nadia",),
                         used_family="Benali", born_abroad=("99352", "Oran"), **common)  # fmt: skip
    samir = stage.person("samir", "M", date(year - 47, 8, 3), family="Benali", given=("Samir",), **common)
    record = stage.record(ines, stage.cast["dr.kerneis"])
    for parent in (nadia, samir):
        stage.record(parent)
    _ordinary(stage, record)
    _secret(stage, record)
    _family(stage, record, (nadia, samir))
    stage.citizen(
        "ines", ines, "16 ans : un rendez-vous que ses parents ne voient pas",
        "16: a visit that her parents do not see",
    )  # fmt: skip
    stage.citizen("nadia", nadia, "44 ans, mère d'Inès", "44, mother of Inès")
    stage.citizen("samir", samir, "47 ans, père d'Inès", "47, father of Inès")
    return stage.close()


def _ordinary(stage: Stage, record: Record) -> None:
    gp = stage.cast["dr.kerneis"]
    record.condition(diseases()["asthma"].code, stage.before(3600), by=gp, entry="asthma")
    record.allergy({"text": "Arachide"}, stage.before(4200), by=gp, entry="peanut")
    calendar(record, stage.draw("vaccines"), stage.today, by=gp, years=16)
    reason = concept(CIM10, "Z02", "Certificat de sport")
    record.encounter(stage.before(75), by=gp, reason=reason, hour=17, entry="sport")
    vital(record, "weight", Decimal("56.2"), stage.before(75), by=gp.link)
    vital(record, "height", Decimal("166.0"), stage.before(75), by=gp.link)
    prescribe(
        record, medicines()["salbutamol"], stage.before(75), by=gp, group="ORD-INES-0908", entry="asthma"
    )
    stage.file(
        record, "certificate", 75, by=gp, title="Certificat de sport", entry="sport",
        paragraphs=("Pas de contre-indication à la pratique du handball.",),
    )  # fmt: skip
    record.appointment(stage.before(-40), 17, by=gp, text="Suivi de l'asthme", entry="asthma")


def _secret(stage: Stage, record: Record) -> None:
    """Everything written here bears the confidentiality of a secret connection.

    Rule: DMP, connexion secrète; Code de la santé publique L1111-5 (minors).
    """
    doctor, day = stage.cast["dr.prigent"], stage.before(13)
    start = len(record.entries)
    record.security = [{"system": VISIBILITY, "code": HIDDEN_FROM_PARENTS}]
    reason = concept(CIM10, "Z30", "Contraception")
    visit = record.encounter(day, by=doctor, reason=reason, hour=16, entry="secret")
    record.condition(reason, day, by=doctor, entry="secret")
    pressure(record, 112, 66, day, by=doctor.link, hour=16)
    request = prescribe(
        record, medicines()["contraception"], day, by=doctor, group="ORD-PRIGENT-1109", entry="secret"
    )
    pharmacist = stage.cast["pharmacie.baie"]
    dispense(record, request, day, by=pharmacist, days=84, entry="secret")
    for kind, title in (("consultation", "Consultation"), ("prescription", "Ordonnance")):
        stage.file(
            record, kind, 13, by=doctor, title=title, hour=16, minute=30, encounter=visit["id"],
            visibility=(HIDDEN_FROM_PARENTS,), entry=f"secret-{kind}",
            paragraphs=("Demande de contraception. Entretien seule, à sa demande. Revoir dans trois mois.",),
        )  # fmt: skip
    record.appointment(stage.before(-75), 16, by=doctor, text="Revoir dans trois mois", entry="secret")
    record.security = []
    for entry in record.entries[start:]:
        reference = f"{entry['resourceType']}/{entry['id']}"
        stage.allow(Mask(record.person.id, reference, "rep", by=doctor.key))


def _family(stage: Stage, record: Record, parents: tuple[Person, Person]) -> None:
    ines = record.person
    majority = ines.birth.replace(year=ines.birth.year + 18)
    for parent, code, text in zip(parents, ("MTH", "FTH"), ("Mère", "Père"), strict=True):
        record.relative(relation(code, text), parent, since=ines.birth, entry=text)
        stage.allow(Delegation(ines.id, parent.key, "parental-authority", start=ines.birth, end=majority))
    doctor = stage.cast["dr.prigent"]
    stage.allow(Relationship(ines.id, doctor.key, "care-team", start=stage.before(13)))


STORY = Story(
    "teenager",
    {"fr": "Inès, 16 ans, un secret", "en": "Inès, 16, a secret"},
    build,
)
"""A teenager's secret visit, invisible to her legal representatives."""
