"""The shapes of searches: what a query looks like, with values drawn from the corpus.

`scope` is what its work may grow with: *record* (one patient's), *all* (its result, and what the whole
population makes of it) or *directory*.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from urllib.parse import quote

from bench.workloads.samples import Samples

Pairs = list[tuple[str, str]]
_LOINC = "http://loinc.org|"
_DEEP = 50


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape. `extra` are the parameters beside the criteria; `page` is how deep the page is."""

    name: str
    kind: str
    make: Callable[[Samples, random.Random], Pairs]
    extra: tuple[tuple[str, str], ...] = (("_count", "20"),)
    scope: Literal["record", "all", "directory"] = "all"
    page: int = 1

    def criteria(self, samples: Samples, count: int) -> list[Pairs]:
        """`count` different criteria at most, the same for every server."""
        draw = random.Random(f"shape {self.name}")
        found: dict[str, Pairs] = {}
        for _ in range(count * 4):
            pairs = self.make(samples, draw)
            found.setdefault(str(pairs), pairs)
            if len(found) == count:
                break
        return list(found.values())

    def path(self, pairs: Pairs) -> str:
        """The path below the base, and query, of one question."""
        return path(self.kind, [*pairs, *self.extra])


def path(kind: str, pairs: Pairs) -> str:
    """A search as it is written in a request, below the base."""
    return f"{kind}?" + "&".join(f"{quote(k, safe=':._-')}={quote(v, safe='')}" for k, v in pairs)


def _one(sort: str, name: str, form: str = "{}") -> Callable[[Samples, random.Random], Pairs]:
    return lambda s, d: [(name, form.format(d.choice(getattr(s, sort))))]


def _whose(*more: tuple[str, str]) -> Callable[[Samples, random.Random], Pairs]:
    return lambda s, d: [("patient", d.choice(s.people)), *more]


def _always(*pairs: tuple[str, str]) -> Callable[[Samples, random.Random], Pairs]:
    return lambda s, d: list(pairs)


def _range(name: str, sort: str, days: int, *more: str) -> Callable[[Samples, random.Random], Pairs]:
    def make(samples: Samples, draw: random.Random) -> Pairs:
        start = date.fromisoformat(draw.choice([v for v in getattr(samples, sort) if len(v) == 10]))
        end = (start + timedelta(days=days)).isoformat()
        head: Pairs = [("patient", draw.choice(samples.people))] if "patient" in more else []
        head += [("code", draw.choice(samples.codes))] if "code" in more else []
        return [*head, (name, f"ge{start.isoformat()}"), (name, f"lt{end}")]

    return make


def _traits(samples: Samples, draw: random.Random) -> Pairs:
    family, given, birth = draw.choice(samples.named)
    return [("family", family), ("given", given), ("birthdate", birth)]


def _near(samples: Samples, draw: random.Random) -> Pairs:
    return [("near", f"{draw.choice(samples.points)}|10|km")]


def _value(name: str, code: str, low: int, high: int) -> Callable[[Samples, random.Random], Pairs]:
    return lambda s, d: [(name, f"{_LOINC}{code}$gt{d.randrange(low, high)}")]


def _measured(samples: Samples, draw: random.Random) -> Pairs:
    limit = f"gt{draw.randrange(60, 95)}"
    return [("patient", draw.choice(samples.people)), ("code", f"{_LOINC}8867-4"), ("value-quantity", limit)]


PAGE = ("_count", "20")
_NEWEST = (("_sort", "-date"), PAGE)
_TOTAL = (("_total", "accurate"), PAGE)

SHAPES: tuple[Shape, ...] = (
    Shape(
        "record, one code, newest first",
        "Observation",
        _whose(("code", f"{_LOINC}8867-4")),
        _NEWEST,
        "record",
    ),
    Shape("record, measurements", "Observation", _whose(), scope="record"),
    Shape("record, range of dates", "Observation", _range("date", "days", 90, "patient"), scope="record"),
    Shape("record, category", "Observation", _whose(("category", "laboratory")), scope="record"),
    Shape("record, code and value", "Observation", _measured, scope="record"),
    Shape("record, visits, newest first", "Encounter", _whose(), _NEWEST, "record"),
    Shape("record, active conditions", "Condition", _whose(("clinical-status", "active")), scope="record"),
    Shape("record, documents, newest first", "DocumentReference", _whose(), _NEWEST, "record"),
    Shape(
        "record, documents of a status, exact total",
        "DocumentReference",
        _whose(("status", "current")),
        _TOTAL,
        "record",
    ),
    Shape(
        "record, visits and who saw them",
        "Encounter",
        _whose(),
        (("_include", "Encounter:practitioner"), PAGE),
        "record",
    ),
    Shape(
        "one patient and their conditions",
        "Patient",
        _one("people", "_id"),
        (("_revinclude", "Condition:patient"), PAGE),
        "record",
    ),
    Shape(
        "measurements by the patient's number",
        "Observation",
        _one("identified", "patient.identifier"),
        scope="record",
    ),
    Shape("patient by id", "Patient", _one("people", "_id"), scope="record"),
    Shape("patient by number", "Patient", _one("identified", "identifier"), scope="record"),
    Shape("patients by family name", "Patient", _one("families", "family")),
    Shape("patients by exact family name", "Patient", _one("families", "family:exact")),
    Shape(
        "patients by part of a name", "Patient", lambda s, d: [("name:contains", d.choice(s.families)[1:4])]
    ),
    Shape("patients by three traits", "Patient", _traits),
    Shape("patients born in a month", "Patient", _range("birthdate", "births", 30)),
    Shape(
        "patients of a town, by gender",
        "Patient",
        lambda s, d: [("address-city", d.choice(s.cities)), ("gender", d.choice(("male", "female")))],
    ),
    Shape(
        "patients that do not exist",
        "Patient",
        lambda s, d: [("family", f"Zzyx{d.randrange(10**6)}")],
        _TOTAL,
    ),
    Shape("nearly every patient, exact total", "Patient", _always(("gender", "male,female")), _TOTAL),
    Shape(
        "patients by day of birth",
        "Patient",
        lambda s, d: [("gender", d.choice(("male", "female")))],
        (("_sort", "birthdate"), PAGE),
    ),
    Shape(
        "patients, a deep page",
        "Patient",
        lambda s, d: [("gender", d.choice(("male", "female")))],
        page=_DEEP,
    ),
    Shape("patients not known to have died", "Patient", _always(("death-date:missing", "true")), _TOTAL),
    Shape("measurements of a code", "Observation", _one("codes", "code")),
    Shape("measurements of a code, exact total", "Observation", _one("codes", "code"), _TOTAL),
    Shape("how many of a code", "Observation", _one("codes", "code"), (("_summary", "count"),)),
    Shape("measurements of a code in a week", "Observation", _range("date", "days", 7, "code")),
    Shape("measurements of a day, newest first", "Observation", _range("date", "days", 1), _NEWEST),
    Shape("code and value together", "Observation", _value("code-value-quantity", "8867-4", 80, 99)),
    Shape(
        "part's code and value together",
        "Observation",
        _value("component-code-value-quantity", "8480-6", 120, 160),
    ),
    Shape(
        "not of a category",
        "Observation",
        lambda s, d: [("code", d.choice(s.codes)), ("category:not", "laboratory")],
    ),
    Shape("conditions of a code", "Condition", _one("illnesses", "code")),
    Shape("conditions by their words", "Condition", _one("words", "code:text")),
    Shape(
        "documents of a type in a month",
        "DocumentReference",
        lambda s, d: [("type", d.choice(s.types)), *_range("date", "days", 30)(s, d)],
    ),
    Shape("visits not ambulatory", "Encounter", _always(("class:not", "AMB"))),
    Shape("visits of a practitioner", "Encounter", _one("carers", "practitioner")),
    Shape("chain: measurements by family name", "Observation", _one("families", "patient.family")),
    Shape("chain: visits by the doctor's name", "Encounter", _one("doctors", "practitioner.family")),
    Shape(
        "reverse chain: patients with a measurement",
        "Patient",
        _one("codes", "_has:Observation:patient:code"),
    ),
    Shape(
        "reverse chain: patients with a condition",
        "Patient",
        _one("illnesses", "_has:Condition:patient:code"),
    ),
    Shape(
        "directory: a role and who has it",
        "PractitionerRole",
        _one("roles", "role"),
        (("_include", "PractitionerRole:practitioner"), PAGE),
        "directory",
    ),
    Shape("directory: practitioners by name", "Practitioner", _one("doctors", "family"), scope="directory"),
    Shape(
        "directory: places by name",
        "Organization",
        lambda s, d: [("name", d.choice(s.places).split()[0])],
        scope="directory",
    ),
    Shape("directory: near a point", "Location", _near, scope="directory"),
)
"""Every shape, in the order they are run."""
