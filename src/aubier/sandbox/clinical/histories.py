"""A plausible history for anyone: by age and sex, seeded, short for most, long for the chronically ill."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from aubier.ground.rows import Resource
from aubier.sandbox.clinical.catalogue import (
    ATC,
    CIM10,
    Disease,
    Reason,
    concept,
    diseases,
    medicines,
    reasons,
    tests,
)
from aubier.sandbox.clinical.documents import Writer, file
from aubier.sandbox.clinical.measures import decimal, pressure, result, vital
from aubier.sandbox.clinical.prevention import calendar, growth
from aubier.sandbox.clinical.record import Record
from aubier.sandbox.clinical.treatments import dispense, prescribe
from aubier.sandbox.territory.carers import Carer, Directory
from aubier.sandbox.territory.days import age
from aubier.sandbox.territory.draw import Draw, Weighted

_OBSERVATION = concept(CIM10, "Z03", "Mise en observation")
_BANDS = (18, 40, 60, 75)
_ALLERGENS = (
    concept(ATC, "J01C", "Pénicillines"),
    {"text": "Arachide"},
    {"text": "Venin de guêpe"},
    {"text": "Latex"},
    {"text": "Acariens"},
    concept(ATC, "M01A", "Anti-inflammatoires non stéroïdiens"),
)


@lru_cache(maxsize=256)
def _reasons(years: int) -> Weighted[Reason]:
    return Weighted((r, r.weight) for r in reasons() if r.youngest <= years <= r.oldest)


@dataclass(slots=True)
class _Life:
    """One person's history while it is written."""

    record: Record
    draw: Draw
    directory: Directory
    today: date
    writer: Writer
    density: float
    doctor: Carer
    pharmacist: Carer
    years: int
    illnesses: list[tuple[Disease, Resource]] = field(default_factory=list)
    team: list[Carer] = field(default_factory=list)

    @property
    def end(self) -> date:
        return self.record.person.deceased or self.today

    def specialist(self, kind: str) -> Carer:
        return self.draw.pick(self.directory.near(self.record.person.home, kind))

    def day_within(self, days: int) -> date:
        """A day of the last `days` before the end, never before birth."""
        day = self.end - timedelta(days=1 + self.draw.below(days))
        return max(day, self.record.person.birth)


def history(
    record: Record, draw: Draw, directory: Directory, *, today: date, writer: Writer, density: float
) -> Carer:
    """Writes a whole plausible history into `record` and gives the person's general practitioner.

    `density` multiplies visits, results and documents (1.0 makes about fifteen entries a citizen).
    """
    person = record.person
    life = _Life(
        record,
        draw,
        directory,
        today,
        writer,
        density,
        doctor=draw.pick(directory.near(person.home, "gp")),
        pharmacist=directory.near(person.home, "pharmacist")[0],
        years=age(person.birth, today),
    )
    _illnesses(life)
    if len(life.illnesses) >= 3 and draw.chance(0.08):
        life.density *= draw.between(3, 7)
    _visits(life)
    _treatments(life)
    _results(life)
    if life.years < 16:
        growth(record, draw, life.end, by=life.doctor, most=draw.rounded(2.5 * density))
    vaccinator = life.doctor if life.years < 65 else life.pharmacist
    calendar(record, draw, today, by=vaccinator, years=life.years, share=min(1.0, 0.2 + density))
    _surroundings(life)
    return life.doctor


def _band(years: int) -> int:
    return sum(years >= limit for limit in _BANDS)


def _illnesses(life: _Life) -> None:
    person, draw, band = life.record.person, life.draw, _band(life.years)
    for disease in diseases().values():
        if draw.chance(disease.share(band, person.sex)):
            span = min(life.years, 25) * 365 + 1
            since = max(life.end - timedelta(days=30 + draw.below(span)), person.birth)
            condition = life.record.condition(disease.code, since, by=life.doctor)
            life.illnesses.append((disease, condition))
    if draw.chance(0.09):
        code = draw.pick(_ALLERGENS)
        life.record.allergy(code, life.day_within(4000), by=life.doctor, severe=draw.chance(0.15))


def _visits(life: _Life) -> None:
    burden = len(life.illnesses)
    expected = (0.9 + 0.5 * burden + (0.8 if life.years < 3 else 0)) * life.density
    for _ in range(min(life.draw.rounded(expected * (0.5 + life.draw.unit())), 40)):
        _visit(life)
    for disease, _ in life.illnesses:
        if disease.specialist and life.draw.chance(0.3 * life.density):
            _consultation(life, disease)
    if life.draw.chance((0.012 + 0.025 * burden) * life.density):
        _stay(life)


def _visit(life: _Life) -> None:
    draw, record, day = life.draw, life.record, life.day_within(900)
    reason = draw.of(_reasons(min(life.years, 90)))
    hour = draw.between(8, 18)
    record.encounter(day, by=life.doctor, reason=reason.code, hour=hour)
    if life.years >= 18 and draw.chance(0.45):
        systolic = round(draw.around(128 + 3 * len(life.illnesses), 12))
        pressure(
            record,
            systolic,
            round(systolic * 0.58 + draw.between(-4, 6)),
            day,
            by=life.doctor.link,
            hour=hour,
        )
    if life.years >= 18 and draw.chance(0.3):
        weight = draw.around(79 if record.person.sex == "M" else 66, 12)
        vital(record, "weight", decimal(weight, 1), day, by=life.doctor.link, hour=hour)
    if reason.medicine and draw.chance(0.8):
        medicine = medicines()[reason.medicine]
        prescribe(record, medicine, day, by=life.doctor, days=draw.between(5, 10), status="completed")
    if draw.chance(0.12):
        _paper(life, "consultation", day, life.doctor, _NOTES[0].format(reason.code["text"].lower()))


_NOTES = (
    "Vu ce jour pour : {0}. Examen clinique sans élément inquiétant. Conseils donnés, à revoir si besoin.",
    "Consultation de suivi : {0}. État stable. Traitement poursuivi, prochain contrôle dans six mois.",
    "Hospitalisation pour : {0}. Évolution favorable. Retour à domicile, suivi par le médecin traitant.",
    "Examens demandés dans le cadre du suivi : {0}. Résultats dans le tableau joint.",
)


def _paper(life: _Life, kind: str, day: date, author: Carer, text: str) -> None:
    file(life.record, life.writer, kind, day, by=author, paragraphs=(text,), hour=life.draw.between(9, 18))


def _consultation(life: _Life, disease: Disease) -> None:
    doctor, day = life.specialist(disease.specialist), life.day_within(700)
    life.record.encounter(day, by=doctor, reason=disease.code, hour=14)
    _paper(life, "consultation", day, doctor, _NOTES[1].format(disease.code["text"]))
    if doctor not in life.team:
        life.team.append(doctor)


def _stay(life: _Life) -> None:
    day = life.day_within(1200)
    doctor = life.specialist("physician" if life.years < 75 else "geriatrician")
    reason = life.illnesses[-1][0].code if life.illnesses else _OBSERVATION
    until = min(day + timedelta(days=life.draw.between(1, 9)), life.end)
    life.record.encounter(day, by=doctor, reason=reason, kind="IMP", until=until)
    _paper(life, "discharge", until, doctor, _NOTES[2].format(reason["text"]))


def _treatments(life: _Life) -> None:
    draw, day = life.draw, life.day_within(100)
    lines: dict[str, Resource] = {}
    for disease, condition in life.illnesses:
        if disease.treatments and draw.chance(0.85):
            for key in draw.pick(disease.treatments):
                lines.setdefault(key, condition)
    if not lines:
        return
    group = f"{life.record.person.number:07d}-{day:%y%m%d}"
    status = "stopped" if life.record.person.deceased else "active"
    requests = [
        prescribe(
            life.record,
            medicines()[key],
            day,
            by=life.doctor,
            group=group,
            status=status,
            reason={"reference": f"Condition/{condition['id']}"},
            boxes=3,
        )
        for key, condition in lines.items()
    ]
    _dispensings(life, requests, day)
    if draw.chance(0.3 * life.density):
        text = "Ordonnance : " + " ; ".join(f"{medicines()[k].name}" for k in lines)
        _paper(life, "prescription", day, life.doctor, text)


def _dispensings(life: _Life, requests: list[Resource], day: date) -> None:
    for back in range(life.draw.rounded(0.9 * life.density)):
        handed = day + timedelta(days=1 + 30 * back)
        if handed <= life.end:
            for request in requests:
                dispense(life.record, request, handed, by=life.pharmacist, days=30)


def _results(life: _Life) -> None:
    keys = sorted({lab for disease, _ in life.illnesses for lab in disease.labs})
    if not keys and life.years >= 40 and life.draw.chance(0.25 * life.density):
        keys = ["glucose", "ldl", "haemoglobin"]
    if not keys:
        return
    biologist = life.directory.near(life.record.person.home, "biologist")[0]
    for _ in range(life.draw.rounded(0.9 * life.density)):
        day = life.day_within(500)
        for key in keys:
            test = tests()[key]
            value = max(life.draw.around(test.mean, test.spread), test.mean / 4)
            result(life.record, test, decimal(value, test.decimals), day, by=biologist.place.link)
        names = ", ".join(tests()[key].code["text"] for key in keys)
        _paper(life, "biology", day, biologist, _NOTES[3].format(names))


def _surroundings(life: _Life) -> None:
    person, draw, burden = life.record.person, life.draw, len(life.illnesses)
    if person.deceased:
        return
    if burden >= 3 or life.years >= 80:
        nurse = life.specialist("nurse")
        members = [life.doctor, nurse, life.pharmacist, *life.team]
        life.record.team("Cercle de soins", members, since=life.day_within(900))
    if draw.chance(min(0.15 + 0.1 * burden, 0.8)):
        day = life.today + timedelta(days=draw.between(2, 90))
        text = "Consultation de suivi" if burden else "Consultation"
        life.record.appointment(day, draw.between(9, 17), by=life.doctor, text=text)
