"""Statements of several who ask at once, in one transaction: they share its commit, half of their cost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from aubier.store.pool import Connection
from aubier.store.reading.together import Together


class Asked(NamedTuple):
    """A statement with its arguments, which adds rows and changes none: nobody waits for it.

    The argument at `turn`, if there is one, stands in each of its rows as `turn`: so the rows of those that
    have the same text can be told apart.
    """

    sql: str
    args: Sequence[Any]
    turn: int | None = None


Told: TypeAlias = list[Any] | Exception

MOST, LANES = 8, 3
"""Statements in one transaction, whose first waits for its last; transactions under way at a time, of the
usual four connections: one is for what takes longer.
"""
FEW, FEW_LANES = 4, 3
"""The same of what looks a bounded way along the newest: each takes some milliseconds at most."""


@dataclass(slots=True, weakref_slot=True)
class Turns:
    """The searches of one actor across records: `at_once` connections at most are held for all of them, so
    that nobody keeps the others waiting. Those that wait meanwhile share the next that is free (`together`):
    a commit costs as much as many of them, and the dearer ones run side by side.
    """

    answer: Callable[[Sequence[Asked]], Awaitable[list[Told]]]
    at_once: int
    turn: asyncio.Semaphore = field(init=False)
    together: Together[Asked, Told] = field(init=False)

    def __post_init__(self) -> None:
        self.turn = asyncio.Semaphore(self.at_once)
        self.together = Together(self._in_turn, FEW, self.at_once)

    async def _in_turn(self, asked: Sequence[Asked]) -> list[Told]:
        async with self.turn:
            return await self.answer(asked)


async def committed(pool: Connection, asked: Sequence[Asked]) -> list[Told]:
    """The rows of each, committed; or what it alone is refused for.

    Each sees what was committed before it was asked, for it takes its own view of the database.
    """
    late: dict[int, Told] = {}
    found: list[list[list[Any]]] = []
    async with pool.acquire() as conn:
        if len(asked) > 1:
            together = _together(asked)
            try:
                # Those of one text are one round trip, and by themselves a transaction.
                async with conn.transaction() if len(together) > 1 else nullcontext():
                    for some in together:
                        found += [await _each(conn, [asked[place] for place in some])]
            except asyncpg.PostgresError as error:
                # One of them, which must not cost the others their answer.
                if conn.is_closed():
                    raise
                if isinstance(error, asyncpg.QueryCanceledError):
                    # Nor the time that it took once more.
                    late = {some[0]: error for some in together[len(found) :][:1] if len(some) == 1}
            else:
                places = (place for some in together for place in some)
                rows = dict(zip(places, (one for each in found for one in each), strict=True))
                return [rows[place] for place in range(len(asked))]
        return [late.get(place) or await _alone(conn, *one[:2]) for place, one in enumerate(asked)]


def _together(asked: Sequence[Asked]) -> list[list[int]]:
    """The places of the statements that are asked in one go, each once."""
    found: dict[object, list[int]] = {}
    for place, one in enumerate(asked):
        found.setdefault(place if one.turn is None else one.sql, []).append(place)
    return list(found.values())


async def _each(conn: Connection, asked: Sequence[Asked]) -> list[list[Any]]:
    """The rows of each of some statements of one text: sent at once, run one after the other."""
    sql, args, turn = asked[0]
    if turn is None or len(asked) == 1:
        return [list(await conn.fetch(sql, *args))]
    found: list[list[Any]] = [[] for _ in asked]
    numbered = [[*one.args[:turn], n, *one.args[turn + 1 :]] for n, one in enumerate(asked)]
    for row in await conn.fetchmany(sql, numbered):
        found[row["turn"]].append(row)
    return found


async def _alone(conn: Connection, sql: str, args: Sequence[Any]) -> Told:
    found: Told
    try:
        found = await conn.fetch(sql, *args)
    except asyncpg.PostgresError as error:
        found = error
    return found
