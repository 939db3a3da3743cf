"""The data that is asked: a territory, and measurements of its people that a professional may see in part."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from aubier.access.actor import system_actor
from aubier.app import House
from aubier.fhir import json as fhir_json
from aubier.ground.chance import seeded_ids
from aubier.referentials.signon import api as signon
from aubier.sandbox.batch import Batch
from aubier.sandbox.loader import load_territory
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from aubier.store.bulk import load
from aubier.store.intent import Grant

TODAY = date(2026, 11, 22)
DOCTOR, MACHINE = "bench.doctor", "bench.machine"
IDNPS = "899799990019"
KEY = f"ps:{IDNPS}"
EACH = 25
MASK = {
    "system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
    "code": "MASQUE_PS",
}


@dataclass(frozen=True, slots=True)
class Size:
    """Citizens of the territory, how many of them the professional cares for, seconds of a run, runs."""

    citizens: int = 2000
    cared_for: int = 1000
    seconds: float = 2.0
    runs: int = 5


QUICK = Size(citizens=20, cared_for=15, seconds=1.0, runs=1)


@dataclass(frozen=True, slots=True)
class Stage:
    """What to ask, as files of requests, and as whom."""

    read: Path
    search: Path
    create: Path
    transaction: Path
    tokens: dict[str, str]
    resources: int


def measurement(
    patient: str, logical: str, when: date, value: int, *, masked: bool = False
) -> dict[str, Any]:
    """A heart rate."""
    body: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": when.isoformat(),
        "valueQuantity": {
            "value": value,
            "unit": "/min",
            "system": "http://unitsofmeasure.org",
            "code": "/min",
        },
    }
    if logical:
        body["id"] = logical
    if masked:
        body["meta"] = {"security": [MASK]}
    return body


async def fill(house: House, size: Size, folder: Path) -> Stage:
    """Loads everything and writes the files of requests."""
    now = datetime.now(UTC)
    plan = Plan(today=TODAY, citizens=size.citizens, seed="bench")
    everybody: list[str] = []
    done = await load_territory(house.access, _noted(territory(plan), everybody), now, lambda _: None)
    context = house.access.context(system_actor("bench"), now)
    people = sorted(everybody)[: size.cared_for]
    seen = await _measure(house, people)
    await _accounts(context)
    await house.store.analyse()
    draw = random.Random("bench")
    return Stage(
        _file(
            folder / "read", (f"GET /fhir/Observation/{i}" for i in draw.sample(seen, min(4000, len(seen))))
        ),
        _file(folder / "search", (f"GET {_page(p)}" for p in people)),
        _file(folder / "create", (f"POST /fhir/Observation {_text(_new(p, draw))}" for p in people)),
        _file(folder / "transaction", (f"POST /fhir {_text(_bundle(p, draw))}" for p in people[:300])),
        {
            "off": await signon.issue_token(context, MACHINE, "system/*.cruds"),
            "on": await signon.issue_token(context, DOCTOR, "user/*.cruds"),
        },
        done.resources + len(people) * EACH,
    )


def _noted(batches: Iterator[Batch], people: list[str]) -> Iterator[Batch]:
    """The batches as they come; the ids of their Patients are noted."""
    for batch in batches:
        people += [r["id"] for r in batch.resources if r["resourceType"] == "Patient"]
        yield batch


async def _measure(house: House, people: Sequence[str]) -> list[str]:
    """Loads the measurements and the relationships; gives the ids of what the professional sees."""
    ids, seen = seeded_ids("bench"), []
    view = house.context(system_actor("bench")).store
    for start in range(0, len(people), 100):
        part, resources, grants = people[start : start + 100], [], []
        for patient in part:
            grants.append(Grant(patient, KEY, "treating-doctor", rights="rw", since=1))
            # Denials are there as in life: here, to other people and to what this one does not ask for.
            grants.append(Grant(patient, KEY, "opposition", scope=("category:none",), since=1, deny=True))
            grants.append(Grant(patient, "ps:899700000000", "opposition", since=1, deny=True))
            for n in range(EACH):
                masked = n % 10 == 9
                logical = ids()
                resources.append(
                    measurement(patient, logical, TODAY - timedelta(days=n), 60 + n, masked=masked)
                )
                if not masked:
                    seen.append(logical)
        await load(house.store, view.sight, resources, view.prepare, grants)
    return seen


async def _accounts(context: Any) -> None:
    await signon.add_account(
        context,
        signon.Account(DOCTOR, "professional", "Dr Bench", national_id=IDNPS, profession="10"),
    )
    await signon.add_account(context, signon.Account(MACHINE, "system", "Bench"))


def _page(patient: str) -> str:
    return f"/fhir/Observation?patient={patient}&code=http://loinc.org%7C8867-4&_sort=-date&_count=20"


def _new(patient: str, draw: random.Random) -> dict[str, Any]:
    return measurement(patient, "", TODAY - timedelta(days=draw.randrange(900)), draw.randrange(50, 120))


def _bundle(patient: str, draw: random.Random) -> dict[str, Any]:
    entries = [
        {"resource": _new(patient, draw), "request": {"method": "POST", "url": "Observation"}}
        for _ in range(20)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _text(resource: dict[str, Any]) -> str:
    text = fhir_json.dumps(resource).decode()
    assert json.loads(text) and "\n" not in text
    return text


def _file(place: Path, lines: Iterator[str]) -> Path:
    place.write_text("\n".join(lines) + "\n", "utf-8")
    return place
