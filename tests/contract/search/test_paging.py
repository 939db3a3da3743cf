"""Pages while others write: what nobody changed is on one page, what changed on one at most."""

import asyncio
from collections import Counter
from itertools import count
from random import Random
from typing import Any

import pytest

from tests.contract.desk import Desk, following, ids

NUMBERS = count(1)
SORTS = ("", "date", "-date", "_id", "-_lastUpdated", "value-quantity,-date")


def weighed(patient: str, logical: str, at: Random) -> dict[str, Any]:
    """An Observation whose date and value are anything."""
    return {
        "resourceType": "Observation",
        "id": logical,
        "status": "final",
        "code": {"text": "poids"},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2025-{at.randrange(1, 13):02}-{at.randrange(1, 29):02}",
        "valueQuantity": {"value": at.randrange(100)},
    }


async def put(desk: Desk, *resources: dict[str, Any]) -> None:
    rows = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
        for r in resources
    ]
    status, told = await desk.ask(
        "loader", "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": rows}
    )
    assert status == 200, told


async def scale(desk: Desk, at: Random, size: int) -> tuple[str, list[str]]:
    """A fresh patient with `size` Observations."""
    n = next(NUMBERS)
    patient = f"page-{n}"
    names = [f"w-{n}-{m}" for m in range(size)]
    await put(
        desk, {"resourceType": "Patient", "id": patient}, *(weighed(patient, name, at) for name in names)
    )
    return patient, names


async def meddle(desk: Desk, patient: str, left: list[str], at: Random) -> set[str]:
    """Changes two entries, deletes one and makes one; gives the names of those it touched."""
    changed = [left.pop(at.randrange(len(left))) for _ in range(3)]
    await put(desk, *(weighed(patient, name, at) for name in changed[:2]))
    status, _ = await desk.ask("loader", "DELETE", f"Observation/{changed[2]}")
    assert status == 204
    fresh = f"new-{next(NUMBERS)}"
    await put(desk, weighed(patient, fresh, at))
    return {*changed, fresh}


async def turned(desk: Desk, patient: str, sort: str, between: Any) -> Counter[str]:
    """How often each Observation was seen, turning pages of seven with `between` after each page."""
    asked = [("patient", patient), ("_count", "7"), *([("_sort", sort)] if sort else [])]
    bundle = await desk.found("loader", "Observation", asked)
    seen = Counter(ids(bundle))
    while url := following(bundle):
        await between()
        bundle = (await desk.ask("loader", "GET", url))[1]
        seen.update(ids(bundle))
    return seen


@pytest.mark.parametrize("sort", SORTS)
async def test_changes_between_pages(desk: Desk, sort: str) -> None:
    at = Random(f"between {sort}")
    patient, left = await scale(desk, at, 45)
    touched: set[str] = set()

    async def between() -> None:
        touched.update(await meddle(desk, patient, left, at))

    seen = await turned(desk, patient, sort, between)
    assert len(touched) >= 16
    assert [name for name in left if seen[f"Observation/{name}"] != 1] == []
    assert [name for name in touched if seen[f"Observation/{name}"] > 1] == []


@pytest.mark.parametrize("sort", SORTS)
async def test_changes_at_any_moment(desk: Desk, sort: str) -> None:
    at = Random(f"at once {sort}")
    patient, left = await scale(desk, at, 60)
    touched: set[str] = set()
    over = asyncio.Event()

    async def write() -> None:
        while not over.is_set() and len(left) > 20:
            touched.update(await meddle(desk, patient, left, at))

    async def between() -> None:
        await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    rounds = [await turned(desk, patient, sort, between) for _ in range(3)]
    over.set()
    await writing
    assert touched
    for seen in rounds:
        assert [name for name in left if seen[f"Observation/{name}"] != 1] == []
        assert [name for name in touched if seen[f"Observation/{name}"] > 1] == []


async def test_total_and_first_page_are_one_moment(desk: Desk) -> None:
    at = Random("moment")
    patient, _ = await scale(desk, at, 20)
    over = asyncio.Event()
    written = 0

    async def write() -> None:
        nonlocal written
        while not over.is_set():
            written += 1
            several = [weighed(patient, f"sum-{patient}-{written}-{m}", at) for m in range(3)]
            await put(desk, *several)
            if written % 3 == 0:
                await desk.ask("loader", "DELETE", f"Observation/{several[0]['id']}")

    writing = [asyncio.create_task(write())]
    answers = []
    for _ in range(40):
        asked = [("patient", patient), ("_count", "1000"), ("_total", "accurate")]
        bundle = await desk.found("loader", "Observation", asked)
        answers.append((bundle["total"], len(ids(bundle))))
        await asyncio.sleep(0)
    over.set()
    await asyncio.gather(*writing)
    assert [a for a in answers if a[0] != a[1]] == []
    assert len(set(answers)) > 3


@pytest.mark.parametrize("sort", SORTS)
async def test_a_last_page_that_emptied_still_tells_the_total(desk: Desk, sort: str) -> None:
    patient, names = await scale(desk, Random(sort), 8)
    asked = [("patient", patient), ("_count", "7"), ("_total", "accurate"), ("_sort", sort or "_id")]
    first = await desk.found("loader", "Observation", asked)
    (last,) = {f"Observation/{name}" for name in names} - set(ids(first))
    assert (await desk.ask("loader", "DELETE", last))[0] == 204
    status, told = await desk.ask("loader", "GET", following(first))
    assert (status, told.get("total"), ids(told)) == (200, 7, [])


@pytest.mark.parametrize("of_all", [False, True])
async def test_how_many_there_are_is_the_same_on_every_page(desk: Desk, of_all: bool) -> None:
    patient, _ = await scale(desk, Random("count"), 9)
    asked = [("code:text", "poids") if of_all else ("patient", patient), ("_count", "4")]
    first = await desk.found("loader", "Observation", [*asked, ("_total", "accurate")])
    status, told = await desk.ask("loader", "GET", f"{following(first)}&_summary=count")
    assert (status, told["total"]) == (200, first["total"])
    status, told = await desk.ask("loader", "GET", "Observation?_summary=count&_page=x")
    assert (status, told["issue"][0]["expression"]) == (400, ["http._page"])
