"""Compartment and row numbers: handed out in blocks, never twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from aubier.store.pool import Connection

_BLOCK = 1000


@dataclass(slots=True)
class Numbers:
    """The numbers of this process. Rows and compartments share one sequence: time-ordered, unique."""

    free: list[int] = field(default_factory=list)

    async def take(self, conn: Connection, count: int) -> list[int]:
        """`count` numbers never given before, ascending."""
        while len(self.free) < count:
            missing = -(-(count - len(self.free)) // _BLOCK)
            rows = await conn.fetch(
                "select nextval('number_block') as n from generate_series(1, $1)", missing
            )
            for row in rows:
                self.free.extend(range(row["n"] * _BLOCK, (row["n"] + 1) * _BLOCK))
        taken, self.free[:count] = self.free[:count], []
        return taken
