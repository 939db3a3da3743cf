"""Reads of one resource each, of any number of actors, in one statement with their audit lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import msgspec

from aubier.search.sql import Args
from aubier.store import audit
from aubier.store.keys import family, type_numbers
from aubier.store.pool import Connection
from aubier.store.sight import Sight

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Wanted:
    """One resource, and who wants to see it."""

    sight: Sight
    kind: str
    logical: str

    @property
    def shape(self) -> tuple[str, bool]:
        """What is asked in the same words: the family of tables, and whether rights are asked at all."""
        return family(self.kind), self.sight.unrestricted


class _Columns(Args):
    """Arguments as the columns of a table `k` that has a row for each reader."""

    def __init__(self) -> None:
        self.casts: list[str] = []

    def add(self, value: Any, cast: str) -> str:
        self.append(value)
        self.casts.append(cast)
        return f"k.c{len(self)}"


async def read_each(conn: Connection, wanted: Sequence[Wanted], columns: str) -> list[Any]:
    """For each of `wanted` its record, or None where there is nothing for that actor to see.

    `columns` are those of a row `r`. An audit line of each that is there is committed with the answer.
    """
    found: list[Any] = [None] * len(wanted)
    places = sorted(range(len(wanted)), key=lambda n: wanted[n].shape)
    for (prefix, _), group in groupby(places, key=lambda n: wanted[n].shape):
        table = []
        for n in group:
            words, args = _asked(wanted[n], prefix)
            table.append(dict(zip(_names(len(args)), (n, *args), strict=True)))
        sql = _statement(prefix, words, tuple(args.casts), columns)
        # One argument of JSON: an array for each column costs the driver three times as much.
        for record in await conn.fetch(sql, _encode(table).decode()):
            found[record["n"]] = record
    return found


def _asked(one: Wanted, prefix: str) -> tuple[tuple[str, str], _Columns]:
    """The condition and the audit line of a read, in words that are the same for all of one shape."""
    args = _Columns()
    args.add(type_numbers()[one.kind], "smallint")
    args.add(one.logical, "text")
    seen, line = one.sight.predicate("r", args, directory=bool(prefix)), ""
    if not prefix:
        name = f"{one.kind}/{one.logical}"
        line = audit.line(one.sight, args, "select pat, 1, n from h", action="read", what=name, beside="k")
    return (seen, line), args


@lru_cache(maxsize=16)
def _statement(prefix: str, words: tuple[str, str], casts: tuple[str, ...], columns: str) -> str:
    seen, line = words
    kinds = ", ".join(map(" ".join, zip(_names(len(casts)), ("int", *casts), strict=True)))
    hit = (
        f"select {columns}, k.n from k join id_map m on m.type = k.c1 and m.id = k.c2"
        f" join {prefix}res r on r.pat = m.pat and r.rid = m.rid where {seen}"
    )
    return (
        f"with k as materialized (select * from json_to_recordset($1::json) as u({kinds})),"
        f" h as materialized ({hit}){f', a as ({line})' if line else ''} select h.* from h"
    )


@lru_cache(maxsize=16)
def _names(count: int) -> tuple[str, ...]:
    return ("n", *(f"c{n}" for n in range(1, count + 1)))
