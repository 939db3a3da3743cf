"""What the store weighs, and what a bulk load costs beside COPY of the same bytes."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from typing import Any

import asyncpg

from aubier.access.actor import system_actor
from aubier.app import House, build
from aubier.fhir import json as fhir_json
from aubier.ground.rows import Resource
from aubier.sandbox.plan import generate
from aubier.store.bulk import load
from bench.client.loops import run
from bench.dataset.corpus import TODAY
from bench.machine import tree_seconds
from bench.options import Options
from bench.servers.aubier import Aubier
from bench.servers.server import Database

_CHUNK = 3000
_PEOPLE = 200


async def weighed(database: Database, server: str) -> dict[str, Any]:
    """The bytes that a server's database takes, and its largest tables."""
    conn = await asyncpg.connect(database.of(f"bench_{server}"))
    try:
        tables = await conn.fetch(
            "select relname, pg_table_size(oid) as rows, pg_indexes_size(oid) as indexes from pg_class"
            " where relkind = 'r' and relnamespace = 'public'::regnamespace order by 2 desc limit 14"
        )
        total = await conn.fetchval("select pg_database_size(current_database())")
        version = await conn.fetchval("show server_version")
    finally:
        await conn.close()
    rows = [(t["relname"], t["rows"], t["indexes"]) for t in tables]
    return {"bytes": total, "tables": rows, "postgres": f"PostgreSQL {version}"}


def bulk(server: Aubier, database: Database, name: str, options: Options) -> dict[str, Any]:
    """One load of new people into ours with every index live (`bulk`), or COPY of their bytes."""
    people = max(20, min(_PEOPLE, options.patients // 2))

    async def work() -> dict[str, Any]:
        house = await build(server.settings, server.dsn)
        try:
            return await _timed(house, database.pid, _people(people), name)
        finally:
            await house.stop()

    return run(work())


def _people(count: int) -> list[Resource]:
    """New people at every call; a national number acts under one Patient only, so they have none."""
    made = list(generate(count, f"bulk {time.time_ns()}", TODAY))
    for resource in made:
        if resource["resourceType"] == "Patient":
            resource.pop("identifier", None)
    return made


async def _timed(house: House, postgres: int, resources: list[Resource], name: str) -> dict[str, Any]:
    size = sum(len(fhir_json.dumps(r)) for r in resources)
    gc.collect()
    before, own, begun = tree_seconds(postgres), time.process_time(), time.perf_counter()
    await (_raw if name == "COPY" else _bulk)(house, resources)
    took, own = time.perf_counter() - begun, time.process_time() - own
    count = len(resources)
    return {
        "requests": count,
        "seconds": took,
        "bytes": size,
        "rate": count / took,
        "server_us": own / count * 1e6,
        "database_us": (tree_seconds(postgres) - before) / count * 1e6,
    }


async def _raw(house: House, resources: list[Resource]) -> None:
    async with house.store.pool.acquire() as conn:
        await conn.execute("create table if not exists bench_raw (raw bytea)")
        for start in range(0, len(resources), _CHUNK):
            rows = [(fhir_json.dumps(r),) for r in resources[start : start + _CHUNK]]
            await conn.copy_records_to_table("bench_raw", records=rows, columns=["raw"])


async def _bulk(house: House, resources: list[Resource]) -> None:
    access = replace(house.access, check=lambda resource: None)
    view = access.context(system_actor("bench"), house.clock()).store
    for start in range(0, len(resources), _CHUNK):
        chunk = resources[start : start + _CHUNK]
        report = await load(house.store, view.sight, chunk, view.prepare, prepare_many=view.prepare_many)
        if report.refused:
            raise RuntimeError(f"{report.refused} refused")
