"""Whether others are served while something long is done."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def served_beside(work: Awaitable[T], each: Callable[[], object] = lambda: None) -> tuple[T, int]:
    """What the work gives, and how many times another had a turn meanwhile, who did `each` in it."""
    served, ended = 0, False

    async def other() -> None:
        nonlocal served
        while not ended:
            served += 1
            each()
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    try:
        return await work, served
    finally:
        ended = True
        await beside
