"""The state of a database, which nothing here changes: how much it holds, and of which release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aubier.ground.rows import Migration
from aubier.store.indexing.walking import Progress, progress
from aubier.store.opening.reach import reach
from aubier.store.opening.upgrade import own_steps, to_take
from aubier.store.pool import Connection, answered

_UNSERVED = "select name from indexing where state = 'unserved' order by no"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What a database holds: `resources` in all; `behind` names the steps that it still has to take.

    `walks` are what is still to be indexed, `unserved` the SearchParameters that cannot be.
    """

    resources: int
    behind: tuple[str, ...]
    walks: tuple[Progress, ...] = ()
    unserved: tuple[str, ...] = ()


async def state_of(dsn: str, rooms: Mapping[str, Sequence[Migration]]) -> DatabaseState:
    """What there is at `dsn`, for a program with these rooms; nothing is changed.

    Problem as `reach`, and (conflict) when it was written by a newer release.
    """
    conn = await reach(dsn)
    try:
        async with answered():
            behind = await to_take(conn, {**own_steps(), **rooms})
            if behind:
                return DatabaseState(await _resources(conn), tuple(behind))
            walks, unserved = await progress(conn), await conn.fetch(_UNSERVED)
            return DatabaseState(await _resources(conn), (), tuple(walks), tuple(r["name"] for r in unserved))
    finally:
        await conn.close()


async def major(dsn: str) -> int:
    """The major version of the server at `dsn`. Problem as `reach`."""
    conn = await reach(dsn)
    await conn.close()
    return int(conn.get_server_version().major)


async def _resources(conn: Connection) -> int:
    """None where the tables were never made."""
    total = 0
    for table in ("res", "dir_res"):
        if await conn.fetchval("select to_regclass($1)", table):
            total += await conn.fetchval(f"select count(*) from {table}")
    return total
