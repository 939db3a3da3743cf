"""Reads that come at once share a statement: each is answered, and proved, as if it had come alone."""

import asyncio
from collections import Counter
from itertools import product
from typing import Any

from aubier.store.intent import Grant
from aubier.store.reading import Together
from tests.contract.privacy.conftest import ACTORS
from tests.contract.privacy.world import KINDS, MASKS, World

ASKED = [
    f"{kind}/{kind.removesuffix('Reference').lower()}-{name}" for kind in KINDS for name in ("plain", *MASKS)
]
ASKED += ["Patient/anna", "Patient/own", "Patient/nobody", "Condition/condition-gone"]
LINE = (
    "select actor, name, org, client, purpose, basis, action, what, hits, outcome, pat, at"
    " from audit where aid > $1"
)


async def _told(world: World, after: int) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(r.values()) for r in await world.desk.house.store.pool.fetch(LINE, after))


async def test_all_actors_at_once_are_answered_as_one_by_one(world: World) -> None:
    gone = {"resourceType": "Condition", "id": "condition-gone", "subject": {"reference": "Patient/anna"}}
    await world.desk.ask("loader", "PUT", "Condition/condition-gone", gone)
    await world.desk.ask("loader", "DELETE", "Condition/condition-gone")
    questions = list(product(("loader", *ACTORS), ASKED))
    start = await world.last()
    alone = [await world.desk.ask(login, "GET", path) for login, path in questions]
    proved, middle = await _told(world, start), await world.last()
    sizes = _sizes(world.desk.house.store.reads)
    together = await asyncio.gather(*(world.desk.ask(login, "GET", path) for login, path in questions))
    assert list(together) == alone
    assert {status for status, _ in alone} == {200, 404, 410}
    assert await _told(world, middle) == proved
    assert proved.total() == len(questions)
    assert max(sizes) > 20, "they did share statements"


def _sizes(reads: Together[Any, Any]) -> list[int]:
    """How many questions each statement answers from now on."""
    sizes: list[int] = []
    answer = reads.answer

    async def counted(questions: Any) -> Any:
        sizes.append(len(questions))
        return await answer(questions)

    reads.answer = counted
    return sizes


async def test_a_right_that_has_ended_opens_nothing_to_what_is_asked_after(world: World) -> None:
    store, path = world.desk.house.store, "Condition/condition-plain"
    system = world.desk.system().store
    for _ in range(5):
        under_way = [asyncio.create_task(world.desk.ask("treating", "GET", path)) for _ in range(20)]
        await asyncio.sleep(0)
        await system.grant(Grant("anna", "ps:899710000011", "block", deny=True))
        assert (await world.desk.ask("treating", "GET", path))[0] == 404
        assert {status for status, _ in await asyncio.gather(*under_way)} <= {200, 404}
        await store.pool.execute("delete from grants where basis = 'block' and actor = 'ps:899710000011'")
        assert (await world.desk.ask("treating", "GET", path))[0] == 200
