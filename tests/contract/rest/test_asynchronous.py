"""Any request answered later: asked, followed, answered under the rights of that moment, written once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from aubier.access.actor import system_actor
from aubier.app import may_stand_still
from aubier.fhir import json as fhir_json
from aubier.ground.clock import milliseconds
from aubier.rest.asynchronous import answers, asking, running
from aubier.rest.asynchronous.work import Job, Step, Work
from aubier.rest.deferred.requests import works
from aubier.rest.exchange import Answer
from aubier.store.intent import Revoke
from aubier.store.opening.standing import standing, try_again
from tests.contract.rest.conftest import ACTORS, Api, places

ASYNC = {"prefer": "respond-async"}


def patient(family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": family}]}


async def asked(api: Api, method: str, path: str, body: Any = None, **options: Any) -> str:
    """Asks for an answer later; where to ask for it."""
    headers = {**ASYNC, **options.pop("headers", {})}
    answer = await api.ask(method, path, body, headers=headers, **options)
    assert answer.status_code == 202, answer.text
    return answer.headers["content-location"].partition("/fhir/")[2]


async def waited(api: Api, place: str, **options: Any) -> httpx.Response:
    """The answer once there is one."""
    for _ in range(200):
        answer = await api.get(place, **options)
        if answer.status_code != 202:
            return answer
        assert answer.headers["x-progress"] and answer.headers["retry-after"] and not answer.content
        await asyncio.gather(*running._under_way)
    raise AssertionError("it does not end")


async def entry(api: Api, place: str, **options: Any) -> dict[str, Any]:
    """The one entry of the answer."""
    answer = await waited(api, place, **options)
    bundle = fhir_json.parse(answer.content)
    assert answer.status_code == 200 and bundle["type"] == "batch-response" and answer.headers["expires"]
    found: list[dict[str, Any]] = bundle["entry"]
    assert len(found) == 1
    return found[0]


def work(api: Api) -> Work:
    return works(api.house.server.interactions)["request"]


async def walked(api: Api, place: str, how: Work | None = None) -> None:
    """What a process does that takes up the job."""
    store = api.house.context(system_actor("asynchronous")).store
    await running.walk(store, how or work(api), place.rpartition("/")[2])


async def resumed(api: Api) -> None:
    """What the job does, once whoever held the requests is given up."""
    api.clock.later(minutes=10)
    context = api.house.context(system_actor("asynchronous"))
    await running.resume(context, works(api.house.server.interactions))
    await asyncio.gather(*running._under_way)


@pytest.fixture
async def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are asked and nobody walks them: as if the process had been killed at once."""
    monkeypatch.setattr(asking, "start", lambda view, work, job: None)


@asynccontextmanager
async def killed_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Whoever walks a job in here is gone when its answer is to be kept."""

    async def gone(self: Any, job: Any, answer: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(running._Walker, "end", gone)
        with pytest.raises(RuntimeError):
            yield


def write(method: str, url: str, resource: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"request": {"method": method, "url": url}} | ({"resource": resource} if resource else {})


async def test_a_search(api: Api) -> None:
    logical = await api.make(patient("later"))
    place = await asked(api, "GET", "Patient?family=later&_total=accurate")
    found = await entry(api, place)
    assert found["response"]["status"] == "200 OK"
    assert found["resource"] == (await api.get("Patient?family=later&_total=accurate")).json()
    assert [e["resource"]["id"] for e in found["resource"]["entry"]] == [logical]
    xml = await api.get(place, headers={"accept": "application/fhir+xml"})
    assert (
        xml.headers["content-type"].startswith("application/fhir+xml")
        and b"<batch-response" not in xml.content
    )
    assert b'<type value="batch-response"/>' in xml.content
    assert (await api.ask("DELETE", place)).status_code == 202
    assert (await api.get(place)).status_code == 404


async def test_reads_and_operations_and_posted_searches(api: Api) -> None:
    logical = await api.make(patient("shapes"))
    form = {"content-type": "application/x-www-form-urlencoded"}
    one = await entry(api, await asked(api, "GET", f"Patient/{logical}"))
    assert one["resource"]["id"] == logical and one["response"]["etag"] == 'W/"1"'
    all_of = await entry(api, await asked(api, "GET", f"Patient/{logical}/$everything"))
    assert all_of["resource"]["total"] == 1
    posted = await entry(api, await asked(api, "POST", "Patient/_search", b"family=shapes", headers=form))
    assert posted["resource"]["entry"][0]["resource"]["id"] == logical
    several = await entry(api, await asked(api, "GET", "?_type=Patient,Group&family=shapes"))
    assert several["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_a_refusal_is_the_answer(api: Api) -> None:
    for path, status in (("Patient?colour=blue", "400 Bad Request"), ("Patient/absent", "404 Not Found")):
        found = await entry(api, await asked(api, "GET", path))
        assert found["response"]["status"] == status and "resource" not in found
        assert found["response"]["outcome"]["issue"][0]["details"]["text"]


async def test_what_is_answered_at_once_all_the_same(api: Api) -> None:
    made = await api.ask("POST", "Patient", patient("atonce"), headers=ASYNC)
    assert made.status_code == 201
    meta = {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}],
    }
    added = await api.ask("POST", f"Patient/{made.json()['id']}/$meta-add", meta, headers=ASYNC)
    assert added.status_code == 200
    assert (await api.get("metadata", headers=ASYNC)).status_code == 200
    calls = {"resourceType": "Bundle", "type": "batch", "entry": [write("POST", "Patient/x/$meta-add", meta)]}
    assert (await api.ask("POST", "", calls, headers=ASYNC)).json()["type"] == "batch-response"


async def test_a_header_that_would_be_refused_is_refused_later_too(api: Api) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [write("POST", "Patient", patient("header"))],
    }
    header = {"x-provenance": '{"resourceType":"Provenance"}'}
    before = (await api.rows())["res"]
    found = await entry(api, await asked(api, "POST", "", bundle, headers=header))
    assert found["response"]["status"] == "400 Bad Request"
    assert (await api.rows())["res"] == before


async def test_a_reading_is_as_conditional_later_as_at_once(api: Api) -> None:
    logical = await api.make(patient("conditional"))
    place = await asked(api, "GET", f"Patient/{logical}", headers={"if-none-match": 'W/"1"'})
    told = await entry(api, place)
    assert told["response"]["status"] == "304 Not Modified" and "resource" not in told


async def test_who_waits_for_a_turn_has_the_rights_of_when_it_comes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, seen = 0.0, []
    store = api.house.context(system_actor("asynchronous")).store

    async def look(view: Any, *_: Any) -> None:
        seen.append(view.now)

    monkeypatch.setattr(running, "monotonic", lambda: passed)
    monkeypatch.setattr(running, "walk", look)
    turn = running._turn()
    for _ in range(running.AT_ONCE):
        await turn.acquire()
    running.start(store, work(api), "any")
    await asyncio.sleep(0)
    passed = 3600.0
    for _ in range(running.AT_ONCE):
        turn.release()
    await asyncio.gather(*running._under_way)
    assert seen == [store.now + timedelta(hours=1)]


async def test_an_answer_that_goes_while_it_is_asked_for_is_gone(api: Api) -> None:
    place = await asked(api, "GET", "Group")
    assert (await waited(api, place)).status_code == 200
    await api.house.store.pool.execute("delete from job_file where id = $1", place.rpartition("/")[2])
    assert (await api.get(place)).status_code == 404


async def test_what_cannot_be_read_is_refused_at_once(api: Api) -> None:
    for body in (b"{", b'{"resourceType":"Bundle","type":'):
        assert (await api.ask("POST", "", body, headers=ASYNC)).status_code == 400
    assert (await api.get("Patient", headers=ASYNC, who="nobody")).status_code == 401


async def test_a_transaction_is_written_once_whenever_it_is_killed(
    api: Api, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    urn = "urn:uuid:0b6c7c2e-8f4d-4f3c-9d11-1f1f8f1d8a01"
    about = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": urn}}
    by_name = {**about, "subject": {"reference": "Patient?family:exact=once"}}
    entries = [
        {**write("POST", "Patient", patient("once-more")), "fullUrl": urn},
        write("POST", "Basic", about),
        write("POST", "Basic", by_name),
        write("GET", "Patient?family=once-more&_summary=count"),
    ]
    await api.make(patient("once"))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    place = await asked(api, "POST", "", bundle)
    before = await api.rows()
    async with killed_before_the_answer(monkeypatch):
        await walked(api, place)
    # What it looked for by its name is there twice by now: written before, it is not looked for again.
    await api.make(patient("once"))
    after = await api.rows()
    assert after["res"] - before["res"] == 4 and after["job_receipt"] == 1
    await resumed(api)
    answer = (await entry(api, place))["resource"]
    assert answer["type"] == "transaction-response"
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["201", "201", "201", "200"]
    assert answer["entry"][3]["resource"]["total"] == 1
    for written in answer["entry"][:3]:
        assert (await api.get(written["response"]["location"])).status_code == 200
    done = await api.rows()
    assert done["res"] == after["res"] and done["job_receipt"] == 0


async def test_a_batch_goes_on_where_it_was_killed(
    api: Api, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await api.make(patient("kept"))
    gone = await api.make(patient("gone"))
    entries = [
        write("POST", "Patient", patient("first")),
        write("PUT", f"Patient/{kept}", {**patient("changed"), "id": kept}),
        write("DELETE", f"Patient/{gone}"),
        write("POST", "Patient", {"resourceType": "Patient", "gender": "x"}),
        write("GET", f"Patient/{kept}"),
    ]
    place = await asked(api, "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    before = await api.rows()
    async with killed_before_the_answer(monkeypatch):
        await walked(api, place)
    middle = await api.rows()
    assert middle["res"] - before["res"] == 0 and middle["hist"] > before["hist"]
    await resumed(api)
    answer = (await entry(api, place))["resource"]
    statuses = [e["response"]["status"][:3] for e in answer["entry"]]
    assert statuses == ["201", "200", "204", "422", "200"]
    assert answer["entry"][4]["resource"]["meta"]["versionId"] == "2", "changed once"
    done = await api.rows()
    assert (done["res"], done["hist"]) == (middle["res"], middle["hist"])


@pytest.mark.parametrize("lost", ["cancelled", "taken over"])
async def test_who_lost_the_job_writes_nothing(api: Api, idle: None, lost: str) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [write("POST", "Patient", patient("never"))],
    }
    place = await asked(api, "POST", "", bundle)
    real = work(api)

    async def too_late(view: Any, job: Job) -> Step:
        if lost == "cancelled":
            assert (await api.ask("DELETE", place)).status_code == 202
        else:
            await api.house.store.pool.execute("update job set holder = 'another' where id = $1", job.id)
        return await real.step(view, job)

    before = (await api.rows())["res"]
    await walked(api, place, replace(real, step=too_late))
    assert (await api.rows())["res"] == before
    if lost == "taken over":
        assert (await api.get(place)).status_code == 202, "it is the other one's to answer"
        await resumed(api)
        assert (await entry(api, place))["resource"]["entry"][0]["response"]["status"] == "201 Created"
        assert (await api.rows())["res"] == before + 1


async def test_a_long_step_hears_that_it_was_cancelled(
    api: Api, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BEAT", 0.01)
    place, begun, ended = await asked(api, "GET", "Patient"), asyncio.Event(), []

    async def for_ever(view: Any, job: Job) -> Step:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(job.id)
        raise AssertionError

    walk = asyncio.create_task(walked(api, place, replace(work(api), step=for_ever)))
    await begun.wait()
    await walked(api, place)
    assert (await api.get(place)).status_code == 202, "nobody else takes what is held"
    assert (await api.ask("DELETE", place)).status_code == 202
    await asyncio.wait_for(walk, 20)
    assert ended == [place.rpartition("/")[2]]


async def test_a_long_request_keeps_no_other_from_being_taken_up(api: Api, idle: None) -> None:
    begun: list[str] = []
    go_on = asyncio.Event()

    async def long(view: Any, job: Job) -> Step:
        begun.append(job.id)
        await go_on.wait()
        return Step(answer=Answer(204, b""))

    kinds = {"request": replace(work(api), step=long)}
    context = api.house.context(system_actor("asynchronous"))
    first = await asked(api, "GET", "Patient")
    await asyncio.wait_for(running.resume(context, kinds), 20)
    second = await asked(api, "GET", "Group")
    for _ in range(2):
        await asyncio.wait_for(running.resume(context, kinds), 20)
    assert len(running._under_way) == 2, "each once, though the first was not at its end"
    go_on.set()
    await asyncio.wait_for(asyncio.gather(*running._under_way), 20)
    assert sorted(begun) == sorted(place.rpartition("/")[2] for place in (first, second))


async def test_a_step_that_always_stops_is_given_up(api: Api, idle: None) -> None:
    place = await asked(api, "GET", "Patient")

    async def broken(view: Any, job: Job) -> Step:
        raise RuntimeError("no")

    for _ in range(5):
        with pytest.raises(RuntimeError):
            await walked(api, place, replace(work(api), step=broken))
        api.clock.later(minutes=1)
    await walked(api, place)
    answer = await api.get(place)
    assert answer.status_code == 500 and "given up" in answer.text


async def test_only_who_asked_may_look(api: Api) -> None:
    place = await asked(api, "GET", "Patient", who="doctor")
    await waited(api, place, who="doctor")
    for who in ("admin", "citizen"):
        for method in ("GET", "DELETE"):
            assert (await api.ask(method, place, who=who)).status_code == 404
    assert (await api.get(place, who="nobody")).status_code == 401
    assert (await api.get(place, who="doctor")).status_code == 200


async def test_the_rights_are_those_of_when_it_runs(api: Api, idle: None) -> None:
    doctor = ACTORS["doctor"]
    logical = await api.make(patient("rights"))
    await api.grant(logical, doctor)
    read = await asked(api, "GET", f"Patient/{logical}", who="doctor")
    change = write("PUT", f"Patient/{logical}", {**patient("stolen"), "id": logical})
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [change]}
    written = await asked(api, "POST", "", bundle, who="doctor")
    await api.house.context(ACTORS["admin"]).store.revoke(Revoke(logical, doctor.keys[0]))
    await resumed(api)
    for place in (read, written):
        found = await entry(api, place, who="doctor")
        assert found["response"]["status"] == "404 Not Found" and "resource" not in found
    assert (await api.get(f"Patient/{logical}")).json()["meta"]["versionId"] == "1"


async def test_so_many_at_a_time_and_gone_after_a_day(api: Api, idle: None) -> None:
    held = [await asked(api, "GET", "Group", who="citizen") for _ in range(10)]
    assert (await api.get("Group", headers=ASYNC, who="citizen")).status_code == 429
    await resumed(api)
    assert (await api.get(held[0], who="citizen")).status_code == 200
    api.clock.later(days=2)
    assert places(await api.get(held[0], who="citizen")) == ["http.path"]
    await resumed(api)
    assert await api.house.store.pool.fetchval("select count(*) from job") == 0
    assert await api.house.store.pool.fetchval("select count(*) from job_file") == 0


async def test_files_of_what_is_gone_are_deleted_some_at_a_time(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await asked(api, "GET", "Group")
    await waited(api, place)
    pool, kept = api.house.store.pool, "select count(*) from job_file"
    files = "select $1, n, 'x', 1, '' from generate_series(1, 7) n"
    await pool.execute(f"insert into job_file (id, no, kind, hits, body) {files}", place.rpartition("/")[2])
    monkeypatch.setattr(answers, "SWEPT", 3)
    before = await pool.fetchval(kept)
    assert (await api.ask("DELETE", place)).status_code == 202
    assert before - await pool.fetchval(kept) == 3, "no statement has all of an export to delete"
    monkeypatch.setattr(running, "SWEPT", 2)
    await resumed(api)
    assert await pool.fetchval(f"{kept} where id = $1", place.rpartition("/")[2]) == 0


async def test_reads_leave_their_audit_lines(api: Api) -> None:
    logical = await api.make(patient("told"))
    await api.grant(logical, ACTORS["doctor"])
    await entry(api, await asked(api, "GET", "Patient?family=told", who="doctor"), who="doctor")
    told = "select count(*) from audit where name = 'Dr Test' and what = 'Patient?family=told' and hits = 1"
    assert await api.house.store.pool.fetchval(told) == 1


async def test_a_few_at_a_time_in_one_process(api: Api) -> None:
    under_way, most, go_on = 0, 0, asyncio.Event()

    async def slow(view: Any, job: Job) -> Step:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if most == running.AT_ONCE:
            go_on.set()
        await go_on.wait()
        under_way -= 1
        return Step(answer=Answer(204))

    store = api.house.context(system_actor("asynchronous")).store
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asking, "start", lambda view, work, job: None)
        held = [await asked(api, "GET", "Group") for _ in range(8)]
    for place in held:
        running.start(store, replace(work(api), step=slow), place.rpartition("/")[2])
    await asyncio.wait_for(asyncio.gather(*running._under_way), 30)
    assert most == running.AT_ONCE
    assert [(await api.get(place)).status_code for place in held] == [204] * 8


async def test_who_has_many_steps_lets_others_go_first(api: Api, idle: None) -> None:
    store = api.house.context(system_actor("asynchronous")).store
    enough = asyncio.Event()

    async def long(view: Any, job: Job) -> Step:
        await asyncio.sleep(0)
        return Step(answer=Answer(204, b"")) if enough.is_set() else Step({"n": 1}, "on its way")

    held = [await asked(api, "GET", "Group") for _ in range(running.AT_ONCE)]
    for place in held:
        running.start(store, replace(work(api), step=long), place.rpartition("/")[2])
    short = await asked(api, "GET", "Group")
    running.start(store, work(api), short.rpartition("/")[2])
    try:
        for _ in range(2000):
            if (answer := await api.get(short)).status_code != 202:
                break
            await asyncio.sleep(0.01)
        assert [(await api.get(place)).status_code for place in held] == [202] * running.AT_ONCE
    finally:
        enough.set()
        await asyncio.wait_for(asyncio.gather(*running._under_way), 30)
    assert answer.status_code == 200
    assert [(await api.get(place)).status_code for place in held] == [204] * running.AT_ONCE


async def test_a_request_that_nobody_goes_on_with_is_told_to_the_operator(api: Api, idle: None) -> None:
    place = await asked(api, "GET", "Patient?family=still")
    job = place.rpartition("/")[2]

    async def seen() -> list[str]:
        found = await standing(api.dsn, may_stand_still(), milliseconds(api.clock.now))
        return [f"{s.what} {s.error}" for s in found if s.row.served]

    assert not await seen(), "it was asked a moment ago"
    api.clock.later(minutes=6)
    assert await seen() == [f"{job} request"]
    assert await try_again(api.dsn, may_stand_still(), job) == 1
    await resumed(api)
    assert (await entry(api, place))["response"]["status"] == "200 OK"
    assert not await seen()
    assert await try_again(api.dsn, may_stand_still(), job) == 0, "what is done stays done"


async def test_a_walk_over_what_is_stored_that_does_not_move_is_told(api: Api) -> None:
    begin = (
        "insert into indexing (kind, name, state, types, total, moved) values ('room', $1, 'making', '{}', 9,"
    )
    connection = await asyncpg.connect(api.dsn)
    try:
        await connection.execute(f"{begin} $2)", "still", api.clock.now - timedelta(minutes=7))
        found = await standing(api.dsn, may_stand_still(), milliseconds(api.clock.now))
        assert [(s.what, s.n) for s in found if "moved" in s.row.title["en"]] == [("still", 9)]
        # Another one that goes on takes it along.
        await connection.execute(f"{begin} $2)", "moving", api.clock.now)
        found = await standing(api.dsn, may_stand_still(), milliseconds(api.clock.now))
        assert not [s for s in found if "moved" in s.row.title["en"]]
    finally:
        await connection.execute("delete from indexing where name in ('still', 'moving')")
        await connection.close()
