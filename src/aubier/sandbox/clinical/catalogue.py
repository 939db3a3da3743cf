"""What can be found in a record: conditions, medicines, laboratory tests, vaccines, reasons for a visit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).with_name("data")
CIM10 = "http://hl7.org/fhir/sid/icd-10"
"""The code system of diagnoses."""
LOINC = "http://loinc.org"
"""The code system of observations and documents."""
ATC = "http://www.whocc.no/atc"
"""The code system of substances and vaccines."""
UCUM = "http://unitsofmeasure.org"
"""The code system of units."""

Concept = dict[str, Any]
"""A CodeableConcept; shared between resources, never changed in place."""


@lru_cache(maxsize=4096)
def concept(system: str, code: str, display: str) -> Concept:
    """A CodeableConcept with one coding and its French text."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


@dataclass(frozen=True, slots=True)
class Disease:
    """A condition with its share per 1,000 in five age bands, and what usually goes with it.

    `treatments` holds alternatives, each a tuple of medicine keys taken together.
    """

    key: str
    code: Concept
    shares: tuple[float, ...]
    men: float
    women: float
    treatments: tuple[tuple[str, ...], ...]
    labs: tuple[str, ...]
    specialist: str

    def share(self, band: int, sex: str) -> float:
        """Probability (0 to 1) that someone of this age band and sex (M, F) has it."""
        return self.shares[band] / 1000 * (self.men if sex == "M" else self.women)


@dataclass(frozen=True, slots=True, eq=False)
class Medicine:
    """A medicine, what one take is, and when it is taken (see `treatments.dosage`)."""

    key: str
    code: Concept
    amount: Decimal
    unit: str
    pattern: str
    route: str

    @property
    def name(self) -> str:
        """Its French label."""
        return str(self.code["text"])


@dataclass(frozen=True, slots=True)
class Test:
    """A laboratory test: unit (UCUM), mean and spread of draws, decimals shown, reference range."""

    key: str
    code: Concept
    unit: str
    mean: float
    spread: float
    decimals: int
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Vaccine:
    """A vaccine with its ages (in months), the first birth year concerned and its uptake (0 to 1)."""

    key: str
    code: Concept
    ages: tuple[int, ...]
    born_from: int
    uptake: float
    disease: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why someone comes: label, CIM-10 code, ages concerned, weight, a usual medicine or empty."""

    code: Concept
    youngest: int
    oldest: int
    weight: float
    medicine: str


def _rows(name: str) -> list[list[str]]:
    text = (_DATA / name).read_text(encoding="utf-8")
    return [line.split("|") for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def diseases() -> dict[str, Disease]:
    """Every condition by key."""
    return {row[0]: _disease(row) for row in _rows("conditions.csv")}


def _disease(row: list[str]) -> Disease:
    return Disease(
        key=row[0],
        code=concept(CIM10, row[1], row[2]),
        shares=tuple(float(value) for value in row[3:8]),
        men=float(row[8]),
        women=float(row[9]),
        treatments=tuple(tuple(option.split("+")) for option in row[10].split("/") if option),
        labs=tuple(row[11].split()),
        specialist=row[12],
    )


@lru_cache(maxsize=1)
def medicines() -> dict[str, Medicine]:
    """Every medicine by key."""
    return {row[0]: _medicine(row) for row in _rows("medicines.csv")}


def _medicine(row: list[str]) -> Medicine:
    amount, unit = row[3].split(" ", 1)
    return Medicine(row[0], concept(ATC, row[1], row[2]), Decimal(amount), unit, row[4], row[5])


@lru_cache(maxsize=1)
def tests() -> dict[str, Test]:
    """Every laboratory test by key."""
    return {
        r[0]: Test(r[0], concept(LOINC, r[1], r[2]), r[3], float(r[4]), float(r[5]), int(r[6]), r[7], r[8])
        for r in _rows("labs.csv")
    }


@lru_cache(maxsize=1)
def vaccines() -> dict[str, Vaccine]:
    """Every vaccine of the calendar by key.

    Rule: Calendrier des vaccinations 2025, reduced to the doses that a record usually shows.
    """
    return {
        r[0]: Vaccine(r[0], concept(ATC, r[1], r[2]), _ages(r[3]), int(r[4]), float(r[5]), r[6])
        for r in _rows("vaccines.csv")
    }


def _ages(text: str) -> tuple[int, ...]:
    return tuple(int(part[:-1]) * 12 if part.endswith("y") else int(part) for part in text.split())


@lru_cache(maxsize=1)
def reasons() -> tuple[Reason, ...]:
    """Reasons for a visit."""
    return tuple(
        Reason(concept(CIM10, r[1], r[0]), int(r[2]), int(r[3]), float(r[4]), r[5])
        for r in _rows("reasons.csv")
    )
