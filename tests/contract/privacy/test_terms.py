"""A right and a deny hold from their first millisecond to just before their last, on every way in and out."""

from typing import Any

import pytest

from aubier.store.intent import Grant, Revoke
from tests.contract.desk import ids
from tests.contract.privacy.conftest import NURSE
from tests.contract.privacy.world import World, condition, document

TERMS: dict[str, tuple[dict[str, int], bool]] = {
    "begins now": ({"since": 0}, True),
    "begins next": ({"since": 1}, False),
    "ends next": ({"since": -9, "till": 1}, True),
    "ends now": ({"since": -9, "till": 0}, False),
}
"""Milliseconds from now, and whether it holds."""
ASKED = ("", "&_sort=-_lastUpdated", "&_count=1", "&subject:Patient._id={}", "&patient={}")


def _term(world: World, length: dict[str, int]) -> dict[str, int]:
    now = round(world.desk.now[0].timestamp() * 1000)
    return {name: now + some for name, some in length.items()}


async def _ways(world: World, login: str, patient: str, name: str) -> dict[str, bool]:
    """Whether the record of a patient, and its Condition of that name, are open to someone, each way."""
    desk, kind = world.desk, "Condition"
    open_: dict[str, bool] = {}
    for path in (f"{kind}/{name}", f"{kind}/{name}/_history/1", f"Patient/{patient}/$everything"):
        open_[path] = (await desk.ask(login, "GET", path))[0] == 200
    for more in ASKED:
        path = f"{kind}?_id={name}{more.format(patient)}"
        _, found = await desk.ask(login, "GET", f"{path}&_total=accurate")
        _, counted = await desk.ask(login, "GET", f"{path}&_summary=count")
        assert counted["total"] == found["total"] == len(ids(found)), path
        open_[path] = bool(ids(found))
    for path in ("_history?_count=1000", f"{kind}/_history?_count=1000"):
        _, past = await desk.ask(login, "GET", path)
        open_[path] = any(e["fullUrl"].endswith(f"{kind}/{name}") for e in past.get("entry", []))
    _, found = await desk.ask(login, "GET", f"Patient?_id={patient}&_revinclude=Condition:subject")
    open_["included"] = f"{kind}/{name}" in ids(found, "include")
    open_["written"] = (await desk.ask(login, "POST", kind, condition(patient)))[0] == 201
    return open_


async def _record(world: World, name: str) -> str:
    """The id of a new Patient, whose Condition has that id too."""
    made: list[dict[str, Any]] = [{"resourceType": "Patient", "id": name}, condition(name, id=name)]
    for resource in made:
        status, _ = await world.desk.ask("loader", "PUT", f"{resource['resourceType']}/{name}", resource)
        assert status == 201
    return name


@pytest.mark.parametrize("term", TERMS)
async def test_a_right_holds_for_its_term(world: World, term: str) -> None:
    length, holds = TERMS[term]
    patient = await _record(world, f"right-{list(TERMS).index(term)}")
    await world.desk.system().store.grant(Grant(patient, NURSE, "carer", "rw", **_term(world, length)))
    open_ = await _ways(world, "nurse", patient, patient)
    assert set(open_.values()) == {holds}, open_


@pytest.mark.parametrize("key", [NURSE, "anyone"])
@pytest.mark.parametrize("term", TERMS)
async def test_a_deny_holds_for_its_term(world: World, term: str, key: str) -> None:
    length, holds = TERMS[term]
    patient = await _record(world, f"deny-{list(TERMS).index(term)}-{key[:2]}")
    system = world.desk.system().store
    await system.grant(Grant(patient, NURSE, "carer", "rw"))
    await system.grant(Grant(patient, key, "block", deny=True, **_term(world, length)))
    open_ = await _ways(world, "nurse", patient, patient)
    assert set(open_.values()) == {not holds}, open_


@pytest.mark.parametrize("rights", ["r", "w", "rw"])
async def test_a_right_to_read_or_to_write_is_that_alone(world: World, rights: str) -> None:
    patient = await _record(world, f"only-{rights}")
    await world.desk.system().store.grant(Grant(patient, NURSE, "carer", rights))
    open_ = await _ways(world, "nurse", patient, patient)
    assert open_.pop("written") == ("w" in rights)
    assert set(open_.values()) == {"r" in rights}, open_


async def test_a_narrow_deny_closes_what_it_names_alone(world: World) -> None:
    patient, desk = await _record(world, "narrow-deny"), world.desk
    await desk.system().store.grant(
        Grant(patient, NURSE, "carer", "rw"),
        Grant(patient, NURSE, "block", deny=True, scope=("kind:Condition", "kind:Binary")),
    )
    open_ = await _ways(world, "nurse", patient, patient)
    del open_["written"], open_[f"Patient/{patient}/$everything"]
    assert set(open_.values()) == {False}, open_
    assert await world.sees("nurse", f"Patient/{patient}")
    other = await desk.make("nurse", document(patient))
    assert await world.sees("nurse", f"DocumentReference/{other}")


async def test_a_basis_that_ends_leaves_the_others(world: World) -> None:
    """What is revoked is of that basis, that actor, that record, a right or a deny; an author's own stays."""
    patient, system = await _record(world, "bases"), world.desk.system().store
    beside = await _record(world, "beside-bases")
    await system.grant(*(Grant(patient, NURSE, basis, "rw") for basis in ("stated", "treating-doctor")))
    await system.grant(Grant(beside, NURSE, "stated"), Grant(patient, "ps:899710000037", "stated"))
    own = await world.desk.make("nurse", condition(patient))

    async def open_() -> list[bool]:
        asked = (("nurse", patient), ("nurse", beside), ("stranger", patient))
        return [await world.sees(login, f"Patient/{one}") for login, one in asked]

    await system.revoke(Revoke(patient, NURSE, "stated"))
    assert await open_() == [True, True, True]
    await system.grant(Grant(patient, NURSE, "block", deny=True))
    await system.revoke(Revoke(patient, NURSE))
    await system.revoke(Revoke(patient, NURSE, deny=True))
    assert await open_() == [False, True, True]
    assert await world.sees("nurse", f"Condition/{own}")
