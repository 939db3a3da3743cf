"""Many at once: one condition makes one resource, nobody sees a deadlock, nothing is torn."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.contract.rest.conftest import Api
from tests.contract.rest.test_bundles import SYSTEM, entry, person, weight


async def test_fifty_creates_under_one_condition_make_one(api: Api) -> None:
    headers = {"if-none-exist": f"identifier={SYSTEM}|one"}
    answers = await asyncio.gather(
        *(api.ask("POST", "Patient", person("one"), headers=headers) for _ in range(50))
    )
    assert Counter(a.status_code for a in answers) == {201: 1, 200: 49}
    assert len({a.json()["id"] for a in answers}) == 1
    assert (await api.get(f"Patient?identifier={SYSTEM}|one")).json()["total"] == 1


async def test_fifty_updates_under_one_condition_make_one(api: Api) -> None:
    path = f"Patient?identifier={SYSTEM}|up"
    answers = await asyncio.gather(*(api.ask("PUT", path, person("up")) for _ in range(50)))
    assert Counter(a.status_code for a in answers) == {201: 1, 200: 49}
    assert sorted(int(a.json()["meta"]["versionId"]) for a in answers) == list(range(1, 51))


async def test_fifty_puts_of_one_new_id_make_fifty_versions_of_one(api: Api) -> None:
    body = person("put") | {"id": "put"}
    answers = await asyncio.gather(*(api.ask("PUT", "Patient/put", body) for _ in range(50)))
    assert Counter(a.status_code for a in answers) == {201: 1, 200: 49}
    assert sorted(int(a.json()["meta"]["versionId"]) for a in answers) == list(range(1, 51))
    assert (await api.get("Patient/put/_history?_count=100")).json()["total"] == 50


async def test_of_many_that_must_be_new_one_is(api: Api) -> None:
    body, star = person("star") | {"id": "star"}, {"if-none-match": "*"}
    answers = await asyncio.gather(*(api.ask("PUT", "Patient/star", body, headers=star) for _ in range(30)))
    assert Counter(a.status_code for a in answers) == {201: 1, 412: 29}


async def test_of_many_at_one_version_one_wins(api: Api) -> None:
    body = person("race") | {"id": "race"}
    await api.ask("PUT", "Patient/race", body)
    match = {"if-match": 'W/"1"'}
    answers = await asyncio.gather(*(api.ask("PUT", "Patient/race", body, headers=match) for _ in range(30)))
    assert Counter(a.status_code for a in answers) == {200: 1, 412: 29}


def both(first: str, second: str, mark: int) -> list[dict[str, Any]]:
    """A transaction over two resources in this order, with one mark in both."""
    return [
        entry("PUT", f"Patient/{i}", person(i, multipleBirthInteger=mark) | {"id": i})
        for i in (first, second)
    ]


@pytest.mark.parametrize("fresh", [True, False], ids=["new", "old"])
async def test_crossing_transactions_neither_deadlock_nor_tear(api: Api, fresh: bool) -> None:
    a, b = f"cross-a-{fresh}", f"cross-b-{fresh}"
    if not fresh:
        await api.post("transaction", *both(a, b, 1000))
    asks = [api.post("transaction", *(both(a, b, n) if n % 2 else both(b, a, n))) for n in range(40)]
    answers = await asyncio.gather(*asks)
    assert Counter(x.status_code for x in answers) == {200: 40}
    marks = [
        [
            e["resource"]["multipleBirthInteger"]
            for e in (await api.get(f"Patient/{i}/_history?_count=100")).json()["entry"]
        ]
        for i in (a, b)
    ]
    assert marks[0] == marks[1] and len(marks[0]) == (40 if fresh else 41)


async def test_crossing_conditions_neither_deadlock_nor_double(api: Api) -> None:
    def ask(first: str, second: str) -> list[dict[str, Any]]:
        return [
            entry("POST", "Patient", person(v), ifNoneExist=f"identifier={SYSTEM}|{v}")
            for v in (first, second)
        ]

    asks = [api.post("transaction", *(ask("k1", "k2") if n % 2 else ask("k2", "k1"))) for n in range(30)]
    assert {a.status_code for a in await asyncio.gather(*asks)} == {200}
    found = [(await api.get(f"Patient?identifier={SYSTEM}|{v}")).json()["total"] for v in ("k1", "k2")]
    assert found == [1, 1]


async def test_a_record_and_its_observations_written_by_many(api: Api) -> None:
    """Twenty writers at once in a record that none of them has seen made."""
    answers = await asyncio.gather(
        *(api.ask("POST", "Observation", weight("Patient/not-yet")) for _ in range(20)),
        api.ask("PUT", "Patient/not-yet", person("not-yet") | {"id": "not-yet"}),
    )
    assert {a.status_code for a in answers} == {201}
    assert (await api.get("Observation?subject=Patient/not-yet&_count=50")).json()["total"] == 20
