"""What every other server has in common: one process, and HTTP as the only way in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from bench.client.connection import Connection
from bench.dataset.corpus import Corpus, Told
from bench.dataset.rights import Rights
from bench.machine import tree_seconds
from bench.servers.server import Database, Noted, Process

CLIENTS = 4
_EVERY = 20
"""Transactions between two notes of how far a load is."""


class Peer:
    """A server beside ours, on a database of its own. A child gives its name, `build` and `_made`."""

    name = ""
    base = "/fhir"
    modes: tuple[str, ...] = ("off",)

    def __init__(self, database: Database, home: Path, *, pool: int = 8) -> None:
        self._database, self._home, self._pool = database, home, pool
        self._noted = Noted(home / f"{self.name}.loaded")
        self._process: Process | None = None

    @property
    def database(self) -> str:
        """The name of its database."""
        return f"bench_{self.name}"

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._process
        return self._process.port

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process
        return self._process.pid

    def build(self, told: Told) -> str:
        """Makes it ready to run; gives why it cannot be, or nothing."""
        raise NotImplementedError

    def _made(self) -> Process:
        """The process, not yet started."""
        raise NotImplementedError

    async def load(self, corpus: Corpus, rights: Rights, told: Told) -> None:
        """Transactions, the only way in; a load that was stopped goes on."""
        fresh = await self._database.make(self.database, anew=not self._noted.facts.get("loading"))
        if fresh:
            self._noted.forget()
        self._noted.note(loading=True)
        told(f"{self.name}: starting")
        self.start()
        try:
            trees = (self.pid, self._database.pid)
            await Filling(self.name, self.port, self.base, "", trees, self._noted).send(corpus, told)
        finally:
            self.stop()
        await self._database.analyse(self.database)
        self._noted.note(loading=False)

    async def fill(self, corpus: Corpus, of: str, told: Told) -> dict[str, Any]:
        """What its load took."""
        return filled(self._noted, corpus)

    def start(self) -> None:
        """Starts on its database, and waits until it answers."""
        self._process = self._made()
        self._process.start()

    def stop(self) -> None:
        """Stops it."""
        if self._process:
            self._process.stop()

    async def token(self, mode: str) -> str:
        """Nobody is asked."""
        return ""


@dataclass(slots=True)
class Filling:
    """Posts the whole corpus as transactions, by four clients. Notes how far it is, so that it can go on.

    `trees` are the processes of the server and of PostgreSQL, whose time is noted with it. Nothing that was
    acknowledged and noted is sent again.
    """

    name: str
    port: int
    base: str
    token: str
    trees: tuple[int, int]
    noted: Noted
    _since: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0), repr=False)

    async def send(self, corpus: Corpus, told: Told) -> None:
        """Every transaction that is not noted yet. RuntimeError when one is refused."""
        done = int(self.noted.facts.get("bundles", 0))
        directory, total = corpus.facts["directory"], len(corpus.facts["cuts"])
        bundles = (pair for pair in enumerate(corpus.bundles()) if pair[0] >= done)
        self._since = self._clocks()
        acknowledged: set[int] = set()
        sent = done

        async def lane(rest: Iterator[tuple[int, bytes]]) -> None:
            nonlocal sent
            connection = Connection(self.port, self.token, self.base)
            try:
                for number, bundle in rest:
                    answer = await connection.ask("POST", "", bundle)
                    if answer.status != 200:
                        raise RuntimeError(f"{self.name} refused bundle {number}: {answer.body[:500]!r}")
                    acknowledged.add(number)
                    while sent in acknowledged:
                        acknowledged.discard(sent)
                        sent += 1
                    if number % _EVERY == 0:
                        self._note(sent)
                        told(f"{self.name}: loaded {number} of {total} transactions")
            finally:
                connection.close()

        # What households name comes first.
        await lane(islice(bundles, max(0, directory - done)))
        lanes = [asyncio.create_task(lane(bundles)) for _ in range(CLIENTS)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for task in lanes:
                task.cancel()
            await asyncio.wait(lanes)
            self._note(sent)

    def _clocks(self) -> tuple[float, float, float]:
        server, database = (tree_seconds(pid) for pid in self.trees)
        return time.perf_counter(), server, database

    def _note(self, sent: int) -> None:
        """How far it is, and what it took with all earlier starts."""
        now = self._clocks()
        names = ("seconds", "server_s", "database_s")
        spent = {
            name: self.noted.facts.get(name, 0.0) + after - before
            for name, before, after in zip(names, self._since, now, strict=True)
        }
        self._since = now
        self.noted.note(bundles=sent, **spent)


def filled(noted: Noted, corpus: Corpus) -> dict[str, Any]:
    """The figures of a finished filling; a request is a resource here."""
    facts, count = noted.facts, corpus.facts["resources"]
    return {
        "requests": count,
        "seconds": facts["seconds"],
        "bytes": corpus.facts["bytes"],
        "rate": count / facts["seconds"],
        "resources_per_second": count / facts["seconds"],
        "server_us": facts["server_s"] / count * 1e6,
        "database_us": facts["database_s"] / count * 1e6,
    }
