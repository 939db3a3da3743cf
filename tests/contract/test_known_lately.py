"""Who was recognised a moment ago is not looked up again, and yet nothing that ended opens anything."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aubier.access.view import Write
from aubier.app import SERVICES
from aubier.ground.standing import Stands
from aubier.referentials.signon import api as signon
from aubier.referentials.signon.tokens.lately import Lately
from aubier.store.exporting.export import Slice
from aubier.store.proof.standing import Unproven
from aubier.store.reading.record import Asked
from aubier.store.reading.statements import Statements
from tests.contract.conftest import START, Api
from tests.contract.test_tokens_at_the_door import parts_of

ENDS = {
    "its grant is revoked": "update signon_grant set revoked_at = now() where gid = $1",
    "its grant is no more": "delete from signon_grant where gid = $1",
    "its account is closed": "update signon_account set active = false where login ="
    " (select login from signon_grant where gid = $1)",
    "its account is no more": "delete from signon_account where login ="
    " (select login from signon_grant where gid = $1)",
    "its session ends": "update signon_session set closed_at = now() where sid in"
    " (select 'of ' || gid from signon_grant where gid = $1)",
    "its key is no more": "delete from signon_key where $1 <> ''",
    "its key is retired since long": "update signon_key set retired_at = '2020-01-01' where $1 <> ''",
}


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that were looked up, one element for each."""
    run, asked = Statements.run, []

    async def counting(self: Statements, name: str, args: Any, conn: Any) -> Any:
        if name == "signon.bearer":
            asked.append(args[1])
        return await run(self, name, args, conn)

    monkeypatch.setattr(Statements, "run", counting)
    return asked


async def known(api: Api, login: str, path: str) -> str:
    """The grant of a login whose token was recognised, and is remembered."""
    for _ in range(3):  # each opening of a connection forgets it
        assert (await api.ask("GET", path, as_=login)).status_code == 200
    return str(json.loads(parts_of(await api.token(login))[1])["gid"])


async def bound_to_a_session(api: Api, gid: str) -> None:
    """The grant as one of a browser's session."""
    await api.house.store.pool.execute(
        "with s as (insert into signon_session select 'of ' || $1, 'c' || $1, g.login, 'eidas1',"
        " g.created_at, g.created_at, g.expires_at from signon_grant g where g.gid = $1 returning sid)"
        " update signon_grant set sid = (select sid from s) where gid = $1",
        gid,
    )


async def test_emptied_tables_open_nothing(api: Api) -> None:
    patient, login = await api.citizen()
    await known(api, login, f"Patient/{patient}")
    pool = api.house.store.pool
    async with pool.acquire() as conn:
        await conn.execute("create temp table kept as select * from signon_grant; truncate signon_grant")
        try:
            assert (await api.ask("GET", f"Patient/{patient}", as_=login)).status_code == 401
        finally:
            await conn.execute("insert into signon_grant select * from kept; drop table kept")


async def test_a_read_and_a_search_need_no_second_look(api: Api, looked_up: list[str]) -> None:
    patient, login = await api.citizen()
    gender = "system=http://hl7.org/fhir/administrative-gender&code=female"
    remembered = f"CodeSystem/$lookup?{gender}"
    paths = (f"Patient/{patient}", "Patient", "Observation?code=x", "Patient?_summary=count", remembered)
    for path in paths:
        await known(api, login, path)
    looked_up.clear()
    for path in paths:
        assert (await api.ask("GET", path, as_=login)).status_code == 200
    assert looked_up == []
    await api.ask("GET", f"Patient/{patient}/_history", as_=login)
    assert len(looked_up) == 1


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "path",
    [
        "Patient/{}",
        "Patient?_id={}",
        "Practitioner",
        "Patient?_total=accurate",
        "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender",
    ],
)
async def test_what_ended_opens_nothing(api: Api, end: str, path: str) -> None:
    patient, login = await api.citizen()
    path = path.format(patient)
    gid = await known(api, login, path)
    if "session" in end:
        await bound_to_a_session(api, gid)
        await known(api, login, path)
    before = await api.last_line()
    keys = await api.house.store.pool.fetch("select * from signon_key")
    await api.house.store.pool.execute(ENDS[end], gid)
    try:
        assert (await api.ask("GET", path, as_=login)).status_code == 401
        told = [line for line in await api.lines(before) if line["outcome"] == "ok"]
        assert told == []
    finally:
        for key in keys:
            await api.house.store.pool.execute(
                "insert into signon_key values ($1, $2, $3, $4, $5) on conflict (kid)"
                " do update set retired_at = excluded.retired_at",
                *key.values(),
            )


async def test_what_ends_between_the_two_opens_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token ends after its bearer was recalled, before the question is asked."""
    patient, login = await api.citizen()
    server, recall = api.house.server, api.house.server.recall
    for path in (f"Patient/{patient}", f"Patient?_id={patient}"):
        api.tokens.pop((login, ""), None)
        gid = await known(api, login, path)
        held: list[Any] = []

        def late(headers: Any, now: Any, held: list[Any] = held) -> Any:
            held.append(recall(headers, now))
            return held[-1]

        answer = server.interactions.answer

        async def ended(*args: Any, gid: str = gid, answer: Any = answer) -> Any:
            await api.house.store.pool.execute(ENDS["its grant is revoked"], gid)
            return await answer(*args)

        monkeypatch.setattr(server, "recall", late)
        monkeypatch.setattr(type(server.interactions), "answer", lambda self, *args, e=ended: e(*args))
        assert (await api.ask("GET", path, as_=login)).status_code == 401
        assert held[0] is not None
        monkeypatch.undo()


async def test_gathering_marks_changes_nothing(api: Api, looked_up: list[str]) -> None:
    """Who was recognised before still is, and what ended before stays ended: two may gather at once."""
    patient, login = await api.citizen()
    _, other = await api.citizen()
    gid = await known(api, other, "Patient")
    await known(api, login, f"Patient/{patient}")
    pool = api.house.store.pool
    for _ in range(3):
        await pool.execute("insert into standing (place) select place from standing")
        await pool.execute("insert into standing select place, mark from standing")
    await pool.execute("insert into standing select place, mark from standing")
    await pool.execute(ENDS["its grant is revoked"], gid)
    told = "select place, bit_xor(mark) as mark from standing group by place order by place"
    before = await pool.fetch(told)
    await asyncio.gather(*(api.system.store.run("signon.gather") for _ in range(2)))
    assert await pool.fetch(told) == before
    assert await pool.fetchval("select count(*) from standing") == len(before)
    assert (await api.ask("GET", "Patient", as_=other)).status_code == 401
    assert (await api.ask("GET", f"Patient/{patient}", as_=login)).status_code == 200


async def test_a_changed_account_is_seen_at_once(api: Api) -> None:
    key, login = await api.professional(organization="1", organization_name="Here")
    patient = await api.person()
    await api.give(patient, key)
    await known(api, login, f"Patient/{patient}")
    await api.house.store.pool.execute(
        "update signon_account set organization_name = 'There' where login = $1", login
    )
    before = await api.last_line()
    assert (await api.ask("GET", f"Patient/{patient}", as_=login)).status_code == 200
    assert [line["org"] for line in await api.lines(before)] == ["1 There"]


async def test_refusals_are_told_once_and_as_before(api: Api) -> None:
    patient, login = await api.citizen()
    other = await api.person()
    await known(api, login, f"Patient/{patient}")
    for path, status, told in (
        (f"Patient/{other}", 404, [("read", "not-found")]),
        ("Patient/none", 404, [("read", "not-found")]),
        ("Patient?nonsense=1", 400, []),
        ("Nothing/1", 404, []),
    ):
        before = await api.last_line()
        assert (await api.ask("GET", path, as_=login)).status_code == status
        assert [(line["action"], line["outcome"]) for line in await api.lines(before)] == told


async def test_a_scope_that_does_not_open_is_told_once(api: Api) -> None:
    patient, login = await api.citizen()
    scope = "patient/Patient.r"
    for _ in range(3):
        assert (await api.ask("GET", f"Patient/{patient}", as_=login, scope=scope)).status_code == 200
    before = await api.last_line()
    assert (await api.ask("GET", "Observation", as_=login, scope=scope)).status_code == 403
    assert [line["outcome"] for line in await api.lines(before)] == ["forbidden"]


USES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "history": lambda view: view.history_rows(["Patient"], "p"),
    "vread": lambda view: view.vread_row("Patient", "p", 1),
    "walk": lambda view: view.walk(Asked("Patient", "p", count=1)),
    "export": lambda view: view.export(Slice("Patient", "export", 10)),
    "a write": lambda view: view.transact(
        [Write("create", {"resourceType": "Basic", "code": {"text": "x"}})]
    ),
    "a grant": lambda view: view.grant(),
    "a note": lambda view: view.note("read", "x"),
    "what is not there": lambda view: view.read_row("Patient", "none"),
}


@pytest.mark.parametrize("use", USES)
async def test_who_is_merely_recalled_may_do_nothing_else(api: Api, use: str) -> None:
    actor = api.system.actor
    view = api.house.access.ahead(actor, Stands((1,), 1), START)
    before = await api.counts()
    with pytest.raises(Unproven):
        await USES[use](view)
    assert await api.counts() == before


def test_what_is_recalled_has_an_end(api: Api) -> None:
    actor, stands, later = api.system.actor, Stands((1,), 2), START.replace(hour=10)
    opened = [3]
    lately = Lately(lambda: opened[0])
    lately.keep("t", actor, stands, (START, later), 3)
    assert lately.recall("t", START) == (actor, stands)
    assert lately.recall("t", later) is None
    assert lately.recall("t", START.replace(hour=8)) is None
    assert lately.recall("u", START) is None
    opened[0] = 4
    assert lately.recall("t", START) is None


async def test_every_table_that_tokens_stand_on_leaves_marks(api: Api) -> None:
    """What the one read of a token joins has a trigger for changes, and one for deletions."""
    signon_rows = next(s for s in SERVICES if s.name == "signon").statements
    bearer = next(s.sql for s in signon_rows if s.name == "signon.bearer")
    joined = {word for word in bearer.replace("\n", " ").split() if word.startswith("signon_")}
    rows = await api.house.store.pool.fetch(
        "select event_object_table as t, event_manipulation as e from information_schema.triggers"
        " where action_statement like '%standing_%'"
    )
    assert len(joined) == 5
    assert {(r["t"], r["e"]) for r in rows} == {(t, e) for t in joined for e in ("UPDATE", "DELETE")}


async def test_remembering_is_for_tokens_alone(api: Api) -> None:
    """A session's cookie and nobody are looked up each time."""
    assert api.house.server.recall({"authorization": "Basic eDp5"}, START) is None
    assert api.house.server.recall({}, START) is None
    assert await signon.authenticate(api.system, await api.token("admin"))
