"""What is remembered is answered without being read again, and never longer than it is true."""

import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from aubier.access.view import View
from aubier.ground.rows import Operation
from aubier.store.proof.standing import Unproven
from aubier.store.reading.statements import Statements
from aubier.terminology.operations import answering
from aubier.terminology.operations.answering import Answering
from aubier.terminology.service import SERVICE
from aubier.terminology.shelves import remembering
from aubier.terminology.shelves.remembering import Reading, Remembered
from tests.contract.conftest import Api
from tests.contract.desk import Desk
from tests.contract.terminology.stock import COLOURS, URL, call, codes, concept, told, value_set

OPERATIONS: dict[str, Operation] = {f"{o.on}/${o.name}": o for o in SERVICE.operations}
Resource = dict[str, Any]


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is remembered of other tests; a system is read whole when it is asked for the second time."""
    monkeypatch.setattr(answering, "_READ", Remembered())
    monkeypatch.setattr(remembering, "_WORTH", 1_000)
    answering._ANSWERS.clear()
    yield
    answering._ANSWERS.clear()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of this room that were run."""
    run, names = Statements.run, []

    async def noting(self: Statements, name: str, args: Any, conn: Any) -> Any:
        if name.startswith("terminology."):
            names.append(name)
        return await run(self, name, args, conn)

    monkeypatch.setattr(Statements, "run", noting)
    return names


def system(name: str, *known: str, **more: Any) -> Resource:
    """A system of these codes."""
    rows = [concept(code, code.title()) for code in known]
    bare = {k: v for k, v in COLOURS.items() if k != "property"}
    return {**bare, "url": URL + name, "version": "1", "concept": rows, **more}


def supplement(of: str, code: str, display: str) -> Resource:
    """A supplement that gives a code another name."""
    rows = [{"code": code, "designation": [{"language": "fr", "value": display}]}]
    return system(f"more-{of}", content="supplement", supplements=URL + of) | {"concept": rows}


async def test_what_was_asked_is_not_read_again(desk: Desk, read: list[str]) -> None:
    await desk.make("loader", system("kept", "one", "two", "three"))
    await desk.make("loader", value_set("kept", {"system": URL + "kept"}))
    given = {"url": URL + "vs/kept", "system": URL + "kept"}
    for code in ("one", "two"):
        assert told((await call(desk, "ValueSet/$validate-code", **given, code=code))[1], "result") is True
    read.clear()
    for code, right in (("one", True), ("two", True), ("three", True), ("four", False)):
        _, body = await call(desk, "ValueSet/$validate-code", **given, code=code)
        assert told(body, "result") is right
    _, found = await call(desk, "CodeSystem/$lookup", system=URL + "kept", code="three")
    assert told(found, "display") == "Three"
    _, page = await call(desk, "ValueSet/$expand", url=URL + "vs/kept", count=2, offset=1)
    assert codes(page) == ["two", "three"]
    assert read == []


Change = Callable[[Desk, dict[str, str]], Awaitable[Any]]


async def _put(desk: Desk, ids: dict[str, str], name: str, resource: Resource) -> None:
    kind = resource["resourceType"]
    if name in ids:
        answer = await desk.ask("loader", "PUT", f"{kind}/{ids[name]}", {**resource, "id": ids[name]})
        assert answer[0] in (200, 201), answer
    else:
        ids[name] = await desk.make("loader", resource)


def _put_of(name: str, resource: Resource) -> Change:
    return lambda desk, ids: _put(desk, ids, name, resource)


async def _hidden(desk: Desk, ids: dict[str, str]) -> None:
    """As another process does that takes a system away."""
    await desk.sql("update terminology_system set ready = false where url = $1", URL + "moves")


async def _shown(desk: Desk, ids: dict[str, str]) -> None:
    await desk.sql("update terminology_system set ready = true where url = $1", URL + "moves")


async def _gone(desk: Desk, ids: dict[str, str]) -> None:
    await desk.sql("delete from terminology_value_set where url = $1", URL + "vs/moves")


GENDER = "http://hl7.org/fhir/administrative-gender"
CHANGES: dict[str, Change] = {
    "a system": _put_of("s", system("moves", "a", "b")),
    "a system with other codes": _put_of("s", system("moves", "b", "c", "d")),
    "a system that knows no case": _put_of("s", system("moves", "A", "c", caseSensitive=False)),
    "a newer version": _put_of("newer", system("moves", "n", version="9")),
    "a newer version changes": _put_of("newer", system("moves", "a", "m", version="9")),
    "a supplement": _put_of("more", supplement("moves", "a", "Un")),
    "a supplement of something else": _put_of("more", supplement("other", "a", "Un")),
    "a value set": _put_of("v", value_set("moves", {"system": URL + "moves"})),
    "a value set by list": _put_of(
        "v", value_set("moves", {"system": URL + "moves", "concept": [{"code": "a"}, {"code": "zz"}]})
    ),
    "a value set that takes from another": _put_of("v", value_set("moves", {"valueSet": [URL + "vs/below"]})),
    "the other": _put_of("below", value_set("below", {"system": URL + "moves"})),
    "the other changes": _put_of("below", value_set("below", {"system": GENDER})),
    "a system that is shipped": _put_of("g", system("", "female", "x", url=GENDER, version="9.9")),
    "a system is hidden": _hidden,
    "a system is shown": _shown,
    "a value set is gone": _gone,
}
SYSTEM, SET = {"system": URL + "moves"}, {"url": URL + "vs/moves"}
QUESTIONS: list[tuple[str, dict[str, str]]] = [
    *(("CodeSystem/$lookup", {**SYSTEM, "code": code}) for code in ("a", "b", "c", "n")),
    ("CodeSystem/$lookup", {"system": GENDER, "code": "x"}),
    *(("ValueSet/$validate-code", {**SET, **SYSTEM, "code": code}) for code in ("a", "c", "m", "zz")),
    ("ValueSet/$validate-code", {**SET, "system": GENDER, "code": "female"}),
    ("CodeSystem/$validate-code", {"url": URL + "moves", "code": "A"}),
    ("CodeSystem/$subsumes", {**SYSTEM, "codeA": "a", "codeB": "b"}),
    ("ValueSet/$expand", SET),
    ("ValueSet/$expand", {**SET, "count": "1", "offset": "1"}),
    ("ValueSet/$expand", {**SET, "filter": "a"}),
]


async def _read(desk: Desk, operation: str, given: dict[str, str]) -> Resource | str:
    """The answer by what is in the tables alone."""
    ask = OPERATIONS[operation].run
    assert isinstance(ask, Answering)
    rows = [{"name": name, "valueString": value} for name, value in given.items()]
    ctx = desk.system()
    try:
        parameters = {"resourceType": "Parameters", "parameter": rows, "_language": "en"}
        return _lasting(await ask.ask(ctx, parameters, Reading(ctx.store)))
    except Exception as refusal:
        return type(refusal).__name__


def _lasting(answer: Resource) -> Resource:
    """An answer without what is of its moment."""
    if answer.get("resourceType") != "ValueSet":
        return answer
    passing = ("identifier", "timestamp")
    return {**answer, "expansion": {k: v for k, v in answer["expansion"].items() if k not in passing}}


async def _asked(desk: Desk, operation: str, given: dict[str, str]) -> Resource | str:
    ctx = desk.system()
    rows = [{"name": name, "valueString": value} for name, value in given.items()]
    try:
        parameters = {"resourceType": "Parameters", "parameter": rows, "_language": "en"}
        return _lasting(await OPERATIONS[operation].run(ctx, parameters))
    except Exception as refusal:
        return type(refusal).__name__


@pytest.mark.parametrize("seed", ["one", "two"])
async def test_whatever_changes_is_seen_by_the_next_question(desk: Desk, seed: str) -> None:
    draw, ids = random.Random(seed), dict[str, str]()
    for name in draw.choices(list(CHANGES), k=25):
        await CHANGES[name](desk, ids)
        for operation, given in draw.sample(QUESTIONS, 8):
            expected = await _read(desk, operation, given)
            assert await _asked(desk, operation, given) == expected, (name, operation, given)
    await desk.sql("delete from terminology_system where url = $1", GENDER)


async def test_a_refusal_by_what_is_remembered_is_no_longer_given_than_it_is_right(desk: Desk) -> None:
    given = {"system": URL + "later", "code": "a"}
    for _ in range(3):
        assert (await call(desk, "CodeSystem/$lookup", **given))[0] == 404
    await desk.make("loader", system("later", "a"))
    assert (await call(desk, "CodeSystem/$lookup", **given))[0] == 200


async def test_what_is_not_committed_is_not_remembered(desk: Desk) -> None:
    """A rule that asks within the transaction of a write sees what it wrote; nobody else does."""
    ctx = desk.system()
    async with desk.house.store.pool.acquire() as conn, conn.transaction():
        await conn.execute(
            "insert into terminology_value_set (url, version, resource, body) values ($1, '1', '', $2)",
            URL + "vs/unborn",
            '{"resourceType":"ValueSet","compose":{"include":[{"system":"' + URL + 'colours"}]}}',
        )
        inside = View(ctx.store.access, ctx.actor, ctx.now, "en", ctx.store.sight, conn=conn)
        bound = type(ctx)(ctx.actor, inside, ctx.now, ctx.settings, "en")
        rows = [{"name": "url", "valueString": URL + "vs/unborn"}]
        parameters = {"resourceType": "Parameters", "parameter": rows}
        assert len(codes(await OPERATIONS["ValueSet/$expand"].run(bound, parameters))) == 6
        assert (await call(desk, "ValueSet/$expand", url=URL + "vs/unborn"))[0] == 404
        await conn.execute("delete from terminology_value_set where url = $1", URL + "vs/unborn")
    assert (await call(desk, "ValueSet/$expand", url=URL + "vs/unborn"))[0] == 404


async def test_scopes_are_asked_each_time(desk: Desk) -> None:
    given = {"system": URL + "colours", "code": "red"}
    for login, status in (("doctor", 200), ("narrow", 403), ("doctor", 200), ("narrow", 403)):
        assert (await call(desk, "CodeSystem/$lookup", login, **given))[0] == status


async def test_large_systems_and_rare_questions_are_not_kept_whole(
    desk: Desk, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.make("loader", system("large", *(f"c{n}" for n in range(20))))
    for whole, worth, expected in ((19, 1_000, 0), (20, 2, 0), (20, 10, 1)):
        monkeypatch.setattr(answering, "_READ", Remembered())
        monkeypatch.setattr(remembering, "WHOLE", whole)
        monkeypatch.setattr(remembering, "_WORTH", worth)
        read.clear()
        for n in range(8):
            await call(
                desk, "CodeSystem/$lookup", system=URL + "large", code=f"c{n}", property=f"p{worth}{whole}"
            )
        assert read.count("terminology.all") == expected
        assert read.count("terminology.systems") == 1


async def test_what_is_remembered_stays_within_its_bytes() -> None:
    memory = Remembered()
    before = memory.kept.most

    class Rows:
        async def run(self, name: str, *args: Any) -> list[dict[str, Any]]:
            return [{"here": True, "place": 1024, "moved": 1, "title": "x" * 100_000}]

    for n in range(400):
        await Reading(Rows(), memory).rows("terminology.systems", f"{URL}{n}", "")
    assert 0 < memory.kept.held <= before


async def test_who_was_recognised_a_moment_ago_is_asked_about_with_the_marks(
    api: Api, read: list[str]
) -> None:
    """No question but the proof: and whatever must be read has its asker recognised first."""
    query = urlencode({"system": GENDER, "code": "female"})
    for _ in range(3):
        assert (await api.ask("GET", f"CodeSystem/$lookup?{query}")).status_code == 200
    read.clear()
    kept = await api.ask("GET", f"CodeSystem/$lookup?{query}")
    other = await api.ask("GET", f"CodeSystem/$lookup?{query.replace('female', 'male')}")
    assert (kept.status_code, other.status_code, read) == (200, 200, [])
    assert kept.json() != other.json()


async def test_a_view_that_proves_nothing_runs_no_statement(api: Api) -> None:
    server = api.house.server
    await api.ask("GET", f"CodeSystem/$lookup?system={GENDER}&code=male")
    token = {"authorization": f"Bearer {await api.token('admin')}"}
    known = server.recall(token, server.clock())
    assert known is not None
    view = api.house.access.ahead(*known, server.clock())
    with pytest.raises(Unproven):
        await view.run("terminology.supplement", URL, "")
