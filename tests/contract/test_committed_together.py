"""What comes at once shares a transaction: each has its own answer, its own line and its own fate."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from aubier.store.reading.committing import Asked, committed
from tests.contract.conftest import Api
from tests.contract.locks import OURS
from tests.contract.test_written_at_once import carer, rate


async def test_each_of_many_searches_has_its_answer_and_its_line(api: Api) -> None:
    people = [await carer(api) for _ in range(3)]
    others = [(people[0][0], people[1][1])]  # somebody else's patient
    before = await api.last_line()
    asked = [*people, *others] * 8
    answers = await asyncio.gather(
        *(api.ask("GET", f"Observation?patient={patient}", as_=login) for patient, login in asked)
    )
    totals = [answer.json()["total"] for answer in answers]
    assert totals == [2 if pair in people else 0 for pair in asked]
    rows = await api.house.store.pool.fetch(
        "select xmin::text as written, action, hits, outcome from audit where aid > $1", before
    )
    assert len(rows) == len(asked)
    assert sum(row["hits"] for row in rows) == sum(totals)
    assert {(row["action"], row["outcome"]) for row in rows} == {("search", "ok")}
    assert len({row["written"] for row in rows}) < len(rows) / 2


async def test_each_of_many_creates_is_kept_or_refused_by_itself(api: Api) -> None:
    people = [await carer(api) for _ in range(3)]
    others = [(people[0][0], people[1][1])]  # may not write there
    before, last = await api.counts(), await api.last_line()
    asked = [*people, *others] * 6
    answers = await asyncio.gather(
        *(api.ask("POST", "Observation", rate(patient), as_=login) for patient, login in asked)
    )
    assert [a.status_code for a in answers] == [201 if pair in people else 404 for pair in asked]
    after, made = await api.counts(), [a.json()["id"] for a in answers if a.status_code == 201]
    assert after["res"] - before["res"] == len(made) == 18
    rows = await api.house.store.pool.fetch("select xmin::text as written from res where id = any($1)", made)
    assert len({row["written"] for row in rows}) < len(made)
    told = sorted(line["outcome"] for line in await api.lines(last))
    assert told == ["not-found"] * 6 + ["ok"] * 18
    for (patient, login), answer in zip(asked, answers, strict=True):
        if answer.status_code == 201:
            kept = await api.ask("GET", f"Observation/{answer.json()['id']}", as_=login)
            assert kept.json()["subject"]["reference"] == f"Patient/{patient}"


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        ("select 1 / $1::int", asyncpg.DivisionByZeroError),
        ("select pg_cancel_backend(pg_backend_pid()), $1::int", asyncpg.QueryCanceledError),
        ("select $1::int from nowhere", asyncpg.UndefinedTableError),
    ],
)
async def test_what_one_is_refused_for_costs_the_others_nothing(
    api: Api, sql: str, refusal: type[Exception]
) -> None:
    pool = api.house.store.planned
    line = "insert into claim (key, holder, till) values ($1::int::text, 'x', 0) returning key"
    told = await committed(pool, [Asked(line, [101]), Asked(sql, [0]), Asked(line, [102])])
    assert isinstance(told[1], refusal)
    assert [isinstance(one, list) and one[0]["key"] for one in (told[0], told[2])] == ["101", "102"]
    kept = await pool.fetch("delete from claim where holder = 'x' returning key")
    assert sorted(row["key"] for row in kept) == ["101", "102"]


async def test_what_takes_too_long_is_not_run_again(api: Api) -> None:
    """The others would wait for it twice."""
    pool = api.house.store.planned
    await pool.execute("create sequence tried")
    try:
        late = Asked("select nextval('tried'), pg_cancel_backend(pg_backend_pid())", [])
        told = await committed(
            pool, [Asked("select $1::int as n", [1]), late, Asked("select $1::int as n", [2])]
        )
        assert [told[0][0]["n"], told[2][0]["n"]] == [1, 2]  # type: ignore[index]
        assert isinstance(told[1], asyncpg.QueryCanceledError)
        assert await pool.fetchval("select last_value from tried") == 1
    finally:
        await pool.execute("drop sequence tried")


async def test_a_lost_connection_is_told_to_all(api: Api) -> None:
    pool = api.house.store.planned
    ends = "select pg_terminate_backend(pg_backend_pid()), $1::int"
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await committed(pool, [Asked("select $1::int", [1]), Asked(ends, [0])])
    assert await committed(pool, [Asked("select $1::int as n", [1])])


async def test_those_of_one_text_are_one_round_trip_and_one_transaction(api: Api) -> None:
    pool = api.house.store.planned
    some = "select $1::text as said, $2::int as turn, txid_current() as written from generate_series(1, $3)"
    alike = [Asked(some, [word, 0, size], 1) for word, size in (("a", 2), ("b", 0), ("c", 3))]
    other = Asked("select 'x' as said, txid_current() as written", [])
    told = await committed(pool, alike)
    assert [[row["said"] for row in rows] for rows in told] == [["a", "a"], [], ["c", "c", "c"]]
    assert len({row["written"] for rows in told for row in rows}) == 1
    async with pool.acquire() as conn:
        heard: list[Any] = []
        with conn.query_logger(heard.append):
            await committed(SimpleNamespace(acquire=lambda: nullcontext(conn)), alike)
    assert [record.query for record in heard] == [some]  # no `begin`, no `commit`, and once
    told = await committed(pool, [alike[0], other, *alike[1:]])
    assert [[row["said"] for row in rows] for rows in told] == [["a", "a"], ["x"], [], ["c", "c", "c"]]
    assert len({row["written"] for rows in told for row in rows}) == 1


@pytest.mark.parametrize("bad", ["0", "nothing"])
async def test_of_those_of_one_text_one_is_refused_alone(api: Api, bad: str) -> None:
    """What the others wrote is written once."""
    pool = api.house.store.planned
    line = (
        "with c as (insert into claim (key, holder, till) values ($1::text, 'x', 10 / $1::text::int)"
        " returning key) select key, $2::int as turn from c"
    )
    told = await committed(pool, [Asked(line, [text, 0], 1) for text in ("1", bad, "2")])
    assert isinstance(told[1], asyncpg.DivisionByZeroError | asyncpg.InvalidTextRepresentationError)
    assert [isinstance(one, list) and one[0]["key"] for one in (told[0], told[2])] == ["1", "2"]
    kept = await pool.fetch("delete from claim where holder = 'x' returning key")
    assert sorted(row["key"] for row in kept) == ["1", "2"]


async def test_each_sees_what_was_committed_before_it(api: Api) -> None:
    """A right that ended while the one before was run opens nothing to the next."""
    pool = api.house.store.planned
    await pool.execute("insert into claim (key, holder, till) values ('k', 'x', 0)")
    sees = (
        "select (select count(*) from claim where holder = 'x') as n, $1::int as turn,"
        " case when $2 then pg_advisory_xact_lock(7)::text end as waited"
    )
    async with api.house.store.pool.acquire() as holder, holder.transaction():
        await holder.execute("select pg_advisory_xact_lock(7)")
        asked = asyncio.create_task(committed(pool, [Asked(sees, [0, True], 0), Asked(sees, [0, False], 0)]))
        waits = f"select exists (select from {OURS} and locktype = 'advisory' and not granted)"
        while not await holder.fetchval(waits):
            assert not asked.done()
            await asyncio.sleep(0.005)
        await api.house.store.pool.execute("delete from claim where holder = 'x'")
    told = await asked
    assert [isinstance(rows, list) and rows[0]["n"] for rows in told] == [1, 0]
