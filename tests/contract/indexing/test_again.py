"""What is stored, indexed again: by order, and once for what older releases did not know of."""

from __future__ import annotations

from typing import Any

import pytest

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.store.bulk import load
from aubier.store.bulk.alone import alone
from aubier.store.indexing import SERVED, advance, ask_again, expect, progress, walking
from aubier.store.pool import Connection
from tests.contract.conftest import Api
from tests.contract.indexing.conftest import coloured, due_rows, kept_rows, parameter, walked

RESERVED = [f"dir_{table}" for table in ("post", "ref", "str")]


async def test_rows_that_were_lost_are_all_made_again(api: Api, monkeypatch: Any) -> None:
    """Cut off in the middle, it goes on from there; at the end every row is there that ought to be."""
    monkeypatch.setattr(walking, "_BATCH", 3)
    pool = api.house.store.pool
    for number in range(12):
        await api.good("POST", "Patient", coloured("green", birthDate=f"19{number + 10}-01-02"))
    await api.good("POST", "Organization", {"resourceType": "Organization", "name": "Kastell"})
    for table in ("post", "dat", "str", *RESERVED):
        await pool.execute(f"delete from {table}")
    await pool.execute("update res set terms = '{}', narrative = '', rest = ''")
    assert await api.ids("Patient?birthdate=1912") == []
    assert await ask_again(pool, ["Organization", "Patient"])
    assert not await ask_again(pool, ["Patient", "Organization"]), "it is under way"
    await advance(api.house.store)
    (walk,) = await progress(pool)
    assert 0 < walk.done < walk.total
    await walked(api)
    assert await progress(pool) == []
    assert await kept_rows(api) == await due_rows(api)
    assert len(await api.ids("Patient?birthdate=1912")) == 1
    assert len(await api.ids("Organization?name=kastell")) == 1


@pytest.mark.parametrize("lost", ["terms = '{}'", "has = 0", "narrative = ''", "rest = ''"])
async def test_one_thing_that_was_lost_is_enough(api: Api, lost: str) -> None:
    words = {
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Kastell</div>'}
    }
    await api.good("POST", "Patient", coloured("green", name=[{"family": "Brug"}], **words))
    before = await kept_rows(api)
    await api.house.store.pool.execute(f"update res set {lost}")
    assert await kept_rows(api) != before
    await ask_again(api.house.store.pool, ["Patient"])
    await walked(api)
    assert await kept_rows(api) == await due_rows(api)


async def test_what_an_older_release_stored_is_served(api: Api) -> None:
    """SearchParameters, of which one cannot be, and a code system: unknown to their tables until now."""
    pool = api.house.store.pool
    good = await api.good("POST", "SearchParameter", parameter("eye-colour"))
    bad = await api.good("POST", "SearchParameter", parameter("other") | {"status": "draft"})
    raw = await pool.fetchrow("select rid from dir_res where id = $1", bad["id"])
    patient = (await api.good("POST", "Patient", coloured("green")))["id"]
    colours = {
        "resourceType": "CodeSystem",
        "url": "http://x.example/old",
        "status": "active",
        "content": "complete",
        "concept": [{"code": "v", "display": "Violet"}],
    }
    system = await api.good("POST", "CodeSystem", colours)
    for table in ("indexing", "terminology_system", "terminology_concept"):
        await pool.execute(f"delete from {table}")
    assert raw is not None
    for name, types in ((SERVED, ["SearchParameter"]), ("terminology-keep", ["CodeSystem"])):
        await expect(pool, name, types)
        await expect(pool, name, types)
    await walked(api)
    assert await api.ids("Patient?eye-colour=green&_count=100") != []
    assert f"Patient/{patient}" in await api.ids("Patient?eye-colour=green&_count=100")
    answer = await api.good("GET", "CodeSystem/$lookup?system=http://x.example/old&code=v")
    assert {"name": "display", "valueString": "Violet"} in answer["parameter"]
    told = await api.good("GET", f"SearchParameter/{bad['id']}/$status")
    assert {"name": "status", "valueCode": "unused"} in told["parameter"][0]["part"]
    assert len((await api.good("GET", "SearchParameter/$status"))["parameter"]) == 1
    await api.good("DELETE", f"CodeSystem/{system['id']}")
    assert good["id"] != bad["id"]


async def test_what_a_load_brings_and_cannot_be_served_is_said(api: Api) -> None:
    view = api.system.store
    clash = parameter("name", id="clash", expression="Patient.name.given", type="string")
    await load(api.house.store, view.sight, [clash, parameter("eye-colour", id="eyes")], view.prepare)
    await walked(api)
    (row,) = (await api.good("GET", "SearchParameter/clash/$status"))["parameter"]
    parts = {p["name"]: next(v for k, v in p.items() if k != "name") for p in row["part"]}
    assert parts["status"] == "unserved"
    assert "Patient already has a parameter name" in parts["reason"]
    assert (await api.ask("GET", "Patient?eye-colour=green")).status_code == 200


async def test_two_loads_of_one_thing_exclude_each_other(api: Api) -> None:
    store = api.house.store
    async with alone(store, "http://x.example/nomenclature|1"):
        with pytest.raises(Problem, match="loaded by somebody else") as refused:
            async with alone(store, "http://x.example/nomenclature|1"):
                raise AssertionError
        async with alone(store, "http://x.example/nomenclature|2"):
            assert refused.value.kind == "lock-error"
    async with alone(store, "http://x.example/nomenclature|1"):
        assert store.pool.get_size() >= 1


async def test_what_a_room_could_not_do_for_a_moment_is_done_again(api: Api) -> None:
    one = await api.good("POST", "Patient", {"resourceType": "Patient"})
    done: list[str] = []
    full = [True]

    async def backfill(conn: Connection, resource: Resource) -> None:
        if full and resource["id"] == one["id"]:
            full.pop()
            raise problem("transient", "There is no room left", "Il n'y a plus de place")
        done.append(resource["id"])

    store = api.house.store
    await expect(store.pool, "moment", ["Patient"])
    with pytest.raises(Problem):
        while await advance(store, {"moment": backfill}):
            pass
    while await advance(store, {"moment": backfill}):
        pass
    assert one["id"] in done
