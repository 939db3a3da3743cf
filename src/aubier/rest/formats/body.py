"""The body of a request: read once, and answered in its turn where it is long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aubier.ground.problem import Problem, problem
from aubier.store.aside import LONGER

AT_ONCE = 2
"""Long bodies that are answered at once: what is made of one takes ten times its bytes, and more."""
MOST = 512 * 1024 * 1024
"""Bytes of the long bodies that wait for their turn, at most."""


class Turns:
    """Lets in `at_once` requests with bodies of `LONGER` bytes and more; others wait, in order."""

    def __init__(self, at_once: int = AT_ONCE, most: int = MOST) -> None:
        self._free, self._most, self._waiting = asyncio.Semaphore(at_once), most, 0

    async def take(self, size: int) -> None:
        """Waits for a turn, which `end` ends. Problem `throttled`: too much waits already."""
        if self._waiting and self._waiting + size > self._most:
            raise _too_many()
        self._waiting += size
        try:
            await self._free.acquire()
        finally:
            self._waiting -= size

    def end(self) -> None:
        """Lets the next one in."""
        self._free.release()


@dataclass(slots=True)
class Body:
    """The body of a request, read once. Problem: as it was the first time. `answered` when it is."""

    receive: Callable[[], Awaitable[bytes]]
    turns: Turns
    came: bytes | Problem | None = None
    let_in: bool = False

    async def read(self) -> bytes:
        """The bytes, once it is their turn."""
        if self.came is None:
            try:
                self.came = await self.receive()
                if len(self.came) >= LONGER:
                    await self.turns.take(len(self.came))
                    self.let_in = True
            except Problem as refusal:
                self.came = refusal
        if isinstance(self.came, Problem):
            raise self.came
        return self.came

    def answered(self) -> None:
        """Ends its turn, if it has one."""
        if self.let_in:
            self.let_in = False
            self.turns.end()


def _too_many() -> Problem:
    refusal = problem(
        "throttled",
        f"More than {MOST >> 20} MB of long bodies wait here already; send this one again in a moment",
        f"Plus de {MOST >> 20} Mo de longs corps attendent déjà ici ; renvoyez celui-ci dans un moment",
        at="http.body",
    )
    refusal.headers["Retry-After"] = "10"
    return refusal
