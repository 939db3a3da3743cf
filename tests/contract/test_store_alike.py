"""The store itself: hidden and missing alike where a write names them; pages held to their snapshot."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from aubier.ground.problem import Problem
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.intent import Batch, Grant, Intent, Prepare
from aubier.store.keys import type_numbers
from aubier.store.sight import Sight
from aubier.store.store import Store, open_store
from tests.contract.test_store_write import NOW, ROOT, _as_is, patient, weight

DOCTOR = Sight("Practitioner/d", "Dr D", NOW, keys=("ps:1",), own=("author:ps:1",), types=None)


def batch(*intents: Intent, prepare: Prepare = _as_is, **options: Any) -> Batch:
    return Batch(list(intents), prepare, **options)


@pytest.fixture(scope="module")
async def store(database: Callable[[], str]) -> AsyncIterator[Store]:
    opened = await open_store(database(), strict_references=False)
    writes = [
        Intent("update", "Patient", name, resource=patient(name), may_create=True)
        for name in ("known", "read-only", "hidden", "closed")
    ]
    observations = [
        Intent(
            "update", "Observation", f"of-{p}", resource={**weight(p, "70"), "id": f"of-{p}"}, may_create=True
        )
        for p in ("known", "hidden")
    ]
    await opened.transact(ROOT, batch(*writes, *observations))
    grants = [
        Grant("known", "ps:1", "carer", "rw"),
        Grant("read-only", "ps:1", "carer", "r"),
        Grant("closed", "ps:1", "carer", "rw"),
        Grant("closed", "ps:1", "opposition", deny=True),
    ]
    await opened.transact(ROOT, batch(grants=grants))
    yield opened
    await opened.close()


async def refusal(store: Store, made: Batch, sight: Sight = DOCTOR) -> Problem:
    before = await rows(store)
    with pytest.raises(Problem) as refused:
        await store.transact(sight, made)
    assert await rows(store) == before
    return refused.value


async def rows(store: Store) -> list[int]:
    tables = ("res", "hist", "id_map", "stub", "grants", "ref", "dir_res")
    return [await store.pool.fetchval(f"select count(*) from {t}") for t in tables]


def told(refused: Problem, name: str) -> tuple[Any, ...]:
    """What a refusal says, but for the name asked."""
    return tuple((i.kind, i.text.replace(name, "X"), i.fr.replace(name, "X"), i.at) for i in refused.issues)


def create(resource: dict[str, Any]) -> Intent:
    return Intent("create", resource["resourceType"], resource=resource)


def observation(*patients: str) -> dict[str, Any]:
    subject, *performers = patients
    made = weight(subject, "70")
    return {**made, "performer": [{"reference": f"Patient/{p}"} for p in performers]} if performers else made


def provenance(*targets: str) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": t} for t in targets],
        "recorded": "2026-11-22T12:00:00Z",
        "agent": [{"who": {"display": "x"}}],
    }


NAMING: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "subject": lambda p: [observation(p)],
    "second patient": lambda p: [observation("known", p)],
    "first of two": lambda p: [observation(p, "known")],
    "beside a good one": lambda p: [observation("known"), observation(p)],
    "before one that is not written": lambda p: [observation(p), observation("read-only")],
    "after one that is not written": lambda p: [observation("read-only"), observation(p)],
    "before another missing": lambda p: [observation(p), observation("zzz-missing")],
    "after another missing": lambda p: [observation("aaa-missing"), observation(p)],
    "followed": lambda p: [provenance(f"Observation/of-{p}")],
    "followed beside a good one": lambda p: [provenance("Observation/of-known", f"Observation/of-{p}")],
    "task": lambda p: [
        {"resourceType": "Task", "status": "requested", "intent": "order",
         "focus": {"reference": f"Observation/of-{p}"}}
    ],
    "content": lambda p: [
        {"resourceType": "Binary", "contentType": "text/plain",
         "securityContext": {"reference": f"Observation/of-{p}"}}
    ],
    "with a directory entry": lambda p: [observation(p), {"resourceType": "Organization", "name": "x"}],
}  # fmt: skip


@pytest.mark.parametrize("feed", [False, True])
@pytest.mark.parametrize("way", sorted(NAMING))
async def test_naming_a_hidden_one_is_naming_a_missing_one(store: Store, way: str, feed: bool) -> None:
    hidden, missing = ("closed" if feed else "hidden"), "not-there"
    refusals = [
        told(await refusal(store, batch(*map(create, NAMING[way](name)), feed=feed)), name)
        for name in (hidden, missing)
    ]
    assert refusals[0] == refusals[1]
    assert refusals[0][0][0] in ("not-found", "forbidden")


async def test_moving_to_a_hidden_patient_is_moving_to_a_missing_one(store: Store) -> None:
    (mine,) = await store.transact(DOCTOR, batch(create(observation("known")), prepare=signed))
    for sight in (DOCTOR, DOCTOR.but(own=())):
        refusals = []
        for name in ("hidden", "not-there"):
            moved = {**observation(name), "id": mine.id}
            made = batch(Intent("update", "Observation", mine.id, resource=moved), prepare=signed)
            refusals.append(told(await refusal(store, made, sight), name))
        assert refusals[0] == refusals[1]


async def signed(conn: Any, resource: dict[str, Any], before: Any) -> tuple[dict[str, Any], list[str]]:
    return resource, [f"kind:{resource['resourceType']}", "author:ps:1"]


async def test_a_record_one_reads_but_does_not_write_is_told_as_such(store: Store) -> None:
    refused = await refusal(store, batch(create(observation("read-only"))))
    assert refused.kind == "forbidden"
    assert "Patient/read-only" in str(refused)
    closed = await refusal(store, batch(create(observation("closed"))))
    assert closed.kind == "not-found"


async def test_the_first_that_may_not_be_written_is_named(store: Store) -> None:
    refused = await refusal(store, batch(create(observation("known", "hidden"))))
    assert str(refused) == "Patient/hidden is not known here"
    refused = await refusal(store, batch(create(observation("read-only")), create(observation("hidden"))))
    assert refused.kind == "forbidden"


@pytest.mark.parametrize(
    "alone",
    [
        {"resourceType": "Basic", "code": {"text": "x"}},
        {"resourceType": "Task", "status": "requested", "intent": "order",
         "focus": {"reference": "Practitioner/x"}},
        {"resourceType": "Task", "status": "requested", "intent": "order",
         "focus": {"reference": "https://elsewhere.example/fhir/Patient/1"}},
        {"resourceType": "Binary", "contentType": "text/plain"},
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Parameters"},
    ],
)  # fmt: skip
async def test_what_concerns_nobody_is_its_authors(store: Store, alone: dict[str, Any]) -> None:
    (made,) = await store.transact(DOCTOR, batch(create(alone), prepare=signed))
    assert (await store.read(DOCTOR, made.type, made.id)).id == made.id
    again = {**alone, "id": made.id, "language": "fr"}
    (second,) = await store.transact(
        DOCTOR, batch(Intent("update", made.type, made.id, resource=again), prepare=signed)
    )
    assert second.version == 2
    other = DOCTOR.but(keys=("ps:2",), own=("author:ps:2",))
    with pytest.raises(Problem) as refused:
        await store.read(other, made.type, made.id)
    assert refused.value.kind == "not-found"


# -- audit -----------------------------------------------------------------------------------------------


async def lines(store: Store, since: int) -> list[tuple[str, str, int, str]]:
    found = await store.pool.fetch("select * from audit where aid > $1 order by aid", since)
    return [(r["action"], r["what"], r["hits"], r["outcome"]) for r in found]


@pytest.mark.parametrize(
    ("name", "outcome", "hits"),
    [("of-known", "ok", 1), ("of-hidden", "not-found", 0), ("none", "not-found", 0), ("gone", "deleted", 1)],
)
async def test_one_line_for_each_reading(store: Store, name: str, outcome: str, hits: int) -> None:
    gone = {**observation("known"), "id": "gone"}
    await store.transact(ROOT, batch(Intent("update", "Observation", "gone", resource=gone, may_create=True)))
    await store.transact(ROOT, batch(Intent("delete", "Observation", "gone")))
    last = await store.pool.fetchval("select max(aid) from audit")
    try:
        await store.read(DOCTOR, "Observation", name)
    except Problem as refused:
        assert refused.kind == outcome
    assert await lines(store, last) == [("read", f"Observation/{name}", hits, outcome)]


async def test_a_history_or_version_of_nothing_leaves_one_line_too(store: Store) -> None:
    last = await store.pool.fetchval("select max(aid) from audit")
    for name in ("of-hidden", "none"):
        with pytest.raises(Problem):
            await store.history(DOCTOR, ["Observation"], name, count=5)
        with pytest.raises(Problem):
            await store.vread(DOCTOR, "Observation", name, 1)
    assert await lines(store, last) == [
        ("history", "Observation/of-hidden/_history", 0, "not-found"),
        ("vread", "Observation/of-hidden/_history/1", 0, "not-found"),
        ("history", "Observation/none/_history", 0, "not-found"),
        ("vread", "Observation/none/_history/1", 0, "not-found"),
    ]


@pytest.mark.parametrize(("count", "hits"), [("2", 2), ("5", 5), ("50", 6), ("0", 0)])
async def test_the_line_counts_what_is_shown(store: Store, count: str, hits: int) -> None:
    await scale(store, f"shown-{count}")
    last = await store.pool.fetchval("select max(aid) from audit")
    pairs = [("patient", f"shown-{count}"), ("_count", count)]
    found = await store.search(ROOT, parse("Observation", pairs, registry=registry()))
    assert len(found.rows) == hits
    assert [line[2] for line in await lines(store, last)] == [hits]
    kinds, last = ["Observation"], await store.pool.fetchval("select max(aid) from audit")
    rows_, _, _ = await store.history(ROOT, kinds, f"shown-{count}-1", count=int(count) or 1)
    assert [line[2] for line in await lines(store, last)] == [len(rows_)]


async def test_a_condition_that_nothing_meets_is_said_as_it_was_asked(store: Store) -> None:
    last = await store.pool.fetchval("select max(aid) from audit")
    condition = parse("Observation", [("code", "none"), ("patient", "known")], registry=registry())
    (done,) = await store.transact(DOCTOR, batch(Intent("delete", "Observation", condition=condition)))
    assert done.status == "nothing"
    assert await lines(store, last) == [("search", "Observation?code=none&patient=known", 0, "ok")]


def meeting(*patients: str) -> dict[str, Any]:
    rows = [{"actor": {"reference": f"Patient/{p}"}, "status": "accepted"} for p in patients]
    return {"resourceType": "Appointment", "status": "booked", "participant": rows}


@pytest.mark.parametrize("made", [meeting, observation])
async def test_each_patient_a_resource_is_about_is_told(
    store: Store, made: Callable[..., dict[str, Any]]
) -> None:
    names, shared = ("child", "mother"), made("child", "mother")
    people = [Intent("update", "Patient", name, resource=patient(name), may_create=True) for name in names]
    kind = shared["resourceType"]
    await store.transact(ROOT, batch(*people))
    last = await store.pool.fetchval("select max(aid) from audit")
    intent = Intent("update", kind, "shared", resource={**shared, "id": "shared"}, may_create=True)
    await store.transact(ROOT, batch(intent))
    await store.read(ROOT, kind, "shared")
    await store.search(ROOT, parse(kind, [("_id", "shared,of-known")], registry=registry()))
    await store.history(ROOT, [kind], "shared", count=5)
    await store.vread(ROOT, kind, "shared", 1)
    found = await store.pool.fetch(
        "select m.id, a.action, a.hits from audit a join id_map m on m.pat = a.pat and m.type ="
        " (select type from id_map where id = 'child') where a.aid > $1 order by a.aid, m.id",
        last,
    )
    told_to = {name: [r["action"] for r in found if r["id"] == name] for name in names}
    assert told_to["child"] == ["update", "read", "search", "history", "vread"]
    # Who only took the measure learns that it is there, not who opens the record of the other.
    assert told_to["mother"] == (told_to["child"] if made is meeting else ["update"])
    assert {r["hits"] for r in found} == {1}
    home = (
        "select m.id from res r join id_map m on m.pat = r.pat and m.id = any($2::text[])"
        " where r.id = 'shared' and r.type = $1"
    )
    assert await store.pool.fetchval(home, type_numbers()[kind], list(names)) == "child"


# -- pages -----------------------------------------------------------------------------------------------


async def scale(store: Store, name: str, count: int = 6) -> None:
    made = [
        Intent("update", "Observation", f"{name}-{n}", may_create=True,
               resource={**weight(name, str(n)), "id": f"{name}-{n}",
                         "effectiveDateTime": f"2026-01-{n + 10}"})
        for n in range(count)
    ]  # fmt: skip
    person = Intent("update", "Patient", name, resource=patient(name), may_create=True)
    await store.transact(ROOT, batch(person, *made))


async def page(store: Store, name: str, cursor: str = "") -> tuple[list[str], str]:
    pairs = [("patient", name), ("_sort", "date"), ("_count", "2"), *([("_page", cursor)] if cursor else [])]
    found = await store.search(ROOT, parse("Observation", pairs, registry=registry()))
    return [r.id.removeprefix(f"{name}-") for r in found.rows], found.cursor


async def rest_of(store: Store, name: str, cursor: str) -> list[str]:
    found: list[str] = []
    while cursor:
        ids, cursor = await page(store, name, cursor)
        found += ids
    return found


async def test_a_change_under_way_at_the_first_page_is_on_no_later_one(store: Store) -> None:
    """Its mark is older than the page, its commit younger: only the snapshot can tell."""
    await scale(store, "slow")
    other = await asyncpg.connect(store.dsn)
    try:
        async with other.transaction():
            moved = "update res set lo = lo + 8 * 86400000 where id = 'slow-0' returning pat, rid, lo"
            row = await other.fetchrow(moved)
            span = "update dat set lo = $3::bigint, hi = $3::bigint + 1 where pat = $1 and rid = $2"
            await other.execute(span, row["pat"], row["rid"], row["lo"])
            first, cursor = await page(store, "slow")
    finally:
        await other.close()
    assert first == ["0", "1"]
    assert await rest_of(store, "slow", cursor) == ["2", "3", "4", "5"]
    assert sorted((await page(store, "slow"))[0]) == ["1", "2"]


async def test_what_nobody_changed_is_there_once_though_its_mark_is_ahead(store: Store) -> None:
    """As when the clock of another process that wrote it is ahead of ours."""
    await scale(store, "ahead")
    await store.pool.execute("update res set seq = seq + 60000000 where id like 'ahead-%'")
    first, cursor = await page(store, "ahead")
    assert [*first, *await rest_of(store, "ahead", cursor)] == list("012345")


async def test_many_writers_under_way(store: Store) -> None:
    await scale(store, "busy", 12)
    kept = {"3", "5", "7", "9"}

    async def change(n: int) -> None:
        for turn in range(4):
            moved = {
                **weight("busy", str(turn)),
                "id": f"busy-{n}",
                "effectiveDateTime": f"2026-02-{turn + 10}",
            }
            await store.transact(
                ROOT, batch(Intent("update", "Observation", f"busy-{n}", resource=moved, may_create=True))
            )

    async def read() -> list[str]:
        found, cursor = await page(store, "busy")
        await asyncio.sleep(0.01)
        return [*found, *await rest_of(store, "busy", cursor)]

    results = await asyncio.gather(
        *(read() for _ in range(6)), *(change(n) for n in range(12) if str(n) not in kept)
    )
    for seen in results[:6]:
        assert seen is not None
        assert len(seen) == len(set(seen)), seen
        assert kept <= set(seen)
