"""The mark of the definitions: whatever changes one changes it, whoever commits when."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from aubier.validation.service import marks
from aubier.validation.service.shelf import KINDS
from tests.open_house import OpenHouse, open_house
from tests.unit.validation.test_snapshots import profile, row

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
async def dsn(database: Callable[[], str]) -> str:
    return database()


@pytest.fixture
async def house(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OpenHouse]:
    """A house of our own, whose definitions nobody else changes."""
    async with open_house(dsn, tmp_path_factory.mktemp("house"), lambda: START, {}) as opened:
        yield opened


def definition(name: str) -> dict[str, Any]:
    """A definition that may be stored."""
    more = {"name": "C", "status": "active", "kind": "resource", "abstract": False, "version": "1"}
    return profile("Basic", row("Basic.subject", min=1), name=name) | more


async def mark(house: OpenHouse) -> marks.Mark:
    """The mark now."""
    return await marks.mark_of(house.system().store, KINDS)


async def test_writes_updates_and_deletes_change_it_and_nothing_else_does(house: OpenHouse) -> None:
    view = house.system().store
    seen = [await mark(house)]
    written = await view.create(definition("one"))
    seen.append(await mark(house))
    await view.update({**definition("one"), "id": written.id, "title": "x"})
    seen.append(await mark(house))
    await view.delete("StructureDefinition", written.id)
    seen.append(await mark(house))
    assert len(set(seen)) == 4
    await view.create({"resourceType": "Basic", "code": {"text": "x"}})
    assert await mark(house) == seen[-1]


async def test_a_change_that_commits_late_is_seen(house: OpenHouse, dsn: str) -> None:
    view = house.system().store
    written = await view.create(definition("first"))
    late = await asyncpg.connect(dsn)
    try:
        pending = late.transaction()
        await pending.start()
        copied = "pat, rid, ver + 100, type, op, id, seq + 1, upd, labels, dict, raw"
        await late.execute(f"insert into dir_hist select {copied} from dir_res where id = $1", written.id)
        await view.create(definition("second"))
        before = await mark(house)
        assert await mark(house) == before
        await pending.commit()
        assert await mark(house) != before
    finally:
        await late.close()


async def test_each_database_has_its_own(
    house: OpenHouse, database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = await mark(house)
    async with open_house(database(), tmp_path_factory.mktemp("other"), lambda: START, {}) as other:
        second = await mark(other)
        assert first != second
        assert (await mark(house), await mark(other)) == (first, second)


async def test_where_many_changed_a_later_moment_is_taken(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = house.system().store
    before = await mark(house)
    for n in range(4):
        await view.create(definition(f"n{n}"))
    monkeypatch.setattr(marks, "_MANY", 3)
    full = await mark(house)
    assert full[2] == before[2], "what was just written may not be all there is: no later moment yet"
    monkeypatch.setattr(marks, "_BEHIND", 0)
    later = full
    for _ in range(500):  # what the house itself does meanwhile may hold the moment back
        later = await mark(house)
        if later[2] > full[2]:
            break
    assert later[2] > full[2] and later[3:] == (0, 0)
    await view.create(definition("after"))
    after = await mark(house)
    assert after[:4] == (*later[:3], 1) and after[4] > later[2]
