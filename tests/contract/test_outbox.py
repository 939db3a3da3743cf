"""Changes are delivered after commit, at least once, in order for each consumer and patient."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from aubier.store.intent import Intent
from aubier.store.outbox import TRIES, Change, deliver
from aubier.store.store import Store, open_store
from tests.contract.settled import settled
from tests.contract.test_store_write import NOW, ROOT, batch, patient, weight

WATCHED = {"Patient": ("first", "second"), "Observation": ("first",)}
FAR = NOW + 10_000_000


@pytest.fixture
async def store(database: Callable[[], str]) -> AsyncIterator[Store]:
    opened = await open_store(database(), watched=WATCHED)
    yield opened
    await opened.close()


@dataclass
class Consumer:
    """Notes what it is told; fails on the ids in `fails`."""

    heard: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    tries: list[int] = field(default_factory=list)

    async def __call__(self, change: Change) -> None:
        self.tries.append(change.tries)
        if change.id in self.fails:
            raise ValueError(f"no {change.id}")
        self.heard.append(f"{change.op} {change.type}/{change.id} {change.version}")


async def test_consumers_that_ask_the_store_do_not_wait_for_each_other(database: Callable[[], str]) -> None:
    """Each holds a connection for its lane; what it asks meanwhile must find another one, however few."""
    names = tuple(f"consumer-{n}" for n in range(6))
    store = await open_store(database(), pool_size=2, watched={"Patient": names})
    heard: list[str] = []

    async def ask(change: Change) -> None:
        heard.append(f"{change.id} of {(await store.counts())['Patient']}")

    try:
        await put(store, *(patient(f"p{n}") for n in range(3)))
        work = (deliver(store, name, ask, FAR) for name in names)
        assert await asyncio.wait_for(asyncio.gather(*work), 30) == [3] * 6
        assert sorted(heard) == sorted([f"p{n} of 3" for n in range(3)] * 6)
    finally:
        await store.close()


async def put(store: Store, *resources: dict[str, object], wait: bool = True) -> None:
    for body in resources:
        intent = Intent("update", str(body["resourceType"]), str(body["id"]), resource=body, may_create=True)
        await store.transact(ROOT, batch(intent))
    if wait:
        await settled(store.pool)


async def test_changes_are_told_in_order_and_once(store: Store) -> None:
    await put(store, patient("a"), patient("a", "Riou"), {**weight("a", "70"), "id": "w"})
    await store.transact(ROOT, batch(Intent("delete", "Observation", "w")))
    await settled(store.pool)
    one = Consumer()
    assert await deliver(store, "first", one, NOW) == 4
    assert one.heard == [
        "create Patient/a 1",
        "update Patient/a 2",
        "create Observation/w 1",
        "delete Observation/w 2",
    ]
    assert await deliver(store, "first", one, NOW) == 0
    two = Consumer()
    await deliver(store, "second", two, NOW)
    assert two.heard == ["create Patient/a 1", "update Patient/a 2"], "each consumer has lanes of its own"


async def test_what_was_refused_is_never_told(store: Store) -> None:
    with pytest.raises(Exception, match="version"):
        await put(store, patient("a"))
        await store.transact(
            ROOT, batch(Intent("update", "Patient", "a", resource=patient("a", "Riou"), if_match=7))
        )
    one = Consumer()
    await deliver(store, "first", one, NOW)
    assert one.heard == ["create Patient/a 1"]


async def test_a_failure_is_tried_again_later_and_holds_its_own_lane_only(store: Store) -> None:
    await put(store, patient("a"), patient("a", "Riou"), patient("b"))
    one = Consumer(fails={"a"})
    await deliver(store, "first", one, NOW)
    assert one.heard == ["create Patient/b 1"]
    assert await deliver(store, "first", one, NOW + 500) == 0, "not before its time"
    one.fails.clear()
    assert await deliver(store, "first", one, NOW + 1000) == 2
    assert one.heard[1:] == ["create Patient/a 1", "update Patient/a 2"]
    assert 1 in one.tries, "the consumer is told how often it was tried"


async def test_each_wait_is_longer_and_the_last_failure_lets_the_lane_go_on(store: Store) -> None:
    await put(store, patient("a"), {**weight("a", "70"), "id": "w"})
    one, now, waits = Consumer(fails={"a"}), NOW, []
    for _ in range(TRIES):
        assert await deliver(store, "first", one, now) >= 1
        due = await store.pool.fetchval("select next_at from outbox where id = 'a' and consumer = 'first'")
        waits.append(due - now)
        now = due
    assert waits == sorted(waits) and waits[0] < waits[-1]
    assert one.heard == ["create Observation/w 1"], "the lane went on"
    dead = await store.pool.fetchrow("select dead, tries, error from outbox where consumer = 'first'")
    assert (dead["dead"], dead["tries"], dead["error"]) == (True, TRIES, "ValueError: no a")
    assert await deliver(store, "first", one, FAR) == 0, "a dead letter is not told again"


async def test_a_stopped_consumer_is_told_again(store: Store) -> None:
    """Killed between its work and our note of it: at least once, never nought."""
    await put(store, patient("a"))
    started = asyncio.Event()

    async def hang(change: Change) -> None:
        started.set()
        await asyncio.sleep(60)

    work = asyncio.create_task(deliver(store, "first", hang, NOW))
    await started.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    one = Consumer()
    assert await deliver(store, "first", one, NOW) == 1
    assert one.heard == ["create Patient/a 1"]


async def test_two_processes_never_tell_the_same_consumer_at_once(store: Store) -> None:
    await put(store, patient("a"), patient("b"))
    inside, go = asyncio.Event(), asyncio.Event()
    heard: list[str] = []

    async def slow(change: Change) -> None:
        inside.set()
        await go.wait()
        heard.append(change.id)

    first = asyncio.create_task(deliver(store, "first", slow, NOW))
    await inside.wait()
    other = Consumer()
    assert await deliver(store, "first", other, NOW) == 0, "the lanes are another's"
    assert await deliver(store, "second", other, NOW) == 2, "another consumer is not held up"
    go.set()
    assert await first == 2
    assert heard == ["a", "b"]


async def test_a_late_commit_is_never_skipped(store: Store) -> None:
    """A transaction that began earlier and commits later: what came after it waits for it."""
    await put(store, patient("a"))
    one = Consumer()
    await deliver(store, "first", one, NOW)
    async with store.pool.acquire() as late:
        running = late.transaction()
        await running.start()
        await late.execute(
            "insert into outbox (consumer, pat, type, id, ver, op)"
            " select 'first', pat, type, 'a', 2, 3 from res where id = 'a'"
        )
        await put(store, patient("b"), wait=False)
        await deliver(store, "first", one, NOW)
        assert one.heard == ["create Patient/a 1"], "nothing newer while the older one runs"
        await running.commit()
    await settled(store.pool)
    await deliver(store, "first", one, NOW)
    assert one.heard == ["create Patient/a 1", "update Patient/a 2", "create Patient/b 1"]


async def test_many_changes_of_many_patients_keep_their_order(store: Store) -> None:
    async def writes(name: str) -> None:
        for n in range(6):
            await put(store, patient(name, f"V{n}"), wait=False)

    one, done = Consumer(), asyncio.Event()

    async def consume() -> None:
        while not done.is_set() or await store.pool.fetchval(
            "select exists (select 1 from outbox where consumer = 'first')"
        ):
            await deliver(store, "first", one, NOW)

    reader = asyncio.create_task(consume())
    await asyncio.gather(*(writes(f"p{n}") for n in range(5)))
    done.set()
    await reader
    for n in range(5):
        mine = [h.rpartition(" ")[2] for h in one.heard if f"/p{n} " in h]
        assert mine == ["1", "2", "3", "4", "5", "6"]


async def test_at_most_so_many_at_a_time(store: Store) -> None:
    await put(store, *(patient(f"p{n}") for n in range(7)))
    one = Consumer()
    assert await deliver(store, "first", one, NOW, most=5) == 5
    assert await deliver(store, "first", one, NOW, most=5) == 2


async def test_a_fault_that_the_database_cannot_hold_stops_nobody(store: Store) -> None:
    await put(store, patient("a"), patient("b"))
    heard: list[str] = []

    async def fails(change: Change) -> None:
        heard.append(change.id)
        if change.id == "a":
            raise ValueError("a\0b\ud800")

    assert await deliver(store, "second", fails, NOW) == 2
    assert heard == ["a", "b"]
    assert await store.pool.fetchval("select max(error) from outbox where id = 'a'") == "ValueError: ab?"


async def test_a_long_lane_costs_each_change_no_more_than_a_short_one(store: Store) -> None:
    """A load of thousands of definitions, or into one record, leaves as many rows in one lane."""
    await put(store, patient("a"))
    await store.pool.execute(
        "insert into outbox (consumer, pat, type, id, ver, op)"
        " select 'first', o.pat, o.type, o.id, n, 3 from outbox o, generate_series(2, 12000) n"
        " where o.consumer = 'first'"
    )
    await store.pool.execute("analyze outbox")
    await settled(store.pool)
    one = Consumer()
    assert await asyncio.wait_for(deliver(store, "first", one, NOW, most=300), 10) == 300
    assert [int(h.rpartition(" ")[2]) for h in one.heard] == list(range(1, 301))
