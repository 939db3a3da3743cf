"""A reset after an upgrade: the kept copy is of an older release, what comes of it is of this one."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import asyncpg
import pytest

from aubier.ground.rows import Migration
from aubier.store.embedded.server import EmbeddedServer
from aubier.store.embedded.template import keep_template, reset
from aubier.store.intent import Intent
from aubier.store.store import open_store
from tests.contract.schema import shape
from tests.contract.test_store_write import ROOT as PLATFORM
from tests.contract.test_store_write import batch, patient
from tests.where import ENGINES, ROOT

Rooms = Mapping[str, Sequence[Migration]]
PLANTS = Migration(
    1, "plants", "create table plant (name text primary key); insert into plant values ('oak')"
)
HEIGHT = Migration(2, "height", "alter table plant add column height int not null default 7")
OLDER: Rooms = {"garden": (PLANTS,)}
NEWER: Rooms = {"garden": (PLANTS, HEIGHT), "shed": (Migration(1, "tools", "create table tool (name text)"),)}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of these tests' own: the kept copy has one name on it."""
    home = Path(tempfile.mkdtemp(prefix="aubier-reset-"))
    home.chmod(0o711)
    with EmbeddedServer(home / "data", engines=ENGINES, durable=False):
        pass
    own = home / "data" / "postgres" / "own.conf"
    own.write_text("autovacuum_naptime = 1\n")
    own.chmod(0o644)
    with EmbeddedServer(home / "data", engines=ENGINES, durable=False) as dsn:
        yield dsn
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
async def dsn(server: str) -> AsyncIterator[str]:
    """A database that the older release filled and of which it kept a copy, used since and upgraded."""
    await write(server, OLDER, "first-day")
    await keep_template(server)
    await write(server, OLDER, "later")
    yield server


@pytest.fixture(autouse=True)
async def _upgraded(dsn: str) -> None:
    """Each test begins with a database of this release that holds more than the copy does."""
    await write(dsn, NEWER, "today")


async def write(dsn: str, rooms: Rooms, logical: str) -> None:
    """Stores a Patient with a program that has these migrations."""
    store = await open_store(dsn, migrations=rooms)
    try:
        intent = Intent("update", "Patient", logical, resource=patient(logical), may_create=True)
        await store.transact(PLATFORM, batch(intent))
    finally:
        await store.close()


async def patients(dsn: str) -> set[str]:
    """The ids of the Patients stored now."""
    return {str(row["id"]) for row in await rows(dsn, "select id from res")}


async def rows(dsn: str, sql: str) -> list[asyncpg.Record]:
    """What a query gives."""
    conn = await asyncpg.connect(dsn)
    try:
        return list(await conn.fetch(sql))
    finally:
        await conn.close()


async def databases(dsn: str) -> set[str]:
    """The names of the databases of the server."""
    names = await rows(dsn, "select datname from pg_database where datname like 'aubier%'")
    return {str(row["datname"]) for row in names}


async def test_it_gives_the_first_day_in_the_newest_schema(dsn: str) -> None:
    upgraded = await shape(dsn)
    await reset(dsn, NEWER)
    assert await patients(dsn) == {"first-day"}
    assert await shape(dsn) == upgraded
    assert [tuple(r) for r in await rows(dsn, "select name, height from plant")] == [("oak", 7)]
    await write(dsn, NEWER, "after")
    assert await patients(dsn) == {"first-day", "after"}
    assert await databases(dsn) == {"aubier", "aubier_fresh"}


async def test_it_does_so_every_time(dsn: str) -> None:
    upgraded = await shape(dsn)
    for _ in range(2):
        await reset(dsn, NEWER)
        assert await shape(dsn) == upgraded
        await write(dsn, NEWER, "after")


async def test_numbers_given_before_are_not_given_again(dsn: str) -> None:
    store = await open_store(dsn, migrations=NEWER)
    try:
        (before,) = await rows(dsn, "select last_value as n from number_block")
        await reset(dsn, NEWER)
        (after,) = await rows(dsn, "select last_value as n from number_block")
    finally:
        await store.close()
    assert after["n"] > before["n"]


async def test_a_step_that_fails_leaves_the_database_as_it_was(dsn: str) -> None:
    before = await shape(dsn)
    broken = Migration(3, "broken", "update plant set height = 1 / (height - 7)")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await reset(dsn, {**NEWER, "garden": (PLANTS, HEIGHT, broken)})
    assert await shape(dsn) == before
    assert "today" in await patients(dsn)
    assert await databases(dsn) == {"aubier", "aubier_fresh"}, "nothing half made is left"


KILLED = """
import asyncio, sys
from aubier.ground.rows import Migration
from aubier.store.embedded.template import reset
steps = [Migration(int(number), name, sql) for number, name, sql in zip(*[iter(sys.argv[2:])] * 3)]
asyncio.run(reset(sys.argv[1], {"garden": steps}))
"""


async def test_killed_while_the_copy_is_upgraded_it_changed_nothing(dsn: str) -> None:
    slow = Migration(3, "slow", "select pg_sleep(60)")
    words = [str(part) for step in (PLANTS, HEIGHT, slow) for part in (step.number, step.name, step.sql)]
    under_way = _started(KILLED, dsn, *words)
    before = await shape(dsn)
    try:
        await _until(dsn, "select 1 from pg_stat_activity where query = 'select pg_sleep(60)'")
    finally:
        under_way.kill()
        told = under_way.communicate()[1]
    assert not told, told
    assert await shape(dsn) == before
    assert "today" in await patients(dsn)
    await reset(dsn, NEWER)
    assert (await patients(dsn), await shape(dsn)) == ({"first-day"}, before)
    assert await databases(dsn) == {"aubier", "aubier_fresh"}


def _started(text: str, *words: str) -> subprocess.Popen[str]:
    environment = {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", text, *words]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


async def _until(dsn: str, sql: str) -> None:
    """Waits until a query gives something."""
    end = time.monotonic() + 20
    while not await rows(dsn, sql):
        assert time.monotonic() < end, sql
        await asyncio.sleep(0.05)


SLOWLY = (
    "autovacuum_vacuum_threshold = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
)


async def test_autovacuum_at_work_is_no_hindrance(dsn: str) -> None:
    """It belongs to nobody whom the owner of the databases may stop."""
    await rows(dsn, f"create table crumb with ({SLOWLY}) as select n from generate_series(1, 50000) n")
    await rows(dsn, "delete from crumb")
    cleaning = "backend_type = 'autovacuum worker' and datname = 'aubier' and query like '%crumb%'"
    await _until(dsn, f"select 1 from pg_stat_activity where {cleaning}")
    await reset(dsn, NEWER)
    assert await patients(dsn) == {"first-day"}
    assert await databases(dsn) == {"aubier", "aubier_fresh"}


async def test_a_copy_is_kept_although_somebody_is_connected(dsn: str) -> None:
    """Another command of the same person, while the territory is made."""
    await rows(dsn, "drop database aubier_fresh")
    assert await databases(dsn) == {"aubier"}
    other = await asyncpg.connect(dsn)
    try:
        began = time.monotonic()
        await keep_template(dsn)
        assert time.monotonic() - began < 4, "nobody is waited for"
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await other.fetchval("select 1")
    finally:
        other.terminate()
    await write(dsn, NEWER, "after")
    await reset(dsn, NEWER)
    assert "today" in await patients(dsn) and "after" not in await patients(dsn)
