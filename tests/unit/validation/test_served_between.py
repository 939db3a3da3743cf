"""A long validation lets others be served between its parts, and they do not change its verdict."""

from typing import Any

import pytest

from aubier.validation.profiles import AtHand
from aubier.validation.profiles.items import root
from aubier.validation.walks import validated, walked
from aubier.validation.walks.around.resolving import Surroundings, TooMuch
from aubier.validation.walks.walk import Spent, Walk
from tests.unit.beside import served_beside
from tests.unit.validation.test_profiles import library, observation, patient
from tests.unit.validation.test_snapshots import MINE, profile, row

ENTRIES = 100


def page() -> dict[str, Any]:
    """A Bundle of many Observations, each tenth without what its profile demands."""
    said = observation(meta={"profile": [MINE + "mine"]})
    rows = [said | ({} if n % 10 == 0 else {"valueString": "x"}) for n in range(ENTRIES)]
    entry = [
        {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{n:012d}", "resource": r} for n, r in enumerate(rows)
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entry}


async def test_others_are_served_while_a_bundle_is_validated() -> None:
    known = library(profile("Observation", row("Observation.value[x]", min=1)))
    expected = [(i.at, i.kind) for i in walked(page(), [], known).issues]
    # Another request may bring definitions meanwhile.
    found, served = await served_beside(validated(page(), [], known, AtHand()), known.refresh)
    assert served > ENTRIES // 20
    assert [(i.at, i.kind) for i in found] == expected
    assert len([i for i in found if i.kind == "required"]) == ENTRIES // 10


def sliced(path: str, slices: int) -> dict[str, Any]:
    """A profile of Patient that tells many slices of an element apart by their value."""
    by_value = {"discriminator": [{"type": "value", "path": "value"}], "rules": "open"}
    rows = [row(path, slicing=by_value)]
    for n in range(slices):
        rows += [
            row(path, f"s{n}", id=f"{path}:s{n}"),
            row(f"{path}.value", fixedString=str(n), id=f"{path}:s{n}.value"),
        ]
    return profile("Patient", *rows)


async def test_others_are_served_while_one_resource_is_held_to_many_slices() -> None:
    known = library(sliced("Patient.identifier", 1_000))
    known.profile(MINE + "mine")
    many = patient(identifier=[{"value": "x"}] * 40, meta={"profile": [MINE + "mine"]})
    _, served = await served_beside(validated(many, [], known, AtHand()))
    assert served > 40


def test_slices_of_what_is_not_there_are_work_too() -> None:
    known = library(sliced("Patient.contact.telecom", 200))
    item = root(patient(contact=[{"gender": "male"}] * 20))
    walk = Walk(known, Surroundings(known.value_set, None, item, None), Spent(left=900))
    with pytest.raises(TooMuch):
        list(walk.profile(item, MINE + "mine"))


def test_an_invariant_that_looks_at_too_much_is_told_as_not_checked() -> None:
    costly = {"key": "x-1", "severity": "error", "human": "x"}
    costly["expression"] = "name.all(%resource.name.given.count() < 0)"
    known = library(profile("Patient", row("Patient", constraint=[costly])))

    def told(names: int) -> list[str]:
        several = patient(name=[{"given": ["a"]}] * names, meta={"profile": [MINE + "mine"]})
        return [i.kind for i in walked(several, [], known).issues if "x-1" in i.text]

    assert told(2) == ["invariant"]
    assert told(700) != told(2) and len(told(700)) == 1
