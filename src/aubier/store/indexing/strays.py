"""Index rows of no resource, and postings that the row of their resource does not know of.

No write leaves any. What a release once wrote otherwise, or a hand in the database, can.
"""

from __future__ import annotations

from typing import Any

from aubier.store.opening.reindexing import FAMILIES
from aubier.store.packing.rows import COLUMNS
from aubier.store.pool import UNHURRIED, Connection, answered

_NOBODY = "not exists (select from {prefix}res r where r.pat = t.pat and r.rid = t.rid)"
_UNKNOWN = (
    "{prefix}post t join {prefix}res r on r.pat = t.pat and r.rid = t.rid"
    " where t.k <> -r.lo or t.term <> all(r.terms)"
)


async def strays(conn: Connection, prefix: str, table: str) -> int:
    """How many there are in a table, as of one moment."""
    count = f"(select count(*) from {prefix}{table} t where {_NOBODY})"
    if table == "post":
        count += f" + (select count(*) from {_UNKNOWN})"
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(UNHURRIED)
        return int(await conn.fetchval(f"select {count}".format(prefix=prefix)))


async def take_away(pool: Any) -> int:
    """Takes them away, in a transaction for each table; gives how many."""
    async with answered(), pool.acquire() as conn:
        return sum([await _taken(conn, prefix, table) for prefix in FAMILIES for table in COLUMNS])


async def _taken(conn: Connection, prefix: str, table: str) -> int:
    ways = [f"delete from {prefix}{table} t where {_NOBODY}"]
    if table == "post":
        # Whoever writes that resource now is waited for: it may post anew what its row did not know of.
        unknown = f"select t.* from {_UNKNOWN} for update of r"
        ways += [
            f"with u as materialized ({unknown}) delete from {prefix}post t using u"
            " where (t.term, t.k, t.rid, t.pat, t.v) = (u.term, u.k, u.rid, u.pat, u.v)"
        ]
    async with conn.transaction():
        await conn.execute(UNHURRIED)
        done = [await conn.execute(way.format(prefix=prefix)) for way in ways]
    return sum(int(each.removeprefix("DELETE ")) for each in done)
