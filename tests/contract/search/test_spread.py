"""Numbers that are spread from one end to another: Ranges and samples.

Rule: FHIR R4 4.0.1, search 3.1.1.4.5.
"""

from collections.abc import AsyncIterator, Callable

import pytest

from aubier.store.opening.reindexing import reindex
from tests.contract.desk import Desk, Resource, ids, opened

A_YEAR = {"unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
FIVE, TEN = ({"value": value, **A_YEAR} for value in (5, 10))
PERSON = {"reference": "Patient/p"}


def _seen(logical: str, **value: Resource) -> Resource:
    code = {"coding": [{"system": "urn:c", "code": "seen"}]}
    row = {"resourceType": "Observation", "id": logical, "status": "final", "code": code, "subject": PERSON}
    return {**row, **value}


def _had(logical: str, **ends: Resource) -> Resource:
    return {"resourceType": "Condition", "id": logical, "subject": PERSON, "onsetRange": ends}


WAVE = {"origin": {"value": 7, **A_YEAR}, "period": 1, "dimensions": 1, "data": "-2 1 3"}
HELD: list[Resource] = [
    {"resourceType": "Patient", "id": "p"},
    _had("both", low=FIVE, high=TEN),
    _had("low", low=FIVE),
    _had("high", high=TEN),
    _had("same", low=FIVE, high=FIVE),
    {
        "resourceType": "RiskAssessment",
        "id": "risk",
        "status": "final",
        "subject": PERSON,
        "prediction": [{"probabilityRange": {"low": {"value": 5}, "high": {"value": 10}}}],
    },
    _seen("wave", valueSampledData=WAVE),
    _seen("seven", valueQuantity={"value": 7, **A_YEAR}),
]
FOUND = {
    "5": {"same"},
    "7": set(),
    "1e1": {"both", "same"},
    "ne5": {"both", "low", "high"},
    "gt4": {"both", "low", "high", "same"},
    "gt7": {"both", "low", "high"},
    "gt10": {"low"},
    "ge10": {"both", "low", "high"},
    "lt5": {"high"},
    "lt7": {"both", "low", "high", "same"},
    "le5": {"both", "low", "high", "same"},
    "le4": {"high"},
    "sa4": {"both", "low", "same"},
    "sa5": set(),
    "eb11": {"both", "high", "same"},
    "eb10": {"same"},
    "ap5": {"both", "low", "high", "same"},
    "ap20": {"low"},
}
"""Of a Range from 5 to 10, of one that begins or ends there, and of one from 5 to 5."""


@pytest.fixture(scope="module")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with opened(database, tmp_path_factory.mktemp("house"), {}) as desk:
        for row in HELD:
            status, told = await desk.ask("loader", "PUT", f"{row['resourceType']}/{row['id']}", row)
            assert status == 201, told
        yield desk


async def _found(desk: Desk, kind: str, *pairs: tuple[str, str]) -> set[str]:
    return {name.partition("/")[2] for name in ids(await desk.found("loader", kind, list(pairs)))}


@pytest.mark.parametrize(("asked", "expected"), FOUND.items())
@pytest.mark.parametrize("within", [(), (("patient", "p"),)], ids=("everybody", "a record"))
async def test_a_range_is_found_from_end_to_end(
    desk: Desk, asked: str, expected: set[str], within: tuple[tuple[str, str], ...]
) -> None:
    assert await _found(desk, "Condition", ("onset-age", f"{asked}||a"), *within) == expected
    risky = {"risk"} if "both" in expected else set()
    assert await _found(desk, "RiskAssessment", ("probability", asked), *within) == risky


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("7", {"seven"}),
        ("gt8", {"wave"}),
        ("lt6", {"wave"}),
        ("ge7", {"wave", "seven"}),
        ("gt10", set()),
        ("sa4", {"wave", "seven"}),
        ("eb8", {"seven"}),
    ],
)
async def test_samples_are_found_from_the_lowest_to_the_highest(
    desk: Desk, asked: str, expected: set[str]
) -> None:
    """Alone, and beside the code under which the number of a measurement is posted; a composite compares the
    Quantity alone.
    """
    value = ("value-quantity", f"{asked}||a")
    assert await _found(desk, "Observation", value) == expected
    assert await _found(desk, "Observation", value, ("code", "seen")) == expected
    together = ("code-value-quantity", f"seen${asked}||a")
    assert await _found(desk, "Observation", together) == expected - {"wave"}


async def test_the_number_that_an_older_release_posted_beside_a_code_goes(desk: Desk) -> None:
    """It posted the origin of samples: with both, the same resource would be told twice."""
    asked = [("code", "seen"), ("_sort", "-_lastUpdated")], [("code", "seen"), ("value-quantity", "lt6||a")]
    before = [ids(await desk.found("loader", "Observation", each)) for each in asked]
    posted = await desk.sql("select term, v from post order by term, v")
    await desk.sql("update post set v = 7 where v = 'infinity'")
    await desk.sql("update store_meta set value = '11' where key = 'index'")
    store = desk.house.store
    async with store.pool.acquire() as conn:
        await reindex(conn, store.index)
    assert [tuple(row) for row in await desk.sql("select term, v from post order by term, v")] == [
        tuple(row) for row in posted
    ]
    assert [ids(await desk.found("loader", "Observation", each)) for each in asked] == before
