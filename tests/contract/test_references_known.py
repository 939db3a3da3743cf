"""Where references must be known, what leads nowhere is refused at its place, by whatever road it comes."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.store.bulk import load
from aubier.store.intent import Grant, Intent
from aubier.store.sight import Sight
from aubier.store.store import Store, open_store
from tests.contract.test_store_write import NOW, ROOT, _as_is, batch, patient, weight

BASE = "http://here.example/fhir"
DOCTOR = Sight("dr", "Dr Morvan", NOW, keys=("ps:1",), own=("author:ps:1",), types=None)


@pytest.fixture
async def store(database: Callable[[], str]) -> AsyncIterator[Store]:
    opened = await open_store(database(), strict_references=True, bases=(BASE,))
    yield opened
    await opened.close()


def put(row: dict[str, Any]) -> Intent:
    return Intent("update", row["resourceType"], row["id"], resource=row, may_create=True)


def seen(logical: str, whose: str, *by: str) -> dict[str, Any]:
    """A measurement by these performers."""
    named = [{"reference": reference} for reference in by]
    return {**weight(whose, "70"), "id": logical, **({"performer": named} if by else {})}


DOCTORS = {"resourceType": "Practitioner", "id": "d"}
ELSEWHERE = "http://other.example/fhir/Practitioner/none"


async def refused(store: Store, *rows: dict[str, Any], sight: Sight = ROOT) -> list[tuple[str, ...]]:
    with pytest.raises(Problem) as refusal:
        await store.transact(sight, batch(*map(put, rows)))
    assert {issue.kind for issue in refusal.value.issues} == {"not-found"}
    return [issue.at for issue in refusal.value.issues]


async def test_what_is_named_is_here_or_comes_with_it(store: Store) -> None:
    assert await refused(store, seen("w", "p")) == [("Observation.subject.reference",)]
    rows = seen("w", "p", "Practitioner/d", f"{BASE}/Practitioner/d/_history/1", ELSEWHERE), DOCTORS
    await store.transact(ROOT, batch(*map(put, (*rows, patient("p")))))
    await store.transact(ROOT, batch(put(seen("v", "p", "Practitioner/d"))))
    lost = seen("u", "p", "Practitioner/d", f"{BASE}/Practitioner/none", "Organization/none")
    assert await refused(store, lost) == [
        ("Observation.performer[1].reference",),
        ("Observation.performer[2].reference",),
    ]
    assert (await store.counts())["Observation"] == 2


async def test_what_goes_in_the_same_write_or_went_before_is_not_here(store: Store) -> None:
    await store.transact(ROOT, batch(put(patient("p")), put(DOCTORS)))
    going = Intent("delete", "Practitioner", "d")
    with pytest.raises(Problem):
        await store.transact(ROOT, batch(going, put(seen("w", "p", "Practitioner/d"))))
    await store.transact(ROOT, batch(going))
    assert await refused(store, seen("w", "p", "Practitioner/d")) == [("Observation.performer[0].reference",)]


async def test_what_is_hidden_is_told_as_what_is_missing(store: Store) -> None:
    there = put(patient("p")), put(seen("w", "p")), put(patient("q")), put(seen("hidden", "q"))
    await store.transact(ROOT, batch(*there))
    await store.transact(ROOT, batch(grants=[Grant("p", "ps:1", "care", "rw")]))
    told = []
    for other in ("hidden", "missing"):
        named = {**seen("w", "p"), "hasMember": [{"reference": f"Observation/{other}"}]}
        changed = replace(put(named), may_create=False)
        with pytest.raises(Problem) as refusal:
            await store.transact(DOCTOR, batch(changed))
        told.append(str(refusal.value).replace(other, "x"))
    assert told[0] == told[1]


async def test_a_load_is_held_to_it_too(store: Store) -> None:
    with pytest.raises(Problem, match="Practitioner/none"):
        await load(store, ROOT, [patient("p"), seen("w", "p", "Practitioner/none")], _as_is)
    assert await store.counts() == {}
    done = await load(store, ROOT, [seen("w", "p", "Practitioner/d"), DOCTORS, patient("p")], _as_is)
    assert done.created == 3
    done = await load(store, ROOT, [seen("v", "p", "Practitioner/d")], _as_is)
    assert done.created == 1
