"""Each letter of a scope opens what it says, and nothing that another letter does."""

from dataclasses import replace
from typing import Any

import pytest

from aubier.store.intent import Grant
from tests.contract.privacy.world import World, condition, entry
from tests.contract.privacy.world import bundle as bundle_of

ONE = "of-letters"
ASKED: list[tuple[str, str, str]] = [
    ("r", "GET", f"Condition/{ONE}"),
    ("r", "GET", f"Condition/{ONE}/_history/1"),
    ("r", "GET", f"Condition/{ONE}/_history"),
    ("r", "GET", f"Condition/{ONE}/$meta"),
    ("s", "GET", f"Condition?_id={ONE}"),
    ("s", "GET", "Condition/_history"),
    ("s", "GET", "Patient/letters/Condition"),
    ("s", "GET", "?_type=Condition"),
    ("s", "POST", "Condition/_search"),
    ("c", "POST", "Condition"),
    ("u", "PUT", f"Condition/{ONE}"),
    ("d", "DELETE", "Condition/never-there"),
]


@pytest.fixture(scope="module", autouse=True)
async def record(world: World) -> None:
    """A record of these tests' own, open to who asks."""
    for resource in ({"resourceType": "Patient", "id": "letters"}, condition("letters", id=ONE)):
        path = f"{resource['resourceType']}/{resource['id']}"
        assert (await world.desk.ask("loader", "PUT", path, resource))[0] == 201
    await world.desk.system().store.grant(Grant("letters", "ps:899710000011", "carer", "rw"))


async def _status(world: World, scopes: tuple[str, ...], method: str, path: str, body: Any = None) -> int:
    actor = world.desk.actors["treating"]
    world.desk.actors["letters"] = replace(actor, login="letters", scopes=scopes)
    return (await world.desk.ask("letters", method, path, body))[0]


@pytest.mark.parametrize("letter", "cruds")
async def test_a_letter_opens_what_it_says(world: World, letter: str) -> None:
    scopes, open_ = (f"user/Condition.{letter}", "user/Basic.cruds"), {}
    _, held = await world.desk.ask("loader", "GET", f"Condition/{ONE}")
    for _, method, path in ASKED:
        body = {"POST": condition("letters"), "PUT": held}.get(method) if "_search" not in path else None
        status = await _status(world, scopes, method, path, body)
        assert status in (200, 201, 204, 403, 404), (method, path, status)
        open_[method, path] = status != 403
    # What cannot be seen is not there to be changed, whatever may be written.
    assert open_ == {(method, path): letter == wanted for wanted, method, path in ASKED}


@pytest.mark.parametrize(("letter", "status"), [("r", 200), ("s", 403)])
async def test_a_whole_record_is_read(world: World, letter: str, status: int) -> None:
    scopes = (f"user/Patient.{letter}", "user/Condition.rs")
    assert await _status(world, scopes, "GET", "Patient/letters/$everything") == status


async def test_the_history_of_everything_is_of_what_may_be_searched(world: World) -> None:
    scopes = ("user/Patient.r", "user/Condition.s", "user/Encounter.rs")
    actor = world.desk.actors["treating"]
    world.desk.actors["letters"] = replace(actor, login="letters", scopes=scopes)
    _, past = await world.desk.ask("letters", "GET", "_history?_count=1000")
    assert {e["resource"]["resourceType"] for e in past["entry"] if "resource" in e} == {
        "Condition",
        "Encounter",
    }
    assert await _status(world, ("user/Patient.r",), "GET", "_history") == 403


async def test_the_entries_of_a_bundle_too(world: World) -> None:
    actor = world.desk.actors["treating"]
    world.desk.actors["letters"] = replace(actor, login="letters", scopes=("user/Condition.s",))
    rows = [entry("GET", path) for _, method, path in ASKED if method == "GET"]
    _, told = await world.desk.ask("letters", "POST", "", bundle_of("batch", *rows))
    open_ = [not e["response"]["status"].startswith("403") for e in told["entry"]]
    assert open_ == [letter == "s" for letter, method, _ in ASKED if method == "GET"]
