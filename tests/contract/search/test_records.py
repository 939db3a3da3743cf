"""Searches that stay in a few records, of the Patients named or of whoever asks: answers, order, pages."""

import json
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import chain
from random import Random
from typing import Any

import pytest

from aubier.access.actor import Actor
from aubier.search.query import parse
from aubier.store.intent import Grant
from aubier.store.reading import Reader
from aubier.store.reading.planning import planned_anew
from tests.contract.desk import Desk, following, ids, opened
from tests.contract.search.oracle import Oracle
from tests.contract.search.questions import Pairs
from tests.contract.search.test_paging import put, scale

Resource = dict[str, Any]

OPEN, CLOSED = ("p0", "p1", "p2", "p3"), ("p4", "p5")
"""The patients whose records are open to the doctor, and the others. Each record shares with its own kind."""
CITIZEN = "p0"
_DATES = (
    {"effectiveDateTime": "2024"},
    {"effectiveDateTime": "2024-01"},
    {"effectiveDateTime": "2024-01-01"},
    {"effectiveDateTime": "2024-01-01T00:00:00Z"},
    {"effectiveDateTime": "2024-06-15"},
    {"effectiveDateTime": "2024-06-15"},
    {"effectivePeriod": {"start": "2024-06-15"}},
    {"effectivePeriod": {"end": "2024-06-15"}},
    {"effectivePeriod": {"start": "2023", "end": "2026-02"}},
    {},
    {},
)
"""Equal ones, one inside the other, open ones, and none."""


def _patient(logical: str) -> Resource:
    known = {"system": "urn:mrn", "value": logical}
    return {"resourceType": "Patient", "id": logical, "identifier": [known]}


def _measurement(at: Random, n: int) -> Resource:
    records = at.choice((OPEN, OPEN, CLOSED))
    return {
        "resourceType": "Observation",
        "id": f"m{n}",
        "status": at.choice(("final", "amended")),
        "code": {"coding": [{"system": "urn:a", "code": at.choice("xyz")}]},
        "subject": {"reference": f"Patient/{at.choice(records)}"},
        **at.choice(_DATES),
        # Who measures is a patient too, now and then: the resource then concerns both.
        **({"performer": [{"reference": f"Patient/{at.choice(records)}"}]} if at.random() < 0.3 else {}),
        **({"valueQuantity": {"value": at.randrange(5)}} if at.random() < 0.7 else {}),
    }


def _condition(at: Random, n: int) -> Resource:
    started = ({"onsetDateTime": "2024"}, {"onsetPeriod": {"start": "2023-05"}}, {"onsetString": "?"})
    return {
        "resourceType": "Condition",
        "id": f"c{n}",
        "code": {"coding": [{"code": at.choice("xy")}]},
        "subject": {"reference": f"Patient/{at.choice((*OPEN, *CLOSED))}"},
        **at.choice(started),
    }


@dataclass
class Records:
    """The house, and what each reader may find."""

    desk: Desk
    oracles: dict[str, Oracle]


def _whose(resource: Resource) -> set[str]:
    names = [resource.get("subject", {}), *resource.get("performer", [])]
    return {n["reference"].removeprefix("Patient/") for n in names if n}


@pytest.fixture(scope="module")
async def records(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Records]:
    doctor, person = "ps:899710000022", f"person:{CITIZEN}"
    scopes = {"doctor": ("user/*.cruds",), "citizen": ("patient/*.rs",)}
    actors = {
        "doctor": Actor("professional", "dr", "Dr", (doctor,), "Practitioner/d", scopes=scopes["doctor"]),
        "citizen": Actor("citizen", "me", "Me", (person,), f"Patient/{CITIZEN}", scopes=scopes["citizen"]),
    }
    at = Random(23)
    made = [_measurement(at, n) for n in range(90)] + [_condition(at, n) for n in range(30)]
    async with opened(database, tmp_path_factory.mktemp("house"), actors) as desk:
        await put(desk, *(_patient(p) for p in (*OPEN, *CLOSED)))
        await put(desk, *deepcopy(made))
        grants = [Grant(p, doctor, "treating-doctor", "r", since=1) for p in OPEN]
        await desk.system().store.grant(*grants, Grant(CITIZEN, person, "self", "r", since=1))
        seen = {
            "loader": [*made],
            "doctor": [r for r in made if _whose(r) <= set(OPEN)],
            "citizen": [r for r in made if CITIZEN in _whose(r)],
        }
        now = round(desk.now[0].timestamp() * 1000)
        people = {"loader": (*OPEN, *CLOSED), "doctor": OPEN, "citizen": (CITIZEN,)}
        for login, found in seen.items():
            found += [_patient(p) for p in people[login]]
        yield Records(desk, {login: Oracle(found, now) for login, found in seen.items()})


READERS = ("loader", "doctor", "citizen")
WHO: tuple[Pairs, ...] = (
    [],
    [("patient", "p0")],
    [("patient", "Patient/p0")],
    [("subject", "Patient/p1")],
    [("patient", "p0,p1,p2,p4,nobody")],
    [("patient", "p0"), ("subject", "Patient/p0,Patient/p1")],
    [("patient", "p0"), ("subject:Patient", "p1")],
    [("patient", "nobody")],
    [("patient.identifier", "urn:mrn|p0")],
    [("subject:Patient.identifier", "p1,p4,nobody"), ("patient", "p1,p4")],
    [("patient._id", "p0,p2,p5")],
)
PERFORMED: tuple[Pairs, ...] = (
    [("performer", "Patient/p0")],
    [("performer:Patient", "p1,p2")],
    [("patient", "p0,p1"), ("performer", "Patient/p2")],
    [("performer", "Patient/p4"), ("patient", "p5")],
)
CHAINED = ("patient:Patient._id", "p1,p2")
WHAT: tuple[Pairs, ...] = (
    [],
    [("code", "x")],
    [("code", "urn:a|x,y")],
    [("code:not", "x")],
    [("status", "final"), ("value-quantity", "gt1")],
    [("date:missing", "true")],
    [("date:missing", "false")],
    [("date", "2024-01-01")],
    [("date", "ge2024-01-01"), ("date", "lt2024-06-16")],
    [("date", "eb2024-06"), ("code", "y")],
    [("_id", "m1,m2,m3,m4,m5,m6,m7,m8,m9,m10,m11,m12")],
    [CHAINED, ("code", "z")],
)
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
SORTS = ("", "date", "-date", "date,_id", "-date,-_id", "value-quantity,-date")


def _in_order(oracle: Oracle, found: list[Resource], sort: str) -> list[str]:
    """The names in the order asked for, then in that of their making; without a value last whichever way."""
    keys = [(k.removeprefix("-"), k.startswith("-")) for k in (sort or "-date").split(",")]

    def compared(one: Resource, other: Resource) -> int:
        for code, down in keys:
            a, b = (oracle.sort_key(r, code, down=down) for r in (one, other))
            if a != b:
                return (1 if a is None else -1) if a is None or b is None else (1 if (a > b) != down else -1)
        return 0

    return [f"{r['resourceType']}/{r['id']}" for r in sorted(found, key=cmp_to_key(compared))]


async def _pages(desk: Desk, login: str, asked: Pairs) -> list[list[str]]:
    bundle = await desk.found(login, "Observation", asked)
    pages = [ids(bundle)]
    while url := following(bundle):
        bundle = (await desk.ask(login, "GET", url))[1]
        pages.append(ids(bundle))
    return pages


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize("who", [*WHO, *PERFORMED], ids=str)
async def test_the_same_answers_as_the_book(records: Records, login: str, who: Pairs) -> None:
    oracle = records.oracles[login]
    for what in WHAT:
        expected = _in_order(oracle, oracle.search("Observation", [*who, *what]), "")
        every = [*who, *what, ("_count", "1000"), ("_total", "accurate")]
        bundle = await records.desk.found(login, "Observation", every)
        assert (ids(bundle), bundle["total"]) == (expected, len(expected)), every


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize("sort", SORTS)
async def test_pages_in_any_order(records: Records, login: str, sort: str) -> None:
    oracle = records.oracles[login]
    for who in (*WHO[:5], WHO[8]):
        expected = _in_order(oracle, oracle.search("Observation", who), sort)
        for size in (1, 7):
            asked = [*who, ("_count", str(size)), *([("_sort", sort)] if sort else [])]
            pages = await _pages(records.desk, login, asked)
            assert list(chain(*pages)) == expected, (who, sort, size)
            assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("asked", ["2023", "2024", "2024-01-01", "2024-06-15", "2026-01-31T00:00Z"])
async def test_dates(records: Records, prefix: str, asked: str) -> None:
    for login, who in (("loader", []), ("loader", [("patient", "p1")]), ("citizen", [])):
        pairs = [*who, ("date", prefix + asked)]
        expected = _in_order(records.oracles[login], records.oracles[login].search("Observation", pairs), "")
        bundle = await records.desk.found(login, "Observation", [*pairs, ("_count", "1000")])
        assert ids(bundle) == expected, pairs


@pytest.mark.parametrize("login", READERS)
async def test_a_type_whose_patient_and_subject_are_one(records: Records, login: str) -> None:
    oracle = records.oracles[login]
    for who in WHO[:6]:
        for sort in ("onset-date", "-onset-date"):
            expected = _in_order(oracle, oracle.search("Condition", who), sort)
            bundle = await records.desk.found(login, "Condition", [*who, ("_sort", sort), ("_count", "99")])
            assert ids(bundle) == expected, (who, sort)


class Listening:
    """A connection that remembers what was asked of it."""

    def __init__(self, conn: Any) -> None:
        self.conn = conn
        self.last: tuple[Any, ...] = ()

    async def fetch(self, *asked: Any) -> list[Any]:
        self.last = asked
        return list(await self.conn.fetch(*asked))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)


def _rows_read(plan: Resource) -> int:
    """The rows that the scans of `res` in a plan gave, as it ran."""
    inner = sum(_rows_read(part) for part in plan.get("Plans", []))
    return inner + int(plan["Actual Rows"] * plan["Actual Loops"] * (plan.get("Relation Name") == "res"))


@pytest.mark.parametrize("sort", ["", "date", "-date"])
async def test_a_page_reads_no_more_of_a_long_record_than_it_shows(desk: Desk, sort: str) -> None:
    patient, _ = await scale(desk, Random(31), 400)
    store = desk.house.store
    await store.analyse()
    order = [("_sort", sort)] if sort else []
    asked = [("patient", patient), ("status", "final"), ("_count", "10"), *order]
    query = parse("Observation", asked, registry=store.registry)
    async with store.planned.acquire() as conn:
        heard = Listening(conn)
        page = await Reader(heard, desk.system().store.sight, store.keys, store.mark).search(query)
        text, *args = heard.last
        plan = await conn.fetchval(f"explain (analyze, format json) {text}", *args)
    assert len(page.rows) == 10
    assert _rows_read(json.loads(plan)[0]["Plan"]) <= 40


async def test_what_is_planned_once_keeps_its_plan_and_all_connections_are_within_the_setting(
    records: Records,
) -> None:
    house = records.desk.house
    store = house.store
    assert await store.planned.fetchval("show plan_cache_mode") == "force_generic_plan"
    assert await store.pool.fetchval("show plan_cache_mode") == "auto"
    assert store.pool.get_max_size() + store.planned.get_max_size() == house.settings.pool_size
    before = await _plans(store)
    bundle = await records.desk.found("doctor", "Observation", [("patient", CITIZEN), ("_count", "1")])
    assert len(ids(bundle)) == 1
    assert await _plans(store) > before


@pytest.mark.parametrize(("code", "once"), [("family=x", True), ("gender=male", False), ("_id=p1", True)])
async def test_a_chain_is_planned_anew_only_for_codes(records: Records, code: str, once: bool) -> None:
    """Of which some are frequent: whatever else it leads to is found first."""
    name, _, value = code.partition("=")
    store = records.desk.house.store
    heard = Listening(store.planned)
    reader = Reader(store.pool, records.desk.system().store.sight, store.keys, store.mark, heard)
    asked = [(f"performer:Patient.{name}", value)]
    await reader.search(parse("Observation", asked, registry=store.registry))
    assert bool(heard.last) == once


_RUNS = "select sum(generic_plans)::int from pg_prepared_statements"


async def _plans(store: Any) -> int:
    """How often the connections of `planned` that are at rest have run a plan for any values."""
    held = [await store.planned.acquire() for _ in range(store.planned.get_max_size())]
    try:
        return sum(
            [
                await c.fetchval("select sum(generic_plans)::int from pg_prepared_statements") or 0
                for c in held
            ]
        )
    finally:
        for conn in held:
            await store.planned.release(conn)


async def test_a_rare_code_is_not_looked_for_one_by_one(desk: Desk) -> None:
    """Whatever was asked before under the same form: of a population, the plan follows the code."""
    await scale(desk, Random(32), 400)
    store = desk.house.store
    await store.analyse()
    sight = desk.system().store.sight
    plans = []
    async with store.pool.acquire() as conn:
        for status in (*["final"] * 8, "entered-in-error"):
            heard = Listening(conn)
            query = parse("Observation", [("status", status)], registry=store.registry)
            await Reader(heard, sight, store.keys, store.mark).search(query)
            text, *args = heard.last
            async with planned_anew(conn):
                plans.append(await conn.fetchval(f"explain (analyze, format json) {text}", *args))
        generic = "select generic_plans from pg_prepared_statements where statement = $1"
        assert await conn.fetchval(generic, text) == 0
    assert "res_terms" not in plans[0] and "res_terms" in plans[-1]
