"""Several types in one search: one order, one total, and nobody sees more than in each alone."""

from collections.abc import Sequence

import pytest

from aubier.access.view import View
from aubier.ground.problem import Problem
from aubier.search.parameters import registry
from aubier.search.query import parse_all
from aubier.store.reading import Found
from tests.contract.desk import Desk
from tests.contract.search.conftest import MINE, Library
from tests.contract.search.oracle import Oracle
from tests.contract.search.questions import Pairs

KINDS = ("Patient", "Observation", "ValueSet", "Organization")
TYPES = ("_type", ",".join(KINDS))


def view(desk: Desk, login: str) -> View:
    found: View = desk.house.context(desk.actors[login]).store
    return found


async def page(desk: Desk, login: str, *asked: tuple[str, str]) -> Found:
    return await view(desk, login).search_all_rows(parse_all(asked, registry=desk.house.store.registry))


def names(found: Found) -> list[str]:
    return [f"{r.type}/{r.id}" for r in found.rows]


def expected(oracle: Oracle, kinds: Sequence[str], asked: Pairs) -> set[str]:
    return {f"{k}/{r['id']}" for k in kinds for r in oracle.search(k, asked)}


ASKED: list[Pairs] = [
    [],
    [("_tag", "red")],
    [("_lastUpdated", "gt2026-11-22T17:00:00Z")],
    [("_id", "p1,p2,ob3,vs1,o1,nothing")],
    [("_profile:missing", "true"), ("_tag:not", "blue")],
    [("_id", "nothing")],
]


@pytest.mark.parametrize("login", ["loader", "doctor"])
@pytest.mark.parametrize("asked", ASKED, ids=str)
async def test_what_each_type_alone_would_give(library: Library, login: str, asked: Pairs) -> None:
    oracle = library.oracles[login]
    due = expected(oracle, KINDS, asked)
    every = await page(library.desk, login, TYPES, *asked, ("_count", "1000"), ("_total", "accurate"))
    assert set(names(every)) == due
    assert (every.total or 0) == len(due) == len(every.rows)
    assert [r.updated for r in every.rows] == sorted((r.updated for r in every.rows), reverse=True)


@pytest.mark.parametrize("login", ["loader", "doctor"])
@pytest.mark.parametrize("sort", ["", "_id", "-_id", "_lastUpdated"])
async def test_pages_put_together(library: Library, login: str, sort: str) -> None:
    order = [("_sort", sort)] if sort else []
    whole = names(await page(library.desk, login, TYPES, *order, ("_count", "1000")))
    found: list[str] = []
    cursor = ""
    while True:
        mark = [("_page", cursor)] if cursor else []
        part = await page(library.desk, login, TYPES, *order, ("_count", "31"), ("_total", "accurate"), *mark)
        found += names(part)
        cursor = part.cursor
        assert part.total == len(whole)
        if not cursor:
            break
    assert found == whole


async def test_lines_are_left_in_records_alone(library: Library) -> None:
    before = (await library.desk.sql("select coalesce(max(aid), 0) as last from audit"))[0]["last"]
    shown = await page(library.desk, "doctor", TYPES, ("_count", "1000"))
    lines = await library.desk.sql("select * from audit where aid > $1 and action = 'search'", before)
    told = {line["pat"]: line["hits"] for line in lines}
    assert set(told) == {r.pat for r in shown.rows if r.type in ("Patient", "Observation")}
    assert sum(told.values()) == sum(r.type in ("Patient", "Observation") for r in shown.rows)
    assert len(told) == len(MINE)
    assert all(line["what"].startswith("?_type=Patient,Observation") for line in lines)


async def test_the_directory_alone_leaves_none(library: Library) -> None:
    before = (await library.desk.sql("select max(aid) as last from audit"))[0]["last"]
    assert (await page(library.desk, "doctor", ("_type", "ValueSet,Organization"))).rows
    assert await library.desk.sql("select 1 from audit where aid > $1", before) == []


@pytest.mark.parametrize(
    ("asked", "kind", "at"),
    [
        ([("_id", "a")], "required", "http._type"),
        ([("_type", "Patient,Nobody")], "invalid", "http._type"),
        ([("_type", "Patient,Observation"), ("code", "x")], "not-supported", "http.code"),
        ([("_type", "Patient"), ("_include", "Patient:link")], "not-supported", "http._include"),
        ([("_type", "Patient,Observation"), ("_sort", "_tag")], "not-supported", "http._sort"),
    ],
)
def test_refusals(asked: Pairs, kind: str, at: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_all(asked, registry=registry())
    assert (refused.value.kind, refused.value.issues[0].at) == (kind, (at,))
