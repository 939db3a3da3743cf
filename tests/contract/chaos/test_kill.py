"""Nothing acknowledged is lost, whatever is killed when: a real server under load, and kill -9.

Clients create, update and send transactions while the serving process, the main process, the database
server, or all of them are killed. After each kill it must come back by itself (or by starting it again when
the main process died); at the end the database is compared with what was answered.
"""

import asyncio
import random
import time
from collections import defaultdict
from typing import Any

import asyncpg
import pytest

from aubier.fhir import json as fhir_json
from aubier.store.embedded.server import find
from aubier.store.packing import codec
from tests.contract.chaos.clients import CARED_FOR, DOCTOR, MARK, TOGETHER, Book, Client, lay_registers
from tests.contract.chaos.history import faults, torn
from tests.contract.running import Running, running

CLIENTS = 6
LONGEST_ANSWER = 10.0


KINDS = ("serving", "postgres", "main", "all")


def strike(at: Running, kind: str) -> None:
    """Kills, and starts again what nobody else would."""
    if kind in ("serving", "all"):
        at.kill_serving()
    if kind in ("main", "all"):
        at.kill_main()
    if kind in ("postgres", "all"):
        at.kill_postgres()
    if kind in ("main", "all"):
        at.start()


async def under_load(at: Running, kills: int, seed: int) -> Book:
    """Kills again and again while the clients write; gives the book."""
    book, draw = Book(), random.Random(seed)
    patients, token = at.patients(), at.token(DOCTOR, "user/*.cruds")
    await lay_registers(book, at, (patients["gwen"], token))
    clients = [Client(n, at, (patients[CARED_FOR[n % 4]], token), book) for n in range(CLIENTS)]
    tasks = [asyncio.create_task(c.run()) for c in clients]
    try:
        for n in range(kills):
            await _some_answers(book, at)
            await asyncio.sleep(draw.random())
            await asyncio.to_thread(strike, at, KINDS[n % len(KINDS)])
            await asyncio.to_thread(at.wait)
        await _some_answers(book, at)
    finally:
        for client in clients:
            client.stopping = True
        await asyncio.gather(*tasks)
    return book


async def _some_answers(book: Book, at: Running, most: float = 10.0) -> None:
    """Waits until writes are answered well again."""
    before, until = len(book.created), time.monotonic() + most
    while len(book.created) < before + CLIENTS:
        assert time.monotonic() < until, f"no write was acknowledged: {book.answers} {at.log()}"
        await asyncio.sleep(0.05)


async def look(at: Running, book: Book) -> None:
    """Compares the database with what was answered."""
    dsn = find(at.data)
    assert dsn
    conn = await asyncpg.connect(dsn)
    try:
        current = await conn.fetch(
            f"select distinct {codec.COLUMNS}, r.pat, r.rid, r.seq from res r join ident i"
            " on i.rid = r.rid and i.pat = r.pat where i.system = $1",
            MARK,
        )
        past = await conn.fetch(
            f"select {codec.COLUMNS}, r.seq from hist r where r.rid = any($1::bigint[])",
            [r["rid"] for r in current],
        )
        lines = await conn.fetch(
            "select what from audit where outcome = 'ok' and what like '%Observation/%'"
            " and action in ('create', 'update', 'transaction')"
        )
        doubles = await conn.fetchval("select count(*) - count(distinct (type, id)) from res")
    finally:
        await conn.close()
    assert doubles == 0
    _same_as_answered(book, [*current, *past])
    _one_order(book, [*current, *past])
    _history_without_hole(current, past)
    _every_write_has_its_line([*current, *past], lines)


def _same_as_answered(book: Book, rows: list[Any]) -> None:
    stored = {(r["id"], r["ver"]): fhir_json.parse(codec.kept(r)) for r in rows}
    latest: dict[str, int] = defaultdict(int)
    for logical, version in stored:
        latest[logical] = max(latest[logical], version)
    marks = {v["identifier"][0]["value"]: key for key, v in stored.items()}
    lost = [m for m, logical in book.created.items() if marks.get(m) != (logical, 1)]
    assert not lost, f"acknowledged and lost: {lost[:5]} of {len(book.created)}"
    behind = {i: (v, latest[i]) for i, v in book.versions.items() if latest[i] < v}
    assert not behind, behind
    changed = [key for key, value in book.values.items() if stored[key]["valueQuantity"]["value"] != value]
    assert not changed, changed
    parts: dict[str, int] = defaultdict(int)
    for mark in marks:
        if mark.startswith("t"):
            parts[mark.rpartition("-")[0]] += 1
    assert set(parts.values()) <= {TOGETHER}, "a transaction was torn"
    assert book.whole <= parts.keys(), "an acknowledged transaction was lost"


def _one_order(book: Book, rows: list[Any]) -> None:
    """There is one order of all that was asked of the shared registers which agrees with every answer."""
    kept: dict[str, dict[int, int]] = defaultdict(dict)
    only: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        body = fhir_json.parse(codec.kept(row))
        kept[row["id"]][row["ver"]] = int(body["valueQuantity"]["value"])
        mark = body["identifier"][0]["value"]
        if mark.startswith("only-"):
            only[mark].add(row["id"])
    stored = {
        i: [versions[v] for v in sorted(versions)] for i, versions in kept.items() if i in book.registers
    }
    assert faults(book.seen, stored) == []
    assert torn(book.pairs, stored) == []
    assert {mark: found for mark, found in only.items() if len(found) > 1} == {}, "created twice"
    assert all(told == only[mark] for mark, told in book.only.items())


def _history_without_hole(current: list[Any], past: list[Any]) -> None:
    versions: dict[str, list[int]] = defaultdict(list)
    for row in [*current, *past]:
        versions[row["id"]].append(row["ver"])
    holes = {i: sorted(v) for i, v in versions.items() if sorted(v) != list(range(1, len(v) + 1))}
    assert not holes, holes


def _every_write_has_its_line(rows: list[Any], lines: list[Any]) -> None:
    """One audit line for each write that is there, naming what it wrote, and none for what is not."""
    told: dict[str, int] = defaultdict(int)
    for line in lines:
        for name in line["what"].split(", "):
            told[name.removeprefix("Observation/")] += 1
    written: dict[str, int] = defaultdict(int)
    for row in rows:
        written[row["id"]] += 1
    assert {i: n for i, n in told.items() if i in written} == written
    invented = {i for i in told if i not in written}
    assert not invented, f"audit lines of writes that are not there: {sorted(invented)[:5]}"


async def survive(kills: int, seed: int) -> Book:
    """A whole run: load, kills, comparison; after it the server stops and answers the same from cold."""
    with running() as at:
        book = await under_load(at, kills, seed)
        if book.wrong:
            pytest.fail(f"{book.wrong[:3]}\n{at.log()}")
        assert book.slowest < LONGEST_ANSWER, f"an answer took {book.slowest:.1f} s"
        assert min(len(book.created), len(book.whole), len(book.values)) > 5, book.answers
        await look(at, book)
        at.stop()
        at.start()
        await look(at, book)
        token = at.token(DOCTOR)
        told = {at.ask(f"/fhir/Observation/{i}", token)[0] for i in list(book.created.values())[-10:]}
        assert told == {200}
    return book


async def test_nothing_acknowledged_is_lost() -> None:
    book = await survive(kills=2, seed=1)
    print(f"answers {dict(book.answers)}, slowest {book.slowest:.1f} s")


@pytest.mark.whole
async def test_nothing_acknowledged_is_lost_in_fifty_kills() -> None:
    book = await survive(kills=50, seed=2)
    print(f"answers {dict(book.answers)}, slowest {book.slowest:.1f} s")


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3, 8))
async def test_nothing_acknowledged_is_lost_in_two_hundred_and_fifty_kills(seed: int) -> None:
    book = await survive(kills=50, seed=seed)
    print(f"answers {dict(book.answers)}, slowest {book.slowest:.1f} s, {len(book.seen)} on registers")
