"""`python -m bench`: measures everything in one run and saves it. `--quick` only shows that it works."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import asyncpg

from aubier.app import build
from aubier.fhir import json as fhir_json
from aubier.settings import Settings
from aubier.store import codec
from aubier.store.embedded.cluster import postmaster
from aubier.store.embedded.server import EmbeddedServer
from bench import bulk, machine, report
from bench.client import Drive, drive
from bench.stage import QUICK, Size, Stage, fill

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
SCENARIOS = (("read", 32), ("search", 32), ("create", 8), ("transaction", 1), ("transaction", 8))


def main() -> None:
    """Reads the options, measures, saves."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="the smallest run, for tests")
    options.add_argument("--into", type=Path, default=RESULTS, help="where the results are saved")
    chosen = options.parse_args()
    size = QUICK if chosen.quick else Size()
    home = Path(tempfile.mkdtemp(prefix="aubier-bench-"))
    home.chmod(0o711)
    try:
        results = measured(size, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    name = f"{results['date']}-{results['commit']}"
    _, page = report.save(chosen.into, name, results)
    print(page.read_text("utf-8"))


def measured(size: Size, home: Path) -> dict[str, Any]:
    """One whole run."""
    settings = replace(Settings.load({}), data=home / "data", sandbox=True, port=free_port())
    with EmbeddedServer(settings.data, engines=ROOT / ".build" / "engine") as dsn:
        found = postmaster(settings.data / "postgres")
        assert found
        results = _about(size)
        stage, results["bulk"], results["size"], results["postgres"] = asyncio.run(
            _prepared(settings, dsn, size, home, found.pid)
        )
        results["stored"] = stage.resources
        with (
            served("bench.serving:hello", settings, dsn, factory=False) as hello,
            served("aubier.app:application", settings, dsn, factory=True) as house,
        ):
            results |= _rounds(stage, size, home, (hello, house, found.pid))
    return results


def _about(size: Size) -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip() or "unknown",
        "machine": machine.described(),
        "runs": size.runs,
        "seconds": size.seconds,
    }


async def _prepared(
    settings: Settings, dsn: str, size: Size, home: Path, postgres: int
) -> tuple[Stage, list[dict[str, Any]], dict[str, Any], str]:
    house = await build(settings, dsn)
    try:
        stage = await fill(house, size, home)
        weighed = await _weighed(house.store.pool)
        loads = [
            {key: _load_facts(found) for key, found in row.items()}
            for row in await bulk.measure(house, size, postgres)
        ]
        version = await house.store.pool.fetchval("show server_version")
        return stage, loads, weighed, f"PostgreSQL {version}"
    finally:
        await house.stop()


def _load_facts(found: bulk.Loaded) -> dict[str, Any]:
    each = {
        "own_us": found.own / found.resources * 1e6,
        "database_us": found.database / found.resources * 1e6,
    }
    return {**asdict(found), "rate": found.rate, **each}


async def _weighed(pool: asyncpg.Pool) -> dict[str, Any]:
    """The bytes of every table of the store, and of the JSON it holds."""
    tables = await pool.fetch(
        "select relname, pg_table_size(oid) as rows, pg_indexes_size(oid) as indexes from pg_class"
        " where relkind = 'r' and relnamespace = 'public'::regnamespace order by 2 desc limit 14"
    )
    rows = await pool.fetch("select dict, raw from res union all select dict, raw from dir_res")
    plain = sum(len(codec.unpack(r["dict"], r["raw"])) for r in rows)
    assert fhir_json.parse(codec.unpack(rows[0]["dict"], rows[0]["raw"]))
    return {
        "resources": len(rows),
        "json": plain,
        "packed": sum(len(r["raw"]) for r in rows),
        "bytes": sum(t["rows"] + t["indexes"] for t in tables),
        "tables": [(t["relname"], t["rows"], t["indexes"]) for t in tables],
    }


def _rounds(stage: Stage, size: Size, home: Path, processes: tuple[Any, Any, int]) -> dict[str, Any]:
    """Every scenario once in each round, hello-world and fsync beside them."""
    (hello, hello_process), (port, house), postgres = processes
    asked = home / "hello"
    asked.write_text("GET /\n")
    http: dict[str, list[dict[str, Any]]] = {}
    loads, syncs, client = [], [], ""
    drive(Drive(port, stage.read, stage.tokens["on"], 8, 1.0, 0))  # warm
    for run in range(size.runs):
        loads.append(machine.load())
        plan = Drive(hello, asked, "", 32, size.seconds, run)
        http.setdefault("hello", []).append(_run(plan, hello_process.pid, postgres))
        for name, connections in SCENARIOS:
            if name == "transaction" and connections == 1:
                syncs.append(machine.fsync_seconds(home, size.seconds / 4) * 1000)
            for mode in ("off", "on"):
                key = f"{name} {connections} {mode}" if name == "transaction" else f"{name} {mode}"
                plan = Drive(port, getattr(stage, name), stage.tokens[mode], connections, size.seconds, run)
                http.setdefault(key, []).append(_run(plan, house.pid, postgres))
        client = http["hello"][-1]["client"]
    return {"http": http, "fsync_ms": syncs, "load": loads, "client": client}


def _run(plan: Drive, server: int, postgres: int) -> dict[str, Any]:
    before = _spent(server, postgres)
    found = drive(plan)
    after = _spent(server, postgres)
    if found.refused or found.broken or not found.requests:
        raise SystemExit(f"{plan.requests.name}: {found.refused} refused, {found.broken} broken {found.raw}")
    spent = [(b - a) / found.requests * 1e6 for a, b in zip(before, after, strict=True)]
    facts = {"rate": found.rate, "connections": plan.connections}
    return {**found.as_dict(), **facts, "server_us": spent[0], "database_us": spent[1]}


def _spent(server: int, postgres: int) -> tuple[float, float]:
    return (
        machine.processor_seconds(server, children=True),
        machine.processor_seconds(postgres, children=True),
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(target: str, settings: Settings, dsn: str, *, factory: bool) -> Iterator[tuple[int, Any]]:
    """The application `target` served by one process of granian, as `up` does; gives (port, process)."""
    port = settings.port if factory else free_port()
    facts = {"DATA": settings.data, "DATABASE_URL": dsn, "SANDBOX": 1, "PORT": port}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **{f"AUBIER_{k}": str(v) for k, v in facts.items()}}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen([*command, *(["--factory"] if factory else []), target], env=environ, cwd=ROOT)
    try:
        _wait(port, process)
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
