"""A job goes no further when what its asker stood on is withdrawn; what was written stays and is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aubier.access.actor import system_actor
from aubier.referentials.signon import api as signon
from aubier.referentials.signon.realms import PLATFORM
from aubier.referentials.signon.tokens.claims import subject_of
from aubier.rest.asynchronous import asking, running
from aubier.rest.asynchronous.work import Job, Step, Work
from aubier.rest.bulk.running import EXPORT
from aubier.rest.deferred.requests import works
from aubier.rest.importing import running as importing
from aubier.rest.importing.running import IMPORT
from tests.contract.conftest import Api, close_api, open_api

ASYNC = {"prefer": "respond-async"}
NDJSON = {**ASYNC, "content-type": "application/fhir+ndjson"}
KINDS = ["import", "export", "batch"]


@pytest.fixture(scope="module")
async def api(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A house whose people hold real tokens."""
    opened = await open_api(database(), Path(tmp_path_factory.mktemp("house")))
    yield opened
    await close_api(opened)


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are asked and nobody walks them but the test; imports go one line at a time."""
    monkeypatch.setattr(asking, "start", lambda view, work, job: None)
    monkeypatch.setattr(importing, "PART", 1)


async def asker(api: Api) -> tuple[str, str]:
    """An account of the platform and the application it let act, through which `ask(as_=login)` goes."""
    login = await api.account(f"loader{next(api.numbers)}", "system")
    client = await signon.add_client(api.system, "App", ["https://app.example/back"], confidential=True)
    await bear(api, login, client.id)
    return login, client.id


async def bear(api: Api, login: str, client: str) -> None:
    """Gives `login` a token through this application."""
    await api.system.store.run("signon.let", login, client, ["system/*.cruds"], api.system.now)
    account = await signon.find_account(api.system, login)
    assert account is not None
    grant = signon.Grant(
        client, PLATFORM.name, "system/*.cruds", login, acr="eidas1", auth_time=api.system.now
    )
    kept = await signon.keep_grant(api.system, grant, api.system.now + timedelta(days=1))
    token, _ = await signon.access_token(api.system, kept, subject_of(account, PLATFORM))
    api.tokens[login, ""] = token


async def withdraw(api: Api, how: str, login: str, client: str) -> None:
    match how:
        case "application":
            await signon.remove_client(api.system, client)
        case "account":
            await signon.close_account(api.system, login)
        case "consent":
            await signon.withdraw_consent(api.system, login, client)
        case _:
            pool = api.house.store.pool
            await pool.execute("update signon_grant set revoked_at = now() where client = $1", client)


def patient(family: str, id: str = "") -> dict[str, Any]:
    named = {"resourceType": "Patient", "name": [{"family": family}]}
    return {**named, "id": id} if id else named


async def begun(api: Api, kind: str, family: str, login: str) -> tuple[Work, str]:
    """A job of a kind, asked and not begun: (how it is walked, its id)."""
    bodies: Mapping[str, Any] = {
        "import": b"\n".join(json.dumps(patient(family, f"{family}-{n}")).encode() for n in range(4)),
        "batch": {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [
                {"request": {"method": "POST", "url": "Patient"}, "resource": patient(family)}
                for _ in range(4)
            ],
        },
    }
    method, path = {"import": ("POST", "$import"), "export": ("GET", "$export"), "batch": ("POST", "")}[kind]
    headers = NDJSON if kind == "import" else ASYNC
    answer = await api.ask(method, path, bodies.get(kind), as_=login, headers=headers)
    assert answer.status_code == 202, answer.text
    work = {"import": IMPORT, "export": EXPORT, "batch": works(api.house.server.interactions)["request"]}[
        kind
    ]
    return work, answer.headers["content-location"].rpartition("/")[2]


async def walked(api: Api, work: Work, job: str) -> None:
    await running.walk(api.house.context(system_actor("asynchronous")).store, work, job)


def ending(work: Work, after: int, end: Callable[[], Any]) -> Work:
    """The same work; when so many steps are done, `end` happens."""
    steps = 0

    async def step(view: Any, job: Job) -> Step:
        nonlocal steps
        found = await work.step(view, job)
        steps += 1
        if steps == after:
            await end()
        return found

    return Work(work.kind, work.most, step)


async def told(api: Api, job: str) -> tuple[int, list[str]]:
    """The status that is kept for the asker, and the words of its OperationOutcome."""
    pool = api.house.store.pool
    row = await pool.fetchrow("select state, answer from job where id = $1", job)
    assert row["state"] == "done"
    context = api.house.context(system_actor("tests"))
    (file,) = await context.store.run("asynchronous.file", job, 0)
    body = json.loads(running.zstandard.decompress(file["body"]))
    assert body["resourceType"] == "OperationOutcome"
    return json.loads(row["answer"])["status"], [i["details"]["text"] for i in body["issue"]]


async def people(api: Api, family: str) -> int:
    found = await api.good("GET", f"Patient?family:exact={family}&_total=accurate&_count=0")
    return int(found["total"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["application", "account", "consent", "grant"])
async def test_nothing_is_begun_for_one_who_is_gone(api: Api, kind: str, how: str) -> None:
    login, client = await asker(api)
    family = f"Gone{kind}{how}"
    work, job = await begun(api, kind, family, login)
    await withdraw(api, how, login, client)
    since = await api.last_line()
    await walked(api, work, job)
    line = (await api.lines(since))[-1]
    assert (line["name"].lower(), line["outcome"], line["what"]) == (login, "cancelled", f"{work.kind} {job}")
    status, words = await told(api, job)
    assert status == 403 and len(words) == 1 and words[0].startswith("Cancelled: the application")
    assert await people(api, family) == 0


async def test_an_import_stops_at_its_next_part_and_tells_what_it_loaded(api: Api) -> None:
    login, client = await asker(api)
    work, job = await begun(api, "import", "Half", login)
    await walked(api, ending(work, 2, lambda: withdraw(api, "application", login, client)), job)
    status, words = await told(api, job)
    assert status == 403
    assert words[1] == "Done before, which stays: 0 of 1 files, 2 lines, 0 refused"
    assert await people(api, "Half") == 2


async def test_a_part_of_an_import_that_is_under_way_is_not_committed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, client = await asker(api)
    work, job = await begun(api, "import", "Torn", login)
    loaded = importing._loaded

    async def late(*args: Any) -> Any:
        await withdraw(api, "grant", login, client)
        return await loaded(*args)

    monkeypatch.setattr(importing, "_loaded", late)
    await walked(api, work, job)
    assert (await told(api, job))[0] == 403
    assert await people(api, "Torn") == 0


@pytest.mark.parametrize("after", [1, 3])
async def test_a_batch_stops_between_its_entries_and_names_what_it_wrote(
    api: Api, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    login, client = await asker(api)
    family = f"Entries{after}"
    work, job = await begun(api, "batch", family, login)
    server, done = api.house.server.interactions, 0
    answer = type(server).answer

    async def counted(self: Any, *args: Any) -> Any:
        nonlocal done
        found = await answer(self, *args)
        done += 1
        if done == after:
            await withdraw(api, "consent", login, client)
        return found

    monkeypatch.setattr(type(server), "answer", counted)
    await walked(api, work, job)
    monkeypatch.undo()
    status, words = await told(api, job)
    assert status == 403
    assert words[1].startswith(f"Written before, which stays: {after} (Patient/")
    assert await people(api, family) == after


async def test_a_transaction_is_made_whole_or_not_at_all(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    login, client = await asker(api)
    entries = [{"request": {"method": "POST", "url": "Patient"}, "resource": patient("Whole")}] * 3
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    asked = await api.ask("POST", "", bundle, as_=login, headers=ASYNC)
    job = asked.headers["content-location"].rpartition("/")[2]
    transact = type(api.house.store).transact

    async def late(self: Any, *args: Any) -> Any:
        await withdraw(api, "application", login, client)
        return await transact(self, *args)

    monkeypatch.setattr(type(api.house.store), "transact", late)
    await walked(api, works(api.house.server.interactions)["request"], job)
    monkeypatch.undo()
    assert (await told(api, job))[0] == 403
    assert await people(api, "Whole") == 0


async def test_what_was_exported_is_not_handed_out_even_after_a_new_consent(api: Api) -> None:
    login, client = await asker(api)
    await api.person(name=[{"family": "Exported"}])
    work, job = await begun(api, "export", "", login)
    pool = api.house.store.pool
    seen: list[int] = []

    async def end() -> None:
        seen.append(await pool.fetchval("select count(*) from job_file where id = $1", job))
        await withdraw(api, "consent", login, client)

    steps = (await _kinds(api, job)).index("Patient") + 2
    await walked(api, ending(work, steps, end), job)
    assert seen and seen[0] >= 1, "the part with the patients was there"
    assert (await told(api, job))[0] == 403
    await bear(api, login, client)
    answer = await api.ask("GET", f"_async/{job}", as_=login)
    assert answer.status_code == 403 and "withdrawn" in answer.text
    assert (await api.ask("GET", f"_async/{job}/1", as_=login)).status_code == 404
    kept = "select array_agg(no order by no) from job_file where id = $1"
    assert len(await pool.fetchval(kept, job)) > 1, "no statement has all of an export to delete"
    await running.sweep_orphans(api.house.context(system_actor("tests")).store)
    assert await pool.fetchval(kept, job) == [0]


async def _kinds(api: Api, job: str) -> list[str]:
    asked = await api.house.store.pool.fetchval("select asked from job where id = $1", job)
    kinds: list[str] = json.loads(asked)["kinds"]
    return kinds


async def test_a_long_step_hears_of_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BEAT", 0.01)
    login, client = await asker(api)
    _, job = await begun(api, "export", "", login)
    stopped = False

    async def endless(view: Any, job: Job) -> Step:
        nonlocal stopped
        await withdraw(api, "grant", login, client)
        try:
            await asyncio.Event().wait()
        finally:
            stopped = True
        raise AssertionError("it never comes")

    await asyncio.wait_for(walked(api, Work("export", 10, endless), job), 60)
    assert stopped
    assert (await told(api, job))[0] == 403


async def test_work_of_the_platform_and_of_those_who_stay_goes_on(api: Api) -> None:
    login, _ = await asker(api)
    work, job = await begun(api, "import", "Stays", login)
    await walked(api, work, job)
    assert (await api.ask("GET", f"_async/{job}", as_=login)).status_code == 200
    assert await people(api, "Stays") == 4
    ours = system_actor("asynchronous")
    assert await signon.goes_on(api.system, ours) == ours
