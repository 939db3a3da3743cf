"""Loads over HTTP: new households, and lives in the manner of Synthea, as transactions."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from bench.client.connection import Connection, Lost
from bench.dataset import synthea
from bench.dataset.corpus import TODAY, transaction
from bench.figures import Tally
from bench.workloads.measure import Measure, Stage

_CLIENTS = (1, 4)
_MADE = 60
"""People, or lives, that are ready for one run; a run that has no more ends early."""


def loading(stage: Stage) -> list[Measure]:
    """By the system actor, as a load is."""
    if stage.mode != "off":
        return []
    return [
        _load(stage, "households", _households),
        _load(stage, "in the manner of Synthea", synthea.bundles),
    ]


def _households(count: int, seed: str) -> Iterator[tuple[bytes, int]]:
    """New people, each household a transaction; their national numbers stay those of the corpus's own."""
    for batch in territory(Plan(today=TODAY, citizens=count, seed=seed, stories=())):
        if not batch.name.startswith("household"):
            continue
        for resource in batch.resources:
            if resource["resourceType"] == "Patient":
                resource.pop("identifier", None)
        yield transaction([fhir_json.dumps(r) for r in batch.resources]), len(batch.resources)


def _load(stage: Stage, name: str, make: Any) -> Measure:
    def go(connections: int, number: int) -> dict[str, Any]:
        seed = f"{stage.server.name} {name} {connections} {number} {time.time_ns()}"
        ready = list(make(_MADE * max(1, round(stage.options.seconds)), seed))
        loaded = 0

        async def lane(connection: Connection, draw: random.Random, tally: Tally, until: float) -> None:
            nonlocal loaded
            while ready and (begun := time.perf_counter()) < until:
                body, entries = ready.pop()
                try:
                    answer = await connection.ask("POST", "", body)
                except Lost as lost:
                    tally.lose(str(lost))
                    continue
                ok = answer.status == 200 and len(json.loads(answer.body)["entry"]) == entries
                loaded += entries * ok
                said = "" if ok else f"status {answer.status}: {answer.body[:400].decode('utf-8', 'replace')}"
                tally.add(time.perf_counter() - begun, ok=ok, size=len(body), said=said)

        found = stage.lanes(lane, connections, number)
        return {**found, "resources": loaded, "resources_per_second": loaded / found["seconds"]}

    async def judge(connection: Connection) -> str:
        for practitioner in synthea.practitioners():
            body = json.dumps(practitioner).encode()
            answer = await connection.ask("PUT", f"Practitioner/{practitioner['id']}", body)
            if answer.status not in (200, 201):
                return f"status {answer.status}: {answer.body[:300]!r}"
        return ""

    return Measure("load", name, go, lambda: stage.judge(judge), connections=_CLIENTS, writes=True)
