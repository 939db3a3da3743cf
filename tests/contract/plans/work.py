"""The work of a search: the rows that its statements read, as the database says after having run them."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from bench.dataset.book import KINDS, Book
from bench.dataset.corpus import Corpus
from bench.dataset.rights import KEY, Rights
from bench.workloads.samples import Samples
from bench.workloads.shapes import Pairs, Shape
from msgspec.structs import replace

from aubier.access.actor import Actor, system_actor
from aubier.app import House, build
from aubier.sandbox.loader import load_territory
from aubier.search.query import parse
from aubier.settings import Settings
from aubier.store.reading import Reader

_ASKING = ("fetch", "fetchrow", "fetchval")
DOCTOR = Actor("professional", "dr", "Dr", (KEY,), "Practitioner/dr", "10", scopes=("user/*.cruds",))


class Listening:
    """A connection that remembers every question put through it."""

    def __init__(self, conn: asyncpg.Connection) -> None:
        self._conn = conn
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._conn, name)
        if name not in _ASKING:
            return found

        async def asking(*asked: Any, **more: Any) -> Any:
            self.asked.append(asked)
            return await found(*asked, **more)

        return asking

    async def plans(self, *, scans: bool, once: bool = False) -> list[dict[str, Any]]:
        """How each was run; `scans` lets the planner read whole tables. `once`: by a plan made for any
        values, as on connections that plan once.
        """
        plans = []
        for text, *values in self.asked:
            run = self._conn.transaction()
            await run.start()
            await self._conn.execute(f"set local enable_seqscan = {'on' if scans else 'off'}")
            kind = "generic" if once else "custom"
            await self._conn.execute(f"set local plan_cache_mode = force_{kind}_plan")
            if once:
                text, values = await self._prepared(text, values), []
            told = await self._conn.fetchval(f"explain (analyze, buffers off, format json) {text}", *values)
            if once:
                await self._conn.execute("deallocate asked")
            await run.rollback()
            plans.append(json.loads(told)[0]["Plan"])
        return plans

    async def _prepared(self, text: str, values: Sequence[Any]) -> str:
        """Prepares a statement as `asked`; gives what runs it with these values."""
        given = []
        kinds = (await self._conn.prepare(text)).get_parameters()
        for number, (kind, value) in enumerate(zip(kinds, values, strict=True)):
            said = f"set_config('asked.a{number}', ${1}::{kind.name}::text, true)"
            if await self._conn.fetchval(f"select {said}", value) is None or value is None:
                given.append("null")
            else:
                given.append(f"current_setting('asked.a{number}')::{kind.name}")
        await self._conn.execute(f"prepare asked as {text}")
        return f"execute asked({', '.join(given)})"


def rows_read(plan: dict[str, Any]) -> int:
    """The rows that the scans of a plan looked at: those they gave, and those they left out."""
    inner = sum(rows_read(part) for part in plan.get("Plans", []))
    if "Relation Name" not in plan and plan["Node Type"] != "Bitmap Index Scan":
        return inner
    left_out = (plan.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return inner + round((plan["Actual Rows"] + sum(left_out)) * plan["Actual Loops"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


@dataclass
class Population:
    """A house with the bench's corpus of so many people, and what is in it."""

    house: House
    book: Book
    rights: Rights
    samples: Samples

    async def work(self, actor: str, shape: Shape, pairs: Pairs, *, scans: bool, last: bool = False) -> int:
        """The rows read for the first page of one search, or for its last; `scans` lets the planner read
        whole tables.
        """
        plans = await self.plans(actor, shape, pairs, scans=scans, last=last)
        return sum(rows_read(plan) for plan in plans)

    async def plans(
        self, actor: str, shape: Shape, pairs: Pairs, *, scans: bool, last: bool = False, once: bool = False
    ) -> list[dict[str, Any]]:
        """The plans of the statements of that page, as they were run; `once` as in `Listening.plans`."""
        query = parse(shape.kind, [*pairs, *shape.extra], registry=self.house.store.registry)
        async with self.reading(actor) as (reader, heard):
            found = await reader.search(query)
            while last and found.cursor:
                heard.asked.clear()
                found = await reader.search(replace(query, cursor=found.cursor))
            return await heard.plans(scans=scans, once=once)

    @asynccontextmanager
    async def reading(self, actor: str) -> AsyncIterator[tuple[Reader, Listening]]:
        """A reader for one of the two who ask, and what it puts to the database."""
        store = self.house.store
        who = DOCTOR if actor == "on" else system_actor("bench")
        view = self.house.access.context(who, datetime.now(UTC)).store
        async with store.pool.acquire() as conn:
            heard = Listening(conn)
            yield Reader(heard, view.sight, store.keys, store.mark), heard

    def found(self, shape: Shape, pairs: Pairs) -> int:
        """How many resources match, by the book."""
        return len(self.book.search(shape.kind, pairs))


@asynccontextmanager
async def peopled(dsn: str, folder: Path, people: int) -> AsyncIterator[Population]:
    """A house with so many people in it."""
    corpus = Corpus(folder / "corpus", people)
    corpus.make(lambda words: None)
    resources = list(corpus.read(*KINDS))
    rights = Rights.over([r["id"] for r in resources if r["resourceType"] == "Patient"])
    samples = Samples.of(resources, rights)
    house = await build(Settings(data=folder, sandbox=True), dsn)
    try:
        await load_territory(house.access, corpus.batches(), datetime.now(UTC), lambda done: None)
        grants = list(rights.grants())
        await house.access.context(system_actor("bench"), datetime.now(UTC)).store.grant(*grants)
        await house.store.analyse()
        yield Population(house, Book(resources), rights, samples)
    finally:
        await house.stop()


Database = Callable[[], str]
