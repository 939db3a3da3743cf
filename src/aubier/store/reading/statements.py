"""The rooms' own statements, which the store alone runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Statement
from aubier.store.pool import Connection, answered
from aubier.store.reading.together import Together

Rows = list[Mapping[str, Any]]


@dataclass(slots=True)
class Statements:
    """Statements by name, and those whose calls go together."""

    pool: Any
    named: Mapping[str, Statement]
    shared: dict[str, Together[Sequence[Any], Rows]] = field(init=False)

    def __post_init__(self) -> None:
        self.shared = {
            name: Together(partial(self._each, statement.sql))
            for name, statement in self.named.items()
            if statement.together
        }

    async def run(self, name: str, args: Sequence[Any], conn: Connection | None) -> Rows:
        """The rows of one call.

        Problem: not-supported for a name nobody declared, `value` for an argument that no row could hold (a
        null character, a number beyond its column), which is the request's own.
        """
        if name not in self.named:
            raise problem("not-supported", f"No statement is called {name}", f"Aucune requête nommée {name}")
        statement = self.named[name]
        given = [[a] for a in args] if statement.together else args
        try:
            if statement.together and conn is None:
                return await self.shared[name].ask(args)
            async with answered():
                rows = [dict(r) for r in await (conn or self.pool).fetch(statement.sql, *given)]
        except asyncpg.DataError as error:
            raise unstorable() from error
        if statement.together:
            for row in rows:
                row.pop("n")
        return list(rows)

    async def _each(self, sql: str, calls: Sequence[Sequence[Any]]) -> Sequence[Rows]:
        found: list[Rows] = [[] for _ in calls]
        async with answered():
            for row in await self.pool.fetch(sql, *map(list, zip(*calls, strict=True))):
                columns = dict(row)
                found[columns.pop("n") - 1].append(columns)
        return found


def unstorable() -> Problem:
    """The answer to a value that the database has no place for, wherever it came from."""
    return problem(
        "value",
        "A value has a character or a size that cannot be kept here, as a null character or a number too"
        " large; send it without",
        "Une valeur contient un caractère ou a une taille qui ne peut être gardée ici, comme un caractère nul"
        " ou un nombre trop grand ; envoyez-la sans",
    )
