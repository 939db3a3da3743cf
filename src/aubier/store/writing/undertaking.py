"""A transaction that begins when a statement needs it: a write of one statement is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aubier.store.pool import Connection


@dataclass(slots=True)
class Undertaking:
    """A connection, and its transaction once there is one.

    A statement that is the first and the last needs none: two round trips less.
    """

    held: Connection
    running: Any = None

    async def begin(self) -> None:
        """Begins the transaction, unless it has begun."""
        if self.running is None:
            running = self.held.transaction()
            await running.start()
            self.running = running

    def is_in_transaction(self) -> bool:
        """Whether the transaction has begun."""
        return self.running is not None

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """The rows of a statement of the transaction."""
        await self.begin()
        rows: list[Any] = await self.held.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        """The first row of a statement of the transaction."""
        await self.begin()
        return await self.held.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first value of a statement of the transaction."""
        await self.begin()
        return await self.held.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> Any:
        """Runs a statement of the transaction."""
        await self.begin()
        return await self.held.execute(sql, *args)

    async def look(self, sql: str, *args: Any) -> list[Any]:
        """Rows as they are at this moment, which the transaction need not hold."""
        rows: list[Any] = await self.held.fetch(sql, *args)
        return rows

    async def last(self, sql: str, *args: Any) -> Any:
        """The first value of what may be the last statement: committed with it, unless others came before.

        What it wrote stays then, whatever is raised afterwards: it must write nothing where it is refused.
        """
        return await self.held.fetchval(sql, *args)


@asynccontextmanager
async def undertaken(conn: Connection) -> AsyncIterator[Undertaking]:
    """The undertaking of a connection: what it began is committed at the end, or undone by what is raised."""
    own = Undertaking(conn)
    try:
        yield own
    except BaseException:
        if own.running is not None:
            await own.running.rollback()
        raise
    if own.running is not None:
        await own.running.commit()
