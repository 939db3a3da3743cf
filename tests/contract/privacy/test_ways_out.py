"""Hidden and missing give the same answers and the same audit lines, whichever way one asks."""

import json
from dataclasses import replace

import pytest

from aubier.store.intent import Grant, Revoke
from tests.contract.desk import following, ids
from tests.contract.privacy.ways import reads, writes
from tests.contract.privacy.world import MASKS, World, shown

EVERY = [
    ("Patient", "anna"),
    ("Condition", "condition-plain"),
    ("Encounter", "encounter-plain"),
    ("DocumentReference", "document-plain"),
    ("Binary", "binary-plain"),
]


def masked(code: str) -> list[tuple[str, str]]:
    return [(kind, name.replace("plain", code)) for kind, name in EVERY if kind != "Patient"]


HIDDEN = {
    "stranger": EVERY + masked("ps"),
    "other": EVERY + masked("rep"),
    "blocked": EVERY,
    "nurse": masked("ps"),
    "anna": masked("patient"),
    "delegate": [*masked("rep"), ("Condition", "condition-plain"), ("Encounter", "encounter-plain")],
    "narrow": [("Condition", "condition-plain"), ("Condition", "condition-rep")],
}
CASES = [(login, kind, name) for login, all_ in HIDDEN.items() for kind, name in all_]
MISSING = "not-there-at-all"
WITH_ACTOR = ("share", "unshare", "block", "unblock")


@pytest.mark.parametrize(("login", "kind", "name"), CASES)
async def test_hidden_is_missing(world: World, login: str, kind: str, name: str) -> None:
    for way in reads(kind, name):
        hidden, told, answer = await world.heard(login, reads(kind, name)[way], name)
        absent, told_of_none, _ = await world.heard(login, reads(kind, MISSING)[way], MISSING)
        assert hidden == absent, way
        assert told == told_of_none, way
        assert told, f"{way} leaves no audit line"
        assert "secret" not in shown(answer), way


@pytest.mark.parametrize(("login", "kind", "name"), CASES)
async def test_hidden_is_missing_to_whoever_writes(world: World, login: str, kind: str, name: str) -> None:
    for way in writes(kind, name):
        hidden, told, _ = await world.heard(login, writes(kind, name)[way], name)
        absent, told_of_none, _ = await world.heard(login, writes(kind, MISSING)[way], MISSING)
        assert hidden == absent, way
        assert told == told_of_none, way
        assert told, f"{way} leaves no audit line"
    versions = "select ver from hist where id = $1 union all select ver from res where id = $1"
    assert [r["ver"] for r in await world.desk.sql(versions, name)] == [1], "it was touched"


@pytest.mark.parametrize("login", sorted(HIDDEN))
async def test_lists_and_counts_leave_it_out(world: World, login: str) -> None:
    for kind in sorted({k for k, _ in HIDDEN[login]}):
        hidden = {f"{k}/{n}" for k, n in HIDDEN[login] if k == kind}
        _, listed = await world.desk.ask(login, "GET", f"{kind}?_count=500&_total=accurate")
        _, counted = await world.desk.ask(login, "GET", f"{kind}?_summary=count")
        assert not hidden & set(ids(listed))
        assert listed["total"] == counted["total"] == len(ids(listed))
        for path in (f"{kind}/_history?_count=500", "_history?_count=1000"):
            _, past = await world.desk.ask(login, "GET", path)
            told = {e["fullUrl"].partition("/fhir/")[2] for e in past.get("entry", [])}
            assert not hidden & told
            assert set(ids(listed)) <= told, "what one sees has its past"


@pytest.mark.parametrize("login", sorted(HIDDEN))
async def test_includes_leave_it_out(world: World, login: str) -> None:
    hidden = {f"{k}/{n}" for k, n in HIDDEN[login]}
    for path in (
        "Patient?_revinclude=Condition:subject&_revinclude=DocumentReference:subject&_revinclude=Encounter:subject",
        "Condition?_include=Condition:*&_include:iterate=Encounter:subject",
        "DocumentReference?_include=DocumentReference:*",
        "Encounter?_revinclude=Condition:encounter",
    ):
        status, told = await world.desk.ask(login, "GET", f"{path}&_count=500")
        assert status == 200
        assert not hidden & {*ids(told), *ids(told, "include")}, path


async def test_what_is_not_hidden_is_there(world: World) -> None:
    """The other half: without it, hiding everything would pass."""
    assert await world.sees("anna", "Condition/condition-ps")
    assert await world.sees("anna", "Binary/binary-rep")
    assert await world.sees("nurse", "Binary/binary-plain")
    assert await world.sees("nurse", "Condition/condition-patient")
    assert await world.sees("delegate", "DocumentReference/document-ps")
    assert await world.sees("narrow", "Encounter/encounter-plain")
    for code in MASKS:
        assert await world.sees("treating", f"DocumentReference/document-{code}")


@pytest.mark.parametrize("login", ["anna", "nurse", "treating", "delegate", "narrow"])
async def test_audit_lines_say_what_was_answered(world: World, login: str) -> None:
    for path in (
        "Condition?_count=500",
        "DocumentReference?patient=anna",
        "Encounter?_id=encounter-plain,encounter-ps",
    ):
        before = await world.last()
        _, told = await world.desk.ask(login, "GET", path)
        lines = await world.lines(before)
        assert sum(r["hits"] for r in lines) == len(ids(told))
        assert {(r["actor"], r["action"], r["outcome"]) for r in lines} == {
            (world.desk.actors[login].reference, "search", "ok")
        }
        assert all(r["what"].startswith(path.partition("&")[0].partition("_count")[0]) for r in lines)


@pytest.mark.parametrize("operation", ["share", "unshare", "block", "unblock", "rights", "end-relationship"])
@pytest.mark.parametrize("login", ["stranger", "other"])
async def test_operations_on_a_hidden_record(world: World, login: str, operation: str) -> None:
    row = {"name": "actor", "valueReference": {"reference": "Practitioner/none"}}
    body = {
        "resourceType": "Parameters",
        **({"parameter": [row]} if operation in WITH_ACTOR else {}),
    }
    hidden, told, _ = await world.heard(login, ("POST", f"Patient/anna/${operation}", body), "anna")
    absent, told_of_none, _ = await world.heard(
        login, ("POST", f"Patient/{MISSING}/${operation}", body), MISSING
    )
    # Ending what there is not is done: 200, and says so of any id.
    assert hidden[0] in (200, 403, 404)
    assert hidden == absent
    assert told
    assert told_of_none
    assert hidden[0] == 200 or told == told_of_none


@pytest.mark.parametrize(("login", "name"), [("stranger", "document-plain"), ("nurse", "document-ps")])
async def test_masking_a_hidden_document(world: World, login: str, name: str) -> None:
    body = {"resourceType": "Parameters"}
    path = "DocumentReference/{}/$mask"
    hidden, told, _ = await world.heard(login, ("POST", path.format(name), body), name)
    absent, told_of_none, _ = await world.heard(login, ("POST", path.format(MISSING), body), MISSING)
    assert hidden == absent
    assert told == told_of_none != []


async def test_revocation_is_immediate(world: World) -> None:
    system = world.desk.system().store
    key = world.desk.actors["stranger"].keys[0]
    asked = ("Condition/condition-plain", "Condition/condition-plain/_history/1")
    listed = ("Condition?_id=condition-plain", "Condition/_history?_count=1000")

    async def open_now() -> tuple[list[bool], list[bool]]:
        reads_ = [await world.sees("stranger", a) for a in asked]
        lists = [json.dumps((await world.desk.ask("stranger", "GET", p))[1]) for p in listed]
        return reads_, ['Condition/condition-plain", "resource' in x for x in lists]

    assert await open_now() == ([False, False], [False, False])
    for right in ("rw", "r"):
        await system.grant(Grant("anna", key, "carer", right))
        assert await open_now() == ([True, True], [True, True])
        await system.revoke(Revoke("anna", key))
        assert await open_now() == ([False, False], [False, False])


async def test_a_block_is_immediate_and_ends(world: World) -> None:
    system, key = world.desk.system().store, world.desk.actors["treating"].keys[0]
    assert await world.sees("treating", "Condition/condition-plain")
    await system.grant(Grant("anna", key, "block", deny=True))
    assert not await world.sees("treating", "Condition/condition-plain")
    assert not await world.sees("treating", "Patient/anna")
    await system.revoke(Revoke("anna", key, deny=True))
    assert await world.sees("treating", "Condition/condition-plain")


@pytest.mark.parametrize(("kind", "name"), EVERY)
async def test_nobody_learns_anything(world: World, kind: str, name: str) -> None:
    """Without saying who one is: 401 on every way, the same for what is there and what is not."""
    for ways in (reads, writes):
        for way in ways(kind, name):
            there, _, answer = await world.heard("nobody", ways(kind, name)[way], name)
            absent, _, _ = await world.heard("nobody", ways(kind, MISSING)[way], MISSING)
            assert there == absent, way
            # A batch answers entry by entry.
            assert answer.status_code == 401 or (way == "batch" or "read" in way), way
            assert "onsetDateTime" not in answer.text or way == "write beside a read", way


async def test_a_type_that_the_scopes_leave_out_is_not_there(world: World) -> None:
    treating = world.desk.actors["treating"]
    world.desk.actors["app"] = replace(treating, login="app", scopes=("user/Condition.rs",))
    _, found = await world.desk.ask(
        "app", "GET", "Condition?_count=500&_include=Condition:*&_include:iterate=*"
    )
    _, whole = await world.desk.ask("treating", "GET", "Condition?_count=500")
    assert ids(found) == ids(whole) != []
    assert ids(found, "include") == []
    for path in (
        "subject:Patient.family=anna",
        "encounter.status=finished",
        "_has:Encounter:diagnosis:_id=x",
    ):
        _, found = await world.desk.ask("app", "GET", f"Condition?{path}&_total=accurate")
        assert found["total"] == 0, path
    _, found = await world.desk.ask(
        "app", "GET", "Condition?_id=condition-plain&_revinclude=Encounter:diagnosis"
    )
    assert ids(found, "include") == []
    for path in ("Patient/anna", "Encounter?_id=encounter-plain", "Binary/binary-plain/_history/1"):
        assert (await world.desk.ask("app", "GET", path))[0] == 403
    assert (await world.desk.ask("app", "DELETE", "Condition/condition-plain"))[0] == 403


async def test_a_page_mark_opens_nothing(world: World) -> None:
    """The next page of someone else's search shows only what one sees oneself."""
    _, first = await world.desk.ask("treating", "GET", "Condition?patient=anna&_count=1")
    for login in ("stranger", "other", "nurse"):
        status, found = await world.desk.ask(login, "GET", f"{following(first)}&_total=accurate")
        assert status == 200, found
        assert not {f"{k}/{n}" for k, n in HIDDEN[login]} & set(ids(found))
        own = (await world.desk.ask(login, "GET", "Condition?patient=anna&_summary=count"))[1]["total"]
        assert found["total"] == own
