"""What is written: transactions, and a mix of creates, reads, updates and deletes."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.client.connection import Answer, Connection, Lost
from bench.dataset.corpus import TODAY, measurement
from bench.figures import Tally
from bench.workloads.measure import Measure, Stage

_KINDS = ("Observation", "Condition", "Encounter", "AllergyIntolerance", "Procedure")
_MARK = "urn:bench:mark"
_LOOKED_AT = 20
"""Of what a run wrote, so many are read back."""


def transactions(stage: Stage) -> list[Measure]:
    """Bundles of 2, 20 and 500 new measurements of one patient each."""
    return [_transactions(stage, size) for size in (2, 20, 500)]


def bundle(person: str, size: int, draw: random.Random) -> bytes:
    """A transaction of new measurements."""
    entries = [
        {"resource": _rate(person, draw), "request": {"method": "POST", "url": "Observation"}}
        for _ in range(size)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def _rate(person: str, draw: random.Random) -> dict[str, Any]:
    return measurement(person, "", TODAY - timedelta(days=draw.randrange(900)), draw.randrange(50, 120))


def new_rate(person: str, draw: random.Random) -> bytes:
    """A new measurement."""
    return json.dumps(_rate(person, draw)).encode()


def _transactions(stage: Stage, size: int) -> Measure:
    async def lane(connection: Connection, draw: random.Random, tally: Tally, until: float) -> None:
        made = [bundle(draw.choice(stage.readable), size, draw) for _ in range(8)]
        while (begun := time.perf_counter()) < until:
            try:
                answer = await connection.ask("POST", "", draw.choice(made))
            except Lost as lost:
                tally.lose(str(lost))
                continue
            took, fault = time.perf_counter() - begun, _made(answer, size)
            tally.add(took, ok=not fault, size=len(answer.body), said=fault)

    async def judge(connection: Connection) -> str:
        person, draw = stage.readable[0], random.Random("judge")
        answer = await connection.ask("POST", "", bundle(person, size, draw))
        if fault := _made(answer, size):
            return fault
        place = json.loads(answer.body)["entry"][-1]["response"]["location"]
        kept = await connection.ask("GET", _place(place))
        found = json.loads(kept.body) if kept.status == 200 else {}
        right = found.get("subject", {}).get("reference") == f"Patient/{person}"
        return "" if right else f"what was created is not there: status {kept.status}"

    return Measure(
        "transaction",
        f"of {size}",
        lambda c, n: stage.lanes(lane, c, n),
        lambda: stage.judge(judge),
        writes=True,
    )


def _made(answer: Answer, size: int) -> str:
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}"
    made = answer.body.count(b'"201')
    return "" if made == size else f"{made} created of {size}"


def _place(location: str) -> str:
    """What stands below the base: `Type/id` of `[base/]Type/id[/_history/n]`."""
    steps = location.partition("/_history/")[0].rsplit("/", 2)
    return "/".join(steps[-2:])


@dataclass(slots=True)
class _Own:
    """What a lane wrote: path to what was last acknowledged there, with its mark; none when deleted."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    count: int = 0

    def next(self) -> int:
        self.count += 1
        return self.count


def crud(stage: Stage) -> list[Measure]:
    """Of a hundred: 10 creates, 60 reads, 25 updates, 5 deletes, over five types."""

    def go(connections: int, number: int) -> dict[str, Any]:
        owned: list[_Own] = []

        async def lane(connection: Connection, draw: random.Random, tally: Tally, until: float) -> None:
            own = _Own()
            owned.append(own)
            while time.perf_counter() < until:
                await _step(stage, connection, draw, tally, own)

        found = stage.lanes(lane, connections, number)
        fault = stage.judge(lambda connection: _kept(connection, owned))
        return {**found, **({"fault": fault} if fault else {})}

    return [Measure("crud", "C10 R60 U25 D5", go, writes=True)]


async def _step(stage: Stage, connection: Connection, draw: random.Random, tally: Tally, own: _Own) -> None:
    what, places = draw.random(), list(own.kept)
    begun = time.perf_counter()
    try:
        if what < 0.10 or (what >= 0.70 and not places):
            made = _made_of(draw.choice(_KINDS), draw.choice(stage.readable), own.next(), draw)
            answer = await connection.ask("POST", made["resourceType"], json.dumps(made).encode())
            if ok := answer.status == 201:
                own.kept[_place(answer.headers["location"])] = made
        elif what < 0.70:
            seen = draw.choice(places) if places and what < 0.40 else ""
            target = seen or f"Observation/{draw.choice(stage.samples.observations)}"
            answer = await connection.ask("GET", target)
            ok = answer.status == 200
        elif what < 0.95:
            place = draw.choice(places)
            changed = _changed(own.kept[place], own.next(), draw)
            body = json.dumps(changed | {"id": place.rpartition("/")[2]}).encode()
            answer = await connection.ask("PUT", place, body)
            if ok := answer.status == 200:
                own.kept[place] = changed
        else:
            place = draw.choice(places)
            answer = await connection.ask("DELETE", place)
            if ok := answer.status in (200, 204):
                del own.kept[place]
                own.gone.append(place)
    except Lost as lost:
        tally.lose(str(lost))
        return
    said = "" if ok else f"status {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}"
    tally.add(time.perf_counter() - begun, ok=ok, size=len(answer.body), said=said)


def _made_of(kind: str, person: str, mark: int, draw: random.Random) -> dict[str, Any]:
    """A resource of a person. The mark is no value that is searched: it tells one version from another."""
    whose = {"reference": f"Patient/{person}"}
    code = {"coding": [{"system": "urn:bench:codes", "code": f"c{draw.randrange(50)}"}], "text": "mesure"}
    said = {
        "Observation": {"status": "final", "code": code, "subject": whose, "effectiveDateTime": "2026-11-22"},
        "Condition": {"code": code, "subject": whose, "onsetDateTime": "2026-11-22"},
        "Encounter": {"status": "finished", "class": {"code": "AMB"}, "subject": whose},
        "AllergyIntolerance": {"code": code, "patient": whose},
        "Procedure": {"status": "completed", "code": code, "subject": whose},
    }[kind]
    number = {"identifier": [{"system": "urn:bench:numbers", "value": f"{kind}-{draw.getrandbits(48)}"}]}
    return _changed({"resourceType": kind, **said, **number}, mark, draw)


def _changed(made: dict[str, Any], mark: int, draw: random.Random) -> dict[str, Any]:
    """The same resource of the same person with another value, as people correct what they wrote."""
    amount = {
        "value": draw.randrange(50, 120),
        "unit": "/min",
        "system": "http://unitsofmeasure.org",
        "code": "/min",
    }
    value = {
        "Observation": {"valueQuantity": amount},
        "Condition": {"recordedDate": f"2026-11-{draw.randrange(10, 30)}"},
        "Encounter": {"status": draw.choice(("planned", "in-progress", "finished"))},
        "AllergyIntolerance": {"criticality": draw.choice(("low", "high"))},
        "Procedure": {"status": draw.choice(("preparation", "in-progress", "completed"))},
    }[made["resourceType"]]
    return made | value | {"extension": [{"url": _MARK, "valueInteger": mark}]}


async def _kept(connection: Connection, owned: list[_Own]) -> str:
    """Whether what was acknowledged is there in its last state, and what was deleted is not."""
    written = [pair for own in owned for pair in own.kept.items()][-_LOOKED_AT:]
    for place, made in written:
        answer = await connection.ask("GET", place)
        found = json.loads(answer.body) if answer.status == 200 else {}
        if found.get("extension") != made["extension"]:
            return f"{place} is not what was acknowledged"
    for place in [place for own in owned for place in own.gone][-_LOOKED_AT:]:
        if (await connection.ask("GET", place)).status not in (404, 410):
            return f"{place} was deleted and answers"
    return ""
