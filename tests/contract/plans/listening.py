"""Connections that tell how what is put through them is run: by the plan that PostgreSQL would take there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import asyncpg

_RUNS = 5
"""So many times PostgreSQL plans a prepared statement for its values, before it weighs a plan for any."""

Mode = Literal["auto", "force_generic_plan", "force_custom_plan"]


@dataclass
class Heard:
    """The statements that were asked, each a text and its arguments, and the plan of each as it was run.

    `scans` lets the planner read whole tables. Each was run once more for its plan, and that undone.
    """

    scans: bool = False
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)

    def clear(self) -> None:
        """Forgets what was asked so far."""
        self.asked.clear()
        self.plans.clear()

    @property
    def rows(self) -> int:
        """The rows read for all of them."""
        return sum(rows_read(plan) for plan in self.plans)


@dataclass
class Listening:
    """A pool, or a connection of one, whose connections plan as `mode` says (`plan_cache_mode`)."""

    inner: Any
    heard: Heard
    mode: Mode = "auto"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def fetch(self, sql: str, *args: Any) -> Any:
        """The rows of a statement."""
        return await self._asking("fetch", sql, args)

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        """The first row of a statement."""
        return await self._asking("fetchrow", sql, args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first value of a statement."""
        return await self._asking("fetchval", sql, args)

    async def execute(self, sql: str, *args: Any) -> Any:
        """Runs a statement; what has no arguments begins, sets or ends something."""
        if not args:
            self.mode = "force_custom_plan" if "force_custom_plan" in sql else self.mode
            return await self.inner.execute(sql)
        return await self._asking("execute", sql, args)

    def acquire(self) -> _Acquired:
        """One connection of a pool."""
        return _Acquired(self)

    async def release(self, conn: Listening) -> None:
        """Gives back a connection that was not entered."""
        await self.inner.release(conn.inner)

    async def _asking(self, how: str, sql: str, args: Sequence[Any]) -> Any:
        async with AsyncExitStack() as stack:
            conn = self.inner
            if isinstance(conn, asyncpg.Pool):
                conn = await stack.enter_async_context(conn.acquire())
            self.heard.asked.append((sql, *args))
            self.heard.plans.append(await self._plan(conn, sql, args))
            return await getattr(conn, how)(sql, *args)

    async def _plan(self, conn: Any, sql: str, args: Sequence[Any]) -> dict[str, Any]:
        async with undone(conn):
            await conn.execute(f"set local enable_seqscan = {'on' if self.heard.scans else 'off'}")
            await conn.execute(f"set local plan_cache_mode = {self.mode}")
            asking = await _prepared(conn, sql, args)
            for _ in range(_RUNS if self.mode == "auto" else 0):
                async with undone(conn):
                    await conn.execute(asking)
            told = await conn.fetchval(f"explain (analyze, buffers off, format json) {asking}")
            await conn.execute("deallocate asked")
        found: dict[str, Any] = json.loads(told)[0]["Plan"]
        return found


@dataclass
class _Acquired:
    """What `acquire` gives: entered, or awaited and then released."""

    pool: Listening
    held: Any = None

    def __await__(self) -> Any:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Listening:
        self.held = await self.pool.inner.acquire()
        return replace(self.pool, inner=self.held)

    async def __aexit__(self, *error: object) -> None:
        await self.pool.inner.release(self.held)


@asynccontextmanager
async def undone(conn: Any) -> AsyncIterator[None]:
    """What is written within is undone at the end."""
    begin, end = (
        ("savepoint tried", "rollback to tried") if conn.is_in_transaction() else ("begin", "rollback")
    )
    await conn.execute(begin)
    try:
        yield
    finally:
        await conn.execute(end)


async def _prepared(conn: Any, text: str, values: Sequence[Any]) -> str:
    """Prepares a statement as `asked`; gives what runs it with these values."""
    given = []
    kinds = (await conn.prepare(text)).get_parameters()
    for number, (kind, value) in enumerate(zip(kinds, values, strict=True)):
        said = f"set_config('asked.a{number}', ${1}::{kind.name}::text, true)"
        if await conn.fetchval(f"select {said}", value) is None or value is None:
            given.append("null")
        else:
            given.append(f"current_setting('asked.a{number}')::{kind.name}")
    await conn.execute(f"prepare asked as {text}")
    return f"execute asked({', '.join(given)})" if given else "execute asked"


def rows_read(plan: dict[str, Any]) -> int:
    """The rows that the scans of a plan looked at: those they gave, and those they left out."""
    inner = sum(rows_read(part) for part in plan.get("Plans", []))
    if "Relation Name" not in plan and plan["Node Type"] != "Bitmap Index Scan":
        return inner
    left_out = (plan.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return inner + round((plan["Actual Rows"] + sum(left_out)) * plan["Actual Loops"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)
