"""A change by who was recognised a moment ago: a look, and one statement that proves what was seen."""

import asyncio
import json
from typing import Any

import pytest

from aubier.store.indexing import advance, ask_again, progress
from aubier.store.writing import Finder
from tests.contract.conftest import Api
from tests.contract.test_known_lately import looked_up
from tests.contract.test_written_at_once import Resource, bundle, carer, rate, statements

__all__ = ["looked_up", "statements"]
_HELD = "for update of m"


def note(text: str) -> Resource:
    """What a JSON Patch adds."""
    return {"note": [{"text": text}]}


async def measured(api: Api, patient: str, login: str) -> str:
    """The id of a new measurement."""
    answer = await api.ask("POST", "Observation", rate(patient), as_=login)
    return str(json.loads(answer.content)["id"])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "transaction"])
async def test_a_change_is_a_look_and_a_statement(
    api: Api, method: str, looked_up: list[str], statements: list[str]
) -> None:
    patient, login = await carer(api)
    logical = await measured(api, patient, login)
    path, body = f"Observation/{logical}", rate(patient, id=logical, **note("changed"))
    looked_up.clear(), statements.clear()
    if method == "transaction":
        whole = bundle(("PUT", path, body), ("POST", "Observation", rate(patient)))
        answer = await api.ask("POST", "", whole, as_=login)
    else:
        answer = await api.ask(method, path, body if method == "PUT" else None, as_=login)
    assert answer.status_code in (200, 204), answer.text
    assert looked_up == []
    assert len(statements) == 2, statements
    versions = await api.house.store.pool.fetchval("select count(*) from hist where id = $1", logical)
    assert versions == (2 if method == "DELETE" else 1)


async def test_a_move_to_another_record_asks_what_lives_with_it_too(api: Api, statements: list[str]) -> None:
    patient, login = await carer(api)
    other, pool = await api.person(), api.house.store.pool
    key = await pool.fetchval("select actor from grants where basis = 'stated' order by gid desc limit 1")
    await api.give(other, key, rights="rw")
    assert (await api.ask("POST", "Observation", rate(other), as_=login)).status_code == 201
    logical = await measured(api, patient, login)
    statements.clear()
    await api.good("PUT", f"Observation/{logical}", rate(other, id=logical), as_=login)
    assert len(statements) == 3, statements
    for whose, there in ((patient, False), (other, True)):
        page = await api.good("GET", f"Observation?patient={whose}&_id={logical}", as_=login)
        assert bool(page.get("entry")) is there
    assert len((await api.good("GET", f"Observation/{logical}/_history", as_=login))["entry"]) == 2


@pytest.fixture
def between(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What happens once between the look of a change and its statement."""
    coming: list[Any] = []
    look = Finder._looked_at

    async def looking(self: Finder, step: Any) -> bool:
        found = await look(self, step)
        if coming:
            await coming.pop()()
        return found

    monkeypatch.setattr(Finder, "_looked_at", looking)
    return coming


async def test_a_version_that_came_between_is_not_lost(api: Api, between: list[Any]) -> None:
    patient, login = await carer(api)
    logical = await measured(api, patient, login)
    path = f"Observation/{logical}"

    between.append(lambda: api.good("PUT", path, rate(patient, id=logical, **note("between")), as_=login))
    await api.good("PUT", path, rate(patient, id=logical, **note("last")), as_=login)
    history = await api.good("GET", f"{path}/_history", as_=login)
    told = [e["resource"].get("note", [{}])[0].get("text") for e in history["entry"]]
    assert told == ["last", "between", None]


async def test_what_is_asked_of_a_version_is_asked_again(api: Api, between: list[Any]) -> None:
    patient, login = await carer(api)
    logical = await measured(api, patient, login)
    path = f"Observation/{logical}"

    between.append(lambda: api.good("PUT", path, rate(patient, id=logical, **note("between")), as_=login))
    body = rate(patient, id=logical, **note("last"))
    answer = await api.ask("PUT", path, body, as_=login, headers={"If-Match": 'W/"1"'})
    assert answer.status_code == 412
    kept = await api.good("GET", path, as_=login)
    assert (kept["meta"]["versionId"], kept["note"]) == ("2", [{"text": "between"}])


async def test_who_deleted_it_between_is_not_undone(api: Api, between: list[Any]) -> None:
    patient, login = await carer(api)
    logical = await measured(api, patient, login)
    path = f"Observation/{logical}"

    async def other() -> None:
        assert (await api.ask("DELETE", path, as_=login)).status_code == 204

    between.append(other)
    answer = await api.ask("PUT", path, rate(patient, id=logical), as_=login)
    assert answer.status_code in (404, 410)
    assert (await api.ask("GET", path, as_=login)).status_code == 410


async def test_a_row_that_is_held_is_waited_for(api: Api) -> None:
    patient, login = await carer(api)
    logical = await measured(api, patient, login)
    async with api.house.store.pool.acquire() as conn, conn.transaction():
        await conn.execute("select 1 from id_map where id = $1 for update", logical)
        body = rate(patient, id=logical, **note("waits"))
        change = asyncio.create_task(api.ask("PUT", f"Observation/{logical}", body, as_=login))
        done, _ = await asyncio.wait({change}, timeout=0.3)
        assert not done
    assert (await change).status_code == 200


async def test_a_version_is_held_before_it_is_read_while_rows_are_made(
    api: Api, statements: list[str]
) -> None:
    patient, login = await carer(api)
    logical = await measured(api, patient, login)
    path, body = f"Observation/{logical}", rate(patient, id=logical, **note("walked"))
    assert await ask_again(api.house.store.pool, ["Observation"])
    try:
        statements.clear()
        await api.good("PUT", path, body, as_=login)
        assert any(_HELD in sql for sql in statements)
    finally:
        while await progress(api.house.store.pool):
            await advance(api.house.store)
    statements.clear()
    await api.good("PUT", path, {**body, "status": "amended"}, as_=login)
    assert not any(_HELD in sql for sql in statements)


async def test_a_walk_begins_when_who_could_not_know_of_it_has_ended(api: Api) -> None:
    """A change that looked before the walk was asked for must not end after the walk has read."""
    patient, login = await carer(api)
    await measured(api, patient, login)
    store = api.house.store
    async with store.standing.acquire() as conn, conn.transaction():
        await conn.fetchval("select version from indexing_state")  # as every statement that writes
        assert await ask_again(store.pool, ["Observation"])
        walk = asyncio.create_task(advance(store))
        done, _ = await asyncio.wait({walk}, timeout=0.5)
        (before,) = await progress(store.pool)
        assert (done, before.done) == (set(), 0)
    assert await walk
    while await progress(store.pool):
        await advance(store)
