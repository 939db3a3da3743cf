"""Whoever holds a connection never waits for another: with one for all, everything still ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any

import pytest

from aubier.access.actor import Actor, Context
from aubier.access.view import Access
from aubier.ground.problem import Problem
from aubier.ground.rows import BeforeWrite
from aubier.search.query import parse
from aubier.store.intent import Batch, Intent
from aubier.store.reading.committing import Turns, committed
from aubier.store.store import Store, open_store
from tests.contract.test_store_write import ROOT, patient

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
async def store(database: Callable[[], str]) -> AsyncIterator[Store]:
    opened = await open_store(database(), pool_size=2)
    assert opened.pool.get_max_size() == opened.planned.get_max_size() == 1
    yield opened
    await opened.close()


async def test_a_search_within_a_transaction_takes_no_turn(store: Store) -> None:
    """The turns may all be taken by searches that wait for the connection of this very transaction."""
    sight = ROOT.but(unrestricted=False)
    taken = store.turns[sight.actor] = Turns(partial(committed, store.planned), 1)
    await taken.turn.acquire()
    found: list[int] = []

    async def look(conn: Any, resource: dict[str, Any], before: Any) -> tuple[dict[str, Any], list[str]]:
        query = parse("Patient", [("family", "Le Goff")], registry=store.registry)
        found.append(len((await store.search(sight, query, conn)).rows))
        return resource, []

    intent = Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True)
    await asyncio.wait_for(store.transact(ROOT, Batch([intent], look)), 10)
    assert found == [0]


async def test_a_refusal_within_a_transaction_asks_for_no_connection(store: Store) -> None:
    async def look(ctx: Context, resource: dict[str, Any], before: Any) -> dict[str, Any]:
        await ctx.store.search("Observation", [])
        return resource

    rule = BeforeWrite("test", ("Patient",), look, "a rule")
    actor = Actor("system", "narrow", "narrow", keys=("system:narrow",), scopes=("system/Patient.cruds",))
    view = Access(store, before_write={"Patient": [rule]}).view(actor, NOW)
    with pytest.raises(Problem) as refusal:
        await asyncio.wait_for(view.update(patient("p1")), 10)
    assert refusal.value.kind == "forbidden"
    lines = await store.pool.fetch("select action, what, outcome from audit")
    assert [tuple(line) for line in lines] == [("write", "Patient/p1", "forbidden")]


async def test_many_shapes_of_searches_are_not_all_kept(store: Store) -> None:
    """Each keeps its plan in the memory of the database, and who asks chooses how many there are."""
    for texts, numbers in product(range(1, 16), range(1, 15)):
        asked = [("patient", "p1"), ("value-string", ",".join("x" * texts))]
        asked.append(("value-quantity", ",".join("1" * numbers)))
        await store.search(ROOT, parse("Observation", asked, registry=store.registry))
    ours = "select count(*) from pg_prepared_statements where statement ~ 'walked'"
    assert 190 <= await store.planned.fetchval(ours) <= 200
