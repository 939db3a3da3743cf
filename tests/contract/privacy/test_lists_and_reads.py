"""Whatever rights there are, single reads and every kind of list show what these open: no more, no less."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from aubier.store.intent import Grant
from tests.contract.desk import Desk, following, ids, opened
from tests.contract.privacy.conftest import citizen
from tests.contract.privacy.world import (
    MASKS,
    Resource,
    World,
    binary,
    condition,
    document,
    mask,
    professional,
)

SEEING = ("mask:ps", "mask:rep")
SCOPES = (("kind:Condition",), ("kind:DocumentReference", "kind:Patient"), ("kind:Binary", "kind:Encounter"))
KEY, OTHERS = "ps:899710000011", ("ps:899710000029", "person:p0")
PEOPLE = 30
ACTORS = {
    "carer": professional("carer", "899710000011"),
    "of-two-keys": replace(professional("of-two-keys", "899710000011"), keys=(KEY, "org:1000000011")),
    "relative": citizen("relative", "p0"),
    "nobodys": professional("nobodys", "899710000099"),
}
LISTS = (
    ("Patient", ""),
    ("Patient", "active=true"),
    ("Patient", "_has:Condition:patient:code=secret"),
    ("Condition", "code=secret"),
    ("Condition", "onset-date=ge2025-06-01"),
    ("Condition", "subject:Patient.active=true"),
    ("DocumentReference", "status=current"),
    ("DocumentReference", "type:missing=true"),
    ("Binary", ""),
    ("Encounter", "status:not=planned"),
    ("Appointment", "status=booked"),
    ("Observation", "status=final"),
)


def observation(patient: str, **more: Any) -> Resource:
    about = {"subject": {"reference": f"Patient/{patient}"}, "code": {"text": "t"}}
    return {"resourceType": "Observation", "status": "final", **about, **more}


def _records(draw: Random) -> Iterator[Resource]:
    for n in range(PEOPLE):
        yield {"resourceType": "Patient", "id": f"p{n}", "active": True, "name": [{"family": f"P{n}"}]}
        for m in range(3):
            one = f"{n}-{m}"
            security = [mask(draw.choice(["ps", "ps", "patient", "rep"]))] if draw.random() < 0.5 else []
            meta = {"meta": {"security": security}} if security else {}
            yield condition(f"p{n}", id=f"c{one}", **meta)
            yield document(f"p{n}", id=f"d{one}", **meta)
            yield binary(f"d{one}", id=f"b{one}")
            yield {
                "resourceType": "Encounter",
                "id": f"e{one}",
                "status": "finished",
                "class": {"code": "AMB"},
                "subject": {"reference": f"Patient/p{n}"},
            }
        for m in range(3):
            pair = dict.fromkeys((n, draw.randrange(PEOPLE)))
            who = [{"actor": {"reference": f"Patient/p{p}"}, "status": "accepted"} for p in pair]
            yield {"resourceType": "Appointment", "id": f"a{n}-{m}", "status": "booked", "participant": who}
            taker = {"reference": f"Patient/p{draw.randrange(PEOPLE)}"}
            yield observation(f"p{n}", id=f"o{n}-{m}", performer=[taker])


def _rights(draw: Random, now: int) -> Iterator[Grant]:
    """Some plain, some narrow, some withheld, some over, some denied: to all, to one, of one type."""
    for n in range(1, PEOPLE):
        for key in (KEY, "org:1000000011", *OTHERS):
            if draw.random() < 0.8:
                term = draw.choice([{}, {}, {}, {}, {"since": now}, {"till": now}, {"since": now + 1}])
                scope = draw.choice([(), (), (), (), *SCOPES])
                withheld = draw.choice([(), SEEING[:1], SEEING])
                yield Grant(f"p{n}", key, "carer", draw.choice(["r", "rw", "w"]), scope, withheld, **term)
            if draw.random() < 0.3:
                term = draw.choice([{}, {"since": now}, {"till": now}, {"since": now + 1}])
                scope = draw.choice([(), *SCOPES])
                yield Grant(f"p{n}", key, "block", scope=scope, deny=True, **term)
        if draw.random() < 0.05:
            yield Grant(f"p{n}", "anyone", "block", deny=True)


@dataclass(frozen=True)
class Rights:
    """The rule of rights (docs/design/access.md), told a second time: of an actor, over resources by name."""

    keys: tuple[str, ...]
    grants: tuple[Grant, ...]
    now: int
    stored: dict[str, Resource]

    def open(self, resource: Resource) -> bool:
        labels, people = _labels(resource), _people(resource)
        grants = [g for g in self.grants if g.patient in people and (g.since or 0) <= self.now < g.till]
        given = [g for g in grants if not g.deny and g.actor in self.keys and "r" in g.rights]
        covered = any(
            (people[g.patient] or g.basis == "self")
            and (not g.scope or labels & {*g.scope})
            and not labels & {*g.withheld}
            for g in given
        )
        denies = [g for g in grants if g.deny and g.actor in (*self.keys, "anyone")]
        denied = any(not g.scope or labels & {*g.scope} for g in denies)
        document = resource.get("securityContext", {}).get("reference", "")
        return covered and not denied and (not document or self.open(self.stored[document]))


def _labels(resource: Resource) -> set[str]:
    codes = {c["code"] for c in resource.get("meta", {}).get("security", [])}
    masks = {f"mask:{name}" for name, code in MASKS.items() if code in codes}
    return {f"kind:{resource['resourceType']}"} | masks


def _people(resource: Resource) -> dict[str, bool]:
    """The patients whom a resource names, and whether it is about them."""
    if resource["resourceType"] == "Patient":
        return {resource["id"]: True}
    if resource["resourceType"] == "Binary":
        return {f"p{resource['id'][1:].partition('-')[0]}": True}
    about = [resource.get("subject", {}), *(p["actor"] for p in resource.get("participant", []))]
    named = {p["reference"]: False for p in resource.get("performer", [])}
    named |= {a["reference"]: True for a in about if a}
    return {reference.removeprefix("Patient/"): told for reference, told in named.items()}


@pytest.fixture(scope="module")
async def crowd(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    draw = Random(53)
    async with opened(database, tmp_path_factory.mktemp("house"), ACTORS) as desk:
        rows: list[dict[str, Any]] = [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
            for r in _records(draw)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": rows}
        status, told = await desk.ask("loader", "POST", "", bundle)
        assert status == 200, told
        await desk.system().store.grant(*_rights(draw, round(desk.now[0].timestamp() * 1000)))
        yield World(desk)


def _told(world: World, login: str) -> dict[str, bool]:
    """Whether the rights open each resource to someone, by name."""
    draw, now = Random(53), round(world.desk.now[0].timestamp() * 1000)
    stored = {f"{r['resourceType']}/{r['id']}": r for r in _records(draw)}
    own = [Grant(f"p{n}", f"person:p{n}", "self", "rw", (), ("mask:patient",)) for n in range(PEOPLE)]
    rights = Rights(ACTORS[login].keys, (*own, *_rights(draw, now)), now, stored)
    return {name: rights.open(resource) for name, resource in stored.items()}


async def _through(world: World, single: dict[str, set[str]], kind: str) -> set[str]:
    """Of Patients, those whom an open Condition names; of Conditions, those whose Patient is open too."""
    rows = (await world.desk.found("loader", "Condition", [("_count", "1000")]))["entry"]
    whose = {f"Condition/{r['resource']['id']}": r["resource"]["subject"]["reference"] for r in rows}
    if kind == "Patient":
        return single["Patient"] & {whose[name] for name in single["Condition"]}
    return {name for name in single["Condition"] if whose[name] in single["Patient"]}


async def _turned(desk: Desk, login: str, asked: str) -> list[str]:
    """All pages of a search, without a total."""
    _, bundle = await desk.ask(login, "GET", f"{asked}&_count=9")
    found = ids(bundle)
    while url := following(bundle):
        bundle = (await desk.ask(login, "GET", url))[1]
        found += ids(bundle)
    return found


@pytest.mark.parametrize("login", ACTORS)
async def test_every_single_read_is_as_the_rights_say(crowd: World, login: str) -> None:
    told = _told(crowd, login)
    assert {name: await crowd.sees(login, name) for name in told} == told


@pytest.mark.parametrize("login", ACTORS)
async def test_every_list_shows_what_the_rights_open(crowd: World, login: str) -> None:
    shown = 0
    told = _told(crowd, login)
    single = {
        kind: {name for name, there in told.items() if there and name.startswith(f"{kind}/")}
        for kind, _ in LISTS
    }
    for kind, query in LISTS:
        known = single[kind]
        if ":" in query and "patient" in query.lower():
            known = await _through(crowd, single, kind)
        asked = f"{kind}?{query}"
        _, counted = await crowd.desk.ask(login, "GET", f"{asked}&_total=accurate&_count=1000")
        assert set(ids(counted)) == known, (login, asked)
        assert counted["total"] == len(ids(counted)) == len(known), (login, asked)
        _, bare = await crowd.desk.ask(login, "GET", f"{asked}&_summary=count")
        assert bare["total"] == len(known), (login, asked)
        assert sorted(await _turned(crowd.desk, login, asked)) == sorted(known), (login, asked)
        shown += len(known)
    assert bool(shown) == (login != "nobodys")
