"""What the machine can do at all: hello-world of the same HTTP stack, one fsync, COPY, a select by key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from bench import machine
from bench.client.closed import Drive, drive
from bench.client.loops import run
from bench.dataset.corpus import Corpus
from bench.figures import Figures
from bench.servers.aubier import ROOT, served
from bench.servers.server import Database, Process, free_port

NAME = "bench_limits"
_ROWS = 50_000
"""Resources of the corpus that are copied."""


class Hello:
    """The least that the HTTP stack can do, served as ours is."""

    def __init__(self, home: Path) -> None:
        self._asked = home / "hello.requests"
        self._asked.write_text("GET /\n")
        port = free_port()
        command = served("bench.serving:hello", port, factory=False)
        environ = {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}
        self._process = Process(command, port, "/", environ, home / "hello.log")

    def measure(self, connections: int, seconds: float, seed: int) -> dict[str, Any]:
        """One run, the server's processor time with it."""
        self._process.start()
        try:
            before = machine.tree_seconds(self._process.pid)
            plan = Drive(self._process.port, self._asked, "", connections, seconds, seed)
            found: Figures = drive(plan)
            spent = machine.tree_seconds(self._process.pid) - before
        finally:
            self._process.stop()
        return {**found.as_dict(), "server_us": spent / max(found.requests, 1) * 1e6}


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
