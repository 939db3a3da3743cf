"""One version and the one before it, as rows that a search can be asked of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.rows import Resource
from aubier.search.keys import Keys
from aubier.search.model import Condition, Criterion, Has, Logic, Query, Terms
from aubier.search.sql import Args, Frame, conditions
from aubier.store.compartment import owned
from aubier.store.keys import family, type_numbers
from aubier.store.packing import codec
from aubier.store.packing.rows import COLUMNS, Indexed
from aubier.store.pool import Connection
from aubier.store.sight import Sight

AT_ONCE = 50
"""Questions in one statement."""

_CURRENT, _PREVIOUS = -1, -2
"""The row numbers that the two versions bear in the statement: no stored row has them."""

_RES = (
    *(("pat", "bigint"), ("rid", "bigint"), ("type", "smallint"), ("ver", "int"), ("id", "text")),
    ("upd", "bigint"),
    *(("lo", "bigint"), ("hi", "bigint"), ("has", "bigint"), ("terms", "bigint[]"), ("labels", "text[]")),
    *(("narrative", "text"), ("rest", "text")),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a resource: what a change tells of."""

    kind: str
    id: str
    number: int


@dataclass(frozen=True, slots=True)
class Question:
    """A search asked of a version, or of the one before it."""

    query: Query
    previous: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """`shows`: the version is there for the actor. `met`: the answers in the order of the questions.

    `current` and `previous` are the two versions, None for one that is a deletion or never was. A question
    of a version that is not there is not met.
    """

    shows: bool
    current: Resource | None
    previous: Resource | None
    met: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    rid: int
    pat: int
    ver: int
    upd: int
    labels: Sequence[str]
    resource: Resource
    indexed: Indexed


async def meets(
    conn: Connection,
    sight: Sight,
    keys: Keys,
    index: Callable[[Resource], Indexed],
    *,
    version: Version,
    questions: Sequence[Question],
) -> Met:
    """What `version` answers to each of `questions`, for the actor of `sight`. Nothing of it is shown.

    What a chain or `_has` goes through must show to the actor, as in a search. Problem as for a search that
    cannot be asked, also when there is no such version.
    """
    limits = sight.limits(version.kind)
    asked = [*questions, *(Question(limit, previous) for previous in (False, True) for limit in limits)]
    shows, rows = await _rows(conn, sight, index if asked else _unasked, version)
    found: list[bool] = []
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        sql, args = _statement(sight, keys, version.kind, rows, some)
        found += await conn.fetchval(sql, *args) if rows else [False] * len(some)
    by_rid = {row.rid: row.resource for row in rows}
    met = Met(shows, by_rid.get(_CURRENT), by_rid.get(_PREVIOUS), tuple(found[: len(questions)]))
    return _within_limits(met, questions, found[len(questions) :]) if limits else met


def _within_limits(met: Met, questions: Sequence[Question], within: Sequence[bool]) -> Met:
    """The same where scopes limit the type: `within` tells by which limits each of the two versions is met.

    A version before that is not is as one that never was.
    """
    now, before = any(within[: len(within) // 2]), any(within[len(within) // 2 :])
    answers = tuple(m and (before or not q.previous) for m, q in zip(met.met, questions, strict=True))
    return Met(met.shows and now, met.current, met.previous if before else None, answers)


def _unasked(resource: Resource) -> Indexed:
    """No index rows: nothing is asked of them."""
    return Indexed(Terms(), [], {})


async def _rows(
    conn: Connection, sight: Sight, index: Callable[[Resource], Indexed], version: Version
) -> tuple[bool, list[_Row]]:
    """Whether the version shows to the actor, and what of it and of the one before there is."""
    prefix = family(version.kind)
    args = Args([type_numbers()[version.kind], version.id, [version.number, version.number - 1]])
    seen = "false"
    if sight.sees_type(version.kind):
        # Whether the version itself is within the limits of scopes, `meets` asks.
        seen = sight.past("r", args, directory=bool(prefix), judged="true")
    one = (
        f"select {codec.COLUMNS}, r.pat, r.labels, {seen} as seen from id_map m"
        f" join {prefix}{{table}} r on r.pat = any(m.was || m.pat) and r.rid = m.rid"
        f" where m.type = $1 and m.id = $2 and r.ver = any($3::int[])"
    )
    both = f"{one.replace('{table}', 'res')} union all {one.replace('{table}', 'hist')}"
    shows, rows = False, []
    for r in await conn.fetch(both, *args):
        current = r["ver"] == version.number
        shows = shows or (current and r["seen"])
        if r["raw"]:
            resource = fhir_json.parse(codec.kept(r))
            rid = _CURRENT if current else _PREVIOUS
            rows.append(_Row(rid, r["pat"], r["ver"], r["upd"], r["labels"], resource, index(resource)))
    return shows, rows


def _statement(
    sight: Sight, keys: Keys, kind: str, rows: Sequence[_Row], questions: Sequence[Question]
) -> tuple[str, Args]:
    """The statement that answers all of `questions` in one array."""
    args = Args()
    linked = any(_linked(c) for q in questions for c in q.query.criteria)
    tables = [*_tables(kind, rows, args, linked=linked)]
    asked = []
    for question in questions:
        test, given = _asked(sight, keys, args, question)
        asked.append(test)
        tables += given
    return f"with {', '.join(tables)} select array[{', '.join(asked)}]::boolean[]", args


def _asked(sight: Sight, keys: Keys, args: Args, question: Question) -> tuple[str, list[str]]:
    """The condition that a version answers a question, and what it stands on beside the tables."""
    kind = question.query.type
    frame = Frame(
        keys=keys,
        table=family,
        number=lambda each: type_numbers()[each],
        visible=lambda row, each: _sees(sight, row, each, args),
        slices=lambda each: frozenset(),
        owned=owned,
        now=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=sight.now),
        args=args,
        walked={"r"},
    )
    rid = _PREVIOUS if question.previous else _CURRENT
    tests = [f"r.rid = {rid}", *conditions(frame, question.query.criteria, kind, "r")]
    return f"exists (select 1 from {family(kind)}res r where {' and '.join(tests)})", frame.given


def _sees(sight: Sight, row: str, kind: str, args: Args) -> str:
    if not sight.sees_type(kind):
        return "false"
    return sight.predicate(row, args, directory=bool(family(kind)))


def _linked(condition: Condition) -> bool:
    """Whether a condition looks at other resources too."""
    if isinstance(condition, Logic):
        return any(map(_linked, condition.parts))
    return isinstance(condition, Has) or (isinstance(condition, Criterion) and bool(condition.chain))


def _tables(kind: str, rows: Sequence[_Row], args: Args, *, linked: bool) -> Iterator[str]:
    """The tables of this type's family with the rows of the versions: these alone, or beside all others."""
    prefix, number = family(kind), type_numbers()[kind]
    res = [
        (r.pat, r.rid, number, r.ver, r.resource["id"], r.upd, i.lo, i.hi, i.has, i.terms, r.labels, *i.said)
        for r in rows
        if (i := r.indexed)
    ]
    yield _named(prefix, "res", _RES, _values(_RES, res, args), linked=linked)
    for table, columns in COLUMNS.items():
        posted = [(*p, r.rid, r.pat) for r in rows for p in sorted(r.indexed.postings[table], key=repr)]
        yield _named(prefix, table, columns, _unnested(columns, posted, args), linked=linked)


def _named(prefix: str, table: str, columns: Sequence[tuple[str, str]], own: str, *, linked: bool) -> str:
    """The table expression `table`; within it, the name still means the stored table."""
    if not linked:
        return f"{prefix}{table} as materialized ({own})"
    names = ", ".join(name for name, _ in columns)
    return f"{prefix}{table} as not materialized (select {names} from {prefix}{table} union all {own})"


def _values(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], args: Args) -> str:
    """A SELECT of `rows`, each value an argument of its own: for those that hold arrays."""
    if not rows:
        return f"select {', '.join(f'null::{cast} as {name}' for name, cast in columns)} where false"
    listed = ", ".join(
        "(" + ", ".join(args.add(v, cast) for v, (_, cast) in zip(row, columns, strict=True)) + ")"
        for row in rows
    )
    return f"select {_exact(columns)} from (values {listed}) u({', '.join(n for n, _ in columns)})"


def _unnested(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], args: Args) -> str:
    """A SELECT of `rows`, a column an argument."""
    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [args.add(list(c), f"{cast}[]") for c, (_, cast) in zip(by_column, columns, strict=True)]
    return f"select {_exact(columns)} from unnest({', '.join(arrays)}) u({', '.join(n for n, _ in columns)})"


def _exact(columns: Sequence[tuple[str, str]]) -> str:
    """The columns, texts compared by their bytes as in the stored tables."""
    return ", ".join(
        f'u.{name} collate "C" as {name}' if "text" in cast else f"u.{name}" for name, cast in columns
    )
