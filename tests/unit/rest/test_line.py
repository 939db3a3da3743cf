"""A socket whose other end takes nothing in is let go of, so that others are told."""

import asyncio
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.rest.sockets.line import AsgiLine


async def _nothing(*_: Any) -> Any:
    await asyncio.Event().wait()


async def test_who_takes_nothing_in_holds_nobody_up() -> None:
    line = AsgiLine(_nothing, _nothing, patience=0.02)
    heard = asyncio.create_task(line.receive())
    told = await asyncio.gather(*(line.send(text) for text in "abc"), return_exceptions=True)
    assert [t.kind for t in told if isinstance(t, Problem)] == ["transient"] * 3
    assert await asyncio.wait_for(heard, 5) is None, "whoever listens leaves, and the socket closes"
    with pytest.raises(Problem):
        await line.send("d")


async def test_who_takes_it_in_is_told() -> None:
    sent: list[str] = []

    async def give(message: dict[str, str]) -> None:
        sent.append(message["text"])

    line = AsgiLine(_nothing, give)
    await asyncio.gather(*(line.send(text) for text in "abc"))
    assert sent == ["a", "b", "c"] and not line.ended
