"""How PostgreSQL plans a question: once for any values, or anew for these."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from aubier.store.pool import Connection

Plan = Literal["", "once", "brief", "near", "anew"]
"""`once`: there is one good way to run it (`Store.planned`). `brief`: and it stays in a few records, so that
others may wait for it. `near`: and it looks a bounded way, so that its like may. `anew`: its values decide.
Else: its choice."""


@asynccontextmanager
async def planned_anew(conn: Connection) -> AsyncIterator[None]:
    """What is run within is planned for its very values: a rare code is looked for, a frequent one met.

    A plan for any values would read everything in order until it has met enough of what is rare. What was
    written is committed at the end.
    """
    if conn.is_in_transaction():
        yield
        return
    await conn.execute("begin; set local plan_cache_mode = force_custom_plan")
    try:
        yield
    except BaseException:
        await conn.execute("rollback")
        raise
    await conn.execute("commit")
