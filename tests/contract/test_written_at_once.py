"""A write by who was recognised a moment ago is one statement, which proves all that was not asked again."""

import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from aubier.rest.formats.bodies import Body
from aubier.store.pool import _PlainConnection
from aubier.store.writing import Writer
from tests.contract.conftest import Api
from tests.contract.test_known_lately import ENDS, known, looked_up

__all__ = ["looked_up"]
Resource = dict[str, Any]


def rate(patient: str, **more: Any) -> Resource:
    """A measurement."""
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    about = {"subject": {"reference": f"Patient/{patient}"}, "status": "final", "code": code}
    return {"resourceType": "Observation", **about, **more}


def bundle(*entries: tuple[str, str, Resource | None]) -> Resource:
    """A transaction of (method, url, resource)."""
    rows = [
        {"request": {"method": method, "url": url}, **({"resource": body} if body else {})}
        for method, url, body in entries
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": rows}


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the database is asked, and where transactions begin and end."""
    asked: list[str] = []
    run, execute = asyncpg.Connection._execute, asyncpg.Connection.execute

    async def running(self: Any, query: str, *args: Any, **options: Any) -> Any:
        asked.append(query)
        return await run(self, query, *args, **options)

    async def executing(self: Any, query: str, *args: Any, **options: Any) -> Any:
        asked.append(query)
        return await execute(self, query, *args, **options)

    monkeypatch.setattr(_PlainConnection, "_execute", running, raising=False)
    monkeypatch.setattr(_PlainConnection, "execute", executing, raising=False)
    return asked


async def carer(api: Api) -> tuple[str, str]:
    """A Patient, and the login of a professional who cares for them and was recognised."""
    key, login = await api.professional()
    patient = await api.person()
    await api.give(patient, key, rights="rw")
    for _ in range(2):
        await known(api, login, f"Patient/{patient}")
        assert (await api.ask("POST", "Observation", rate(patient), as_=login)).status_code == 201
    return patient, login


async def test_a_create_and_a_transaction_are_one_statement(
    api: Api, looked_up: list[str], statements: list[str]
) -> None:
    patient, login = await carer(api)
    posts = [("POST", "Observation", rate(patient))] * 3
    for path, body in (("Observation", rate(patient)), ("", bundle(*posts))):
        await api.ask("POST", path, body, as_=login)  # numbers of rows are taken by the thousand
        looked_up.clear(), statements.clear()
        answer = await api.ask("POST", path, body, as_=login)
        assert answer.status_code in (200, 201), answer.text
        assert looked_up == []
        assert len(statements) == 1, statements


WRITES: dict[str, Callable[[str, str], tuple[str, str, Resource | None]]] = {
    "create": lambda patient, logical: ("POST", "Observation", rate(patient)),
    "update": lambda patient, logical: ("PUT", f"Observation/{logical}", rate(patient, id=logical)),
    "delete": lambda patient, logical: ("DELETE", f"Observation/{logical}", None),
    "transaction": lambda patient, logical: ("POST", "", bundle(("POST", "Observation", rate(patient)))),
    "batch": lambda patient, logical: (
        "POST",
        "",
        {**bundle(("POST", "Observation", rate(patient))), "type": "batch"},
    ),
    "condition": lambda patient, logical: (
        "PUT",
        f"Observation?_id={logical}&code=8867-4",
        rate(patient),
    ),
}


_REVOKED = "its grant is revoked"


@pytest.mark.parametrize(
    ("end", "write"),
    [(_REVOKED, write) for write in WRITES]
    + [(end, "create") for end in ENDS if end != _REVOKED and "session" not in end],
)
async def test_what_ended_writes_nothing(api: Api, end: str, write: str) -> None:
    patient, login = await carer(api)
    logical = json.loads((await api.ask("POST", "Observation", rate(patient), as_=login)).content)["id"]
    gid = await known(api, login, f"Patient/{patient}")
    method, path, body = WRITES[write](patient, logical)
    keys = await api.house.store.pool.fetch("select * from signon_key")
    before = await api.counts(), await api.last_line()
    await api.house.store.pool.execute(ENDS[end], gid)
    try:
        assert (await api.ask(method, path, body, as_=login)).status_code == 401
        assert await api.counts() == before[0]
        assert [line for line in await api.lines(before[1]) if line["outcome"] == "ok"] == []
    finally:
        for key in keys:
            await api.house.store.pool.execute(
                "insert into signon_key values ($1, $2, $3, $4, $5) on conflict (kid)"
                " do update set retired_at = excluded.retired_at",
                *key.values(),
            )


async def test_who_was_shut_out_has_no_second_body_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    patient, login = await carer(api)
    gid = await known(api, login, f"Patient/{patient}")
    await api.house.store.pool.execute(ENDS[_REVOKED], gid)
    read, bodies = Body._parts, list[int]()

    async def reading(self: Body) -> bytes:
        found = await read(self)
        bodies.append(len(found))
        return found

    monkeypatch.setattr(Body, "_parts", reading)
    for _ in range(3):
        assert (await api.ask("POST", "Observation", rate(patient), as_=login)).status_code == 401
    assert len(bodies) == 1


async def test_a_right_that_ended_is_told_as_before(api: Api) -> None:
    key, login = await api.professional()
    patient = await api.person()
    await api.give(patient, key, rights="rw")
    assert (await api.ask("POST", "Observation", rate(patient), as_=login)).status_code == 201
    await known(api, login, "Practitioner")
    await api.take(patient, key)
    before = await api.last_line()
    answer = await api.ask("POST", "Observation", rate(patient), as_=login)
    assert answer.status_code in (403, 404)
    assert [line["outcome"] for line in await api.lines(before)] == ["not-found"]


async def test_a_transaction_that_reads_writes_once(api: Api) -> None:
    patient, login = await carer(api)
    before = await api.counts()
    body = bundle(("POST", "Observation", rate(patient)), ("GET", f"Patient/{patient}", None))
    answer = await api.ask("POST", "", body, as_=login)
    assert [e["response"]["status"] for e in answer.json()["entry"]] == ["201 Created", "200 OK"]
    after = await api.counts()
    assert (after["res"] - before["res"], after["hist"] - before["hist"]) == (1, 0)


async def test_where_a_patient_is_is_proved_by_the_statement(api: Api) -> None:
    """A place that is remembered wrongly, even one where the same actor may write, receives nothing."""
    patient, login = await carer(api)
    other, pool = await api.person(), api.house.store.pool
    key = await pool.fetchval("select actor from grants where basis = 'stated' order by gid desc limit 1")
    await api.give(other, key, rights="rw")
    place = "select pat from id_map where type = (select type from id_map where id = $1) and id = $1"
    right, wrong = await pool.fetchval(place, patient), await pool.fetchval(place, other)
    for remembered in (wrong, 1 << 40):
        api.house.store.places.keep(patient, remembered, 200)
        answer = await api.ask("POST", "Observation", rate(patient), as_=login)
        assert answer.status_code == 201, answer.text
        logical = answer.json()["id"]
        assert await pool.fetchval("select pat from id_map where id = $1", logical) == right
        assert api.house.store.places.get(patient) == right


async def test_what_fails_after_the_beginning_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A create that names a Patient not here yet begins its transaction, and undoes it when it is refused."""
    before = await api.counts()

    async def refused(self: Writer, *args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Writer, "_write", refused)
    assert (await api.ask("POST", "Observation", rate("not-here-yet"))).status_code == 500
    assert await api.counts() == before
