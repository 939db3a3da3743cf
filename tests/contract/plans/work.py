"""The work of a question: the rows that its statements read, as the database says after having run them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import replace as but
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.dataset.book import KINDS, Book
from bench.dataset.corpus import Corpus
from bench.dataset.rights import KEY, Rights
from bench.workloads.samples import Samples
from bench.workloads.shapes import Pairs, Shape
from msgspec.structs import replace

from aubier.access.actor import Actor, system_actor
from aubier.access.view import View
from aubier.app import House, build
from aubier.sandbox.loader import load_territory
from aubier.search.query import parse
from aubier.settings import Settings
from aubier.store.reading import Reader
from tests.contract.plans.listening import Heard, Listening, rows_read

DOCTOR = Actor("professional", "dr", "Dr", (KEY,), "Practitioner/dr", "10", scopes=("user/*.cruds",))


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
        return sum(map(rows_read, await self.plans(actor, shape, pairs, scans=scans, last=last)))

    async def plans(
        self, actor: str, shape: Shape, pairs: Pairs, *, scans: bool = False, last: bool = False
    ) -> list[dict[str, Any]]:
        """The plans of the statements of that page, as they were run."""
        query = parse(shape.kind, [*pairs, *shape.extra], registry=self.house.store.registry)
        async with self.reading(actor, scans=scans) as (reader, heard):
            found = await reader.search(query)
            while last and found.cursor:
                heard.clear()
                found = await reader.search(replace(query, cursor=found.cursor))
            return heard.plans

    def actor(self, name: str) -> Actor:
        """Who asks: with nothing to check (`off`), a professional (`on`), the first citizen (`self`)."""
        if name != "self":
            return DOCTOR if name == "on" else system_actor("bench")
        person = self.rights.open[0]
        return Actor(
            "citizen", "c", "C", (f"person:{person}",), f"Patient/{person}", scopes=("user/*.cruds",)
        )

    def named(self, actor: str) -> Samples:
        """What questions of theirs name: a citizen asks for the own record."""
        return but(self.samples, people=self.rights.open[:1]) if actor == "self" else self.samples

    @asynccontextmanager
    async def reading(self, actor: str, *, scans: bool = False) -> AsyncIterator[tuple[Reader, Heard]]:
        """A reader for one who asks, and what it puts to the database."""
        store, heard = self.house.store, Heard(scans)
        planned = Listening(store.planned, heard, "force_generic_plan")
        sight = self._view(actor).sight
        yield Reader(Listening(store.pool, heard), sight, store.keys, store.mark, planned), heard

    def asking(self, actor: str) -> tuple[View, Heard]:
        """The store as one who asks sees it, and what is put to the database."""
        store, heard = self.house.store, Heard()
        pool, planned = Listening(store.pool, heard), Listening(store.planned, heard, "force_generic_plan")
        access = but(self.house.access, store=but(store, pool=pool, planned=planned))
        return access.context(self.actor(actor), datetime.now(UTC)).store, heard

    def _view(self, actor: str) -> View:
        return self.house.access.context(self.actor(actor), datetime.now(UTC)).store

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

Both = tuple[Population, Population]


@asynccontextmanager
async def both_peopled(database: Database, folder: Path, few: int, many: int) -> AsyncIterator[Both]:
    """Two houses, with so many people and with more."""
    async with (
        peopled(database(), folder / "few", few) as smaller,
        peopled(database(), folder / "many", many) as larger,
    ):
        yield smaller, larger
