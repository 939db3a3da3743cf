"""The commit mark and the date of what is written: the database's own, taken where it writes.

Taken before, by a process, a mark could wait (for a connection, a turn, a lock) while later ones were
committed and told: whoever asked what came since would never see what bore it.
"""

from __future__ import annotations

from typing import NamedTuple

from aubier.search.sql import Args
from aubier.store.pool import Connection

NUMBERED = "n(tx) as materialized (select pg_current_xact_id())"
"""A part of a WITH: the transaction takes its number. Whoever looks for writers finds them by it
(`reading.settled`), so it is taken before the mark.
"""

MARKS = ("seq", "upd")
"""The columns of a version that hold its commit mark (microseconds) and its date (ms)."""


class After(NamedTuple):
    """The mark and the date of the version replaced, than which the new one is later, and not older.

    `now` (ms), where dates follow a clock that may have been moved; else they are the database's.
    """

    seq: int = 0
    updated: int = 0
    now: int | None = None


def marked(after: After, args: Args) -> str:
    """A SELECT of one row, the mark and the date, within a WITH that has `NUMBERED` and runs once.

    The mark is no earlier than the transaction, though the clock is set back while it runs.
    """
    ticks = ", ".join(f"(extract(epoch from {at}()) * 1000000)::bigint" for at in ("clock_timestamp", "now"))
    seq = (
        f"select greatest({ticks}, {args.add(after.seq + 1, 'bigint')}) as seq from n where n.tx is not null"
    )
    if after.now is not None:
        upd = args.add(max(after.now, after.updated), "bigint")
    else:
        upd = f"greatest(s.seq / 1000, {args.add(after.updated, 'bigint')})"
    return f"select s.seq, {upd} as upd from ({seq}) s"


async def take_mark(conn: Connection, now: int | None) -> tuple[int, int]:
    """The mark and the date of what this transaction writes next, where nothing is replaced."""
    args = Args()
    row = await conn.fetchrow(f"with {NUMBERED} {marked(After(now=now), args)}", *args)
    return row["seq"], row["upd"]
