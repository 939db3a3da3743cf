"""Statements of several who ask at once, in one transaction: they share its commit, half of their cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import asyncpg

from aubier.store.pool import Connection

Asked: TypeAlias = tuple[str, Sequence[Any]]
"""A statement with its arguments, which adds rows and changes none: nobody waits for it."""

Told: TypeAlias = list[Any] | Exception

MOST, LANES = 8, 3
"""Statements in one transaction, whose first waits for its last; transactions under way at a time, of the
usual four connections: one is for what takes longer.
"""


async def committed(pool: Connection, asked: Sequence[Asked]) -> list[Told]:
    """The rows of each, committed; or what it alone is refused for.

    Each sees what was committed before it was asked, for it takes its own view of the database.
    """
    async with pool.acquire() as conn:
        if len(asked) > 1:
            try:
                async with conn.transaction():
                    return [list(await conn.fetch(sql, *args)) for sql, args in asked]
            except asyncpg.PostgresError:
                # One of them, which must not cost the others their answer.
                if conn.is_closed():
                    raise
        return [await _alone(conn, *one) for one in asked]


async def _alone(conn: Connection, sql: str, args: Sequence[Any]) -> Told:
    found: Told
    try:
        found = await conn.fetch(sql, *args)
    except asyncpg.PostgresError as error:
        found = error
    return found
