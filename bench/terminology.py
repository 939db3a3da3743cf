"""`python -m bench.terminology`: a large invented code system, loaded and then asked.

Prints a table: wall time of one question after another, processor time of this process and of the database,
and this process's memory before and after. The operations are called as `rest` calls them, without HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aubier.access.actor import system_actor
from aubier.app import build
from aubier.settings import Settings
from aubier.store.embedded.cluster import postmaster
from aubier.store.embedded.server import EmbeddedServer
from aubier.terminology.api import Coded, Terminology
from aubier.terminology.meaning.concepts import Concept, Property, System
from aubier.terminology.nomenclatures import load
from aubier.terminology.nomenclatures.nomenclature import Nomenclature
from aubier.terminology.operations import code_systems, expand, validate
from bench import machine

ENGINES = Path(__file__).resolve().parents[1] / ".build" / "engine"
URL = "https://terminology.example/large"
_SYLLABLES = ("ka", "lo", "mi", "ru", "té", "san", "vo", "ber", "nil", "dro", "pha", "xis")
_BRANCHES = 12

Ask = Callable[[int], Awaitable[Any]]


def concepts(count: int) -> Iterator[Concept]:
    """An invented tree: each concept has twelve below it, three words, a class, and a French name."""
    for n in range(count):
        dice = random.Random(n)
        words = ["".join(dice.choices(_SYLLABLES, k=3)) for _ in range(3)]
        yield Concept(
            f"C{n:06}",
            " ".join(words),
            parents=(f"C{(n - 1) // _BRANCHES:06}",) if n else (),
            properties=(Property("class", "valueCode", str(n % 7)),),
            designations=({"language": "fr", "value": " ".join(reversed(words))},),
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What one question costs, in milliseconds."""

    wall: float
    here: float
    database: float


async def measured(ask: Ask, times: int, server: int) -> Cost:
    """The mean of `times` questions, after a tenth of them to warm up."""
    for n in range(max(times // 10, 2)):
        await ask(n)
    database, here, wall = machine.tree_seconds(server), time.process_time(), time.time()
    for n in range(times):
        await ask(n)
    spent = time.time() - wall, time.process_time() - here
    after = machine.tree_seconds(server) - database
    return Cost(*(1000 * seconds / times for seconds in (*spent, after)))


def questions(ctx: Any, count: int) -> dict[str, tuple[Ask, int]]:
    """Every question, and how often it is asked."""

    def code(n: int) -> str:
        return f"C{n * 7919 % count:06}"

    def parameters(**given: Any) -> dict[str, Any]:
        rows = [
            {"name": k, **({"resource": v} if isinstance(v, dict) else {"valueString": str(v)})}
            for k, v in given.items()
        ]
        return {"resourceType": "Parameters", "parameter": rows}

    def value_set(*filters: tuple[str, str, str]) -> dict[str, Any]:
        rows = [dict(zip(("property", "op", "value"), row, strict=True)) for row in filters]
        include = {"system": URL} | ({"filter": rows} if rows else {})
        return {"resourceType": "ValueSet", "compose": {"include": [include]}}

    branch = value_set(("concept", "is-a", "C000003"))

    def listed(given: dict[str, Any], **more: Any) -> Ask:
        return lambda n: expand.expand(ctx, parameters(valueSet=given, **more))

    async def batch(n: int) -> Any:
        return await Terminology(ctx.store).validate_all([Coded(URL, code(n * 50 + k)) for k in range(50)])

    return {
        "$validate-code, code of the system": (
            lambda n: validate.in_code_system(ctx, parameters(url=URL, code=code(n))),
            1000,
        ),
        "$validate-code, value set by is-a": (
            lambda n: validate.in_value_set(ctx, parameters(valueSet=branch, system=URL, code=code(n))),
            1000,
        ),
        "fifty codes at once": (batch, 200),
        "$lookup": (lambda n: code_systems.lookup(ctx, parameters(system=URL, code=code(n))), 500),
        "$expand, first 100 of all": (listed(value_set(), count=100), 100),
        "$expand, 100 at the end of all": (listed(value_set(), count=100, offset=count - 200), 20),
        "$expand, first 100 of a branch of 8 %": (listed(branch, count=100), 20),
        "$expand, words in all": (listed(value_set(), count=20, filter="kalomi sanvo"), 50),
        "$expand, words in a branch": (listed(branch, count=20, filter="kalomi"), 50),
        "$expand, property and branch": (
            listed(value_set(("class", "=", "3"), ("concept", "is-a", "C000003")), count=20),
            20,
        ),
    }


def resident() -> float:
    """This process's memory, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def run(count: int, home: Path, dsn: str, server: int) -> None:
    """Loads, asks, prints."""
    settings = replace(Settings.load({}), data=home / "data", database_url=dsn, sandbox=True)
    house = await build(settings, dsn)
    ctx = house.context(system_actor("bench"))
    before, here, wall = resident(), time.process_time(), time.time()
    found = Nomenclature(System(URL, "1"), lambda: concepts(count))
    database = machine.tree_seconds(server)
    await load.load(ctx.store, found)
    spent = time.time() - wall, time.process_time() - here
    database = machine.tree_seconds(server) - database
    await house.store.analyse()
    print(f"{machine.described()}\nload before: {machine.load()}")
    print(
        f"{count} concepts loaded in {spent[0]:.1f} s;"
        f" processor: {spent[1]:.1f} s here, {database:.1f} s database"
    )
    print(f"memory here: {before:.0f} MiB before, {resident():.0f} MiB after\n")
    print("| question | wall, ms | processor here, ms | database, ms |\n|---|---|---|---|")
    for name, (ask, times) in questions(ctx, count).items():
        cost = await measured(ask, times, server)
        print(f"| {name} | {cost.wall:.2f} | {cost.here:.2f} | {cost.database:.2f} |", flush=True)
    size = await house.store.pool.fetchval("select pg_total_relation_size('terminology_concept')")
    print(f"\nmemory here at the end: {resident():.0f} MiB; tables and indexes: {size / (1 << 20):.0f} MiB")
    await house.stop()


def main() -> None:
    """Reads the options and runs."""
    options = argparse.ArgumentParser(prog="python -m bench.terminology", description=__doc__)
    options.add_argument("--concepts", type=int, default=200_000)
    chosen = options.parse_args()
    home = Path(tempfile.mkdtemp(prefix="aubier-bench-"))
    home.chmod(0o711)
    try:
        with EmbeddedServer(home / "server", engines=ENGINES) as dsn:
            found = postmaster(home / "server" / "postgres")
            assert found
            asyncio.run(run(chosen.concepts, home, dsn, found.pid))
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
