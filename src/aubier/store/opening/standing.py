"""What stands still in a database, looked at and tried again by one who is not the running instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aubier.ground.rows import Stuck
from aubier.store.opening.reach import reach
from aubier.store.pool import answered


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that stands still: `what` is its name, `n` how many there are, `error` the last reason."""

    row: Stuck
    what: str
    n: int
    error: str

    def said(self, texts: Mapping[str, str], language: str) -> str:
        """A sentence of its row with these values; whatever the reason holds, it is one short line."""
        why = " ".join("".join(c if c.isprintable() else " " for c in self.error).split())[:200]
        return texts[language].format(what=self.what, n=self.n, error=why or "-")


async def standing(dsn: str, rows: Sequence[Stuck], now: int) -> list[Standing]:
    """What stands still at `dsn` at a moment (ms); nothing is changed. Problem as `reach`."""
    conn = await reach(dsn)
    try:
        async with answered():
            return [
                Standing(row, found["what"], found["n"], found["error"])
                for row in rows
                for found in await conn.fetch(row.seen.sql, now)
            ]
    finally:
        await conn.close()


async def try_again(dsn: str, rows: Sequence[Stuck], what: str) -> int:
    """Tries again what bears this name, or everything (empty); how many things that were. Problem as `reach`.

    All of it or nothing; who serves takes it up as if it had just come.
    """
    conn = await reach(dsn)
    try:
        async with answered(), conn.transaction():
            return sum([len(await conn.fetch(row.again.sql, what)) for row in rows if row.again])
    finally:
        await conn.close()
