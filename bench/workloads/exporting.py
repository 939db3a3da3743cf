"""`$export` of all people, their conditions and measurements: asked, waited for, fetched, counted."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from bench.client.connection import Connection, path_of
from bench.client.loops import run
from bench.workloads.measure import Measure, Stage

_KINDS = ("Patient", "Condition", "Observation")
_WITHIN = 60.0
"""Seconds that are waited for each second of a run."""
_EVERY = 0.5


def exporting(stage: Stage) -> list[Measure]:
    """One export at a time; by the system actor, as bulk data is."""
    if stage.mode != "off":
        return []
    return [Measure("export", "$export", lambda c, n: run(_export(stage)), connections=(1,))]


async def _export(stage: Stage) -> dict[str, Any]:
    connection, begun = stage.connection(), time.perf_counter()
    asked = await connection.ask("GET", f"$export?_type={','.join(_KINDS)}", Prefer="respond-async")
    if asked.status != 202:
        return _fault(f"status {asked.status}: {asked.body[:300]!r}", begun)
    status = path_of(asked.headers["content-location"])
    answer = await connection.ask("GET", status)
    while answer.status == 202 and time.perf_counter() - begun < _WITHIN * stage.options.seconds:
        await asyncio.sleep(_EVERY)
        answer = await connection.ask("GET", status)
    if answer.status == 202:
        await connection.ask("DELETE", status)
        return _fault(f"not finished after {time.perf_counter() - begun:.0f} s", begun)
    if answer.status != 200:
        return _fault(f"status {answer.status}: {answer.body[:300]!r}", begun)
    counts = dict.fromkeys(_KINDS, 0)
    size = 0
    for output in json.loads(answer.body)["output"]:
        lines, length = await _lines(connection, output["url"])
        counts[output["type"]] += lines
        size += length
    connection.close()
    took = time.perf_counter() - begun
    wanted = {kind: stage.corpus.facts["kinds"][kind] for kind in _KINDS}
    found = {**_timed(took), "requests": sum(counts.values()), "rate": sum(counts.values()) / took}
    fault = {} if counts == wanted else {"fault": f"exported {counts}, not {wanted}"}
    return {**found, "bytes": size, **fault}


async def _lines(connection: Connection, url: str) -> tuple[int, int]:
    """Lines and bytes of an exported file; HAPI's are Binaries, asked for as what they hold."""
    answer = await connection.ask("GET", path_of(url), Accept="application/fhir+ndjson")
    if answer.body.startswith(b'{"resourceType":"Binary"'):
        return 0, 0
    return sum(1 for line in answer.body.split(b"\n") if line.strip()), len(answer.body)


def _timed(seconds: float) -> dict[str, Any]:
    waits = dict.fromkeys(("p50", "p95", "p99"), seconds * 1000)
    return {
        "seconds": seconds,
        **waits,
        "refused": 0,
        "broken": 0,
        "client": "own",
        "client_s": 0.0,
        "raw": "",
    }


def _fault(said: str, begun: float) -> dict[str, Any]:
    return {**_timed(time.perf_counter() - begun), "requests": 0, "rate": 0.0, "bytes": 0, "fault": said}
