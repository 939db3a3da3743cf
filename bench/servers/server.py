"""What the bench asks of a server, and what all servers share: one PostgreSQL and one process watched."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import asyncpg

from bench.dataset.corpus import Corpus, Told
from bench.dataset.rights import Rights

_PARENT_DIED = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
_CUT_OFF = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = $1 and backend_type = 'client backend'"
)
"""PostgreSQL stops its own work there by itself; `with (force)` is refused to our role meanwhile."""


class Server(Protocol):
    """A server under measure."""

    name: str
    base: str
    """Where its FHIR begins, as a path without a slash at its end."""
    modes: tuple[str, ...]
    """Who asks: `off`, and where rights are checked `on`."""

    def build(self, told: Told) -> str:
        """Makes the server ready to run; gives why it cannot be, or nothing."""

    async def load(self, corpus: Corpus, rights: Rights, told: Told) -> None:
        """Brings the corpus into an empty database; goes on where an earlier load was stopped."""

    async def fill(self, corpus: Corpus, of: str, told: Told) -> dict[str, Any]:
        """What it takes to post the whole corpus as transactions, by the server of a commit (`of`)."""

    def start(self) -> None:
        """Starts the server and waits until it answers."""

    def stop(self) -> None:
        """Stops it."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def pid(self) -> int:
        """Its process, the root of its tree."""

    async def token(self, mode: str) -> str:
        """What to show as whom; empty where nobody is asked."""


@dataclass(slots=True)
class Database:
    """The PostgreSQL of the run: its address, and the process above all its own."""

    dsn: str
    pid: int

    def of(self, name: str) -> str:
        """The address of a database of it."""
        head, _, tail = self.dsn.partition("@/")
        return f"{head}@/{name}?{tail.partition('?')[2]}"

    @property
    def password(self) -> str:
        """Of the one role."""
        return unquote(self.dsn.partition("@")[0].rpartition(":")[2])

    @property
    def sockets(self) -> str:
        """The folder where it listens."""
        return unquote(self.dsn.partition("host=")[2])

    async def make(self, name: str, *, anew: bool = False) -> bool:
        """Makes a database; True when it was not there, or was dropped first as asked."""
        if anew:
            await self.drop(name)
        conn = await asyncpg.connect(self.dsn)
        try:
            if await conn.fetchval("select 1 from pg_database where datname = $1", name):
                return False
            await conn.execute(f'create database "{name}"')
            return True
        finally:
            await conn.close()

    async def drop(self, name: str) -> None:
        """Drops a database, whoever is in it."""
        conn = await asyncpg.connect(self.dsn)
        try:
            await conn.fetch(_CUT_OFF, name)
            await conn.execute(f'drop database if exists "{name}"')
        finally:
            await conn.close()

    async def analyse(self, name: str) -> None:
        """Statistics of everything, so that no server pays for the other's absence of them."""
        conn = await asyncpg.connect(self.of(name))
        try:
            await conn.execute("vacuum analyze")
        finally:
            await conn.close()

    async def bytes(self, name: str) -> int:
        """What a database takes of the disk."""
        conn = await asyncpg.connect(self.dsn)
        try:
            return int(await conn.fetchval("select pg_database_size($1)", name))
        finally:
            await conn.close()


@dataclass(slots=True)
class Process:
    """A child process that listens on a port and answers a path when it is ready."""

    command: Sequence[str]
    port: int
    ready: str
    environ: dict[str, str]
    log: Path
    within: float = 60.0
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Of the child."""
        assert self._child
        return self._child.pid

    def start(self) -> None:
        """Starts, and waits until it answers. RuntimeError with its last words when it does not."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_us,
            )
        until = time.monotonic() + self.within
        while time.monotonic() < until and self._child.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.ready}", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        words = self.log.read_text("utf-8", "replace")[-2000:]
        self.stop()
        raise RuntimeError(f"{self.command[0]} did not start: {words}")

    def stop(self) -> None:
        """Asks it to end, then makes it."""
        if self._child and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(20)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._child = None


def _end_with_us() -> None:
    """Has the kernel ask a child to end when we are killed; where it cannot (not Linux), nothing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PARENT_DIED, signal.SIGTERM)


class Noted:
    """What is known of a database between two runs: a small file of facts."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.facts: dict[str, Any] = json.loads(place.read_text("utf-8")) if place.exists() else {}

    def note(self, **facts: Any) -> None:
        """Keeps more facts, whole or not at all."""
        self.facts |= facts
        part = self._place.with_name(self._place.name + ".part")
        part.write_text(json.dumps(self.facts), "utf-8")
        part.replace(self._place)

    def forget(self) -> None:
        """Knows nothing any more."""
        self.facts = {}
        self._place.unlink(missing_ok=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
