"""Yann Le Goff comes home from hospital: letter, a dose changed, a box owed, and who must know."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from aubier.ground.rows import Resource
from aubier.sandbox.batch import Batch, Delegation, Relationship
from aubier.sandbox.clinical.catalogue import ATC, concept, diseases, medicines, tests
from aubier.sandbox.clinical.documents import usual_title
from aubier.sandbox.clinical.measures import VITALS, pressure, quantity, result, vital
from aubier.sandbox.clinical.prevention import FLU, immunize
from aubier.sandbox.clinical.record import Record, relation
from aubier.sandbox.clinical.treatments import dispense, prescribe
from aubier.sandbox.stories.story import Stage, Story
from aubier.sandbox.territory.days import at
from aubier.sandbox.territory.people import Person

INS = "155032904611767"
"""Yann's INS: a test number, with the right key."""
_BIRTH = date(1955, 3, 4)
_LAST_VISIT = 80
_WEIGHTS = (78.2, 78.3, 78.1, 78.4, 78.5, 78.4, 78.6, 78.8, 78.7, 78.9, 78.8, 79.0, 78.9, 79.1)
_LETTER = (
    "Cher confrère, Monsieur Le Goff a été hospitalisé cinq jours pour une décompensation de son "
    "insuffisance cardiaque (FEVG 38 %).",
    "Évolution favorable sous diurétiques intraveineux, perte de 3,4 kg. Poids de sortie : 78,8 kg.",
    "Traitement modifié : furosémide augmenté de 20 à 40 mg le matin. Bisoprolol 5 mg et apixaban 5 mg "
    "matin et soir inchangés. Allergie à la pénicilline rappelée (choc en 2011).",
    "À faire : kaliémie et créatinine dans dix jours, consultation avec le médecin traitant sous sept jours, "
    "pesée quotidienne (zone visée 77 à 80 kg).",
)


def build(stage: Stage) -> Batch:
    """Yann, his daughter Gaëlle, their records and rights."""
    cast = stage.cast
    yann = stage.person("yann", "M", _BIRTH, family="Le Goff", given=("Yann", "Corentin"), ins=INS)
    born = date(stage.today.year - 41, 6, 17)
    gaelle = stage.person("gaelle", "F", born, family="Le Goff", given=("Gaëlle", "Marie"), town="Quimper")
    record = stage.record(yann, cast["dr.morvan"])
    stage.record(gaelle)
    conditions = _background(stage, record)
    lines = _prescriptions(stage, record, conditions)
    _hospital(stage, record, lines, conditions)
    _pharmacy(stage, record, lines)
    _monitoring(stage, record)
    _papers(stage, record)
    _circle(stage, record, gaelle)
    _rights(stage, yann, gaelle)
    stage.citizen(
        "yann", yann,
        "71 ans, insuffisance cardiaque, sorti du CHU de Rennes il y a quatre jours",
        "71, heart failure, left Rennes university hospital four days ago",
    )  # fmt: skip
    stage.citizen(
        "gaelle", gaelle,
        "Fille de Yann : voit ses traitements et son agenda, pas ses directives anticipées",
        "Yann's daughter: sees his treatments and agenda, not his advance directives",
    )  # fmt: skip
    return stage.close()


def _background(stage: Stage, record: Record) -> dict[str, Resource]:
    morvan, cloarec = stage.cast["dr.morvan"], stage.cast["dr.cloarec"]
    catalogue, year = diseases(), stage.today.year
    found = {
        "failure": record.condition(
            catalogue["heart_failure"].code, date(year - 5, 3, 9), by=cloarec, entry="failure"
        ),
        "fibrillation": record.condition(
            catalogue["atrial_fibrillation"].code, date(year - 7, 11, 4), by=cloarec, entry="fibrillation"
        ),
    }
    hip = {"text": "Prothèse totale de hanche droite"}
    record.procedure(hip, date(year - 10, 5, 23), by=stage.cast["dr.tanguy"], entry="hip")
    penicillin = concept(ATC, "J01C", "Pénicilline")
    record.allergy(penicillin, date(year - 15, 2, 1), by=morvan, severe=True, entry="penicillin")
    record.encounter(stage.before(_LAST_VISIT), by=morvan, reason=catalogue["heart_failure"].code, hour=11)
    pressure(record, 132, 78, stage.before(_LAST_VISIT), by=morvan.link, hour=11)
    flu_day = date(year - 1, 11, 14)
    pharmacist = stage.cast["pharmacie.port"]
    immunize(record, FLU, flu_day, by=pharmacist, lot="FL2231", disease="Grippe", entry="flu")
    return found


def _prescriptions(stage: Stage, record: Record, conditions: dict[str, Resource]) -> dict[str, Resource]:
    """What Dr Morvan prescribed in September; furosemide 20 mg was stopped on discharge."""
    day, morvan, catalogue = stage.before(_LAST_VISIT), stage.cast["dr.morvan"], medicines()
    failure = {"reference": f"Condition/{conditions['failure']['id']}"}
    rhythm = {"reference": f"Condition/{conditions['fibrillation']['id']}"}
    common: dict[str, Any] = {"by": morvan, "group": "ORD-MORVAN-0903", "days": 180}
    return {
        "bisoprolol": prescribe(
            record, catalogue["bisoprolol"], day, reason=failure, entry="bisoprolol", **common
        ),
        "furosemide_20": prescribe(
            record, catalogue["furosemide"], day, reason=failure, status="stopped",
            note="Arrêté à la sortie du CHU : remplacé par 40 mg", entry="furosemide-20", **common,
        ),
        "apixaban": prescribe(
            record, catalogue["apixaban"], day, reason=rhythm, boxes=2, entry="apixaban", **common
        ),
    }  # fmt: skip


def _hospital(
    stage: Stage, record: Record, lines: dict[str, Resource], conditions: dict[str, Resource]
) -> None:
    tanguy, out = stage.cast["dr.tanguy"], stage.before(4)
    stay = record.encounter(
        stage.before(9),
        by=tanguy,
        reason=diseases()["heart_failure"].code,
        kind="IMP",
        until=out,
        entry="stay",
    )
    lines["furosemide_40"] = prescribe(
        record, medicines()["furosemide_40"], out, by=tanguy, group="ORD-TANGUY-1118", days=28,
        prior=f"MedicationRequest/{lines['furosemide_20']['id']}", entry="furosemide-40",
        reason={"reference": f"Condition/{conditions['failure']['id']}"},
        note="Dose changée : 20 mg vers 40 mg, décompensation cardiaque",
    )  # fmt: skip
    stage.file(
        record, "discharge", 4, by=tanguy, title="Lettre de sortie, cardiologie", paragraphs=_LETTER,
        encounter=stay["id"], hour=14, entry="letter",
    )  # fmt: skip
    stage.file(
        record, "prescription", 4, by=tanguy, title="Ordonnance de sortie", hour=14, minute=10,
        paragraphs=("Furosémide 40 mg : 1 comprimé le matin, 28 jours.",), entry="exit-prescription",
    )  # fmt: skip
    record.add(
        "ServiceRequest", "potassium", status="active", intent="order", subject=record.subject,
        code={"text": "Kaliémie et créatinine"}, authoredOn=at(out, 14), requester=tanguy.link,
        occurrenceDateTime=(out + timedelta(days=10)).isoformat(),
    )  # fmt: skip


def _pharmacy(stage: Stage, record: Record, lines: dict[str, Resource]) -> None:
    """The pharmacy gave everything but one box of apixaban, promised for Thursday."""
    cadiou, day, owed = stage.cast["pharmacie.port"], stage.before(4), stage.today + timedelta(days=4)
    dispense(record, lines["bisoprolol"], day, by=cadiou, days=16, hour=17, entry="bisoprolol")
    dispense(record, lines["furosemide_40"], day, by=cadiou, days=28, hour=17, entry="furosemide")
    note = "1 boîte sur 2 remise ; reliquat promis pour jeudi"
    partial = dispense(
        record, lines["apixaban"], day, by=cadiou, days=14, partial=True, note=note, hour=17, entry="apixaban"
    )
    record.add(
        "Task", "owed-box", status="in-progress", intent="order", code={"text": "Reliquat à remettre"},
        description="Apixaban 5 mg : la pharmacie doit une boîte", **{"for": record.subject},
        focus={"reference": f"MedicationRequest/{lines['apixaban']['id']}"},
        authoredOn=at(day, 17), owner=cadiou.place.link,
        restriction={"period": {"end": at(owed, 19)}},
        output=[{"type": {"text": "Première boîte"},
                 "valueReference": {"reference": f"MedicationDispense/{partial['id']}"}}],
    )  # fmt: skip
    stage.file(
        record, "dispensing", 4, by=cadiou, title="Délivrance : apixaban, bisoprolol, furosémide", hour=17,
        paragraphs=("Apixaban : 1 boîte sur 2, reliquat jeudi.", "Bisoprolol, furosémide : délivrés."),
        entry="dispensing",
    )  # fmt: skip


def _monitoring(stage: Stage, record: Record) -> None:
    for back, value in zip(range(13, -1, -1), _WEIGHTS, strict=True):
        vital(record, "weight", Decimal(str(value)), stage.before(back), hour=8, minute=12)
    code, unit = VITALS["weight"]
    low, high = quantity(Decimal(77), unit), quantity(Decimal(80), unit)
    record.add(
        "Goal", "weight", lifecycleStatus="active", description={"text": "Poids entre 77 et 80 kg"},
        subject=record.subject, startDate=stage.before(4).isoformat(),
        target=[{"measure": code, "detailRange": {"low": low, "high": high}}],
    )  # fmt: skip
    for days, minutes in ((44, 22), (32, 35)):
        _alert(stage, record, days, minutes)
    for days, bnp in ((81, "310"), (6, "412")):
        _blood(stage, record, days, bnp)


def _alert(stage: Stage, record: Record, days: int, minutes: int) -> None:
    day, nurse = stage.before(days), stage.cast["s.kerjean"]
    record.add(
        "Task", f"alert-{days}", status="completed", intent="order", code={"text": "Alerte de poids"},
        description=f"Prise de poids signalée ; réponse en {minutes} minutes", **{"for": record.subject},
        authoredOn=at(day, 8, 15), lastModified=at(day, 8, 15 + minutes), owner=nurse.link,
        executionPeriod={"start": at(day, 8, 15), "end": at(day, 8, 15 + minutes)},
    )  # fmt: skip


def _blood(stage: Stage, record: Record, days: int, bnp: str) -> None:
    link = stage.cast["dr.riou"].place.link
    for key, value in (("bnp", bnp), ("potassium", "4.1"), ("creatinine", "98")):
        result(record, tests()[key], Decimal(value), stage.before(days), by=link, entry=f"{key}-{days}")


def _papers(stage: Stage, record: Record) -> None:
    """The 214 documents: seven since the last visit, the rest over fifteen years."""
    riou, cloarec = stage.cast["dr.riou"], stage.cast["dr.cloarec"]
    text = ("BNP 412 ng/L (310 en septembre), kaliémie 4,1 mmol/L, créatinine 98 µmol/L.",)
    former = ""
    for version, state in enumerate(("preliminary", "preliminary", "final"), 1):
        title = "Analyses de sang" + (" (provisoire)" if state == "preliminary" else "")
        filed = stage.file(
            record, "biology", 6, by=riou, title=title, paragraphs=text, hour=11 + 2 * version,
            doc_status=state, replaces=former, status="current" if version == 3 else "superseded",
            entry=f"blood-{version}",
        )  # fmt: skip
        former = filed.reference["id"]
    stage.file(
        record, "imaging", 51, by=cloarec, title="Échographie cardiaque, FEVG 38 %", entry="echo",
        paragraphs=("Ventricule gauche dilaté, FEVG 38 %. Oreillette gauche dilatée.",),
    )  # fmt: skip
    for kind, count, author in _ARCHIVES:
        for rank in range(count):
            days = _LAST_VISIT + 1 + (rank * 5400) // count + rank % 7
            carer = stage.cast[author] if author else None
            stage.file(
                record, kind, days, by=carer, title=usual_title(kind, rank), paragraphs=(_FILED,), hour=10
            )
    wish = "Je ne souhaite pas d'acharnement. Ma personne de confiance est Gaëlle."
    title = "Mes directives anticipées"
    stage.file(record, "directives", 400, title=title, paragraphs=(wish,), entry="directives")


_FILED = "Résultat dans les valeurs habituelles de Monsieur Le Goff. À comparer au document précédent."
_ARCHIVES = (
    ("consultation", 42, "dr.morvan"),
    ("consultation", 18, "dr.cloarec"),
    ("biology", 85, "dr.riou"),
    ("imaging", 13, "dr.cloarec"),
    ("prescription", 35, "dr.morvan"),
    ("vaccination", 9, "pharmacie.port"),
    ("patient-care", 4, ""),
)
"""Older documents: kind, how many, author (empty: deposited by Yann)."""


def _circle(stage: Stage, record: Record, gaelle: Person) -> None:
    cast = stage.cast
    record.relative(relation("DAUC", "Fille"), gaelle, since=stage.before(700), entry="gaelle")
    carers = [cast[login] for login in ("dr.morvan", "s.kerjean", "dr.cloarec", "pharmacie.port")]
    record.team("Cercle de soins de Yann", carers, since=stage.before(700), entry="circle")
    record.appointment(
        stage.before(-2), 11, by=cast["dr.morvan"], text="Consultation après hospitalisation", entry="visit"
    )
    record.appointment(
        stage.before(-1), 8, by=cast["s.kerjean"], text="Passage de l'infirmière", entry="nurse"
    )


def _rights(stage: Stage, yann: Person, gaelle: Person) -> None:
    cast, day = stage.cast, stage.before
    stage.allow(
        Relationship(yann.id, cast["s.kerjean"].key, "care-team", start=day(700)),
        Relationship(yann.id, cast["dr.cloarec"].key, "care-team", start=day(1900)),
        Relationship(yann.id, cast.place("port").key, "pharmacy", start=day(400)),
        Relationship(yann.id, cast["dr.tanguy"].place.key, "hospital-stay", start=day(9), end=day(-26)),
        Delegation(
            yann.id, gaelle.key, "mandate", ("treatments", "agenda", "circle"), ("type:EXPPAT_3",), day(600)
        ),
    )
    stage.looked(
        yann, cast["dr.morvan"], 1, 17, ("DocumentReference", 1), ("MedicationRequest", 3),
        minute=40, basis="treating-doctor",
    )  # fmt: skip
    stage.looked(yann, cast["pharmacie.port"], 4, 16, ("MedicationRequest", 3), minute=20, basis="pharmacy")
    stage.looked(yann, cast["s.kerjean"], 2, 8, ("Observation", 14), minute=12)
    stage.looked(
        yann,
        cast["dr.tanguy"],
        9,
        15,
        ("AllergyIntolerance", 1),
        ("DocumentReference", 12),
        basis="hospital-stay",
    )


STORY = Story(
    "discharge",
    {"fr": "Yann rentre de l'hôpital", "en": "Yann comes home from hospital"},
    build,
)
"""Hospital discharge: letter, changed dose, partial supply, GP, nurse, pharmacy, daughter."""
