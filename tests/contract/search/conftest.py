"""One house that holds the corpus, the same for every question."""

from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest

from aubier.ground.clock import instant
from aubier.search.model import CodeSet
from aubier.store.intent import Grant
from tests.contract.desk import Desk, opened
from tests.contract.search.corpus import BROADER, CODE_SETS, PATIENTS, make
from tests.contract.search.oracle import TABLE, Oracle, kinds_of
from tests.open_house import DOCTOR

DIRECTORY = {"Location", "Organization", "Practitioner", "PractitionerRole", "ValueSet"}
MINE = {f"p{n}" for n in range(0, PATIENTS, 2)}
"""The patients whose records are open to the doctor."""
_DOCTOR = replace(DOCTOR, reference="Practitioner/pr0")


@dataclass
class Library:
    """The house with the corpus, and the oracle of each reader."""

    desk: Desk
    oracles: dict[str, Oracle]


def _of_mine(resource: dict[str, Any]) -> bool:
    kind = resource["resourceType"]
    subject = resource["id"] if kind == "Patient" else resource.get("subject", {}).get("reference", "")
    return kind in DIRECTORY or subject.removeprefix("Patient/") in MINE


@pytest.fixture(scope="package")
async def library(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Library]:
    async with opened(database, tmp_path_factory.mktemp("house"), {"doctor": _DOCTOR}) as desk:
        desk.house.store.find_codes = _codes
        everything = await _load(desk, make())
        grants = [Grant(p, _DOCTOR.keys[0], "treating-doctor", "rw") for p in sorted(MINE)]
        await desk.system().store.grant(*grants)
        now = round(desk.now[0].timestamp() * 1000)
        seen = [r for r in everything if _of_mine(r)]
        yield Library(desk, {"loader": Oracle(everything, now), "doctor": Oracle(seen, now)})


async def _codes(asked: CodeSet) -> list[tuple[str, str]]:
    """What a terminology service would find."""
    if asked.relation == "in":
        return CODE_SETS[asked.value_set]
    start = (asked.system, asked.code)
    everything = {*BROADER, *BROADER.values(), start}
    return kinds_of(start) if asked.relation == "above" else [c for c in everything if start in kinds_of(c)]


async def _load(desk: Desk, corpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Loads in transactions of thirty, an hour apart; gives the resources with the instant they bear."""
    loaded = []
    for first in range(0, len(corpus), 30):
        desk.wait(hours=1)
        part = corpus[first : first + 30]
        entries = [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
            for r in part
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        status, told = await desk.ask("loader", "POST", "", bundle)
        assert status == 200, told
        for resource in deepcopy(part):
            resource.setdefault("meta", {})["lastUpdated"] = instant(desk.now[0])
            loaded.append(resource)
    assert {r["resourceType"] for r in loaded} == set(TABLE)
    return loaded


@pytest.fixture(scope="package")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A house of one's own, for what is written while it is read."""
    async with opened(database, tmp_path_factory.mktemp("house"), {}) as found:
        yield found
