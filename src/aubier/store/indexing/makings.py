"""The makings as one process knows them: what it writes, what it takes away, what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from aubier.fhir.definitions import SearchParameter
from aubier.ground.problem import problem
from aubier.search.custom import makings
from aubier.search.model import Query
from aubier.search.parameters import CustomParameter, Pending, Registry
from aubier.store.pool import Connection, answered


@dataclass(frozen=True, slots=True)
class Making:
    """A custom parameter under its number; `name` is the id of its SearchParameter."""

    number: int
    name: str
    state: str
    row: SearchParameter
    done: int = 0
    total: int = -1

    @property
    def custom(self) -> CustomParameter:
        """The parameter as a registry holds it."""
        return CustomParameter(**{f: getattr(self.row, f) for f in _FIELDS}, making=self.number)

    @property
    def pending(self) -> Pending:
        """How far it is."""
        return Pending(self.name, self.done, self.total)


_FIELDS = tuple(SearchParameter.__dataclass_fields__)
_INDEXED = ("url", "code", "type", "bases", "expression", "components")
"""What decides the index rows; the rest decides how a question is read."""


def same_rows(one: SearchParameter, other: SearchParameter) -> bool:
    """Whether two forms of a parameter have the same index rows."""
    return all(getattr(one, name) == getattr(other, name) for name in _INDEXED)


def packed(row: SearchParameter) -> str:
    """A parameter as the table keeps it."""
    return json.dumps(asdict(row), ensure_ascii=False)


def _unpacked(text: str) -> SearchParameter:
    facts: dict[str, Any] = json.loads(text)
    listed = {k: tuple(v) for k, v in facts.items() if isinstance(v, list)}
    pairs = tuple(tuple(pair) for pair in facts["components"])
    return SearchParameter(**{**facts, **listed, "components": pairs})


def makings_of(rows: Iterable[Mapping[str, Any]]) -> list[Making]:
    """The makings of rows of `indexing`."""
    return [
        Making(r["no"], r["name"], r["state"], _unpacked(r["definition"]), r["done"], r["total"])
        for r in rows
        if r["definition"]
    ]


@dataclass(slots=True)
class Makings:
    """What a process knows. `base` are the parameters that are always there.

    `written` are those whose rows a write makes, `held` those whose rows may be there, `answered` those that
    a question may name. `version` says of which state of the database this is so.
    """

    base: Registry
    version: int = 0
    news: int = 0
    rows: Sequence[Making] = ()
    written: Registry = field(init=False)
    held: Registry = field(init=False)
    answered: Registry = field(init=False)

    def __post_init__(self) -> None:
        self._take(())

    async def learn(self, conn: Connection) -> bool:
        """Takes in what the database says; gives whether it was news."""
        row = await conn.fetchrow("select version, news from indexing_state")
        told = (int(row["version"]), int(row["news"]))
        moving = any(m.state == "making" for m in self.rows)
        if told == (self.version, self.news) and not moving:
            return False
        # The version was read first: rows that are newer than it only make a write run once more.
        rows = makings_of(await conn.fetch("select * from indexing where kind = 'parameter' order by no"))
        news = rows != list(self.rows)
        self.version, self.news = told
        if news:
            self._take(rows)
        return news

    async def check(self, conn: Connection, queries: Iterable[Query]) -> None:
        """Problem (transient) for an answer by a custom parameter that was taken away meanwhile, in whatever
        process: it may lack some. Before its rows go, its end is committed.
        """
        asked = makings(queries)
        if not asked:
            return
        async with answered():
            ready = await conn.fetchval(
                "select count(*) from indexing where no = any($1::bigint[]) and state = 'ready'", list(asked)
            )
        if ready < len(asked):
            raise problem(
                "transient",
                "A search parameter that this question uses was changed while it was asked; ask again",
                "Un paramètre de recherche de cette question a changé pendant qu'on la posait ; reposez-la",
            )

    def _take(self, rows: Sequence[Making]) -> None:
        self.rows = rows
        ready = [m.custom for m in rows if m.state == "ready"]
        making = [m for m in rows if m.state == "making"]
        leaving = [m.custom for m in rows if m.state == "leaving"]
        self.answered = self.base.with_made(ready, [(m.custom, m.pending) for m in making])
        written = [*ready, *(m.custom for m in making)]
        self.written = self.base.with_made(written) if written else self.base
        self.held = self.base.with_made([*written, *leaving]) if leaving else self.written
