"""Long bodies are answered a few at a time, short ones at once."""

import asyncio

import pytest

from aubier.ground.problem import Problem
from aubier.rest.formats.body import Body, Turns
from aubier.store.aside import LONGER


def body(turns: Turns, size: int = LONGER) -> Body:
    """A body of that size."""

    async def receive() -> bytes:
        return b"x" * size

    return Body(receive, turns)


async def test_a_long_body_waits_until_one_before_it_is_answered() -> None:
    turns = Turns(at_once=1)
    first, second, third = body(turns), body(turns), body(turns)
    assert len(await first.read()) == len(await first.read()) == LONGER, "its turn is taken once"
    waiting = [asyncio.create_task(one.read()) for one in (second, third)]
    assert len(await body(turns, LONGER - 1).read()) == LONGER - 1
    assert not any(one.done() for one in waiting)
    first.answered()
    first.answered()
    await waiting[0]
    assert not waiting[1].done(), "a turn ends once"
    second.answered()
    await waiting[1]


async def test_who_gives_up_waiting_leaves_the_turn_to_others() -> None:
    turns = Turns(at_once=1, most=2 * LONGER)
    first, second, third = body(turns), body(turns), body(turns)
    await first.read()
    waiting = asyncio.create_task(second.read())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    second.answered()
    later = asyncio.create_task(third.read())
    await asyncio.sleep(0)
    assert not later.done()
    first.answered()
    assert len(await later) == LONGER


async def test_what_is_larger_than_all_that_may_wait_waits_alone() -> None:
    turns = Turns(at_once=1, most=1)
    first, second = body(turns), body(turns)
    await first.read()
    waiting = asyncio.create_task(second.read())
    await asyncio.sleep(0)
    first.answered()
    assert len(await waiting) == LONGER


async def test_too_much_that_waits_is_refused_for_the_moment() -> None:
    turns = Turns(at_once=1, most=LONGER)
    first, second, third = body(turns), body(turns), body(turns)
    await first.read()
    waiting = asyncio.create_task(second.read())
    await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            await third.read()
        assert refused.value.kind == "throttled" and refused.value.headers["Retry-After"] == "10"
        assert refused.value.issues[0].at == ("http.body",) and refused.value.issues[0].fr
    third.answered()
    first.answered()
    assert len(await waiting) == LONGER
