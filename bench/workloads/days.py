"""A national day at a fixed rate of arrival, and the same for long while memory is watched.

Of a hundred arrivals: 55 look into a record (25 a resource by its id, 25 a page, 5 the whole record), 20
search across records, 10 search the directory, 10 write one measurement, 5 a transaction of twenty.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench import machine
from bench.client.connection import Connection
from bench.client.loops import run
from bench.client.timetable import Errand, Kept, Timetable, keep
from bench.figures import slope
from bench.workloads.measure import Measure, Stage
from bench.workloads.shapes import SHAPES, Shape
from bench.workloads.writing import bundle, new_rate

_RECORD = ("record, one code, newest first", "record, visits, newest first", "record, measurements")
_ACROSS = ("patients by three traits", "patient by number", "documents of a type in a month")
_ACROSS += ("measurements by the patient's number",)
_DIRECTORY = ("directory: practitioners by name", "directory: places by name")
_LOOKS = 200
"""Times that memory is looked at in a soak."""


def day(stage: Stage) -> list[Measure]:
    """The day, once: it has as many requests as its rate says."""

    def go(connections: int, number: int) -> dict[str, Any]:
        table = Timetable(stage.options.rate, stage.options.day, f"day {number}")
        return _facts(run(_kept(stage, table)), table)

    return [Measure("day", "a national day", go, connections=(64,), writes=True)]


def soak(stage: Stage) -> list[Measure]:
    """The same for long, with the slope of memory over its second half, of the server and each process."""

    def go(connections: int, number: int) -> dict[str, Any]:
        table = Timetable(stage.options.rate, stage.options.soak, "soak")
        seen: list[_Look] = []

        async def watched() -> Kept:
            watching = asyncio.create_task(_watch(stage, table.seconds / _LOOKS, seen))
            try:
                return await _kept(stage, table)
            finally:
                watching.cancel()

        kept = run(watched())
        seen.append(_look(stage, table.seconds))
        processes = {
            name: _grown([(k.at, k.private.get(name, 0)) for k in seen]) for name in seen[-1].private
        }
        database = _grown([(look.at, look.database) for look in seen])
        memory = {**_grown([(look.at, look.resident) for look in seen]), "processes": processes}
        return {**_facts(kept, table), "memory": memory | {"database": database}}

    return [Measure("soak", "a long day", go, connections=(64,), writes=True, once=True)]


@dataclass(frozen=True, slots=True)
class _Look:
    """Bytes at a moment: resident of the whole server; private of each process; private of PostgreSQL."""

    at: float
    resident: int
    private: dict[str, int]
    database: int


def _look(stage: Stage, at: float) -> _Look:
    server, database = stage.server.pid, stage.database.pid
    private = sum(machine.tree_private(database).values())
    return _Look(at, machine.tree_resident(server), machine.tree_private(server), private)


def _grown(points: Sequence[tuple[float, int]]) -> dict[str, float]:
    """The first, the last and the most in MiB, and the rise over the second half in MiB per hour."""
    sizes = [size / (1 << 20) for _, size in points]
    later = [(at / 3600, size) for (at, _), size in zip(points, sizes, strict=True)][len(points) // 2 :]
    return {
        "first_mib": sizes[0],
        "last_mib": sizes[-1],
        "most_mib": max(sizes),
        "mib_per_hour": slope(later),
    }


async def _kept(stage: Stage, table: Timetable) -> Kept:
    return await keep(table, _errands(stage), stage.connection)


async def _watch(stage: Stage, every: float, seen: list[_Look]) -> None:
    begun = time.perf_counter()
    while True:
        seen.append(_look(stage, time.perf_counter() - begun))
        await asyncio.sleep(max(every, 0.2))


def _facts(kept: Kept, table: Timetable) -> dict[str, Any]:
    facts = {**kept.figures.as_dict(), "due": kept.due, "asked_rate": table.rate, "late_ms": kept.late * 1000}
    lost = kept.figures.refused + kept.figures.broken
    return facts | ({"fault": f"{lost} not answered well: {kept.figures.raw}"} if lost else {})


def _errands(stage: Stage) -> Callable[[random.Random], Errand]:
    shapes = {shape.name: shape for shape in SHAPES}
    samples, people = stage.samples, stage.readable

    def search(names: tuple[str, ...], draw: random.Random) -> tuple[str, str, bytes]:
        shape: Shape = shapes[draw.choice(names)]
        return "GET", shape.path(shape.make(samples, draw)), b""

    def chosen(draw: random.Random) -> tuple[str, str, bytes]:
        what, person = draw.randrange(100), draw.choice(people)
        if what < 25:
            return "GET", f"Observation/{draw.choice(samples.observations)}", b""
        if what < 50:
            return search(_RECORD, draw)
        if what < 55:
            return "GET", f"Patient/{person}/$everything?_count=100", b""
        if what < 75:
            return search(_ACROSS, draw)
        if what < 85:
            return search(_DIRECTORY, draw)
        if what < 95:
            return "POST", "Observation", new_rate(person, draw)
        return "POST", "", bundle(person, 20, draw)

    def errand(draw: random.Random) -> Errand:
        method, path, body = chosen(draw)

        async def go(connection: Connection) -> tuple[bool, int, str]:
            answer = await connection.ask(method, path, body)
            ok = answer.status in (200, 201)
            said = "" if ok else f"{method} {path}: {answer.status} {answer.body[:200]!r}"
            return ok, len(answer.body), said

        return go

    return errand
