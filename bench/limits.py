"""What the machine can do at all: hello-world of the same HTTP stack, the same with one statement behind it
that commits a line, one fsync, COPY, a select by key.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import asyncpg

from bench import machine, serving
from bench.client.closed import Drive, drive
from bench.client.loops import run
from bench.dataset.corpus import Corpus
from bench.figures import Figures
from bench.servers.aubier import ROOT, served
from bench.servers.server import Database, Process, free_port

NAME = "bench_limits"
_ROWS = 50_000
"""Resources of the corpus that are copied."""


class Least:
    """An application that does next to nothing, served as ours is, asked for one path."""

    def __init__(self, home: Path, path: str, dsn: str = "") -> None:
        """Hello-world, or with a database one statement and its line (`serving.STATEMENTS`)."""
        self._asked = home / "least.requests"
        self._line = f"GET {path}\n"
        port = free_port()
        target = "bench.serving:floor" if dsn else "bench.serving:hello"
        command = served(target, port, factory=bool(dsn))
        environ = {"PYTHONPATH": f"{ROOT}/src:{ROOT}", serving.DSN: dsn}
        self._process = Process(command, port, "/", environ, home / "least.log")

    def measure(self, connections: int, seconds: float, seed: int) -> dict[str, Any]:
        """One run, the server's processor time with it."""
        self._asked.write_text(self._line)
        self._process.start()
        try:
            before = machine.tree_seconds(self._process.pid)
            plan = Drive(self._process.port, self._asked, "", connections, seconds, seed)
            found: Figures = drive(plan)
            spent = machine.tree_seconds(self._process.pid) - before
        finally:
            self._process.stop()
        if found.refused or found.broken or not found.requests:
            raise RuntimeError(f"{self._line.strip()}: {found.raw[:400]}")
        return {**found.as_dict(), "server_us": spent / found.requests * 1e6}


def proved(database: Database, corpus: Corpus, home: Path) -> dict[str, Least]:
    """By name, what one statement with its committed line can do: a row, a page of them, as many new ones."""

    async def work() -> None:
        await database.make(NAME)
        conn = await asyncpg.connect(database.of(NAME))
        try:
            await conn.execute(serving.TABLES)
            with corpus.resources.open("rb") as lines:
                rows = list(enumerate(islice(cycle(map(bytes.strip, lines)), serving.ROWS)))
            await conn.copy_records_to_table("floor", records=rows, columns=["id", "raw"])
            await conn.execute("vacuum analyze floor")
        finally:
            await conn.close()

    run(work())
    of = database.of(NAME)
    return {
        "a row and a line": Least(home, "/one", of),
        f"{serving.PAGE} rows and a line": Least(home, "/page", of),
        f"{serving.PAGE} new rows and a line": Least(home, "/new", of),
    }


def copied(database: Database, corpus: Corpus) -> dict[str, Any]:
    """COPY of the corpus's bytes into a table without any index."""

    async def work() -> dict[str, Any]:
        await database.make(NAME)
        conn = await asyncpg.connect(database.of(NAME))
        try:
            await conn.execute("drop table if exists raw; create table raw (raw bytea)")
            with corpus.resources.open("rb") as lines:
                rows = [(line,) for line in islice(lines, _ROWS)]
            begun = time.perf_counter()
            await conn.copy_records_to_table("raw", records=rows, columns=["raw"])
            took = time.perf_counter() - begun
        finally:
            await conn.close()
        size = sum(len(r[0]) for r in rows)
        return {"resources": len(rows), "rate": len(rows) / took, "bytes_per_second": size / took}

    return run(work())


def selected(database: Database, engines: Path, connections: int, seconds: float) -> dict[str, Any]:
    """pgbench: one row by its primary key, prepared. Empty where pgbench is not to be found."""
    found = [*engines.rglob("bin/pgbench"), *([Path(p)] if (p := shutil.which("pgbench")) else [])]
    if not found:
        return {}
    run(database.make(NAME))
    common = ["-h", database.sockets, "-U", "aubier", NAME]
    environ = {**os.environ, "PGPASSWORD": database.password}

    def call(*more: str) -> str:
        command = [str(found[0]), *more, *common]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pgbench: {done.stderr[-500:]}")
        return done.stdout

    if not run(_has_table(database)):
        call("-i", "-q", "-s", "1")
    lasting = str(max(1, round(seconds)))
    told = call("-n", "-S", "-M", "prepared", "-c", str(connections), "-j", "1", "-T", lasting)
    rate = re.search(r"tps = ([\d.]+)", told)
    return {"rate": float(rate.group(1)) if rate else 0.0, "raw": told}


async def _has_table(database: Database) -> bool:
    conn = await asyncpg.connect(database.of(NAME))
    try:
        return await conn.fetchval("select to_regclass('pgbench_accounts')") is not None
    finally:
        await conn.close()


def synced(home: Path, seconds: float) -> dict[str, Any]:
    """The median time of making 8 kB sure."""
    return {"ms": machine.fsync_seconds(home, seconds) * 1000}
