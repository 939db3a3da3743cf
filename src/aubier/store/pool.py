"""Connections: one pool of asyncpg, tuned so that a statement costs one round trip."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from aubier.ground.problem import Problem, problem

Connection = Any
"""An asyncpg connection or its pool proxy; asyncpg ships no types."""


class _PlainConnection(asyncpg.Connection):
    """A connection that needs no reset between uses: no statement of ours leaves session state behind."""

    def get_reset_query(self) -> str:
        return ""


async def open_pool(dsn: str, size: int) -> Any:
    """A pool of at most `size` connections; Problem (transient) when the server does not answer."""
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            connection_class=_PlainConnection,
            max_inactive_connection_lifetime=0,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            server_settings={"application_name": "aubier", "jit": "off", "timezone": "UTC"},
        )
    except (OSError, asyncpg.PostgresError) as error:
        raise unavailable() from error


def unavailable() -> Problem:
    """The answer while the database does not answer: nothing was written, try again."""
    return problem(
        "transient",
        "The store does not answer at the moment; nothing was written, try again in a few seconds",
        "La base ne répond pas pour l'instant ; rien n'a été écrit, réessayez dans quelques secondes",
    )


@asynccontextmanager
async def answered() -> AsyncIterator[None]:
    """Turns a lost connection into a Problem (transient)."""
    try:
        yield
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.AdminShutdownError,
        asyncpg.CannotConnectNowError,
        asyncpg.CrashShutdownError,
        asyncpg.TooManyConnectionsError,
    ) as error:
        raise unavailable() from error
