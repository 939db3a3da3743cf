"""Several types in one search: all of each, one total, and nobody sees more than in each alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from aubier.fhir import json as fhir_json
from aubier.rest.exchange import Call
from aubier.rest.searching.several import search_base
from tests.contract.desk import Desk
from tests.contract.search.conftest import MINE, Library
from tests.contract.search.oracle import Oracle
from tests.contract.search.questions import Pairs

KINDS = ("Patient", "Observation", "ValueSet", "Organization")
TYPES = ("_type", ",".join(KINDS))
BASE = "http://test/fhir"


@dataclass
class Page:
    """A page as it is told: `Type/id` of what matches, the total, the pairs of the next page."""

    names: list[str]
    total: int | None
    next: list[tuple[str, str]]


async def page(desk: Desk, login: str, *asked: tuple[str, str]) -> Page:
    server = desk.house.server.interactions
    call = Call("GET", (), urlencode(asked), {}, b"", BASE)
    answer = await search_base(call, desk.house.context(desk.actors[login]).store, server.query, asked)
    told = fhir_json.parse(answer.body)
    links = {link["relation"]: link["url"] for link in told["link"]}
    found = [e["fullUrl"].removeprefix(f"{BASE}/") for e in told.get("entry", [])]
    return Page(found, told.get("total"), parse_qsl(urlsplit(links.get("next", "")).query))


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
    due = expected(library.oracles[login], KINDS, asked)
    every = await page(library.desk, login, TYPES, *asked, ("_count", "1000"), ("_total", "accurate"))
    assert set(every.names) == due
    assert every.total == len(due) == len(every.names)
    order = [KINDS.index(name.partition("/")[0]) for name in every.names]
    assert order == sorted(order)


@pytest.mark.parametrize("login", ["loader", "doctor"])
@pytest.mark.parametrize("count", ["7", "31"])
async def test_pages_put_together(library: Library, login: str, count: str) -> None:
    whole = (await page(library.desk, login, TYPES, ("_count", "1000"))).names
    found: list[str] = []
    asked = [TYPES, ("_count", count), ("_total", "accurate")]
    while asked:
        part = await page(library.desk, login, *asked)
        found += part.names
        asked = part.next
        assert part.total == len(whole)
    assert found == whole


async def test_lines_are_left_in_records_alone(library: Library) -> None:
    before = (await library.desk.sql("select coalesce(max(aid), 0) as last from audit"))[0]["last"]
    shown = await page(library.desk, "doctor", TYPES, ("_count", "1000"))
    lines = await library.desk.sql("select * from audit where aid > $1 and action = 'search'", before)
    records = [name for name in shown.names if name.startswith(("Patient/", "Observation/"))]
    assert len({line["pat"] for line in lines}) == len(MINE)
    assert sum(line["hits"] for line in lines) == len(records) > 0
    assert all(line["what"].startswith(("Patient", "Observation")) for line in lines)


async def test_the_directory_alone_leaves_none(library: Library) -> None:
    before = (await library.desk.sql("select max(aid) as last from audit"))[0]["last"]
    assert (await page(library.desk, "doctor", ("_type", "ValueSet,Organization"))).names
    assert await library.desk.sql("select 1 from audit where aid > $1", before) == []
