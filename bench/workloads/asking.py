"""What is only asked: a resource by its id, searches of every shape, a whole record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bench.client.connection import Connection
from bench.client.loops import run
from bench.dataset.answers import deep, judged
from bench.dataset.rights import people_of
from bench.workloads.measure import Measure, Stage
from bench.workloads.shapes import SHAPES, Shape

_DIFFERENT = 200
"""Different questions of one shape."""
_RECORDS = 3
"""Whole records that are judged."""


def reading(stage: Stage) -> list[Measure]:
    """A measurement by its id."""
    ids = stage.samples.observations
    asked = stage.file("read", [f"Observation/{i}" for i in ids])

    async def judge(connection: Connection) -> str:
        wanted = {r["id"]: r for r in stage.corpus.read("Observation") if r["id"] in set(ids[:20])}
        for logical, kept in wanted.items():
            answer = await connection.ask("GET", f"Observation/{logical}")
            if answer.status != 200:
                return f"status {answer.status} for {logical}"
            found = json.loads(answer.body)
            if any(
                found.get(k) != v
                for k, v in json.loads(json.dumps(kept, default=float)).items()
                if k != "meta"
            ):
                return f"{logical} is not what was written"
        return ""

    return [Measure("read", "by id", lambda c, n: stage.drive(asked, c, n), lambda: stage.judge(judge))]


def searching(stage: Stage) -> list[Measure]:
    """Every shape."""
    return [_shape(stage, shape, number) for number, shape in enumerate(SHAPES)]


def _shape(stage: Stage, shape: Shape, number: int) -> Measure:
    async def judge(connection: Connection) -> str:
        for expected in stage.answers[shape.name]:
            if fault := await judged(connection, shape, expected):
                return f"{fault} ({shape.path(expected.pairs)})"
        return ""

    async def far(connection: Connection) -> list[str]:
        some = shape.criteria(stage.samples, 2)
        return [await deep(connection, shape, pairs) for pairs in some]

    def drive(connections: int, run_number: int) -> dict[str, Any]:
        if shape.page > 1:
            paths = run(far(stage.connection()))
        else:
            paths = [shape.path(pairs) for pairs in shape.criteria(stage.samples, _DIFFERENT)]
        asked = stage.file(f"search-{number}", paths)
        return stage.drive(asked, connections, run_number)

    return Measure("search", shape.name, drive, lambda: stage.judge(judge))


def everything(stage: Stage) -> list[Measure]:
    """`$everything` of a patient, on one page."""
    people = stage.readable
    asked = stage.file("everything", [_record(p) for p in people])

    async def judge(connection: Connection) -> str:
        for person in people[:_RECORDS]:
            core = {f"{r['resourceType']}/{r['id']}" for r in _of(stage, person)}
            answer = await connection.ask("GET", _record(person))
            if answer.status != 200:
                return f"status {answer.status}: {answer.body[:200]!r}"
            found = [e["resource"] for e in json.loads(answer.body).get("entry", [])]
            names = {f"{r['resourceType']}/{r['id']}" for r in found}
            if missed := core - names:
                return f"{len(missed)} missing of {person}, {min(missed)} for one"
            if strange := [r["id"] for r in found if set(people_of(r)) - {person}]:
                return f"{strange[0]} is about somebody else"
        return ""

    return [
        Measure(
            "everything", "a whole record", lambda c, n: stage.drive(asked, c, n), lambda: stage.judge(judge)
        )
    ]


def _record(person: str) -> str:
    return f"Patient/{person}/$everything?_count=1000"


_CORE = ("Patient", "Condition", "Encounter", "Observation", "DocumentReference", "Immunization")


def _of(stage: Stage, person: str) -> Iterable[dict[str, Any]]:
    """What is certainly of a record, and shown to who asks."""
    for resource in stage.corpus.read(*_CORE, "MedicationRequest", "AllergyIntolerance"):
        if person in people_of(resource) and (stage.mode == "off" or stage.rights.sees(resource)):
            yield resource
