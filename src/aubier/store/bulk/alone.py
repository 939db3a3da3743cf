"""What only one may do at a time, in whatever process: a long load that another would spoil."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aubier.ground.problem import problem
from aubier.store.pool import answered
from aubier.store.store import Store


@asynccontextmanager
async def alone(store: Store, what: str) -> AsyncIterator[None]:
    """Holds `what` until the end of the block; Problem (lock-error) when somebody else does.

    The lock is its connection's: it ends with the process, however that ends.
    """
    key = store.keys.term("alone", what)
    async with answered(), store.standing.acquire() as conn:
        if not await conn.fetchval("select pg_try_advisory_lock($1)", key):
            raise problem(
                "lock-error",
                f"{what} is being loaded by somebody else; wait until that load has ended, then look whether"
                " this one is still needed",
                f"{what} est en cours de chargement par quelqu'un d'autre ; attendez la fin de ce chargement,"
                " puis voyez si celui-ci est encore utile",
            )
        try:
            yield
        finally:
            await conn.execute("select pg_advisory_unlock($1)", key)
