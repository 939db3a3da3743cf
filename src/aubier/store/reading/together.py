"""What is asked at once is answered by one statement: under load, requests share round trips and commits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

import asyncpg

Q = TypeVar("Q")
A = TypeVar("A")

_MOST = 64
"""Questions in one statement: more would make the first wait for the last."""
_LANES = 2
"""Statements under way at a time: one is run while the answers of the other are given out."""


@dataclass(slots=True)
class Together(Generic[Q, A]):
    """Questions of one kind. `answer(questions)` gives as many answers, in their order, to `most` at a time;
    `at_once` of these are under way.

    A question is put in a statement that begins after it was asked, so it sees all that was committed before.
    It waits for nothing while a lane is free.
    """

    answer: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]
    most: int = _MOST
    at_once: int = _LANES
    waiting: deque[tuple[Q, asyncio.Future[A]]] = field(default_factory=deque)
    lanes: set[asyncio.Task[None]] = field(default_factory=set)

    async def ask(self, question: Q) -> A:
        """The answer to one question; what `answer` raises for it."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self.waiting.append((question, future))
        if len(self.lanes) < self.at_once:
            self.lanes.add(asyncio.create_task(self._lane()))
        return await future

    async def _lane(self) -> None:
        try:
            while self.waiting:
                taken = [self.waiting.popleft() for _ in range(min(self.most, len(self.waiting)))]
                asked = [(question, future) for question, future in taken if not future.done()]
                if asked:
                    await self._answer(asked)
        finally:
            # In the step that found nothing waiting, not in a callback after it: a question asked between
            # the two would count on a lane that looks no more, and wait for ever.
            self.lanes.discard(cast(asyncio.Task[None], asyncio.current_task()))

    async def _answer(self, asked: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self.answer([question for question, _ in asked])
        except asyncpg.DataError as error:
            # One question that the database cannot read must not cost the others their answer.
            if len(asked) > 1:
                for one in asked:
                    await self._answer([one])
            else:
                _tell(asked[0][1], error)
        except BaseException as error:
            for _, future in asked:
                _tell(future, error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, future), found in zip(asked, answers, strict=True):
                if not future.done():
                    future.set_result(found)


def _tell(future: asyncio.Future[A], error: BaseException) -> None:
    if not future.done():
        if isinstance(error, Exception):
            future.set_exception(error)
        else:
            future.cancel()
