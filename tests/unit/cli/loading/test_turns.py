"""Parts of a load that depend on each other keep their order; others do not wait."""

import asyncio

from aubier.cli.loading.parts import Touched, touched
from aubier.cli.loading.turns import Turns
from aubier.ground.rows import Resource


def written(*names: str) -> Touched:
    return Touched(frozenset(names))


async def order(*parts: Touched) -> list[int]:
    """The numbers of parts in the order they may be stored, when the last of them is read first."""
    turns, stored = Turns(), list[int]()

    async def store(number: int) -> None:
        await turns.wait(number, parts[number])
        stored.append(number)
        await turns.end(number)

    for number in range(len(parts)):
        turns.begin(number)
    late = [asyncio.create_task(store(n)) for n in range(1, len(parts))]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stored, "the first part may touch anything until it is read"
    await store(0)
    await asyncio.gather(*late)
    return stored


async def test_the_same_resource_twice_is_written_in_order() -> None:
    assert await order(written("a"), written("b"), written("b"), written("b")) == [0, 1, 2, 3]


async def test_what_lives_with_another_comes_after_it() -> None:
    follower = Touched(frozenset({"Provenance/1"}), frozenset({"Observation/1"}))
    assert follower.follows(written("Observation/1"))
    assert not written("Observation/1").follows(follower), "what is named may come later"
    assert sorted(await order(written("Observation/1"), follower, written("x"))) == [0, 1, 2]


async def test_nobody_passes_one_that_is_alone() -> None:
    alone = Touched(alone=True)
    assert alone.follows(written("a")) and written("a").follows(alone)
    assert await order(written("a"), alone, written("b")) == [0, 1, 2]


def test_what_a_part_touches() -> None:
    rows: list[Resource] = [
        {"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:s", "value": "1"}]},
        {"resourceType": "Provenance", "id": "v", "target": [{"reference": "Observation/o"}]},
        {"resourceType": "List", "id": "l", "entry": [{"item": {"reference": "DocumentReference/d"}}, {}]},
        {"resourceType": "Observation", "id": "w", "subject": {"reference": "Patient/p"}},
    ]
    found = touched(rows, patient=True)
    assert found.writes == {"Patient/p", "urn:s|1", "Provenance/v", "List/l", "Observation/w"}
    assert {"Observation/o", "DocumentReference/d"} <= found.needs and "Patient/p" not in found.needs
    assert not found.alone


def test_definitions_and_what_is_taken_as_it_is_are_alone() -> None:
    assert touched([{"resourceType": "SearchParameter", "id": "s"}], patient=True).alone
    assert touched([{"resourceType": "Basic", "id": "b"}], patient=False).alone
