"""A body that comes drop by drop is not waited for all day."""

import asyncio
import math
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.rest.asgi import Server


def server(patience: float) -> Server:
    """As much of one as reads a body."""
    made = Server.__new__(Server)
    made.max_body, made.patience = 10_000_000, patience
    return made


async def test_a_trickle_is_not_waited_for() -> None:
    came = 0

    async def receive() -> dict[str, Any]:
        nonlocal came
        came += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    with pytest.raises(Problem) as refused:
        await asyncio.wait_for(server(0.05)._body({}, receive), 30)
    assert refused.value.issues[0].at == ("http.body",)
    assert came > 1, "each part came in time"


async def test_what_comes_at_a_fair_pace_is_taken() -> None:
    parts = [b"x" * 1000] * 20

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(), "more_body": bool(parts)}

    assert len(await server(math.inf)._body({}, receive)) == 20_000
