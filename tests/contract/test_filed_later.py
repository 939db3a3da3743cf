"""What lives with others is in their record whichever is stored first, and goes along when they move."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.store.bulk import load
from aubier.store.intent import Batch, Grant, Intent
from aubier.store.sight import Sight
from aubier.store.store import Store, open_store
from aubier.store.writing.filing import following
from tests.contract.test_store_write import NOW, ROOT, _as_is, batch, patient, weight

DOCTOR = Sight("ps:1", "Dr", NOW, keys=("ps:1",), own=("author:ps:1",), types=None)
Resource = dict[str, Any]


@pytest.fixture
async def store(database: Callable[[], str]) -> Any:
    opened = await open_store(database())
    await put(opened, patient("p1"))
    await put(opened, patient("p2"))
    await opened.transact(ROOT, batch(grants=[Grant("p1", "ps:1", "care", "rw")]))
    yield opened
    await opened.close()


async def put(store: Store, *resources: Resource) -> None:
    """Stored by the platform under their own ids, in one transaction."""
    intents = [
        Intent("update", r["resourceType"], r["id"], resource=dict(r), may_create=True) for r in resources
    ]
    await store.transact(ROOT, batch(*intents))


async def copied(store: Store, *resources: Resource) -> None:
    """The same, by a load."""
    await load(store, ROOT, [dict(r) for r in resources], _as_is)


def measured(logical: str, of: str = "p1") -> Resource:
    return {**weight(of, "79.1"), "id": logical}


def provenance(logical: str, *targets: str) -> Resource:
    named = [{"reference": target} for target in targets]
    return {"resourceType": "Provenance", "id": logical, "target": named, "recorded": "2026-11-22T12:00:00Z"}


def content(logical: str, of: str) -> Resource:
    context = {"reference": of}
    return {"resourceType": "Binary", "id": logical, "contentType": "text/plain", "securityContext": context}


async def home(store: Store, name: str) -> int:
    """The number of the record in which something is filed."""
    where = "select m.pat from id_map m join res r using (pat, rid) where m.id = $1"
    return await store.pool.fetchval(where, name.partition("/")[2])


@pytest.mark.parametrize("then", [put, copied])
@pytest.mark.parametrize("first", [put, copied])
@pytest.mark.parametrize(
    "what",
    [
        provenance("later", "Observation/late"),
        provenance("later", "Observation/late/_history/1"),
        {"resourceType": "Task", "id": "later", "status": "draft", "intent": "order",
         "basedOn": [{"reference": "Observation/late"}]},
        {"resourceType": "MessageHeader", "id": "later", "focus": [{"reference": "Observation/late"}],
         "eventUri": "urn:x", "source": {"endpoint": "urn:y"}},
        {"resourceType": "Linkage", "id": "later",
         "item": [{"type": "source", "resource": {"reference": "Observation/late"}}]},
        content("later", "Observation/late"),
    ],
    ids=lambda what: what["resourceType"],
)  # fmt: skip
async def test_it_is_filed_with_what_it_names_when_that_comes(
    store: Store, what: Resource, first: Any, then: Any
) -> None:
    await first(store, what)
    name = f"{what['resourceType']}/later"
    with pytest.raises(Problem):
        await store.read(DOCTOR, what["resourceType"], "later")
    await then(store, measured("late"))
    assert await home(store, name) == await home(store, "Patient/p1")
    row = await store.read(DOCTOR, what["resourceType"], "later")
    assert row.version == 2, "who follows what changes hears of it"
    assert (await store.vread(ROOT, what["resourceType"], "later", 1)).version == 1
    assert await store.pool.fetchval("select count(*) from res where id = 'later'") == 1


@pytest.mark.parametrize("then", [put, copied])
async def test_what_lives_with_what_waits_comes_along(store: Store, then: Any) -> None:
    await put(store, provenance("first", "Observation/late"))
    await put(store, provenance("second", "Provenance/first"), content("third", "Provenance/second"))
    await then(store, measured("late"))
    record = await home(store, "Patient/p1")
    assert [await home(store, f"x/{n}") for n in ("first", "second", "third")] == [record] * 3
    assert (await store.read(DOCTOR, "Binary", "third")).version == 2


@pytest.mark.parametrize("then", [put, copied])
async def test_the_record_of_each_that_comes_has_it(store: Store, then: Any) -> None:
    await put(store, measured("here", "p2"), provenance("two", "Observation/here", "Observation/late"))
    assert await home(store, "Provenance/two") == await home(store, "Patient/p2")
    await then(store, measured("late"))
    stubs = "select s.pat from stub s join id_map m on m.pat = s.home and m.rid = s.rid where m.id = 'two'"
    assert [r["pat"] for r in await store.pool.fetch(stubs)] == [await home(store, "Patient/p1")]
    assert (await store.read(DOCTOR, "Provenance", "two")).version == 2


async def test_it_moves_with_what_it_lives_with(store: Store) -> None:
    await put(store, measured("moving", "p2"), provenance("along", "Observation/moving"))
    with pytest.raises(Problem):
        await store.read(DOCTOR, "Provenance", "along")
    await put(store, measured("moving", "p1"))
    assert (await store.read(DOCTOR, "Provenance", "along")).version == 2
    await put(store, measured("moving", "p2"))
    with pytest.raises(Problem):
        await store.read(DOCTOR, "Provenance", "along")


async def test_an_author_who_moves_takes_along_what_others_wrote_of_it(store: Store) -> None:
    await store.transact(ROOT, batch(grants=[Grant("p2", "ps:1", "care", "rw")]))

    async def signed(conn: Any, resource: Resource, before: Any) -> tuple[Resource, list[str]]:
        return resource, ["kind:Observation", "author:ps:1"]

    made = Intent("create", "Observation", resource=weight("p2", "70"))
    (mine,) = await store.transact(DOCTOR, Batch([made], signed))
    await put(store, provenance("theirs", f"Observation/{mine.id}"))
    again = Intent("update", "Observation", mine.id, resource={**weight("p1", "70"), "id": mine.id})
    (moved,) = await store.transact(DOCTOR, Batch([again], signed))
    assert (moved.id, moved.version) == (mine.id, 2)
    assert await home(store, "Provenance/theirs") == await home(store, "Patient/p1")


async def test_a_patient_named_before_they_come_has_what_names_them(store: Store) -> None:
    task = {"resourceType": "Task", "id": "t", "status": "draft", "intent": "order"}
    await put(store, {**task, "focus": {"reference": "Patient/p9"}})
    await copied(store, {**task, "id": "u", "focus": {"reference": "Patient/p8"}})
    await put(store, patient("p8"), patient("p9"))
    assert await home(store, "Task/t") == await home(store, "Patient/p9")
    assert await home(store, "Task/u") == await home(store, "Patient/p8")
    assert (await store.read(ROOT, "Task", "t")).version == 1


async def test_what_names_it_no_more_stays(store: Store) -> None:
    await put(store, provenance("gone", "Observation/late"), provenance("other", "Observation/late"))
    await put(store, provenance("other", "Organization/o"))
    await store.transact(ROOT, batch(Intent("delete", "Provenance", "gone")))
    await put(store, measured("late"))
    assert (await store.read(ROOT, "Provenance", "other")).version == 2
    assert await store.pool.fetchval("select count(*) from res where id = 'gone'") == 0


@pytest.mark.parametrize("first", ["waits", "comes"])
async def test_those_that_meet_are_filed_together(store: Store, first: str) -> None:
    """Whichever transaction is first: the other waits for its end."""
    bringing, naming = (
        Intent("update", r["resourceType"], r["id"], resource=r, may_create=True)
        for r in (measured("late"), provenance("p", "Observation/late"))
    )
    one, two = (naming, bringing) if first == "waits" else (bringing, naming)
    reached, go = asyncio.Event(), asyncio.Event()

    async def slowly(conn: Any, written: Any) -> None:
        reached.set()
        await go.wait()

    early = asyncio.create_task(store.transact(ROOT, batch(one, receipt=slowly)))
    await reached.wait()
    late = asyncio.create_task(store.transact(ROOT, batch(two)))
    await asyncio.sleep(0.2)
    assert not late.done()
    go.set()
    await asyncio.gather(early, late)
    assert await home(store, "Provenance/p") == await home(store, "Patient/p1")


async def test_so_many_wait_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "WAITING", 3)
    for n in range(3):
        await put(store, provenance(f"w{n}", "Observation/late"))
    for road in (put, copied):
        with pytest.raises(Problem) as refused:
            await road(store, provenance("w3", "Observation/late"))
        assert refused.value.kind == "too-costly"
        assert "Observation/late" in str(refused.value)
    await put(store, measured("late"))
    await put(store, provenance("w3", "Observation/late"))
    assert {await home(store, f"x/w{n}") for n in range(4)} == {await home(store, "Patient/p1")}
