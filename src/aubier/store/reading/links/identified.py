"""Resources by an identifier each (`Practitioner?identifier=a|1`): several asked in one statement."""

from __future__ import annotations

from collections.abc import Sequence

from aubier.search.keys import bounded
from aubier.search.model import Criterion, Query, Value
from aubier.search.sql import of_identifiers
from aubier.search.terms.kept import kept
from aubier.store.keys import family, type_numbers
from aubier.store.reading.reader import Reader, check_scope
from aubier.store.reading.row import ROW, Row, row_of

ENOUGH = 2
"""Rows of each question: who asks so wants to know whether one meets it, none, or several."""


def identifies(query: Query) -> bool:
    """Whether a query asks for one identifier, with its system, and for nothing else."""
    if len(query.criteria) != 1 or query.within[0] or query.cursor or query.summary or query.includes:
        return False
    asked = query.criteria[0]
    if not isinstance(asked, Criterion) or asked.modifier or len(asked.values) != 1:
        return False
    code, value = asked.parameter.code, asked.values[0]
    exact = value.system is not None and bool(value.code)
    return exact and of_identifiers(asked.parameter) and kept(query.type, code) == (code,)


async def identified(reader: Reader, prefix: str, queries: Sequence[Query]) -> list[list[Row]]:
    """At most two rows of each query, all of types of one table family (`prefix`). No audit line is left.

    Each value keeps a look-up of its own, whatever the others are: a list of them would be scanned for.
    """
    for query in queries:
        check_scope(reader.sight, query.type)
    args = reader.frame().args
    columns = [args.add(values, cast) for values, cast in _columns(reader, queries)]
    seen = reader.sight.predicate("r", args, directory=bool(prefix))
    hit = (
        f"select f.*, k.n from unnest({', '.join(columns)}) with ordinality k(type, param, system, value, n)"
        f" cross join lateral (select {ROW} from {prefix}ident p join {prefix}res r on r.pat = p.pat"
        " and r.rid = p.rid where p.param = k.param and p.value = k.value and p.system = k.system"
        f" and r.type = k.type and {seen} limit {ENOUGH}) f"
    )
    found: list[list[Row]] = [[] for _ in queries]
    for record in await reader.proved("dir_", args, hit, "search", "", plan="once"):
        found[record["n"] - 1].append(row_of(record))
    return found


def _columns(reader: Reader, queries: Sequence[Query]) -> list[tuple[list[object], str]]:
    asked: list[tuple[str, Criterion, Value]] = []
    for query in queries:
        (criterion,) = query.criteria
        assert isinstance(criterion, Criterion)
        asked.append((query.type, criterion, criterion.values[0]))
    return [
        ([type_numbers()[kind] for kind, _, _ in asked], "smallint[]"),
        ([reader.keys.param(kind, c.parameter.code) for kind, c, _ in asked], "bigint[]"),
        ([bounded(v.system or "") for _, _, v in asked], "text[]"),
        ([bounded(v.code) for _, _, v in asked], "text[]"),
    ]


async def each(reader: Reader, queries: Sequence[Query], *, quiet: bool) -> dict[int, list[Row]]:
    """What is found of those queries that can be asked together, by their place; the others are left out.

    Unless `quiet`, those of records are left out: each has an audit line of its own.
    """
    together: dict[str, list[int]] = {}
    for place, query in enumerate(queries):
        if identifies(query) and (quiet or family(query.type)):
            together.setdefault(family(query.type), []).append(place)
    found: dict[int, list[Row]] = {}
    for prefix, places in together.items():
        if len(places) > 1:
            rows = await identified(reader, prefix, [queries[place] for place in places])
            found |= zip(places, rows, strict=True)
    return found
