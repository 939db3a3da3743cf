"""How PostgreSQL plans a question: once for any values, or anew for these."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aubier.store.pool import Connection


@asynccontextmanager
async def planned_once(conn: Connection) -> AsyncIterator[None]:
    """What is run within takes the plan that serves any values, which each connection makes once.

    For a statement that can be run in one way only. Left to itself, PostgreSQL may plan it each time, which
    costs three times as much as running it, because a plan for known values looks cheaper. What was written
    is committed at the end.
    """
    async with _planned(conn, "force_generic_plan"):
        yield


@asynccontextmanager
async def planned_anew(conn: Connection) -> AsyncIterator[None]:
    """What is run within is planned for its very values: a rare code is looked for, a frequent one met.

    A plan for any values would read everything in order until it has met enough of what is rare.
    """
    async with _planned(conn, "force_custom_plan"):
        yield


@asynccontextmanager
async def _planned(conn: Connection, mode: str) -> AsyncIterator[None]:
    if conn.is_in_transaction():
        yield
        return
    await conn.execute(f"begin; set local plan_cache_mode = {mode}")
    try:
        yield
    except BaseException:
        await conn.execute("rollback")
        raise
    await conn.execute("commit")
