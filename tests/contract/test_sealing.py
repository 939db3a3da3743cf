"""The audit lines are sealed, and what becomes of them afterwards is found."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aubier.app import audit_key
from aubier.cli.checking import audit
from aubier.cli.instance import opened
from aubier.ground.problem import Problem
from aubier.settings import Settings
from aubier.store.intent import Intent
from aubier.store.proof import sealing
from aubier.store.proof.sealing import Fault, check, seal
from aubier.store.store import Store, open_store
from tests.contract.test_store_write import NOW, ROOT, batch, patient

KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
async def store(database: Callable[[], str]) -> Any:
    opened = await open_store(database())
    await opened.transact(
        ROOT, batch(Intent("update", "Patient", "p", resource=patient("p"), may_create=True))
    )
    yield opened
    await opened.close()


async def read(store: Store, times: int) -> None:
    for _ in range(times):
        await store.read(ROOT, "Patient", "p")


async def sealed(store: Store) -> int:
    """Seals all that there is: what is due is noted by one run and sealed by the next."""
    return await seal(store.pool, KEY, NOW) + await seal(store.pool, KEY, NOW)


async def faults(store: Store, first: int = 1) -> list[Fault]:
    return [fault async for fault in check(store.pool, KEY, first)]


async def test_all_lines_are_sealed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SPAN", 4)
    await read(store, 9)
    count = "select count(*) from audit"
    assert await sealed(store) == await store.pool.fetchval(count)
    assert await sealed(store) == 0
    await read(store, 3)
    assert await sealed(store) == 3
    assert await faults(store) == []
    seen: list[tuple[int, int, bytes]] = []
    assert [f async for f in check(store.pool, KEY, 1, lambda *told: seen.append(told))] == []
    assert [number for number, *_ in seen] == list(range(1, len(seen) + 1))
    assert sum(held for _, held, _ in seen) == await store.pool.fetchval(count)


@pytest.mark.parametrize(
    ("done", "how"),
    [
        ("update audit set actor = 'another' where aid = 5", [(5, "changed")]),
        ("update audit set hits = 0 where aid = 5", [(5, "changed")]),
        ("delete from audit where aid = 5", [(5, "missing")]),
        ("update audit set pat = pat + 1 where aid = 5", [(5, "changed")]),
        ("update audit a set name = 'n' || b.aid from audit b where a.aid in (5, 6) and b.aid = 11 - a.aid",
         [(5, "changed"), (6, "changed")]),
        ("delete from audit_seal where no = 2", [(0, "missing before")]),
        ("update audit_seal set marks = substr(marks, 25) where no = 2",
         [(0, "changed"), (5, "added")]),
        ("update audit_seal set at = 0, seal = 'x' where no = 2", [(0, "changed"), (0, "changed")]),
    ],
)  # fmt: skip
async def test_what_is_changed_afterwards_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch, done: str, how: list[tuple[int, str]]
) -> None:
    monkeypatch.setattr(sealing, "SPAN", 4)
    await read(store, 11)
    await sealed(store)
    await store.pool.execute(done)
    assert [(f.line, f.how) for f in await faults(store)] == how


async def test_a_change_in_any_column_is_found(store: Store) -> None:
    await read(store, 3)
    await sealed(store)
    columns = "select column_name, data_type from information_schema.columns where table_name = 'audit'"
    found = {row["column_name"]: row["data_type"] for row in await store.pool.fetch(columns)}
    assert found.pop("aid") and len(found) > 10
    for column, kind in found.items():
        other = f"coalesce({column}, '') || 'x'" if kind == "text" else f"{column} + 1"
        async with store.pool.acquire() as conn:
            kept = await conn.fetchval(f"select {column} from audit where aid = 2")
            await conn.execute(f"update audit set {column} = {other} where aid = 2")
            assert await faults(store) == [Fault(1, 2, "changed")], column
            await conn.execute(f"update audit set {column} = $1 where aid = 2", kept)
    assert await faults(store) == []


async def test_a_line_that_is_added_in_a_sealed_place_is_found(store: Store) -> None:
    await read(store, 3)
    async with store.pool.acquire() as conn:  # a write that was rolled back leaves its number free
        moved = conn.transaction()
        await moved.start()
        await conn.execute("select nextval(pg_get_serial_sequence('audit', 'aid'))")
        await moved.rollback()
    free = await store.pool.fetchval("select max(aid) + 1 from audit")
    await read(store, 3)
    await sealed(store)
    columns = "at, actor, name, org, client, purpose, basis, action, what, hits, outcome"
    for line in (free, 3):
        await store.pool.execute(
            f"insert into audit (pat, aid, {columns}) overriding system value"
            f" select pat - 1, $1, {columns} from audit where aid = 1",
            line,
        )
    assert await faults(store) == [Fault(1, line, "added") for line in (3, free)]


async def test_a_line_of_a_late_commit_is_sealed_when_it_has_come(store: Store) -> None:
    await read(store, 2)
    reached, go = asyncio.Event(), asyncio.Event()

    async def slowly(conn: Any, written: Any) -> None:
        reached.set()
        await go.wait()

    change = Intent("update", "Patient", "p", resource=patient("p", "Late"))
    late = asyncio.create_task(store.transact(ROOT, batch(change, receipt=slowly)))
    await reached.wait()
    await read(store, 2)
    assert await sealed(store) == 0, "a line may still come between those that are there"
    go.set()
    await late
    assert await sealed(store) == await store.pool.fetchval("select count(*) from audit") == 6
    assert await faults(store) == []


async def test_two_processes_seal_each_line_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SPAN", 3)
    await read(store, 20)
    await seal(store.pool, KEY, NOW)
    await asyncio.gather(*(seal(store.pool, KEY, NOW) for _ in range(4)))
    assert await faults(store) == []
    assert await sealed(store) == 0


async def test_it_goes_on_from_a_seal(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SPAN", 4)
    await read(store, 11)
    await sealed(store)
    await store.pool.execute("delete from audit where aid in (2, 11)")
    assert [f.line for f in await faults(store, 2)] == [11]
    with pytest.raises(Problem) as refused:
        await faults(store, 9)
    assert refused.value.kind == "not-found"


async def test_another_key_is_told(store: Store) -> None:
    await sealed(store)
    await read(store, 1)
    for asked in (seal(store.pool, OTHER, NOW), anext(check(store.pool, OTHER))):
        with pytest.raises(Problem, match="another key"):
            await asked


async def test_a_copy_on_another_server_is_sealed_too(store: Store) -> None:
    """Its transactions are numbered anew."""
    await sealed(store)
    await store.pool.execute("update audit_unsealed set ended = '99999999999999'")
    await read(store, 2)
    assert await sealed(store) + await sealed(store) == 2


async def test_the_command_tells_what_it_found(
    database: Callable[[], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings.load({"AUBIER_DATABASE_URL": database()}, data=str(tmp_path), sandbox=True)
    async with opened(settings) as house:
        await house.store.transact(ROOT, batch(Intent("create", "Patient", resource=patient())))
        await seal(house.store.pool, audit_key(settings), NOW)
        assert await audit(settings, 1) == 0
        assert "0 anomalie ; dernier sceau 1 : " in capsys.readouterr().out
        await house.store.pool.execute("update audit set name = 'Nobody' where aid = 1")
    assert await audit(settings, 1) == 1
    assert "sceau 1 : ligne 1 modifiée" in capsys.readouterr().out
