"""Links: chains and reverse chains of any depth, lists; what they reveal, and what they read."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from aubier.search.query import parse
from aubier.store.intent import Grant
from aubier.store.reading import Reader
from tests.contract.desk import Desk, ids, opened
from tests.contract.search.questions import Pairs
from tests.contract.search.test_paging import put, scale
from tests.contract.search.test_records import Listening, _rows_read
from tests.open_house import DOCTOR

Resource = dict[str, Any]


def _encounter(logical: str, patient: str, status: str = "finished", part_of: str = "") -> Resource:
    return {
        "resourceType": "Encounter",
        "id": logical,
        "status": status,
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
        **({"partOf": {"reference": f"Encounter/{part_of}"}} if part_of else {}),
    }


def _seen(logical: str, patient: str, encounter: str) -> Resource:
    return {
        "resourceType": "Observation",
        "id": logical,
        "status": "final",
        "code": {"coding": [{"code": "x"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/{encounter}"},
    }


def _list(logical: str, patient: str, *items: str) -> Resource:
    return {
        "resourceType": "List",
        "id": logical,
        "status": "current",
        "mode": "working",
        "subject": {"reference": f"Patient/{patient}"},
        "entry": [{"item": {"reference": item}} for item in items],
    }


@pytest.fixture(scope="module")
async def linked(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """Two records: the doctor has `open`, where a few resources name what is in `shut`."""
    doctor = replace(DOCTOR, scopes=("user/*.cruds",))
    async with opened(database, tmp_path_factory.mktemp("house"), {"doctor": doctor}) as desk:
        await put(
            desk,
            {"resourceType": "Patient", "id": "open", "name": [{"family": "Ouvert"}]},
            {"resourceType": "Patient", "id": "shut", "name": [{"family": "Fermé"}]},
            _encounter("day", "open"),
            _encounter("hour", "open", "in-progress", "day"),
            _encounter("minute", "open", "planned", "hour"),
            _encounter("hidden", "shut", "cancelled"),
            _seen("plain", "open", "minute"),
            _seen("crossed", "open", "hidden"),
            _seen("other", "shut", "day"),
            _list("mine", "open", "Observation/plain", "Observation/other", "Encounter/day"),
            _list("theirs", "shut", "Observation/crossed", "Encounter/hour"),
        )
        await desk.system().store.grant(Grant("open", doctor.keys[0], "treating-doctor", "r", since=1))
        yield desk


PATIENT = ("patient", "open")
DEEP: list[tuple[str, Pairs, set[str], set[str]]] = [
    ("Observation", [("encounter.part-of.part-of.status", "finished")], {"plain"}, {"plain"}),
    ("Observation", [("encounter.part-of.part-of._id", "day"), PATIENT], {"plain"}, {"plain"}),
    ("Observation", [("encounter.patient.family", "Ouvert")], {"plain", "other"}, {"plain"}),
    ("Encounter", [("_has:Encounter:part-of:_has:Encounter:part-of:status", "planned")], {"day"}, {"day"}),
    ("Encounter", [("part-of._has:Encounter:part-of:status", "in-progress")], {"hour"}, {"hour"}),
    ("Encounter", [("_has:Observation:encounter:encounter.status", "finished")], {"day"}, set()),
    ("Patient", [("_has:Encounter:patient:part-of.part-of.status", "finished")], {"open"}, {"open"}),
    (
        "Patient",
        [("_has:Encounter:patient:_has:Observation:encounter:code", "x")],
        {"open", "shut"},
        {"open"},
    ),
    # What is hidden is absent, whichever way a search goes through it.
    ("Observation", [("encounter.status", "cancelled")], {"crossed"}, set()),
    ("Observation", [("encounter.status", "cancelled"), PATIENT], {"crossed"}, set()),
    ("Observation", [("encounter.patient.family", "Fermé")], {"crossed"}, set()),
    ("Encounter", [("_has:Observation:encounter:patient.family", "Fermé")], {"day"}, set()),
    ("Observation", [("_filter", "encounter.status eq cancelled")], {"crossed"}, set()),
    (
        "Observation",
        [("_filter", "not(encounter.status eq cancelled)")],
        {"plain", "other"},
        {"plain", "crossed"},
    ),
    (
        "Observation",
        [("_filter", "patient eq Patient/open and encounter.part-of.status eq in-progress")],
        {"plain"},
        {"plain"},
    ),
    ("Observation", [("_has:List:item:status", "current")], {"plain", "crossed", "other"}, {"plain"}),
    ("Observation", [("_list", "mine")], {"plain", "other"}, {"plain"}),
    ("Observation", [("_list", "mine"), PATIENT], {"plain"}, {"plain"}),
    ("Observation", [("_list", "theirs")], {"crossed"}, set()),
    ("Encounter", [("_list", "mine,theirs")], {"day", "hour"}, {"day"}),
    ("Patient", [("_list", "mine")], set(), set()),
    ("Observation", [("_list", "nothing")], set(), set()),
]


@pytest.mark.parametrize(
    ("kind", "asked", "every", "own"), DEEP, ids=lambda v: str(sorted(v) if isinstance(v, set) else v)
)
async def test_each_sees_their_own_side(
    linked: Desk, kind: str, asked: Pairs, every: set[str], own: set[str]
) -> None:
    for login, expected in (("loader", every), ("doctor", own)):
        bundle = await linked.found(login, kind, [*asked, ("_total", "accurate")])
        assert {name.partition("/")[2] for name in ids(bundle)} == expected, login
        assert bundle["total"] == len(expected)


async def test_lists_that_are_computed_are_refused(linked: Desk) -> None:
    status, told = await linked.ask("loader", "GET", "Condition?_list=$current-problems")
    assert (status, told["issue"][0]["expression"]) == (400, ["http._list"])


@pytest.mark.parametrize(
    "asked",
    [
        "Schedule?actor:Patient.family=Ouvert",
        "Schedule?_filter=actor:Patient.family eq Ouvert",
        "Schedule?_filter=not(_id eq a or (active eq true and actor:Patient.family eq Ouvert))",
        "Practitioner?_list=mine",
        "Organization?_has:Encounter:service-provider:_has:Observation:encounter:code=x",
    ],
)
async def test_the_directory_tells_nothing_of_patients(linked: Desk, asked: str) -> None:
    status, told = await linked.ask("doctor", "GET", asked)
    assert (status, told["issue"][0]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "way",
    [
        ("encounter.status", "finished"),
        ("encounter.part-of:Encounter.class", "AMB"),
        ("_has:List:item:status", "current"),
        ("_has:List:item:patient.family", "Nobody"),
        ("_list", "some"),
        ("code-value-quantity", "poids$gt5"),
        ("code:not", "poids"),
        ("_filter", "code ne poids and (encounter.status eq finished or not(encounter.class eq AMB))"),
    ],
    ids=str,
)
async def test_links_of_one_record_are_looked_for_in_it(desk: Desk, way: tuple[str, str]) -> None:
    patient, _ = await scale(desk, Random(41), 6)
    other, _ = await scale(desk, Random(42), 300)
    await put(desk, *(_encounter(f"{other}-e{n}", other) for n in range(150)))
    await put(desk, *(_list(f"{other}-l{n}", other, f"Observation/{other}-x{n}") for n in range(150)))
    await put(desk, _encounter(f"{patient}-e", patient), _seen(f"{patient}-o", patient, f"{patient}-e"))
    store = desk.house.store
    await store.analyse()
    query = parse("Observation", [("patient", patient), way], registry=store.registry)
    async with store.pool.acquire() as conn:
        heard = Listening(conn)
        await Reader(heard, desk.system().store.sight, store.keys, store.mark).search(query)
        text, *args = heard.last
        await conn.execute("set plan_cache_mode = force_generic_plan")
        plan = await conn.fetchval(f"explain (analyze, format json) {text}", *args)
        await conn.execute("reset plan_cache_mode")
    assert _rows_read(json.loads(plan)[0]["Plan"]) <= 40
