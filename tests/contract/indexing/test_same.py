"""The index rows of what is stored, compared with what the resources give."""

from __future__ import annotations

from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.store.indexing import Fault, advance, ask_again, faults, take_away
from tests.contract.conftest import Api
from tests.contract.indexing.conftest import coloured, due_rows, kept_rows, parameter, walked

NOBODY = 987_654_321


async def found(api: Api) -> set[Fault]:
    """What differs in the whole database."""
    return {fault async for fault in faults(api.house.store)}


@pytest.fixture
async def two(api: Api) -> tuple[str, str]:
    """A measurement of somebody and an organization, with the rows that they ought to have."""
    patient = (await api.good("POST", "Patient", coloured("green", birthDate="1950-02-03")))["id"]
    weight: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "Poids"},
        "subject": {"reference": f"Patient/{patient}"},
        "identifier": [{"system": "http://x.example/weights", "value": "71"}],
        "focus": [{"reference": "http://other.example/Device/scales"}],
        "effectiveDateTime": "2026-03-04",
        "valueQuantity": {"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    weighed = await api.good("POST", "Observation", weight)
    kastell = await api.good("POST", "Organization", {"resourceType": "Organization", "name": "Kastell"})
    assert await found(api) == set()
    return f"Observation/{weighed['id']}", f"Organization/{kastell['id']}"


@pytest.mark.parametrize(
    ("harm", "of", "told"),
    [
        ("delete from num where rid = $1", 0, ("num", 1, 0)),
        ("delete from post where rid = $1", 0, ("post", 1, 0)),
        ("update post set v = 12 where rid = $1", 0, ("post", 1, 1)),
        ("insert into post select term, k, rid, pat, 12 from post where rid = $1", 0, ("post", 0, 1)),
        ("insert into num select * from num where rid = $1", 0, ("num", 0, 1)),
        ("update res set terms = '{}' where rid = $1", 0, ("res", 1, 1)),
        ("update res set lo = lo - 1 where rid = $1", 0, ("res", 1, 1)),
        ("update dir_str set norm = 'castel' where rid = $1", 1, ("dir_str", 1, 1)),
        ("update post set term = 12 where rid = $1", 0, ("post", 1, 0)),
        ("update post set k = k - 1 where rid = $1", 0, ("post", 1, 0)),
    ],
)
async def test_a_row_that_is_not_as_it_ought_to_be_is_told_and_made_again(
    api: Api, two: tuple[str, str], harm: str, of: int, told: tuple[str, int, int]
) -> None:
    pool = api.house.store.pool
    kind, _, logical = two[of].partition("/")
    prefix = "dir_" if of else ""
    rid = await pool.fetchval(f"select rid from {prefix}res where id = $1", logical)
    await pool.execute(harm, rid)
    assert Fault(two[of], *told) in await found(api)
    assert await ask_again(pool, [kind])
    await walked(api)
    await take_away(pool)
    assert await found(api) == set()
    assert await kept_rows(api) == await due_rows(api)


@pytest.mark.parametrize("table", ["post", "ident", "ref", "str", "dat", "num", "dir_str"])
async def test_rows_of_nobody_are_told_and_taken_away(api: Api, two: tuple[str, str], table: str) -> None:
    pool = api.house.store.pool
    await api.good("PUT", two[0], await api.good("GET", two[0]))
    names = [r["attname"] for r in await pool.fetch(
        "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0"
        " and not attisdropped order by attnum", table)]  # fmt: skip
    listed = ", ".join(str(NOBODY) if name == "rid" else name for name in names)
    await pool.execute(f"insert into {table} ({', '.join(names)}) select {listed} from {table} limit 1")
    assert await found(api) == {Fault("", table, 0, 1)}
    assert await take_away(pool) == 1
    assert await found(api) == set()


async def test_nothing_is_compared_while_rows_are_being_made(api: Api, two: tuple[str, str]) -> None:
    """Those of a parameter that is posted, those that are made again; afterwards they are compared too."""
    await api.good("POST", "SearchParameter", parameter("eye-colour"))
    with pytest.raises(Problem, match="being made") as refused:
        await found(api)
    assert refused.value.kind == "conflict"
    await walked(api)
    assert await found(api) == set()
    assert await ask_again(api.house.store.pool, ["Patient"])
    with pytest.raises(Problem, match="being made"):
        await found(api)
    while await advance(api.house.store, api.house.backfills):
        pass
    assert await found(api) == set(), two
