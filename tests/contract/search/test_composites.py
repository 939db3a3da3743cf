"""Composites whose parts must stand in one element; index rows that an older release did not write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aubier.app import migrations
from aubier.store.opening import reindexing
from aubier.store.store import open_store
from tests.contract.desk import Desk, ids, opened
from tests.contract.search.test_paging import put

Resource = dict[str, Any]


def _sequence(logical: str, *variants: tuple[int, int]) -> Resource:
    return {
        "resourceType": "MolecularSequence",
        "id": logical,
        "coordinateSystem": 0,
        "referenceSeq": {"chromosome": {"coding": [{"system": "urn:c", "code": "7"}]}},
        "variant": [{"start": start, "end": end} for start, end in variants],
    }


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("7$5$9", {"one"}),
        ("urn:c|7$5$9", {"one"}),
        ("urn:d|7$5$9", set()),
        ("8$5$9", set()),
        ("7$ge1$le9", {"one", "two"}),
        ("7$5$20", {"two"}),
        ("7$5$9,7$10$9", {"one", "two"}),
    ],
)
async def test_three_parts_of_one_element(desk: Desk, asked: str, expected: set[str]) -> None:
    await put(desk, _sequence("one", (5, 9), (10, 20)), _sequence("two", (5, 20), (10, 9)))
    found = ids(await desk.found("loader", "MolecularSequence", [("chromosome-variant-coordinate", asked)]))
    assert {name.partition("/")[2] for name in found} == expected


async def test_a_set_that_nobody_finds_is_refused_by_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.house.store, "find_codes", None)
    for name in ("code:in", "code:not-in", "code:below"):
        value = "urn:s|a" if name == "code:below" else "urn:vs"
        status, told = await desk.ask("loader", "GET", f"Observation?{name}={value}")
        assert (status, told["issue"][0]["code"]) == (400, "not-supported")
        assert told["issue"][0]["expression"] == [f"http.{name}"]


HELD: list[Resource] = [
    {"resourceType": "Patient", "id": "p"},
    *(
        {
            "resourceType": "Observation",
            "id": f"o{n}",
            "status": "final",
            "code": {"coding": [{"code": "weight"}]},
            "subject": {"reference": "Patient/p"},
            "valueQuantity": {"value": 60 + n, "unit": "kg"},
        }
        for n in range(5)
    ),
    {"resourceType": "Location", "id": "l", "position": {"latitude": 48, "longitude": 2}},
]
HEAVY, HERE = [("code-value-quantity", "weight$gt62")], [("near", "48.001|2|1|km")]
_TABLES = ("num", "post", "str", "ref", "ident", "dat")


async def test_what_an_older_release_stored_is_found_too(
    database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = database()
    async with opened(lambda: dsn, tmp_path, {}) as desk:
        await put(desk, *HELD)
        told = [await desk.sql(f"select * from {t} order by rid, param") for t in ("num", "dir_num")]
        # As if none of its rows were known: a database of before, and more.
        for table in (*_TABLES, *(f"dir_{t}" for t in _TABLES)):
            await desk.sql(f"delete from {table}")
        await desk.sql("update res set terms = '{}'")
        await desk.sql("delete from store_meta where key = 'index'")
        assert ids(await desk.found("loader", "Observation", HEAVY)) == []
    monkeypatch.setattr(reindexing, "_BATCH", 2)
    with monkeypatch.context() as broken:
        broken.setattr(reindexing, "add_rows", _breaking(reindexing.add_rows))
        with pytest.raises(KeyError, match="in the middle"):
            async with opened(lambda: dsn, tmp_path, {}):
                pytest.fail("it answers before its index is whole")
    async with opened(lambda: dsn, tmp_path, {}) as desk:
        heavy = set(ids(await desk.found("loader", "Observation", HEAVY)))
        assert heavy == {"Observation/o3", "Observation/o4"}
        assert ids(await desk.found("loader", "Location", HERE)) == ["Location/l"]
        every = await desk.found("loader", "Observation", [("code", "weight"), ("status", "final")])
        assert len(ids(every)) == 5
        again = [await desk.sql(f"select * from {t} order by rid, param") for t in ("num", "dir_num")]
        assert list(map(sorted, again)) == list(map(sorted, told))
        assert await desk.sql("select value from store_meta where key = 'index_place'") == []
        assert len(ids(await desk.found("loader", "Observation", [("_content", "weights")]))) == 5
        await desk.sql("update store_meta set value = '3' where key = 'index'")
    async with opened(lambda: dsn, tmp_path, {}) as desk:
        assert await desk.sql("select 1 from str group by rid, param, norm having count(*) > 1") == []
        await desk.sql("update store_meta set value = '3' where key = 'index'")
    heard: list[int] = []
    await (await open_store(dsn, migrations=migrations(), reindexed=heard.append)).close()
    assert len(heard) > 2 and heard == sorted(heard), "whoever waits is told how far it is"


def _breaking(add: Callable[..., Any]) -> Callable[..., Any]:
    """The making of rows, interrupted at the third batch."""
    turns = iter("ok")

    async def made(*given: Any) -> None:
        if next(turns, "") == "":
            raise KeyError("in the middle")
        await add(*given)

    return made
