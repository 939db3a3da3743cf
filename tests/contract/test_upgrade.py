"""Migrations: each taken once, none changed afterwards, all rooms or none."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from aubier.ground.problem import Problem
from aubier.ground.rows import Migration
from aubier.rest.asynchronous import tables as asynchronous
from aubier.rest.bulk import tables as exports
from aubier.store.opening.upgrade import store_migrations, upgrade
from aubier.store.pool import Connection
from tests.contract.schema import every_step

ONE = Migration(1, "plants", "create table plant (name text primary key); insert into plant values ('oak')")
TWO = Migration(2, "height", "alter table plant add column height int not null default 1")


@pytest.fixture
async def conn(database: Callable[[], str]) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database())
    yield opened
    await opened.close()


async def test_steps_are_taken_in_order_and_once(conn: Connection) -> None:
    assert await upgrade(conn, {"garden": [TWO, ONE]}) == ["garden 0001 plants", "garden 0002 height"]
    assert await upgrade(conn, {"garden": [TWO, ONE]}) == []
    assert await conn.fetchval("select count(*) from plant") == 1


async def test_a_later_step_is_taken_alone(conn: Connection) -> None:
    await upgrade(conn, {"garden": [ONE]})
    await conn.execute("insert into plant values ('ash')")
    assert await upgrade(conn, {"garden": [ONE, TWO]}) == ["garden 0002 height"]
    assert await conn.fetchval("select sum(height) from plant") == 2


async def test_rooms_keep_their_own_count(conn: Connection) -> None:
    other = Migration(1, "tools", "create table tool (name text)")
    assert len(await upgrade(conn, {"garden": [ONE], "shed": [other]})) == 2
    await upgrade(conn, {"garden": [ONE, TWO], "shed": [other]})
    rows = await conn.fetch("select room, number from migration order by room, number")
    assert [tuple(r) for r in rows] == [("garden", 1), ("garden", 2), ("shed", 1)]


async def test_a_changed_step_is_refused(conn: Connection) -> None:
    await upgrade(conn, {"garden": [ONE]})
    changed = Migration(1, "plants", ONE.sql + ", ('ash')")
    with pytest.raises(Problem, match="garden 1 was changed") as refused:
        await upgrade(conn, {"garden": [changed, TWO]})
    assert refused.value.kind == "conflict" and "modifiée" in refused.value.issues[0].fr
    assert await conn.fetchval("select count(*) from migration") == 1


async def test_a_newer_database_is_refused(conn: Connection) -> None:
    await upgrade(conn, {"garden": [ONE, TWO]})
    with pytest.raises(Problem, match="newer release") as refused:
        await upgrade(conn, {"garden": [ONE]})
    assert "garden 2" in refused.value.issues[0].text


async def test_all_rooms_or_none(conn: Connection) -> None:
    broken = Migration(1, "broken", "create table half (n int); create table half (n int)")
    with pytest.raises(asyncpg.DuplicateTableError):
        await upgrade(conn, {"garden": [ONE], "shed": [broken]})
    tables = await conn.fetchval(
        "select count(*) from pg_tables where schemaname = 'public' and tablename in ('plant', 'half')"
    )
    assert tables == 0


async def test_processes_that_start_together_take_turns(database: Callable[[], str]) -> None:
    dsn = database()

    async def start() -> list[str]:
        conn = await asyncpg.connect(dsn)
        try:
            return await upgrade(conn, {"store": store_migrations(), "garden": [ONE, TWO]})
        finally:
            await conn.close()

    taken = await asyncio.gather(*(start() for _ in range(5)))
    assert sum(map(len, taken)) == len(store_migrations()) + 2
    assert sum(map(bool, taken)) == 1, "one takes them all, the others find them taken"


def test_steps_are_numbered_without_hole() -> None:
    for room, steps in every_step().items():
        assert [s.number for s in steps] == list(range(1, len(steps) + 1)), room


async def test_exports_of_before_become_asynchronous_requests(conn: Connection) -> None:
    """What was under way goes on where it was; what was done walks no further and writes its manifest."""
    first, second = exports.MIGRATIONS
    await upgrade(conn, {"bulk": [first]})
    for name, state, place in (("half", "running", 1), ("done", "done", 2), ("lost", "failed", 0)):
        await conn.execute(
            "insert into export"
            " (id, owner, actor, request, kinds, mark, at, state, kind_no, seq, parts, ends)"
            " values ($1, 'o', '{}', 'http://a/fhir/$export?_type=A', '{A,B}', 5, 6, $2, $3, 7, 1, 99)",
            name,
            state,
            place,
        )
        await conn.execute("insert into export_part values ($1, 1, 'A', 2, 'x')", name)
    await upgrade(conn, {"asynchronous": asynchronous.MIGRATIONS, "bulk": [first, second]})
    rows = await conn.fetch("select id, kind, base, state, place, files, mark from job order by id")
    assert [tuple(r)[:4] for r in rows] == [
        ("done", "export", "http://a/fhir", "running"),
        ("half", "export", "http://a/fhir", "running"),
    ]
    assert [json.loads(r["place"])["kind_no"] for r in rows] == [2, 1]
    assert json.loads(rows[1]["place"])["seq"] == 7 and {r["files"] for r in rows} == {1}
    assert await conn.fetchval("select count(*) from job_file") == 2
