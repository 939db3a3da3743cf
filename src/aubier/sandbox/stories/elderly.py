"""Odette, 86, lives at home; her daughter Martine helps, within what Odette decided."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from aubier.sandbox.batch import Batch, Delegation, Relationship
from aubier.sandbox.clinical.catalogue import CIM10, Concept, concept, diseases, medicines, tests
from aubier.sandbox.clinical.measures import pressure, result, vital
from aubier.sandbox.clinical.prevention import COVID, FLU, immunize
from aubier.sandbox.clinical.record import Record, relation
from aubier.sandbox.clinical.treatments import dispense, prescribe
from aubier.sandbox.stories.story import Stage, Story
from aubier.sandbox.territory.days import at
from aubier.sandbox.territory.people import Person

_ILLNESSES = ("hypertension", "alzheimer", "arthrosis", "osteoporosis", "kidney", "hypothyroidism")
_MEDICINES = ("amlodipine", "donepezil", "paracetamol", "colecalciferol", "levothyroxine")
_SCOPE = ("treatments", "agenda", "add-documents")


def build(stage: Stage) -> Batch:
    """Odette, Martine, the nurse's notes, the circle and the mandate."""
    year = stage.today.year
    odette = stage.person(
        "odette", "F", date(year - 86, 5, 30), family="Floc'h", given=("Odette", "Marie", "Yvonne"),
        used_family="Le Bihan", street="3 venelle du Lavoir", email="", born="Pouldreuzic",
    )  # fmt: skip
    martine = stage.person(
        "martine", "F", date(year - 59, 9, 2), family="Le Bihan", given=("Martine", "Anne"),
        town="Audierne", used_family="Gouzien",
    )  # fmt: skip
    record = stage.record(odette, stage.cast["dr.morvan"])
    stage.record(martine)
    _health(stage, record)
    _daily_life(stage, record)
    _papers(stage, record, martine)
    _circle(stage, record, martine)
    stage.citizen(
        "odette", odette, "86 ans, vit chez elle, aidée par sa fille Martine",
        "86, lives at home, helped by her daughter Martine",
    )  # fmt: skip
    stage.citizen(
        "martine", martine,
        "Fille et aidante d'Odette : traitements, agenda, dépôt de documents ; pas les directives anticipées",
        "Odette's daughter and carer: treatments, agenda, adding documents; not the advance directives",
    )  # fmt: skip
    return stage.close()


def _health(stage: Stage, record: Record) -> None:
    morvan, lab = stage.cast["dr.morvan"], stage.cast["dr.riou"].place.link
    for rank, key in enumerate(_ILLNESSES):
        record.condition(diseases()[key].code, stage.before(5000 - rank * 700), by=morvan, entry=key)
    record.allergy({"text": "Latex"}, stage.before(3000), by=morvan, entry="latex")
    for key in _MEDICINES:
        request = prescribe(
            record, medicines()[key], stage.before(35), by=morvan, group="ORD-MORVAN-1018", entry=key
        )
        dispense(record, request, stage.before(33), by=stage.cast["pharmacie.port"], days=30, entry=key)
    for back, creatinine, tsh in ((210, "118", "3.10"), (30, "124", "2.75")):
        result(record, tests()["creatinine"], Decimal(creatinine), stage.before(back), by=lab)
        result(record, tests()["tsh"], Decimal(tsh), stage.before(back), by=lab)
    for code, name, back in ((FLU, "Grippe", 25), (COVID, "Covid-19", 25)):
        immunize(record, code, stage.before(back), by=stage.cast["s.kerjean"], lot="OD2501", disease=name)


def _daily_life(stage: Stage, record: Record) -> None:
    nurse = stage.cast["s.kerjean"]
    for back in range(28, 0, -7):
        day = stage.before(back)
        record.encounter(day, by=nurse, kind="HH", hour=9, entry=f"visit-{back}")
        pressure(record, 138 + back % 5, 74 + back % 3, day, by=nurse.link)
        vital(record, "weight", Decimal("52.4") - Decimal(back) / 20, day, by=nurse.link)
    wound = concept(CIM10, "L97", "Ulcère de jambe gauche")
    record.condition(wound, stage.before(45), by=stage.cast["dr.morvan"], entry="wound")
    record.procedure({"text": "Pansement d'ulcère de jambe"}, stage.before(2), by=nurse, entry="dressing")
    record.add(
        "CarePlan", "home", status="active", intent="plan", title="Maintien à domicile",
        subject=record.subject, period={"start": stage.before(300).isoformat()}, author=nurse.link,
        activity=[{"detail": {"status": "in-progress", "description": text}} for text in _PLAN],
    )  # fmt: skip


_PLAN = (
    "Toilette et pilulier chaque matin (infirmière)",
    "Pansement de jambe trois fois par semaine (infirmière)",
    "Courses et repas le mardi et le vendredi (aide à domicile)",
    "Visite du dimanche (Martine)",
)


def _papers(stage: Stage, record: Record, martine: Person) -> None:
    cast = stage.cast
    text = "Plaie propre, en voie de cicatrisation. Moral bon. Pense à boire davantage."
    stage.file(
        record, "nursing", 2, by=cast["s.kerjean"], title="Transmission infirmière", paragraphs=(text,)
    )
    text = "Syndrome démentiel débutant, MMSE 21/30. Maintien à domicile possible avec aides."
    stage.file(
        record, "consultation", 120, by=cast["dr.morvan"], title="Bilan gériatrique", paragraphs=(text,)
    )
    stage.file(record, "biology", 30, by=cast["dr.riou"], paragraphs=("Créatinine 124 µmol/L, TSH 2,75.",))
    stage.file(record, "prescription", 35, by=cast["dr.morvan"], paragraphs=("Renouvellement, 3 mois.",))
    stage.file(
        record, "directives", 500, title="Mes directives anticipées", entry="directives",
        paragraphs=("Je souhaite rester chez moi aussi longtemps que possible.",),
    )  # fmt: skip
    deposited = stage.file(
        record, "patient-report", 12, title="Carnet de tension, octobre", entry="notebook",
        paragraphs=("Relevés du mois, notés à la main.",),
    )  # fmt: skip
    author = {"reference": martine.reference, "display": martine.display}
    deposited.reference["author"] = [author]
    record.add(
        "Provenance", "notebook",
        target=[{"reference": f"DocumentReference/{deposited.reference['id']}"}],
        recorded=at(stage.before(12), 18), agent=[{"who": author, "onBehalfOf": record.subject}],
    )  # fmt: skip


def _circle(stage: Stage, record: Record, martine: Person) -> None:
    cast, odette, since = stage.cast, record.person, stage.before(300)
    record.relative(relation("DAUC", "Fille, aidante"), martine, since=since, entry="martine")
    carers = [cast[login] for login in ("dr.morvan", "s.kerjean", "pharmacie.port")]
    record.team("Cercle de soins d'Odette", carers, since=since, entry="circle")
    record.add(
        "Consent", "mandate", status="active", patient=record.subject,
        scope=_consent("consentscope", "patient-privacy"),
        category=[_consent("consentcategorycodes", "infa")],
        dateTime=at(since, 10), policyRule={"text": "Mandat d'aidante : lecture et dépôt, sans suppression"},
        provision={"type": "permit", "period": {"start": since.isoformat()},
                   "actor": [{"role": {"text": "Aidante"}, "reference": {"reference": martine.reference}}]},
    )  # fmt: skip
    record.appointment(
        stage.before(-3), 10, by=cast["dr.morvan"], text="Visite à domicile", entry="home-visit"
    )
    record.appointment(stage.before(-1), 9, by=cast["s.kerjean"], text="Pansement", entry="dressing")
    stage.allow(
        Relationship(odette.id, cast["s.kerjean"].key, "care-team", start=since),
        Relationship(odette.id, cast.place("port").key, "pharmacy", start=since),
        Delegation(odette.id, martine.key, "mandate", _SCOPE, ("type:EXPPAT_3",), since),
    )
    stage.looked(odette, cast["s.kerjean"], 1, 8, ("CarePlan", 1), ("DocumentReference", 2), minute=30)


def _consent(system: str, code: str) -> Concept:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


STORY = Story(
    "elderly",
    {"fr": "Odette et sa fille Martine", "en": "Odette and her daughter Martine"},
    build,
)
"""Dependent elderly lady with her daughter: a mandate with limits."""
