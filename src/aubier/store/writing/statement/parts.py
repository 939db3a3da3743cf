"""The one write statement of a bundle: a CTE over arrays, the same rows whether ten or ten thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from aubier.search.sql import Args
from aubier.store.keys import CONTEXT
from aubier.store.packing.rows import COLUMNS, Postings
from aubier.store.writing.statement.marking import MARKS, NUMBERED

RES = (
    ("pat", "bigint"),
    ("rid", "bigint"),
    ("type", "smallint"),
    ("ver", "int"),
    ("op", "smallint"),
    ("id", "text"),
    ("seq", "bigint"),
    ("upd", "bigint"),
    ("lo", "bigint"),
    ("hi", "bigint"),
    ("has", "bigint"),
    ("terms", "bigint[]"),
    ("labels", "text[]"),
    ("dict", "smallint"),
    ("raw", "bytea"),
    ("narrative", "text"),
    ("rest", "text"),
)
"""The columns of res, in order."""

TOMB = (
    ("pat", "bigint"),
    ("rid", "bigint"),
    ("ver", "int"),
    ("type", "smallint"),
    ("op", "smallint"),
    ("id", "text"),
    ("seq", "bigint"),
    ("upd", "bigint"),
    ("labels", "text[]"),
    ("dict", "smallint"),
    ("raw", "bytea"),
)
"""The columns of hist, in order."""

_NEAR = 100
"""Index rows that a resource has on the average, at most, to be looked for by the resource."""

_ROW = 50
"""Bytes of an index row, about."""

_HIST = ", ".join(name for name, _ in TOMB)
_GIVEN_RES, _GIVEN_TOMB = (
    tuple(column for column in columns if column[0] not in MARKS) for columns in (RES, TOMB)
)
"""The columns of a version that are sent: its mark and date, the statement takes."""
_MARKS = tuple((name, f"(select {name} from ok)") for name in MARKS)

FIRST = "w0"
"""The name of the first part of a statement (`combined`)."""


@dataclass(slots=True)
class FamilyRows:
    """The rows of one table family (`prefix` empty or `dir_`) that a bundle writes.

    `beside`: of a table, how many rows of their resources are met when those that are `gone` are looked for
    by resource.
    """

    prefix: str
    insert: list[tuple[Any, ...]] = field(default_factory=list)
    replace: list[tuple[Any, ...]] = field(default_factory=list)
    archive: list[tuple[int, int]] = field(default_factory=list)
    remove: list[tuple[int, int]] = field(default_factory=list)
    tombs: list[tuple[Any, ...]] = field(default_factory=list)
    added: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {t: [] for t in COLUMNS})
    gone: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {t: [] for t in COLUMNS})
    beside: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """Bytes of the index rows as they are sent, about."""
        return _ROW * sum(map(len, (*self.added.values(), *self.gone.values())))

    def holds_all(self, live: Sequence[Any]) -> bool:
        """Whether all that is written is inserted here, by the `FIRST` part."""
        others = self.replace or self.archive or self.remove or self.tombs
        return 0 < len(self.insert) == len(live) and not others

    def postings(
        self, old: Postings | None, new: Postings | None, was: tuple[int, int], at: tuple[int, int]
    ) -> None:
        """The difference between the postings at `was` (rid, pat) before and at `at` after."""
        if old is None:
            for table, rows in (new or {}).items():
                self.added[table] += [(*row, *at) for row in rows]
            return
        for table in COLUMNS:
            before = {(*row, *was) for row in old[table]}
            after = {(*row, *at) for row in new[table]} if new else set()
            gone = before - after
            if new is None and table == "ref":
                # A deleted content still belongs to its document: its past versions hide with it.
                gone = {row for row in gone if row[0] != CONTEXT}
            self.gone[table] += gone
            self.beside[table] += len(gone) * len(before)
            self.added[table] += after - before


def array_text(values: Iterable[Any]) -> str:
    """An array of numbers or booleans as PostgreSQL text."""
    return "{" + ",".join(map(str, values)) + "}"


def text_array(values: Iterable[str]) -> str:
    """A text array as PostgreSQL text, every element quoted."""
    listed = list(values)
    if not listed:
        return "{}"
    joined = '","'.join(listed)
    if "\\" in joined or joined.count('"') > 2 * len(listed) - 2:
        joined = '","'.join(v.replace("\\", "\\\\").replace('"', '\\"') for v in listed)
    return f'{{"{joined}"}}'


class Texts(Args):
    """Arguments whose arrays travel as one text each: of a list, the driver asks of each element whether it
    is an array itself.
    """

    def add(self, value: Any, cast: str) -> str:
        """The placeholder of one more argument."""
        element = cast.removesuffix("[]")
        if element in (cast, "bytea") or None in value:
            return super().add(value, cast)
        as_text = text_array if element == "text" else array_text
        return f"{super().add(as_text(value), 'text')}::{cast}"


_Columns = tuple[tuple[str, str], ...]

_SENT: dict[str, Callable[[Iterable[Any]], list[Any] | str]] = {
    "text": text_array,
    "bytea": lambda values: [*values],
    "bigint[]": lambda values: text_array(map(array_text, values)),
    "text[]": lambda values: text_array(map(text_array, values)),
}
"""How the values of a column are sent, those of other types as `array_text`."""


def _send(args: Args, columns: _Columns, rows: Iterable[tuple[Any, ...]]) -> int:
    """Adds the rows to the arguments, a column each; gives the number of the first."""
    first = len(args) + 1
    for (_, cast), values in zip(columns, zip(*rows, strict=True), strict=True):
        args.append(_SENT.get(cast, array_text)(values))
    return first


def _unnest(args: Args, columns: _Columns, rows: Iterable[tuple[Any, ...]]) -> str:
    """`unnest(...)` of the rows; array columns travel as text and are cast by `_select`."""
    return f"unnest({', '.join(_arrays(columns, _send(args, columns, rows)))})"


# What is said of the tables is the same in every write; the arguments begin at few numbers.
@lru_cache(maxsize=4096)
def _arrays(columns: _Columns, first: int) -> tuple[str, ...]:
    parts = []
    for number, (_, cast) in enumerate(columns, first):
        sent = f"${number}::bytea[]" if cast == "bytea" else f"${number}::text"
        as_array = "text[]" if cast.endswith("[]") else f"{cast}[]"
        parts.append(sent if cast == "bytea" else f"{sent}::{as_array}")
    return tuple(parts)


@lru_cache(maxsize=4096)
def _rows(columns: _Columns, first: int) -> str:
    """The rows, each taken from its arrays at once; `unnest` of all together keeps every column first."""
    arrays = _arrays(columns, first)
    return ", ".join(f"unnest({a}) as {name}" for a, (name, _) in zip(arrays, columns, strict=True))


@lru_cache(maxsize=256)
def _select(columns: _Columns, name: str) -> str:
    return ", ".join(f"{name}.{c}::{cast}" if cast.endswith("[]") else f"{name}.{c}" for c, cast in columns)


@lru_cache(maxsize=256)
def _names(columns: _Columns) -> str:
    return ", ".join(c for c, _ in columns)


def _inserted(
    args: Args, table: str, columns: _Columns, rows: Iterable[Any], ok: str, *, others: _Columns = ()
) -> str:
    """An INSERT of rows; `others` are the columns that are the same in all, with what they hold."""
    source = f"(select {_rows(columns, _send(args, columns, rows))}) u"
    names = ", ".join([_names(columns), *(name for name, _ in others)])
    values = ", ".join([_select(columns, "u"), *(value for _, value in others)])
    return f"insert into {table} ({names}) select {values} from {source} where {ok}"


def family_parts(args: Args, rows: FamilyRows, ok: str) -> list[str]:
    """The data-modifying statements of one family, each to stand in a CTE; `ok` guards every one."""
    p, parts = rows.prefix, []
    two = (("pat", "bigint"), ("rid", "bigint"))
    if rows.archive:
        source = f"{_unnest(args, two, rows.archive)} as u(pat, rid)"
        parts.append(
            f"insert into {p}hist ({_HIST}) select {', '.join('r.' + n for n, _ in TOMB)}"
            f" from {source} join {p}res r on r.pat = u.pat and r.rid = u.rid where {ok}"
        )
    if rows.tombs:
        parts.append(_inserted(args, f"{p}hist", _GIVEN_TOMB, rows.tombs, ok, others=_MARKS))
    if rows.remove:
        source = f"{_unnest(args, two, rows.remove)} as u(pat, rid)"
        parts.append(f"delete from {p}res r using {source} where r.pat = u.pat and r.rid = u.rid and {ok}")
    if rows.replace:
        names = _names(_GIVEN_RES)
        changed = [(c, f"u.{c}::{cast}") for c, cast in _GIVEN_RES if c not in ("pat", "rid", "type", "id")]
        sets = ", ".join(f"{name} = {value}" for name, value in (*changed, *_MARKS))
        source = f"{_unnest(args, _GIVEN_RES, rows.replace)} as u({names})"
        parts.append(
            f"update {p}res r set {sets} from {source} where r.pat = u.pat and r.rid = u.rid and {ok}"
        )
    if rows.insert:
        parts.append(
            _inserted(args, f"{p}res", _GIVEN_RES, rows.insert, ok, others=_MARKS)
            + " returning pat, rid, type, id, ver, op"
        )
    for table, columns in COLUMNS.items():
        if rows.gone[table]:
            names = _names(columns)
            source = f"{_unnest(args, columns, rows.gone[table])} as u({names})"
            same = _same(columns, near=rows.beside[table] <= _NEAR * len(rows.gone[table]))
            parts.append(f"delete from {p}{table} t using {source} where {same} and {ok}")
        if rows.added[table]:
            content = table == "ref" and any(row[0] == CONTEXT for row in rows.added[table])
            there = _still_there(p) if content else ""
            parts.append(_inserted(args, f"{p}{table}", columns, rows.added[table], ok + there))
    return parts


@lru_cache(maxsize=64)
def _same(columns: _Columns, *, near: bool) -> str:
    """The condition that `t` is the row `u`.

    `near`: looked for by its resource, never by its value. Thousands that leave one value would each read
    all of them, as long as PostgreSQL has no statistics that tell.
    """
    value = [c for c, _ in columns if c not in ("rid", "pat")]
    if not near or "term" in value:  # what is posted is found by all its columns
        return " and ".join(f"t.{c} = u.{c}" for c, _ in columns)
    row = "row({})".format
    named = (row(", ".join(f"{name}.{c}" for c in value)) for name in "tu")
    return f"t.rid = u.rid and t.pat = u.pat and {' is not distinct from '.join(named)}"


def _still_there(prefix: str) -> str:
    """A content made again under its old id finds the mark of its document still there."""
    same = "t.rid = u.rid and t.pat = u.pat and t.param = u.param and t.target = u.target"
    return f" and not (u.param = {CONTEXT} and exists (select 1 from {prefix}ref t where {same}))"


def combined(parts: Sequence[str], guard: str, marked: str) -> str:
    """One statement: the guard with the mark, every part; it tells whether it wrote, and with which date."""
    ctes = [NUMBERED, f"ok as materialized (select ({guard}) as ok, m.* from ({marked}) m)"]
    ctes += [f"w{n} as ({part})" for n, part in enumerate(parts)]
    return f"with {', '.join(ctes)} select ok, upd from ok"
