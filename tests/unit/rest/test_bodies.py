"""Bodies are bounded: one that comes drop by drop, and what all of them hold together."""

import asyncio
import gzip
import math
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.rest.formats.bodies import ALWAYS, Bodies
from aubier.store.aside import LONGER


def given(*parts: bytes) -> Any:
    """What gives a body in these parts."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


def parts(*sizes: int) -> Any:
    """What gives a body in parts of these sizes."""
    return given(*(b"x" * size for size in sizes))


async def test_a_trickle_is_not_waited_for() -> None:
    came = 0

    async def receive() -> dict[str, Any]:
        nonlocal came
        came += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    with pytest.raises(Problem) as refused:
        await asyncio.wait_for(Bodies(10_000_000, 0.05).coming({}, receive).read(), 30)
    assert refused.value.issues[0].at == ("http.body",)
    assert came > 1, "each part came in time"


async def test_what_comes_at_a_fair_pace_is_taken() -> None:
    body = Bodies(10_000_000, math.inf).coming({}, parts(*[1000] * 20))
    assert len(await body.read()) == 20_000


async def test_large_bodies_have_a_bound_together_and_small_ones_pass() -> None:
    bodies = Bodies(1_000_000)
    held = [bodies.coming({}, parts(1_000_000)) for _ in range(8)]
    for body in held:
        await body.read()
    one = bodies.coming({}, parts(100_000))
    with one, pytest.raises(Problem) as refused:
        await one.read()
    assert refused.value.kind == "transient"
    assert refused.value.headers == {"Retry-After": "5"}
    with bodies.coming({}, parts(ALWAYS)) as small:
        assert len(await small.read()) == ALWAYS
    with held[0]:
        pass
    with bodies.coming({}, parts(100_000)) as again:
        assert len(await again.read()) == 100_000


async def test_long_bodies_are_answered_a_few_at_a_time_and_short_ones_at_once() -> None:
    bodies = Bodies(2 * LONGER, turns=asyncio.Semaphore(1))
    first, second, third, fourth = (bodies.coming({}, parts(LONGER)) for _ in range(4))
    with first:
        assert await first.read() is await first.read(), "its turn is taken once"
        waiting = [asyncio.create_task(one.read()) for one in (second, third, fourth)]
        with bodies.coming({}, parts(LONGER - 1)) as short:
            assert len(await short.read()) == LONGER - 1
        assert not any(one.done() for one in waiting)
        waiting[0].cancel()
        with second, pytest.raises(asyncio.CancelledError):
            await waiting[0]
        assert not waiting[1].done()
    with third:
        assert len(await waiting[1]) == LONGER
        assert not waiting[2].done()
    with fourth:
        assert len(await waiting[2]) == LONGER
    assert bodies.held == 0


async def test_what_gzip_makes_counts_too() -> None:
    bodies = Bodies(1_000_000)
    packed = gzip.compress(b" " * 900_000)
    with bodies.coming({"content-encoding": "gzip"}, given(packed)) as body:
        await body.read()
        assert bodies.held == 900_000
    assert bodies.held == 0


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity", "chunked, chunked"])
async def test_a_transfer_coding_that_is_not_undone_is_refused(coding: str) -> None:
    with pytest.raises(Problem) as refused:
        await Bodies(1000).coming({"transfer-encoding": coding}, parts(10)).read()
    assert refused.value.issues[0].at == ("http.Transfer-Encoding",)


async def test_a_body_that_is_cut_short_says_so_of_the_body() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(Problem) as refused:
        await Bodies(1000).coming({}, receive).read()
    assert refused.value.issues[0].at == ("http.body",)
