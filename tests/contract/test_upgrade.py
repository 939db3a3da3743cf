"""Migrations: each taken once, none changed afterwards, and every released version leads to this one."""

import asyncio
import os
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path

import asyncpg
import pytest

from aubier.app import SERVICES, build
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Migration
from aubier.settings import Settings
from aubier.store import codec
from aubier.store.pool import Connection
from aubier.store.upgrade import store_migrations, upgrade
from tests.where import ROOT

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
    rooms = {"store": store_migrations(), **{s.name: s.migrations for s in SERVICES}}
    for room, steps in rooms.items():
        assert [s.number for s in steps] == list(range(1, len(steps) + 1)), room


# -- from every release -----------------------------------------------------------------------------

FILL = """
import asyncio, sys
from datetime import UTC, date, datetime
from aubier.app import build
from aubier.sandbox.loader import load_territory
from aubier.sandbox.plan import Settings as Plan, territory
from aubier.settings import Settings

async def main():
    house = await build(Settings.load({}, data=sys.argv[2], sandbox=True), sys.argv[1])
    plan = Plan(today=date(2026, 11, 22), citizens=4, seed="upgrade", stories=())
    now = datetime(2026, 11, 22, tzinfo=UTC)
    await load_territory(house.access, territory(plan), now, lambda so_far: None)
    await house.stop()

asyncio.run(main())
"""


def git(*arguments: str) -> bytes:
    """What git says; nothing where there is no repository."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def releases() -> list[str]:
    """The tags of releases, and the present sources, which must lead to themselves."""
    return [*git("tag", "--list", "v*").decode().split(), "present"]


def sources(release: str, into: Path) -> Path:
    """The sources of a release."""
    if release == "present":
        return ROOT / "src"
    with tarfile.open(fileobj=BytesIO(git("archive", release, "src"))) as archive:
        archive.extractall(into, filter="data")
    return into / "src"


@pytest.mark.parametrize("release", releases())
async def test_every_release_leads_to_this_one(
    release: str, database: Callable[[], str], tmp_path: Path
) -> None:
    """A database filled by that release's own program is upgraded, and answers with the same bytes."""
    dsn = database()
    environment = {**os.environ, "PYTHONPATH": str(sources(release, tmp_path))}
    filled = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FILL, dsn, str(tmp_path / "data")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert filled.returncode == 0, filled.stderr
    conn = await asyncpg.connect(dsn)
    try:
        before = await _contents(conn)
        assert len(before) > 20
        house = await build(Settings.load({}, data=str(tmp_path / "data"), sandbox=True), dsn)
        await house.stop()
        assert await _contents(conn) == before
        await _same_schema(conn, database())
    finally:
        await conn.close()


async def _contents(conn: Connection) -> dict[tuple[int, str], bytes]:
    rows = await conn.fetch(
        "select type, id, dict, raw from res union all select type, id, dict, raw from dir_res"
    )
    found = {(r["type"], r["id"]): codec.unpack(r["dict"], r["raw"]) for r in rows}
    assert all(fhir_json.parse(raw)["id"] == logical for (_, logical), raw in found.items())
    return found


async def _same_schema(upgraded: Connection, empty: str) -> None:
    """An upgraded database has the columns and indexes of a new one."""
    fresh = await asyncpg.connect(empty)
    try:
        rooms = {"store": store_migrations(), **{s.name: s.migrations for s in SERVICES if s.migrations}}
        await upgrade(fresh, rooms)
        for sql in (
            "select table_name, column_name, data_type, is_nullable from information_schema.columns"
            " where table_schema = 'public' order by 1, 2",
            "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2",
        ):
            assert await upgraded.fetch(sql) == await fresh.fetch(sql)
    finally:
        await fresh.close()
