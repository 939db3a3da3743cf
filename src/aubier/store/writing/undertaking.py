"""A transaction that begins when a statement needs it: a write of one statement is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aubier.store.pool import Connection
from aubier.store.reading.committing import Asked, Told
from aubier.store.reading.together import Together


@dataclass(slots=True)
class Undertaking:
    """A connection of a pool, and its transaction, once there is one.

    A statement that is the first and the last needs neither: two round trips less. It takes a connection of
    `planned`, where its plan is made once: for few rows PostgreSQL would make it anew each time, which costs
    more than running it. `brief` runs it with those that others ask at the same moment: who waits there holds
    no connection.
    """

    pool: Any
    planned: Any
    brief: Together[Asked, Told]
    held: Connection = None
    running: Any = None

    async def begin(self) -> None:
        """Begins the transaction, unless it has begun."""
        if self.running is None:
            self.held = self.held or await self.pool.acquire()
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

    async def peek(self, sql: str, *args: Any) -> list[Any]:
        """Rows as they are at this moment, which the transaction need not hold."""
        rows: list[Any] = await (self.held or self.planned).fetch(sql, *args)
        return rows

    async def last(self, sql: str, *args: Any, brief: bool) -> Any:
        """The first row of what may be the last statement: committed with it, unless others came before.

        What it wrote stays then, whatever is raised afterwards: it must write nothing where it is refused.
        `brief`: it writes a few rows and waits for nobody, so that others may wait for it.
        """
        if self.held is not None or not brief:
            return await (self.held or self.planned).fetchrow(sql, *args)
        told = await self.brief.ask(Asked(sql, args))
        if isinstance(told, Exception):
            raise told
        return told[0]


@asynccontextmanager
async def undertaken(pool: Any, planned: Any, brief: Together[Asked, Told]) -> AsyncIterator[Undertaking]:
    """An undertaking: what it began is committed at the end, or undone by what is raised."""
    own = Undertaking(pool, planned, brief)
    try:
        try:
            yield own
        except BaseException:
            if own.running is not None:
                await own.running.rollback()
            raise
        if own.running is not None:
            await own.running.commit()
    finally:
        if own.held is not None:
            await pool.release(own.held)
