"""One whole run: the corpus, its answers, each server in turn, each cell once; what is finished is kept."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from aubier.store.embedded.cluster import postmaster
from aubier.store.embedded.server import EmbeddedServer
from bench import limits, machine, weighing
from bench.cells import Cell, Journal
from bench.client.connection import Lost
from bench.client.loops import run
from bench.dataset.answers import Expected, worked_out
from bench.dataset.corpus import Corpus, Told
from bench.dataset.rights import Rights
from bench.options import ROOT, Options, Places
from bench.servers.aubier import Aubier
from bench.servers.hapi import Hapi
from bench.servers.helios import Helios
from bench.servers.peer import CLIENTS, Peer
from bench.servers.server import Database, Noted, Server
from bench.workloads import asking, codes, days, exporting, loading, writing
from bench.workloads.measure import Measure, Stage
from bench.workloads.samples import Samples
from bench.workloads.shapes import SHAPES

ENGINES = ROOT / ".build" / "engine"
WORKLOADS: dict[str, Callable[[Stage], list[Measure]]] = {
    "read": asking.reading,
    "search": asking.searching,
    "everything": asking.everything,
    "terminology": codes.terminology,
    "export": exporting.exporting,
    "transaction": writing.transactions,
    "crud": writing.crud,
    "load": loading.loading,
    "day": days.day,
    "soak": days.soak,
}
WRITE = ("transaction", "crud", "load", "day", "soak")
_TROUBLE = (RuntimeError, OSError, ValueError, KeyError, Lost, asyncpg.PostgresError, asyncpg.InterfaceError)


def told(words: str) -> None:
    """A word on how far it is, for who waits: on one line of a terminal, on lines of their own elsewhere."""
    end = "" if sys.stderr.isatty() else "\n"
    print(f"\r\033[K{words}" if not end else words, end=end, file=sys.stderr, flush=True)


def commit() -> str:
    """Of this checkout, with a mark when it has changes."""
    found = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


@dataclass(slots=True)
class Bench:
    """A run with its options. `measure` runs it; `results` gives what is finished, at any time."""

    options: Options
    places: Places
    told: Told = told
    _commit: str = field(default_factory=commit, init=False)
    _corpus: Corpus | None = field(default=None, init=False)
    _journal: Journal | None = field(default=None, init=False)
    _skipped: dict[str, str] = field(default_factory=dict, init=False)

    def measure(self) -> None:
        """Everything that was asked for and is not finished."""
        home = self.places.home / f"{self.options.patients}"
        home.mkdir(parents=True, exist_ok=True, mode=0o711)
        about = {"commit": self._commit, "options": self.options.lasting}
        journal = Journal(home / "cells.ndjson", about, fresh=self.places.fresh)
        if journal.kept and journal.cells:
            self.told(f"going on: {len(journal.cells)} cells are finished")
        corpus = Corpus(home / "corpus", self.options.patients)
        corpus.make(self.told)
        self._journal, self._corpus = journal, corpus
        known = worked_out(corpus, SHAPES, self.options.gate, self.told)
        with EmbeddedServer(home / "server", engines=ENGINES) as dsn:
            found = postmaster(home / "server" / "postgres")
            assert found
            database = Database(dsn, found.pid)
            for server in self._servers(database, home):
                work = _Work(self.options, server, database, corpus, known, journal, home, self.told)
                if fault := _tried(work.go):
                    self._skipped[server.name] = fault

    def results(self) -> dict[str, Any]:
        """What is finished, of earlier starts too. Empty before the corpus is made."""
        if self._corpus is None or self._journal is None:
            return {}
        return {
            "date": time.strftime("%Y-%m-%d"),
            "commit": self._commit,
            "machine": machine.described(),
            "options": self.options.lasting | {"servers": self.options.servers, "only": self.options.only},
            "corpus": self._corpus.facts,
            "skipped": self._skipped,
            "cells": self._journal.rows(),
        }

    def _servers(self, database: Database, home: Path) -> Iterator[Server]:
        if "aubier" in self.options.servers:
            yield Aubier(database, home)
        peers: tuple[type[Peer], ...] = (Hapi, Helios)
        yield from (peer(database, home) for peer in peers if peer.name in self.options.servers)


Known = tuple[Samples, Rights, dict[str, dict[str, list[Expected]]]]


@dataclass(slots=True)
class _Work:
    """One server's part of a run."""

    options: Options
    server: Server
    database: Database
    corpus: Corpus
    known: Known
    journal: Journal
    home: Path
    told: Told

    def go(self) -> str:
        """Runs what is not finished; gives why the server was left out, or nothing."""
        if fault := self.server.build(self.told):
            return fault
        self._limits()
        self._fill()
        for writes in (False, True):
            for mode in (m for m in self.server.modes if m in self.options.modes):
                self._phase(mode, writes=writes)
        return ""

    def _limits(self) -> None:
        if "limits" not in self.options.only:
            return
        least = {"hello-world": limits.Least(self.home, "/")}
        least |= limits.proved(self.database, self.corpus, self.home)
        seconds, database = self.options.seconds, self.database
        for number in range(self.options.runs):
            for connections in self.options.connections:
                for name, each in least.items():
                    self._limit(name, connections, number, each.measure)
                self._limit(
                    "select by key",
                    connections,
                    number,
                    lambda c, s, n: limits.selected(database, ENGINES, c, s),
                )
            self._limit("fsync", 1, number, lambda c, s, n: limits.synced(self.home, seconds / 4))
            self._limit("COPY", 1, number, lambda c, s, n: limits.copied(database, self.corpus))

    def _limit(
        self, name: str, connections: int, number: int, take: Callable[[int, float, int], dict[str, Any]]
    ) -> None:
        cell = Cell(self.server.name, "limit", "limits", name, connections, number)
        if cell not in self.journal:
            self.told(f"{self.server.name}: {name}, {connections} connections, run {number + 1}")
            found = take(connections, self.options.seconds, number)
            self.journal.keep(cell, {**found, "load": machine.load()})

    def _fill(self) -> None:
        """The whole corpus over HTTP: a peer's own load, for ours a database apart."""
        cell = Cell(self.server.name, "off", "fill", "the whole corpus", CLIENTS, 0)
        if "fill" not in self.options.only or cell in self.journal:
            return
        if isinstance(self.server, Peer):
            self._load(writes=True)
        found = run(self.server.fill(self.corpus, commit(), self.told))
        self.journal.keep(cell, {**found, "load": machine.load()})

    def _phase(self, mode: str, *, writes: bool) -> None:
        """The workloads that only ask, or those that write, as one of those who ask."""
        chosen = [w for w in self.options.only if w in WORKLOADS and (w in WRITE) is writes]
        blank = self._stage(mode, "")
        rows = [m for w in chosen for m in WORKLOADS[w](blank) if self.options.like in m.name]
        sized = "size" in self.options.only and not writes and mode == "off"
        if not any(self._left(m, mode) for m in rows) and not (sized and not self._weighed()):
            return
        self._load(writes=writes)
        if sized and not self._weighed():
            size = run(weighing.weighed(self.database, self.server.name))
            self.journal.keep(self._size_cell(), size)
        with self._served():
            token = run(self.server.token(mode))
            stage = self._stage(mode, token)
            if writes:
                Noted(self._note).note(tainted=True)
            measures = [m for w in chosen for m in WORKLOADS[w](stage) if self.options.like in m.name]
            self._measure(measures, mode)
        if writes and "bulk" in self.options.only and mode == "off":
            self._bulk()

    def _stage(self, mode: str, token: str) -> Stage:
        samples, rights, answers = self.known
        folder = self.home / "requests"
        folder.mkdir(exist_ok=True)
        return Stage(
            self.server,
            self.database,
            mode,
            token,
            self.corpus,
            rights,
            samples,
            answers[mode],
            folder,
            self.options,
        )

    def _cells(self, measure: Measure, mode: str) -> Iterator[Cell]:
        for number in range(1 if measure.once else self.options.runs):
            for connections in measure.connections or self.options.connections:
                yield Cell(self.server.name, mode, measure.workload, measure.name, connections, number)

    def _left(self, measure: Measure, mode: str) -> bool:
        return any(cell not in self.journal for cell in self._cells(measure, mode))

    @property
    def _note(self) -> Path:
        return self.home / f"{self.server.name}.stage"

    def _load(self, *, writes: bool) -> None:
        """The corpus into the server's database, unless it is there; and untouched where that matters."""
        noted = Noted(self._note)
        of = commit() if self.server.name == "aubier" else self.corpus.mark
        if noted.facts.get("of") == of and (writes or not noted.facts.get("tainted")):
            return
        noted.forget()
        begun = time.perf_counter()
        run(self.server.load(self.corpus, self.known[1], self.told))
        noted.note(of=of, tainted=False, seconds=time.perf_counter() - begun)

    @contextmanager
    def _served(self) -> Iterator[None]:
        self.told(f"{self.server.name}: starting")
        self.server.start()
        try:
            yield
        finally:
            self.server.stop()

    def _size_cell(self) -> Cell:
        return Cell(self.server.name, "off", "size", "bytes", 1, 0)

    def _weighed(self) -> bool:
        return self._size_cell() in self.journal

    def _bulk(self) -> None:
        if self.server.name != "aubier":
            return
        assert isinstance(self.server, Aubier)
        for number in range(self.options.runs):
            for name in ("COPY", "bulk"):
                cell = Cell("aubier", "off", "bulk", name, 1, number)
                if cell not in self.journal:
                    self.told(f"aubier: {name}, run {number + 1}")
                    self.journal.keep(cell, weighing.bulk(self.server, self.database, name, self.options))

    def _measure(self, measures: list[Measure], mode: str) -> None:
        """Judges each row once, then takes every row once per round."""
        faults: dict[str, str] = {}
        left = [(m, c) for m in measures for c in self._cells(m, mode) if c not in self.journal]
        left.sort(key=lambda pair: pair[1].run)
        begun = time.perf_counter()
        for done, (measure, cell) in enumerate(left):
            name = f"{self.server.name} {mode}: {cell.workload}, {cell.name}, {cell.connections}"
            spent = time.perf_counter() - begun
            rest = f", {spent / done * (len(left) - done) / 60:.0f} min left" if done else ""
            self.told(f"[{done} of {len(left)}{rest}] {name} connections, run {cell.run + 1}")
            key = f"{cell.workload} {cell.name}"
            if key not in faults:
                faults[key] = _tried(measure.judge)
            found = {"fault": faults[key]} if faults[key] else self._taken(measure, cell)
            self.journal.keep(cell, found)

    def _taken(self, measure: Measure, cell: Cell) -> dict[str, Any]:
        load, before = machine.load(), self._spent()
        try:
            found = measure.run(cell.connections, cell.run)
        except _TROUBLE as error:
            return {"fault": f"{type(error).__name__}: {error}"}
        server, database = (b - a for a, b in zip(before, self._spent(), strict=True))
        if not found.get("fault") and (found["refused"] or found["broken"] or not found["requests"]):
            found["fault"] = f"{found['refused']} refused, {found['broken']} broken: {found['raw'][:400]}"
        asked = max(found["requests"], 1)
        return {
            **found,
            "server_us": server / asked * 1e6,
            "database_us": database / asked * 1e6,
            "client_share": found["client_s"] / max(found["seconds"], 1e-9),
            "load": load,
        }

    def _spent(self) -> tuple[float, float]:
        return machine.tree_seconds(self.server.pid), machine.tree_seconds(self.database.pid)


def _tried(work: Callable[[], str]) -> str:
    """What some work says, or what stopped it: the rest goes on."""
    try:
        return work()
    except _TROUBLE as error:
        return f"{type(error).__name__}: {error}"
