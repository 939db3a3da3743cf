"""Bulk load on a real PostgreSQL: what it writes; an interrupted load started again ends the same."""

import asyncio
import gc
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pytest

from aubier.app import House, build
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.sandbox import loader
from aubier.sandbox.batch import Batch as TerritoryBatch
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from aubier.search.query import parse
from aubier.settings import Settings
from aubier.store.bulk import BulkReport, load, load_each, uncollected
from aubier.store.intent import Batch, Grant, Intent
from aubier.store.keys import type_names, type_numbers
from aubier.store.packing import codec
from aubier.store.store import Store, open_store
from tests.contract.locks import OURS
from tests.contract.test_store_write import ROOT, _as_is, patient, weight

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
COUNTED = ("post", "ident", "ref", "str", "dat", "num", "stub", "grants", "outbox", "identity_known")


@pytest.fixture
async def store(database: Callable[[], str]) -> Any:
    opened = await open_store(database())
    yield opened
    await opened.close()


@lru_cache(maxsize=1)
def batches() -> list[TerritoryBatch]:
    return list(territory(Plan(today=date(2026, 11, 22), citizens=12, seed="bulk")))


async def house(dsn: str, data: Path) -> House:
    return await build(Settings.load({}, data=str(data), sandbox=True), dsn, clock=lambda: NOW)


async def stored(store: Store) -> dict[tuple[str, str], bytes]:
    """Every current version: (type, id) to its bytes."""
    rows = await store.pool.fetch(
        f"select {codec.COLUMNS} from res r union all select {codec.COLUMNS} from dir_res r"
    )
    return {(type_names()[r["type"]], r["id"]): codec.kept(r) for r in rows}


async def counts(store: Store) -> dict[str, int]:
    """How many rows the other tables hold."""
    return {table: await store.pool.fetchval(f"select count(*) from {table}") for table in COUNTED}


class Stopped(Exception):
    """The load was interrupted here."""


async def cut_at(table: str, house: House) -> None:
    """Cancels a load as it stands in the middle of a chunk, before it may write to a table."""
    async with house.store.pool.acquire() as conn, conn.transaction():
        await conn.execute(f"lock table {table} in share mode")
        work = asyncio.create_task(loader.load_territory(house.access, batches(), NOW, lambda so_far: None))
        waits = f"select exists (select from {OURS} and relation = $1::regclass and not granted)"
        while not await conn.fetchval(waits, table):
            await asyncio.sleep(0.005)
            assert not work.done()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work


async def test_an_interrupted_load_started_again_ends_the_same(
    database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_CHUNK", 250)
    whole = await house(database(), tmp_path / "whole")
    broken = await house(database(), tmp_path / "broken")
    try:
        done = await loader.load_territory(whole.access, batches(), NOW, lambda so_far: None)
        assert not done.report.refused

        def stop(so_far: loader.Loaded) -> None:
            if so_far.resources > 700:
                raise Stopped

        with pytest.raises(Stopped):
            await loader.load_territory(broken.access, batches(), NOW, stop)
        for table in ("res", "id_map", "grants"):
            await cut_at(table, broken)
        assert len(await stored(broken.store)) < done.resources, "the load was to be cut in the middle"
        again = await loader.load_territory(broken.access, batches(), NOW, lambda so_far: None)
        assert again.report.unchanged and again.report.created and not again.report.updated
        assert await stored(broken.store) == await stored(whole.store)
        assert await counts(broken.store) == await counts(whole.store)
    finally:
        await whole.stop()
        await broken.stop()


async def test_a_second_load_changes_nothing(database: Callable[[], str], tmp_path: Path) -> None:
    one = await house(database(), tmp_path)
    try:
        first = await loader.load_territory(one.access, batches(), NOW, lambda so_far: None)
        before, rows = await stored(one.store), await counts(one.store)
        second = await loader.load_territory(one.access, batches(), NOW, lambda so_far: None)
        assert (second.report.created, second.report.updated) == (0, 0)
        assert second.report.unchanged == first.report.created == len(before)
        assert await stored(one.store) == before
        assert await counts(one.store) == rows
    finally:
        await one.stop()


async def test_bulk_and_transact_write_the_same_rows(store: Store, database: Callable[[], str]) -> None:
    """The index rows, labels and bytes of a resource do not depend on the road by which it came."""
    by_another = {**weight("p1", "79.20"), "id": "w2", "performer": [{"reference": "Patient/p2"}]}
    resources = [patient("p1"), patient("p2", "Kerjean"), {**weight("p1", "79.10"), "id": "w1"}, by_another]
    other = await open_store(database())
    try:
        await load(store, ROOT, [dict(r) for r in resources], _as_is)
        intents = [
            Intent("update", r["resourceType"], r["id"], resource=dict(r), may_create=True) for r in resources
        ]
        await other.transact(ROOT, Batch(intents, _as_is))
        assert await stored(store) == await stored(other)
        for table, shown in (
            ("str", "norm, exact"),
            ("dat", "lo, hi"),
            ("num", "val, usystem, ucode"),
            ("ref", "target"),
            ("res", "type, ver, op, id, lo, hi, labels"),
            ("stub", "about, until_ver"),
        ):
            sql = f"select {shown} from {table} order by {shown}"
            rows = [tuple(r) for r in await store.pool.fetch(sql)]
            assert rows == [tuple(r) for r in await other.pool.fetch(sql)], table
        assert await store.pool.fetchval("select count(*) from post") == await other.pool.fetchval(
            "select count(*) from post"
        )
    finally:
        await other.close()


async def ids(store: Store, kind: str, **asked: str) -> set[str]:
    found = await store.search(ROOT, parse(kind, list(asked.items()), registry=store.registry))
    return {row.id for row in found.rows}


async def test_what_was_loaded_is_found(store: Store) -> None:
    report = await load(store, ROOT, [patient("p1"), {**weight("p1", "79.10"), "id": "w1"}], _as_is)
    assert (report.created, report.updated, report.unchanged) == (2, 0, 0)
    assert await ids(store, "Patient", family="le goff") == {"p1"}
    assert await ids(store, "Observation", patient="p1", code="http://loinc.org|29463-7") == {"w1"}
    assert await ids(store, "Observation", **{"value-quantity": "gt79"}) == {"w1"}


async def test_a_patient_named_before_it_comes_waits_and_is_met(store: Store) -> None:
    await load(store, ROOT, [{**weight("late", "61"), "id": "w1"}], _as_is)
    await load(store, ROOT, [patient("late"), {**weight("late", "62"), "id": "w2"}], _as_is)
    assert await ids(store, "Observation", patient="late") == {"w1", "w2"}
    pats = await store.pool.fetch("select distinct pat from res")
    assert len(pats) == 1, "one compartment for what came before and after"
    right = await store.pool.fetch("select actor, basis from grants")
    assert [tuple(r) for r in right] == [("person:late", "self")]


async def test_what_names_no_patient_lives_with_what_it_is_about(store: Store) -> None:
    """Also when it stands before it in the chunk, or is about something that itself follows another."""
    about: list[Resource] = [
        {"resourceType": "Provenance", "id": "far", "target": [{"reference": "Provenance/near"}]},
        {"resourceType": "Provenance", "id": "near", "target": [{"reference": "Observation/w1"}]},
        {**weight("p1", "60"), "id": "w1"},
        patient("p1"),
    ]
    await load(store, ROOT, about, _as_is)
    later = {"resourceType": "Provenance", "id": "later", "target": [{"reference": "Observation/w1"}]}
    await load(store, ROOT, [later], _as_is)
    assert await store.pool.fetchval("select count(distinct pat) from res") == 1


async def test_what_concerns_two_patients_has_a_stub_in_the_second(store: Store) -> None:
    both: Resource = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "participant": [{"actor": {"reference": f"Patient/{p}"}, "status": "accepted"} for p in ("p1", "p2")],
    }
    await load(store, ROOT, [patient("p1"), patient("p2", "Kerjean"), both], _as_is)
    row = await store.pool.fetchrow(
        "select s.pat, s.home, m.pat as second from stub s join id_map m on m.id = 'p2'"
    )
    assert row["pat"] == row["second"] != row["home"]


async def test_known_resources_are_compared_and_updated(store: Store) -> None:
    chunk = [patient("p1"), patient("p2", "Kerjean")]
    await load(store, ROOT, [dict(r) for r in chunk], _as_is)
    report = await load(store, ROOT, [patient("p1", "Le Gall"), chunk[1], patient("p3")], _as_is)
    assert (report.created, report.updated, report.unchanged) == (1, 1, 1)
    assert (await store.read(ROOT, "Patient", "p1")).version == 2
    assert await ids(store, "Patient", family="le goff") == {"p3"}


async def test_a_deleted_resource_comes_back_as_its_next_version(store: Store) -> None:
    await load(store, ROOT, [patient("p1")], _as_is)
    await store.transact(ROOT, Batch([Intent("delete", "Patient", "p1")], _as_is))
    report = await load(store, ROOT, [patient("p1")], _as_is)
    assert (report.created, report.updated) == (1, 0)
    assert (await store.read(ROOT, "Patient", "p1")).version == 3


async def test_the_same_id_twice_the_last_counts(store: Store) -> None:
    report = await load(store, ROOT, [patient("p1"), patient("p1", "Kerjean")], _as_is)
    assert report.created == 1
    assert await ids(store, "Patient", family="kerjean") == {"p1"}


async def test_a_refusal_leaves_nothing_of_the_chunk(store: Store) -> None:
    async def strict(conn: Any, resource: Resource, before: Any) -> tuple[Resource, list[str]]:
        if resource["id"] == "bad":
            raise problem("business-rule", "no", "non")
        return await _as_is(conn, resource, before)

    with pytest.raises(Problem):
        await load(store, ROOT, [patient("p1"), patient("bad")], strict)
    assert await stored(store) == {}
    assert await store.pool.fetchval("select count(*) from id_map") == 0

    return problem("business-rule", "no", "non")


async def test_a_change_that_is_refused_is_told_at_its_place_beside_what_was_made(store: Store) -> None:
    async def strict(conn: Any, resource: Resource, before: Any) -> tuple[Resource, list[str]]:
        if before is not None and resource["name"][0]["family"] == "Bad":
            raise problem("business-rule", "no", "non")
        return await _as_is(conn, resource, before)

    await load(store, ROOT, [patient(f"p{n}") for n in range(6)], _as_is)
    names = ["Kerjean", "Bad", "Kerjean", "Le Goff", "Bad", "Kerjean", "New", "New"]
    chunk = [(f"line {n}", patient(f"p{n}", name)) for n, name in enumerate(names)]
    report = await load_each(partial(_apart, store, strict), chunk)
    assert (report.created, report.updated, report.unchanged) == (2, 3, 1)
    assert [place for place, _ in report.refused] == ["line 1", "line 4"]


async def _apart(store: Store, prepare: Any, rows: Any) -> BulkReport:
    return await load(store, ROOT, rows, prepare, apart=True)


def test_the_collector_rests_until_the_last_of_several_loads_is_done() -> None:
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


async def test_loads_that_meet_take_turns(store: Store) -> None:
    """Eight loads of overlapping chunks at once: each resource once, in one compartment, none refused."""
    chunks = [
        [patient(f"p{n}") for n in range(k, k + 12)]
        + [{**weight(f"p{n}", "70"), "id": f"w{n}-{k}"} for n in range(k, k + 20)]
        for k in range(0, 24, 3)
    ]
    reports = await asyncio.gather(*(load(store, ROOT, chunk, _as_is) for chunk in chunks))
    expected = {("Patient", r["id"]) for c in chunks for r in c if r["resourceType"] == "Patient"}
    expected |= {("Observation", r["id"]) for c in chunks for r in c if r["resourceType"] == "Observation"}
    assert set(await stored(store)) == expected
    assert sum(r.created for r in reports) == len(expected)
    assert await store.pool.fetchval("select count(*) from res") == len(expected)
    split = await store.pool.fetch(
        "select m.id from id_map m join ref on ref.target = 'Patient/' || m.id where ref.pat <> m.pat"
    )
    assert not split, "an observation stands outside its patient's compartment"


async def test_each_record_keeps_who_loaded_how_much_into_it(store: Store) -> None:
    chunk = [patient("p1"), patient("p2"), *({**weight("p1", "70"), "id": f"w{n}"} for n in range(3))]
    for _ in range(2):
        await load(store, ROOT, [dict(r) for r in chunk], _as_is)
    rows = await store.pool.fetch(
        "select m.id, a.actor, a.action, a.hits, a.outcome from audit a"
        " join id_map m on m.type = $1 and m.pat = a.pat order by m.id",
        type_numbers()["Patient"],
    )
    assert [tuple(r) for r in rows] == [(p, ROOT.actor, "load", n, "ok") for p, n in (("p1", 4), ("p2", 1))]


async def test_rights_are_given_once(store: Store) -> None:
    right = Grant("p1", "ps:899700000019", "treating-doctor", since=1)
    for _ in range(2):
        await load(store, ROOT, [patient("p1")], _as_is, [right])
    rows = await store.pool.fetch("select actor from grants order by actor")
    assert [r["actor"] for r in rows] == ["person:p1", "ps:899700000019"]


async def test_many_at_once_are_prepared_at_once(store: Store) -> None:
    calls: list[int] = []

    async def many(conn: Any, resources: Any) -> list[tuple[Resource, list[str]]]:
        calls.append(len(resources))
        return [(r, ["kind:Patient"]) for r in resources]

    await load(store, ROOT, [patient(f"p{n}") for n in range(30)], _as_is, prepare_many=many)
    assert calls == [30]
