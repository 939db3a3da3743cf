"""A write that has its commit mark, and is not committed, when the first page is read."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import asyncpg
import pytest

from aubier.store.reading.row import settled
from tests.contract.desk import Desk, following, ids
from tests.contract.locks import OURS
from tests.contract.search.test_paging import SORTS, put, scale


@pytest.mark.parametrize("sort", SORTS)
async def test_a_change_under_way_at_the_first_page(desk: Desk, sort: str) -> None:
    """The writer has taken its commit mark, waits for the history, and commits between the two pages."""
    at = Random(f"under way {sort}")
    patient, names = await scale(desk, at, 12)
    asked = [("patient", patient), ("_count", "6"), *([("_sort", sort)] if sort else [])]
    first, *_ = before = ids(await desk.found("loader", "Observation", asked))
    there = (await desk.ask("loader", "GET", first))[1]
    # As far to the other end as can be, whichever way the sort goes.
    end = 1000 if sort.startswith("value") else 0
    day = "2024-01-01" if sort in ("", "-date") else "2026-01-01"
    moved = {**there, "effectiveDateTime": day, "valueQuantity": {"value": end}}
    holder = await asyncpg.connect(desk.dsn)
    try:
        async with holder.transaction():
            await holder.execute("lock table hist in share mode")
            writing = asyncio.create_task(put(desk, moved))
            await waited(desk, holder)
            bundle = await desk.found("loader", "Observation", asked)
        await writing
    finally:
        await holder.close()
    seen = Counter(ids(bundle))
    assert list(seen) == before
    while url := following(bundle):
        bundle = (await desk.ask("loader", "GET", url))[1]
        seen.update(ids(bundle))
    unchanged = [name for name in names if f"Observation/{name}" != first]
    assert [name for name in unchanged if seen[f"Observation/{name}"] != 1] == []
    assert seen[first] == 1


async def waited(desk: Desk, holder: Any) -> None:
    """Until some writer waits for a lock."""
    for _ in range(500):
        if await holder.fetchval(f"select count(*) from {OURS} and not granted"):
            return
        await asyncio.sleep(0.01)
    pytest.fail("no writer came to wait")


async def test_what_is_written_while_statistics_are_made_is_told(desk: Desk) -> None:
    """They are made for minutes where there is much; a search by the date of change is not kept back."""
    holder = await asyncpg.connect(desk.dsn)
    try:
        async with holder.transaction():
            # Others are looked at before it, and what that wrote has ended.
            await holder.execute("lock table outbox in share update exclusive mode")
            making = asyncio.create_task(desk.house.store.analyse())
            await waited(desk, holder)
            since = await holder.fetchval("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
            assert await settled(desk.house.store.pool) >= since
        await making
    finally:
        await holder.close()
