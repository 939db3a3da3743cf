"""Bulk load with every index live, against COPY of the same bytes into a table without any index."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aubier.access.actor import system_actor
from aubier.access.view import Access
from aubier.app import House
from aubier.fhir import json as fhir_json
from aubier.ground.rows import Resource
from aubier.sandbox.plan import generate
from aubier.store.bulk import load
from bench.machine import processor_seconds
from bench.stage import TODAY, Size

CHUNK = 3000


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load: resources, bytes of JSON, seconds, processor seconds of ours and of the database."""

    resources: int
    bytes: int
    seconds: float
    own: float
    database: float

    @property
    def rate(self) -> float:
        """Resources per second."""
        return self.resources / self.seconds


async def measure(house: House, size: Size, postgres: int) -> list[dict[str, Any]]:
    """Runs in turns: raw COPY, bulk without the base check, bulk with it."""
    rows: list[dict[str, Any]] = []
    unchecked = replace(house.access, check=lambda resource: None)
    for run in range(size.runs):
        made = list(generate(max(20, size.citizens // 10), f"bulk {run}", TODAY))
        rows.append(
            {
                "copy": await _timed(postgres, made, lambda r: _raw(house, r)),
                "off": await _timed(postgres, _renamed(made, "a"), lambda r: _bulk(unchecked, house, r)),
                "on": await _timed(postgres, _renamed(made, "b"), lambda r: _bulk(house.access, house, r)),
            }
        )
    return rows


def _renamed(resources: Sequence[Resource], mark: str) -> list[Resource]:
    """The same resources under other ids, parsed anew: a load is timed from dictionaries to commit."""
    text = b"\n".join(fhir_json.dumps(r) for r in resources)
    for resource in resources:
        logical = resource["id"]
        text = (
            text.replace(logical.encode(), f"{logical[:-1]}{mark}".encode()) if len(logical) == 36 else text
        )
    found = [fhir_json.parse(line) for line in text.split(b"\n")]
    # A national number acts under one Patient only.
    for resource in found:
        if resource["resourceType"] == "Patient":
            resource.pop("identifier", None)
    return found


async def _timed(postgres: int, resources: list[Resource], work: Any) -> Loaded:
    size = sum(len(fhir_json.dumps(r)) for r in resources)
    gc.collect()
    before = processor_seconds(postgres, children=True)
    own, begun = time.process_time(), time.perf_counter()
    await work(resources)
    took, own = time.perf_counter() - begun, time.process_time() - own
    return Loaded(len(resources), size, took, own, processor_seconds(postgres, children=True) - before)


async def _raw(house: House, resources: list[Resource]) -> None:
    async with house.store.pool.acquire() as conn:
        await conn.execute("create table if not exists bench_raw (raw bytea)")
        for start in range(0, len(resources), CHUNK):
            rows = [(fhir_json.dumps(r),) for r in resources[start : start + CHUNK]]
            await conn.copy_records_to_table("bench_raw", records=rows, columns=["raw"])


async def _bulk(access: Access, house: House, resources: list[Resource]) -> None:
    view = access.context(system_actor("bench"), house.clock()).store
    for start in range(0, len(resources), CHUNK):
        report = await load(house.store, view.sight, resources[start : start + CHUNK], view.prepare)
        assert not report.refused
