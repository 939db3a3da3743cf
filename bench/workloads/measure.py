"""A measure: something to ask of a server, how to judge what it answers, and how to run it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.client.closed import Drive, Lane, drive, run_lanes
from bench.client.connection import Connection, below
from bench.client.loops import run
from bench.dataset.answers import Expected
from bench.dataset.corpus import Corpus
from bench.dataset.rights import Rights
from bench.options import Options
from bench.servers.server import Database, Server
from bench.workloads.samples import Samples

Run = Callable[[int, int], dict[str, Any]]
"""(connections, number of the run) to figures; `fault` in them says why they do not count."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A server that runs with the corpus in it, and who asks."""

    server: Server
    database: Database
    mode: str
    token: str
    corpus: Corpus
    rights: Rights
    samples: Samples
    answers: dict[str, list[Expected]]
    folder: Path
    options: Options

    @property
    def readable(self) -> list[str]:
        """The people whose record may be asked for, the same for every server and everybody."""
        return self.samples.people

    def connection(self) -> Connection:
        """A connection as who asks."""
        return Connection(self.server.port, self.token, self.server.base)

    def file(self, name: str, paths: Sequence[str]) -> Path:
        """A file of requests that only ask, below the base of the server."""
        place = self.folder / f"{name}.requests"
        place.write_text("".join(f"GET {below(self.server.base, path)}\n" for path in paths), "utf-8")
        return place

    def drive(self, requests: Path, connections: int, number: int) -> dict[str, Any]:
        """One run of a file of requests."""
        return drive(self._plan(requests, connections, number)).as_dict()

    def lanes(self, lane: Lane, connections: int, number: int) -> dict[str, Any]:
        """One run of a lane of our own client."""
        return run(run_lanes(lane, self._plan(self.folder / "none", connections, number))).as_dict()

    def _plan(self, requests: Path, connections: int, number: int) -> Drive:
        server, seconds = self.server, self.options.seconds
        return Drive(server.port, requests, self.token, connections, seconds, number, server.base)

    def judge(self, work: Callable[[Connection], Coroutine[Any, Any, str]]) -> str:
        """What a judge says over a connection of its own."""

        async def judged() -> str:
            connection = self.connection()
            try:
                return await work(connection)
            finally:
                connection.close()

        return run(judged())


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the results. `judge` is asked once before the first run; its fault makes the row not count.

    `once` measures run one time instead of as many as asked. `writes` change what searches find.
    """

    workload: str
    name: str
    run: Run
    judge: Callable[[], str] = lambda: ""
    connections: tuple[int, ...] = ()
    writes: bool = False
    once: bool = False
