"""People who are each a trap of their own: no story, but a test finds them at once."""

from __future__ import annotations

from datetime import date, timedelta

from aubier.sandbox.batch import Batch, Delegation, Mask, Relationship
from aubier.sandbox.clinical.catalogue import diseases, medicines
from aubier.sandbox.clinical.documents import usual_title
from aubier.sandbox.clinical.prevention import calendar
from aubier.sandbox.clinical.record import Record, relation
from aubier.sandbox.clinical.treatments import prescribe
from aubier.sandbox.stories.story import Stage, Story
from aubier.sandbox.territory.people import Person


def build(stage: Stage) -> Batch:
    """Ten people: long, empty and masked records, awkward names, days and identities."""
    _long(stage)
    _empty(stage)
    _masked(stage)
    _names_and_days(stage)
    _deceased(stage)
    _almost_adult(stage)
    _unknown_to_ins(stage)
    return stage.close()


def _long(stage: Stage) -> None:
    """A record of exactly 400 documents."""
    yvonne = stage.person("yvonne", "F", date(stage.today.year - 78, 3, 19), family="Salaün",
                          given=("Yvonne", "Marie"), used_family="L'Hostis")  # fmt: skip
    record = stage.record(yvonne, stage.cast["dr.morvan"])
    for key in ("breast_cancer", "diabetes2", "hypertension"):
        record.condition(diseases()[key].code, stage.before(4000), by=stage.cast["dr.morvan"], entry=key)
    kinds = (("biology", "dr.riou"), ("consultation", "dr.morvan"), ("imaging", "dr.cloarec"),
             ("prescription", "dr.morvan"), ("nursing", "s.kerjean"))  # fmt: skip
    for rank in range(400):
        kind, author = kinds[rank * rank % 7 % 5]
        text = f"Document {rank + 1} sur 400."
        stage.file(
            record,
            kind,
            3 + rank * 11,
            by=stage.cast[author],
            title=usual_title(kind, rank),
            paragraphs=(text,),
            hour=8 + rank % 10,
        )
    stage.citizen("yvonne", yvonne, "78 ans, un dossier de 400 documents", "78, a record of 400 documents")


def _empty(stage: Stage) -> None:
    malo = stage.person("malo", "M", date(stage.today.year - 24, 10, 8), family="Riou", given=("Malo",))
    stage.record(malo)
    stage.citizen("malo", malo, "24 ans, un dossier encore vide", "24, a record still empty")


def _masked(stage: Stage) -> None:
    """A psychiatric summary that the patient hid from professionals; its author still sees it."""
    gwen = stage.person("gwen", "F", date(stage.today.year - 38, 12, 2), family="Tromeur",
                        given=("Gwenaëlle", "Anne"), town="Quimper")  # fmt: skip
    record = stage.record(gwen, stage.cast["dr.morvan"])
    author = stage.cast["dr.gloaguen"]
    filed = stage.file(
        record, "psychiatry", 150, by=author, title="Synthèse psychiatrique", visibility=("MASQUE_PS",),
        paragraphs=("Trouble bipolaire de type II, stabilisé sous traitement.",), entry="summary",
    )  # fmt: skip
    prescribe(record, medicines()["quetiapine"], stage.before(150), by=author, days=180, entry="quetiapine")
    reference = f"DocumentReference/{filed.reference['id']}"
    stage.allow(
        Relationship(gwen.id, author.key, "care-team", start=stage.before(800)),
        Mask(gwen.id, reference, "ps", by=gwen.key),
    )
    fr = "38 ans, a masqué une synthèse psychiatrique aux professionnels"
    stage.citizen("gwen", gwen, fr, "38, has hidden a psychiatric summary from professionals")


def _names_and_days(stage: Stage) -> None:
    year = stage.today.year
    leap = next(y for y in range(year - 30, year - 40, -1) if y % 4 == 0)
    people = (
        stage.person("nguyen", "F", date(year - 71, 6, 1), family="N'Guyen", given=("Thị-Mai", "Anne-Marie"),
                     used_family="Le Goff", born_abroad=("99243", "Hué"), birth_text=f"{year - 71}-06"),
        stage.person("leap", "M", date(leap, 2, 29), family="Le Dû", given=("Gaël", "Noël")),
    )  # fmt: skip
    for person in people:
        record = stage.record(person, stage.cast["dr.morvan"])
        calendar(record, stage.draw(person.id), stage.today, by=stage.cast["dr.morvan"], years=50)
    stage.citizen(
        "mai", people[0], "Née N'Guyen, épouse Le Goff, jour de naissance inconnu",
        "Born N'Guyen, married Le Goff, birth day unknown",
    )  # fmt: skip
    stage.citizen("gael", people[1], "Né un 29 février", "Born on 29 February")


def _deceased(stage: Stage) -> None:
    henri = stage.person("henri", "M", date(stage.today.year - 91, 1, 7), family="Le Cléac'h",
                         given=("Henri", "Joseph"), deceased=stage.before(9), email="")  # fmt: skip
    record = stage.record(henri, stage.cast["dr.morvan"])
    for key in ("furosemide", "bisoprolol"):
        prescribe(record, medicines()[key], stage.before(40), by=stage.cast["dr.morvan"], entry=key)


def _almost_adult(stage: Stage) -> None:
    """Karim turns 18 tomorrow: his father's access ends at midnight."""
    tomorrow = stage.today + timedelta(days=1)
    born = tomorrow.replace(year=tomorrow.year - 18, day=min(tomorrow.day, 28))
    karim = stage.person("karim", "M", born, family="Traoré", given=("Karim",), town="Brest")
    father = stage.person("moussa", "M", date(stage.today.year - 45, 2, 2), family="Traoré",
                          given=("Moussa",), town="Brest", born_abroad=("99335", "Bamako"))  # fmt: skip
    record = stage.record(karim, stage.cast["dr.kerneis"])
    stage.record(father)
    _filial(stage, record, father)
    stage.citizen("karim", karim, "Aura 18 ans demain", "Turns 18 tomorrow")
    stage.citizen("moussa", father, "Père de Karim", "Karim's father")


def _filial(stage: Stage, record: Record, father: Person) -> None:
    karim = record.person
    record.relative(relation("FTH", "Père"), father, since=karim.birth, entry="father")
    stage.allow(Delegation(karim.id, father.key, "parental-authority", start=karim.birth, end=stage.today))


def _unknown_to_ins(stage: Stage) -> None:
    """A Portuguese visitor without INS: provisional for good."""
    joao = stage.person("ferreira", "M", date(stage.today.year - 52, 11, 3), family="Ferreira da Silva",
                        given=("João",), town="Lorient", born_abroad=("99139", "Porto"), ins="",
                        status="PROV")  # fmt: skip
    record = stage.record(joao, stage.cast["dr.kerneis"])
    record.allergy({"text": "Iode"}, stage.before(100), by=stage.cast["dr.morvan"])


STORY = Story(
    "extras",
    {"fr": "Les cas particuliers", "en": "Special cases"},
    build,
)
"""400 documents, an empty record, masked psychiatry, names, days, death, majority, no INS."""
