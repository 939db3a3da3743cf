"""What who represents a patient is told of who looked at the record: all but what gives the secret away."""

import json
from dataclasses import replace

import pytest

from aubier.access.labels import IDNPS
from aubier.store.intent import Grant
from tests.contract.privacy.conftest import citizen
from tests.contract.privacy.world import World, condition, mask, professional

PLACES = {"secretive": "71", "ordinary": "72", "beside": "71", "another": "71", "elsewhere": "75"}
"""Who has the right to see the record, and where they work: the first wrote what is secret, and no more."""
AUTHORS = ("secretive", "ordinary", "beside")


@pytest.fixture(scope="module")
async def looked(world: World) -> dict[str, str]:
    """The ids of what was written in a child's record, by who wrote it; everybody looked at all of it."""
    desk, system, written = world.desk, world.desk.system().store, {}
    for name in ("child", "parent"):
        patient = {"resourceType": "Patient", "id": name}
        assert (await desk.ask("loader", "PUT", f"Patient/{name}", patient))[0] == 201
        desk.actors[name] = citizen(name, name)
    for number, (login, place) in enumerate(PLACES.items(), 71):
        key = f"8997100000{number}"
        desk.actors[login] = replace(
            professional(login, key), organization=f"10000000{place}", organization_name=f"Place {place}"
        )
        known = {
            "resourceType": "Practitioner",
            "id": login,
            "identifier": [{"system": IDNPS, "value": key}],
        }
        assert (await desk.ask("loader", "PUT", f"Practitioner/{login}", known))[0] == 201
        await system.grant(Grant("child", f"ps:{key}", "carer", "rw"))
    for login in AUTHORS:
        hidden = {"meta": {"security": [mask("rep")]}} if login == "secretive" else {}
        written[login] = await desk.make(login, condition("child", **hidden))
    for login in PLACES:
        for one in written.values():
            assert (await desk.ask(login, "GET", f"Condition/{one}"))[0] == 200
    await system.grant(Grant("child", "person:parent", "parental-authority", "r", (), ("mask:rep",)))
    return written


async def _told(world: World, login: str) -> list[tuple[str, str]]:
    """Who read what of the child's record, as its lines tell someone, newest first."""
    lines = await world.desk.house.context(world.desk.actors[login]).store.accesses("child")
    return [
        (line["agent"][0]["who"]["reference"].partition("/")[2], entity["what"]["reference"])
        for line in lines
        for entity in line["entity"]
        if entity.get("what", {}).get("reference", "").startswith("Condition/") and line["action"] == "R"
    ]


async def test_lines_that_give_the_secret_away_are_left_out(world: World, looked: dict[str, str]) -> None:
    reads = [(login, f"Condition/{one}") for login in PLACES for one in looked.values()]
    assert await _told(world, "child") == reads[::-1]
    # Somebody of the place of the secret is told when their presence is known anyway.
    shown = [
        (login, what)
        for login, what in reads
        if login in ("ordinary", "beside", "elsewhere") and what != f"Condition/{looked['secretive']}"
    ]
    assert await _told(world, "parent") == shown[::-1]


async def test_whose_presence_is_secret_and_no_other(world: World, looked: dict[str, str]) -> None:
    views = {login: world.desk.house.context(world.desk.actors[login]).store for login in ("parent", "child")}
    hidden = {"ps:899710000071", "Practitioner/secretive", "org:1000000071"}
    assert await views["parent"].secret_actors("child") == hidden
    assert await views["child"].secret_actors("child") == frozenset()


async def test_what_others_deleted_in_another_record_is_no_secret_of_this_one(
    world: World, looked: dict[str, str]
) -> None:
    """Who may see all of a record is told all, with how much was found."""
    desk = world.desk
    patient = {"resourceType": "Patient", "id": "sibling"}
    assert (await desk.ask("loader", "PUT", "Patient/sibling", patient))[0] == 201
    await desk.system().store.grant(Grant("sibling", "person:parent", "parental-authority"))
    gone = await desk.make("secretive", condition("child", meta={"security": [mask("rep")]}))
    assert (await desk.ask("secretive", "DELETE", f"Condition/{gone}"))[0] == 204
    view = desk.house.context(desk.actors["parent"]).store
    assert await view.secret_actors("sibling") == frozenset()
    desk.actors["sibling"] = citizen("sibling", "sibling")
    await desk.system().store.grant(Grant("sibling", "ps:899710000071", "carer", "rw"))
    await desk.make("secretive", condition("sibling", meta={"security": [mask("patient")]}))
    holder = desk.house.context(desk.actors["sibling"]).store
    assert await holder.secret_actors("sibling") == frozenset(), "not yet told to the holder, but no secret"


async def test_a_line_that_names_whose_presence_is_secret_is_left_out(
    world: World, looked: dict[str, str]
) -> None:
    named = {}
    for login in ("ordinary", "secretive"):
        _, practitioner = await world.desk.ask("loader", "GET", f"Practitioner/{login}")
        written = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in (practitioner, {**condition("child"), "id": f"beside-{login}"})
        ]
        status, _ = await world.desk.ask(
            "loader", "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": written}
        )
        assert status == 200
        named[login] = f"Practitioner/{login}"
    for reader, told in (("child", set(named.values())), ("parent", {named["ordinary"]})):
        lines = await world.desk.house.context(world.desk.actors[reader]).store.accesses("child")
        entities = {e.get("what", {}).get("reference") for line in lines for e in line["entity"]}
        assert entities & set(named.values()) == told, reader


@pytest.mark.parametrize(
    ("since", "till", "scope", "told"),
    [
        (0, 1, (), True),
        (1, 9, (), False),
        (-9, 0, (), False),
        (-9, 9, ("kind:Patient", "kind:Condition"), False),
    ],
)
async def test_lines_are_told_for_the_term_of_a_right_to_all(
    world: World, looked: dict[str, str], since: int, till: int, scope: tuple[str, ...], told: bool
) -> None:
    now = round(world.desk.now[0].timestamp() * 1000)
    login = f"relative{since}{till}{len(scope)}"
    world.desk.actors[login] = citizen(login, login)
    await world.desk.system().store.grant(
        Grant("child", f"person:{login}", "delegation", "r", scope, (), since=now + since, till=now + till)
    )
    lines = await world.desk.house.context(world.desk.actors[login]).store.accesses("child")
    assert bool(lines) == told, json.dumps(lines)


@pytest.mark.parametrize(("right", "closed"), [(True, False), (True, True), (False, True)])
async def test_a_record_that_is_closed_to_someone_tells_them_nothing(
    world: World, looked: dict[str, str], right: bool, closed: bool
) -> None:
    login, system = f"kin{right:d}{closed:d}", world.desk.system().store
    world.desk.actors[login] = citizen(login, login)
    if right:
        await system.grant(Grant("child", f"person:{login}", "delegation", "r"))
    if closed:
        await system.grant(Grant("child", f"person:{login}", "opposition", deny=True))
    assert (await world.desk.ask("elsewhere", "GET", "Condition?patient=child"))[0] == 200
    lines = await world.desk.house.context(world.desk.actors[login]).store.accesses("child")
    assert bool(lines) == (right and not closed), json.dumps(lines)
