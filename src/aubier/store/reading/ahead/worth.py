"""Whether a look among the newest is worth its cost: not where all texts are read in less time."""

from __future__ import annotations

from dataclasses import dataclass, field

from aubier.search.keys import Keys
from aubier.search.model import Query
from aubier.search.terms.kept import kept
from aubier.store.keys import family
from aubier.store.pool import Connection
from aubier.store.reading.ahead.newest import read_whole

FEW = 8_000
"""Texts that are read whole in less time than a look along the newest takes to find nothing."""
_BELIEVED = 500
"""Questions for which it is believed that there are few."""


@dataclass(slots=True)
class Worth:
    """Which parameters have more than a few texts: it is asked of the database once, and of those with few
    now and then.
    """

    many: set[tuple[int, ...]] = field(default_factory=set)
    few: dict[tuple[int, ...], int] = field(default_factory=dict)

    async def of(self, conn: Connection, keys: Keys, query: Query) -> bool:
        """Whether each criterion of a query that no index answers is asked of many texts."""
        for criterion in read_whole(query):
            params = tuple(keys.param(query.type, c) for c in kept(query.type, criterion.parameter.code))
            if not await self._are_many(conn, family(query.type), params):
                return False
        return True

    async def _are_many(self, conn: Connection, prefix: str, params: tuple[int, ...]) -> bool:
        if params in self.many:
            return True
        if self.few.get(params, 0):
            self.few[params] -= 1
            return False
        counted = f"select count(*) from (select 1 from {prefix}str where param = any($1) limit {FEW}) s"
        if await conn.fetchval(counted, params) == FEW:
            self.many.add(params)
            return True
        self.few[params] = _BELIEVED
        return False
