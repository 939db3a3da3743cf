"""Which past versions met a query: their index rows are made again, and stand in for those of the type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.rows import Resource
from aubier.search.model import Query
from aubier.search.sql import Args, Frame, conditions
from aubier.store.keys import family
from aubier.store.packing import codec
from aubier.store.packing.rows import COLUMNS, Indexed
from aubier.store.reading.reader import Reader

_MADE = "made_"
"""What the tables of such rows are called within the statement."""
_ONE = (
    ("rid", "bigint"),
    ("pat", "bigint"),
    ("type", "smallint"),
    ("id", "text"),
    ("upd", "bigint"),
    ("lo", "bigint"),
    ("hi", "bigint"),
    ("has", "bigint"),
    ("narrative", "text"),
    ("rest", "text"),
)


def of_queries(frame: Frame, queries: Sequence[Query], kind: str, row: str) -> str:
    """The condition that `row` meets one of these queries on its type."""
    met = (" and ".join(conditions(frame, query.criteria, kind, row)) for query in queries)
    return "(" + " or ".join(f"({each})" for each in met) + ")"


async def meeting(
    reader: Reader, queries: Sequence[Query], records: Sequence[Any], index: Callable[[Resource], Indexed]
) -> list[Any]:
    """The records (rows of one type, as stored) that met one of the queries when they were current.

    What a chain or `_has` leads to is looked at as it is now; it must not lead to the type itself.
    """
    if not records:
        return []
    kind = queries[0].type
    frame = reader.frame()
    frame.table = lambda named: _MADE if named == kind else family(named)
    frame.slices = lambda named: frozenset()
    made = _made(records, index, frame.args)
    test = of_queries(frame, queries, kind, "r")
    sql = f"with {', '.join([*made, *frame.given])} select r.rid from {_MADE}res r where {test}"
    met = {row["rid"] for row in await reader.conn.fetch(sql, *frame.args)}
    return [r for r in records if r["rid"] in met]


def _made(records: Sequence[Any], index: Callable[[Resource], Indexed], args: Args) -> list[str]:
    """The tables of the statement: the rows themselves, their terms, their postings."""
    indexed = [(r, index(fhir_json.parse(codec.kept(r)))) for r in records]
    rows = [
        (r["rid"], r["pat"], r["type"], r["id"], r["upd"], i.lo, i.hi, i.has, *i.said) for r, i in indexed
    ]
    terms = [(r["rid"], term) for r, i in indexed for term in i.terms]
    tables = [
        _table("terms", (("rid", "bigint"), ("term", "bigint")), terms, args),
        _table("one", _ONE, rows, args),
        f"{_MADE}res as (select o.*, array(select t.term from {_MADE}terms t where t.rid = o.rid) as terms"
        f" from {_MADE}one o)",
    ]
    for name, columns in COLUMNS.items():
        postings = [(*row, r["rid"], r["pat"]) for r, i in indexed for row in i.postings.get(name, ())]
        tables.append(_table(name, columns, postings, args))
    return tables


def _table(name: str, columns: Sequence[tuple[str, str]], rows: Sequence[tuple[Any, ...]], args: Args) -> str:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [args.add(list(v), f"{cast}[]") for v, (_, cast) in zip(values, columns, strict=True)]
    return f"{_MADE}{name}({', '.join(n for n, _ in columns)}) as (select * from unnest({', '.join(arrays)}))"
