"""Connections: one pool of asyncpg, tuned so that a statement costs one round trip."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from aubier.ground.problem import Problem, problem

_CONNECT_WITHIN = 5.0

Connection = Any
"""An asyncpg connection or its pool proxy; asyncpg ships no types."""


_LONGEST_MS = 10_000
"""A statement that takes longer is ended: one question must not hold a connection from everybody else."""

LONGEST_IDLE_MS = 300_000
"""A transaction between whose statements more passes is ended: its process stands still, or its network is
gone, and no feed goes on past what it may have written.
"""

_STATEMENTS = 200
"""Statements that a connection keeps prepared, the latest used. A search takes PostgreSQL 0.4 MB, kept with
its plan; what shapes of searches there are is for clients to choose.
"""

_PLANNING = {"random_page_cost": "1.1", "max_parallel_workers_per_gather": "0"}
"""What plans are chosen by, on any server: as in the tests. With the 4 that PostgreSQL comes with, for disks
that turned, all rights of a professional are read for each record that is looked at.
"""

UNHURRIED = "set local statement_timeout = 0"
"""For the first statement of a transaction that may take its time: a load, an upgrade."""


class _PlainConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that needs no reset between uses: no statement of ours leaves session state behind."""

    def get_reset_query(self) -> str:
        return ""


@dataclass(slots=True)
class Opened:
    """How many connections were opened so far: another one may be to another database of the same name."""

    number: int = 0

    async def count(self, conn: Connection) -> None:
        """Counts a connection before its first statement."""
        self.number += 1


async def open_pool(
    dsn: str,
    size: int,
    plans: Literal["auto", "force_generic_plan"] = "auto",
    opened: Opened | None = None,
) -> Any:
    """A pool of at most `size` connections; Problem (transient) when the server does not answer.

    `plans`: a statement that can be run in one way only is for a pool that plans it once, for any values.
    Left to itself, PostgreSQL may plan it each time, which costs three times as much as running it, because
    a plan for known values looks cheaper.
    """
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=0,  # opened when they are needed: an outage is told to who asks, not to the log
            max_size=size,
            connection_class=_PlainConnection,
            init=opened.count if opened else None,
            max_inactive_connection_lifetime=0,
            max_queries=1 << 62,  # never opened anew for its age: nothing in it grows, and its plans are kept
            statement_cache_size=_STATEMENTS,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,  # of any size: the longest ones are the costliest to plan
            timeout=_CONNECT_WITHIN,
            server_settings={
                "application_name": "aubier",
                "jit": "off",
                **_PLANNING,
                "timezone": "UTC",
                "statement_timeout": str(_LONGEST_MS),
                "idle_in_transaction_session_timeout": str(LONGEST_IDLE_MS),
                "plan_cache_mode": plans,
            },
        )
    except (OSError, asyncpg.PostgresError) as error:
        raise unavailable() from error


@asynccontextmanager
async def unhurried(conn: Connection, *, asked: bool) -> AsyncIterator[None]:
    """When `asked`, statements run within may take two minutes; what they wrote is committed at the end.

    No longer: feeds and exports read below the oldest statement that runs, and would fall behind.
    """
    if not asked:
        yield
        return
    async with conn.transaction():
        await conn.execute("set local statement_timeout = '2min'")
        yield


def unavailable() -> Problem:
    """The answer while the database does not answer.

    It promises nothing of a write: one whose connection was lost while it committed may have been kept.
    """
    return problem(
        "transient",
        "The store does not answer at the moment, try again in a few seconds;"
        " before sending a write again, look whether it was kept",
        "La base ne répond pas pour l'instant, réessayez dans quelques secondes ;"
        " avant de renvoyer une écriture, regardez si elle a été gardée",
    )


def no_room() -> Problem:
    """The answer while the database has no room left: nothing was written, and what a look would show is not
    shown, since no record is read without its audit line."""
    return problem(
        "transient",
        "The database has no room left, so nothing was written and no record can be shown;"
        " it works again by itself once the operator makes room",
        "La base n'a plus de place : rien n'a été écrit et aucun dossier ne peut être montré ;"
        " elle repart d'elle-même dès que l'exploitant libère de la place",
    )


def too_costly() -> Problem:
    """The answer to a question that took too long: nothing was written."""
    return problem(
        "too-costly",
        "This took longer than ten seconds and was stopped; ask for less at once, or narrow the search",
        "Cela a pris plus de dix secondes et a été arrêté ; demandez-en moins à la fois, ou précisez",
    )


_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection says that is being lost at this very moment
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # too many connections, no memory left
    asyncpg.PostgresIOError,
    asyncpg.ReadOnlySQLTransactionError,  # for a moment, while a standby takes over
    asyncpg.InvalidCatalogNameError,  # for a moment, while the sandbox is reset
)


class _Answered:
    """See `answered`. It holds nothing, and every question enters it."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncpg.QueryCanceledError):
            raise too_costly() from error
        if isinstance(error, asyncpg.DiskFullError):
            raise no_room() from error
        if isinstance(error, _LOST):
            raise unavailable() from error


_ANSWERED = _Answered()


def answered() -> _Answered:
    """Turns a lost connection, or a database that is full, into a Problem (transient)."""
    return _ANSWERED
