"""Whose turn it is: parts are stored at the same time, but what depends on an earlier part after it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aubier.cli.loading.parts import Touched


@dataclass(slots=True)
class Turns:
    """The parts under way, by number. A part that is not read yet may touch anything."""

    _under_way: dict[int, Touched | None] = field(default_factory=dict)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    def begin(self, number: int) -> None:
        """A part is about to be read; numbers ascend."""
        self._under_way[number] = None

    async def wait(self, number: int, touched: Touched) -> None:
        """Returns when no part before this one stands in its way. Nobody waits for a later part."""
        async with self._moved:
            self._under_way[number] = touched
            self._moved.notify_all()
            await self._moved.wait_for(lambda: self._free(number, touched))

    async def end(self, number: int) -> None:
        """A part is stored, or given up."""
        async with self._moved:
            del self._under_way[number]
            self._moved.notify_all()

    def _free(self, number: int, touched: Touched) -> bool:
        earlier = (t for n, t in self._under_way.items() if n < number)
        return all(t is not None and not touched.follows(t) for t in earlier)
