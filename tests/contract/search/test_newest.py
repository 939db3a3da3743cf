"""Searches of the whole population: along an index or from their criteria, the same answers and proofs."""

import asyncio
import json
from itertools import chain, combinations
from random import Random

import asyncpg
import pytest

from aubier.search.query import parse
from aubier.store.reading import Reader
from aubier.store.reading.ahead import newest
from tests.contract.desk import Desk, following, ids
from tests.contract.search.conftest import Library
from tests.contract.search.judging import agree
from tests.contract.search.oracle import Compared, Filter, Joined
from tests.contract.search.questions import Pairs
from tests.contract.search.test_paging import put, scale
from tests.contract.search.test_records import Listening, _rows_read

ASKED: tuple[tuple[str, Pairs], ...] = (
    ("Observation", []),
    ("Observation", [("status", "final")]),
    ("Observation", [("status", "final,amended")]),
    ("Observation", [("code:not", "8867-4"), ("status", "final")]),
    ("Observation", [("date", "ge2020")]),
    ("Observation", [("value-quantity", "gt1")]),
    ("Observation", [("date:missing", "true")]),
    ("Observation", [("_sort", "_lastUpdated")]),
    ("Observation", [("_sort", "-_lastUpdated"), ("status", "final")]),
    ("Patient", [("gender", "female"), ("_lastUpdated", "ge2000")]),
    ("Condition", [("clinical-status", "active")]),
    ("PractitionerRole", [("active", "true")]),
    ("Observation", [("status", "nothing")]),
    ("Observation", [("code-value-quantity", "http://loinc.org|8867-4$gt1")]),
    ("Observation", [("code-value-quantity", "8867-4$lt90,8867-4$sa95")]),
    ("Observation", [("code-value-quantity", "8867-4$ne70"), ("code-value-quantity", "8867-4$ap80")]),
    ("Observation", [("code", "8867-4"), ("value-quantity", "le80,75")]),
    ("Observation", [("code", "8867-4"), ("value-quantity", "gt60"), ("value-quantity", "lt90")]),
    ("Observation", [("code", "8867-4"), ("date", "lt2026-06")]),
    ("Observation", [("code", "8867-4"), ("date", "sa2024")]),
    ("Observation", [("code", "8867-4"), ("date", "ge2025")]),
    ("Observation", [("component-code", "8480-6")]),
    ("Observation", [("component-code-value-quantity", "8480-6$ge120")]),
    ("Observation", [("component-code-value-quantity", "8480-6$gt100,8462-4$lt90")]),
    ("Observation", [("component-code-value-quantity", "8480-6$gt100"), ("code-value-quantity", "x$1")]),
    ("Patient", [("_has:Observation:patient:code", "http://loinc.org|8867-4")]),
    ("Patient", [("_has:Observation:patient:code", "8867-4"), ("gender:not", "male")]),
    ("Observation", [("code:text", "tension")]),
    ("Observation", [("code:text", "tension"), ("status", "final")]),
    ("Patient", [("family:contains", "a")]),
)
BOUNDS = (("far", 20_000, 500), ("near", 3, 2), ("one row", 50, 1))


def _bounded(monkeypatch: pytest.MonkeyPatch, scanned: int, opened: int) -> None:
    monkeypatch.setattr(newest, "_SCANNED", {"post": scanned, "res": scanned})
    monkeypatch.setattr(newest, "_OPENED", opened)
    monkeypatch.setattr(newest, "_FOLLOWED", opened)
    monkeypatch.setattr(newest, "_COMMON", 2)


@pytest.mark.parametrize("login", ["loader", "doctor"])
@pytest.mark.parametrize(("kind", "asked"), ASKED, ids=str)
async def test_the_same_pages_wherever_it_stops(
    library: Library, monkeypatch: pytest.MonkeyPatch, login: str, kind: str, asked: Pairs
) -> None:
    # So few texts as are here would be read whole.
    monkeypatch.setattr(library.desk.house.store, "worth", None)
    whole = await library.desk.found(login, kind, [*asked, ("_total", "accurate"), ("_count", "1000")])
    assert whole["total"] == len(ids(whole))
    for _, scanned, opened in BOUNDS:
        _bounded(monkeypatch, scanned, opened)
        bundle = await library.desk.found(login, kind, [*asked, ("_count", "7")])
        pages = [ids(bundle)]
        while url := following(bundle):
            bundle = (await library.desk.ask(login, "GET", url))[1]
            pages.append(ids(bundle))
        assert list(chain(*pages)) == ids(whole), (scanned, opened)
        assert all(len(page) == 7 for page in pages[:-1])


@pytest.mark.parametrize("login", ["loader", "doctor"])
async def test_between_two_days_of_birth(library: Library, login: str) -> None:
    """Two criteria on one date are one stretch of an index; either may name several values."""
    edges = ("1930", "1955-06", "1980-01-01", "2010", "2027")
    windows: list[Pairs] = [
        [("birthdate", f"{first}{low}"), ("birthdate", f"{last}{high}")]
        for first, last in (("ge", "lt"), ("gt", "le"), ("sa", "eb"), ("ne", "lt"))
        for low, high in combinations(edges, 2)
    ]
    either = (Compared("birthdate", "lt", "1955"), Compared("birthdate", "gt", "1988-01"))
    windows += [[("_filter", Filter.of(Joined(operator, either)))] for operator in ("or", "and")]
    windows += [[("birthdate", "lt1940,gt1990"), ("birthdate", "ge1935"), ("gender:not", "male")]]
    await agree(library, login, "Patient", windows, telling=3)


async def test_the_same_proofs_wherever_it_stops(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for _, scanned, opened in BOUNDS:
        _bounded(monkeypatch, scanned, opened)
        (before,) = await library.desk.sql("select coalesce(max(aid), 0) as last from audit")
        await library.desk.found("doctor", "Observation", [("status", "final"), ("_count", "5")])
        lines = "select pat, hits, what, action, outcome, basis from audit where aid > $1 order by pat"
        told.append([tuple(row) for row in await library.desk.sql(lines, before["last"])])
    assert told[0] and sum(line[1] for line in told[0]) == 5
    assert told[0] == told[1] == told[2]


async def _held_up(library: Library) -> int:
    """How many statements wait for a lock."""
    (row,) = await library.desk.sql(
        "select count(*) as n from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'"
    )
    return int(row["n"])


async def test_one_actor_never_takes_every_connection(library: Library) -> None:
    """While searches of one wait, for whatever reason, another's is answered; and these then go together."""
    near = ("Observation", [("status", "final"), ("_count", "5")])
    once = ("Observation", [("status", "final"), ("_sort", "code"), ("_count", "5")])
    (before,) = await library.desk.sql("select coalesce(max(aid), 0) as last from audit")
    holder = await asyncpg.connect(library.desk.dsn)
    try:
        async with holder.transaction():
            await holder.execute("lock table audit in share mode")  # no proof can be written: these wait
            waiting = [
                asyncio.create_task(library.desk.found("doctor", *which)) for which in [near, once] * 10
            ]
            half = library.desk.house.store.planned.get_max_size() // 2
            async with asyncio.timeout(8):
                while not await _held_up(library):
                    continue
                for _ in range(5):  # whoever else could take a connection would have by now
                    await library.desk.found("loader", "PractitionerRole", [("active", "true")])
                    assert 0 < await _held_up(library) <= half
            assert not any(task.done() for task in waiting)
    finally:
        await holder.close()
    answers = await asyncio.gather(*waiting)
    for alike in (answers[::2], answers[1::2]):
        assert all(ids(answer) == ids(alike[0]) for answer in alike) and len(ids(alike[0])) == 5
    lines = "select xmin::text as written, what from audit where aid > $1 and actor <> 'system'"
    told = await library.desk.sql(f"{lines} and action = 'search' and hits > 0", before["last"])
    for sort in (True, False):
        transactions = {line["written"] for line in told if ("_sort" in line["what"]) is sort}
        assert 0 < len(transactions) < len(answers) / 2, sort


@pytest.mark.parametrize(
    "asked",
    [[("status", "final")], [("status", "final"), ("value-quantity", "lt90")], [("date", "ge2000")], []],
)
async def test_a_page_reads_no_more_of_a_long_list_than_it_shows(desk: Desk, asked: Pairs) -> None:
    await scale(desk, Random(37), 400)
    store = desk.house.store
    await store.analyse()
    query = parse("Observation", [*asked, ("_count", "10")], registry=store.registry)
    async with store.planned.acquire() as conn:
        heard = Listening(conn)
        page = await Reader(heard, desk.system().store.sight, store.keys, store.mark).search(query)
        text, *args = heard.last
        plan = await conn.fetchval(f"explain (analyze, format json) {text}", *args)
    assert len(page.rows) == 10
    assert _rows_read(json.loads(plan)[0]["Plan"]) <= 60


async def test_a_value_that_changes_moves_beside_its_code(desk: Desk) -> None:
    """The old number goes and the new one comes in one statement, whichever is first."""
    asked: Pairs = [("code-value-quantity", "8867-4$gt100")]
    for beats, found in ((70, []), (120, ["Observation/moved"]), (130, ["Observation/moved"]), (60, [])):
        row = {"resourceType": "Observation", "id": "moved", "status": "final"}
        row |= {"code": {"coding": [{"code": "8867-4"}]}, "valueQuantity": {"value": beats}}
        await put(desk, row)
        assert ids(await desk.found("loader", "Observation", asked)) == found
