"""Sort keys as SQL expressions, the stretches of a record in that order, the opaque cursor of a next link."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from aubier.ground.problem import Problem, problem
from aubier.search.extract import value_types
from aubier.search.model import NO_DATE, Sort
from aubier.search.parameters import is_clinical_date, listed_codes
from aubier.search.query.values import BOOLEANS, CODED
from aubier.search.sql import Frame, of_identifiers
from aubier.search.sql.owner import held, may_own, owner_named
from aubier.search.terms.kept import typed

_DATE_EDGE = {False: 253_402_300_800_001, True: -62_135_596_800_001}
_TEXT_EDGE = {False: "\U0010ffff", True: ""}
_NUMBER_EDGE = {False: Decimal("1e120"), True: Decimal("-1e120")}


@dataclass(frozen=True, slots=True)
class SortKey:
    """`expression` over the row, never null (a missing value sorts last), its SQL type and direction.

    `otherwise` is what the clinical date, oldest first, is for a row without one; empty for other keys.
    """

    expression: str
    cast: str
    descending: bool
    otherwise: str = ""


def sort_keys(frame: Frame, sort: Sequence[Sort], kind: str, row: str) -> list[SortKey]:
    """The keys of an ORDER BY, always ending with the row number, which makes the order total.

    Without `_sort`: newest clinical date first.
    """
    keys = [_key(frame, s, kind, row) for s in sort] or [SortKey(f"{row}.lo", "bigint", True)]
    return [*keys, SortKey(f"{row}.rid", "bigint", False)]


def _key(frame: Frame, sort: Sort, kind: str, row: str) -> SortKey:
    code, down = sort.parameter.code, sort.descending
    if code == "_id":
        return SortKey(f"{row}.id", "text", down)
    if code == "_lastUpdated":
        return SortKey(f"{row}.seq", "bigint", down)
    if is_clinical_date(sort.parameter):
        return _clinical_date(frame, row, down=down)
    if sort.parameter.type == "token":
        return _token(frame, sort, kind, row)
    return _posted(frame, sort, kind, row, code=code)


_SOURCES: dict[str, tuple[str, str, str, str, dict[bool, Any]]] = {
    "date": ("dat", "lo", "hi", "bigint", _DATE_EDGE),
    "string": ("str", "norm", "norm", "text", _TEXT_EDGE),
    "uri": ("ref", "target", "target", "text", _TEXT_EDGE),
    "reference": ("ref", "target", "target", "text", _TEXT_EDGE),
    "number": ("num", "val", "val", "numeric", _NUMBER_EDGE),
    "quantity": ("num", "val", "val", "numeric", _NUMBER_EDGE),
    "token": ("ident", "value", "value", "text", _TEXT_EDGE),
}
"""Where the values of a type are: table, columns up and down, SQL type, what a missing one counts as."""


def _posted(frame: Frame, sort: Sort, kind: str, row: str, *, code: str) -> SortKey:
    """By the best value that is posted: the least of a row, or the greatest when descending."""
    if (source := _SOURCES.get(sort.parameter.type)) is None:
        raise _unsorted(sort)
    table, up, down, cast, edge = source
    last = frame.args.add(edge[sort.descending], cast)
    s, pick, column = frame.alias("s"), *(("max", down) if sort.descending else ("min", up))
    posted = (
        f"from {frame.table(kind)}{table} {s} where {held(frame, kind, code, s)} and {s}.rid = {row}.rid"
        f" and {s}.pat = {row}.pat"
    )
    best = f"select {pick}({s}.{column}) {posted}"
    if sort.parameter.type == "reference" and (mask := may_own(frame, kind, [code])):
        own = owner_named(frame, mask, row)
        if code in typed(kind):  # it names Patients alone, and who names the owner names no other
            best = f"select coalesce(({own}), ({best}))"
        else:
            best = f"select {pick}({s}.target) from (select {s}.target {posted} union all {own}) {s}(target)"
    return SortKey(f"coalesce(({best}), {last})", cast, sort.descending)


def _token(frame: Frame, sort: Sort, kind: str, row: str) -> SortKey:
    """An identifier by its value, a code of a short list by itself, any other by the words beside it."""
    parameter = sort.parameter
    if of_identifiers(parameter):
        return _posted(frame, sort, kind, row, code=parameter.code)
    codes = ("false", "true") if value_types(parameter) <= BOOLEANS else listed_codes(parameter)
    if codes:
        return _listed(frame, sort, kind, row, codes=codes)
    if not value_types(parameter) & CODED:
        raise _unsorted(sort)
    words = replace(parameter, code=f"{parameter.code}:text", type="string")
    return _posted(frame, replace(sort, parameter=words), kind, row, code=words.code)


def _listed(frame: Frame, sort: Sort, kind: str, row: str, *, codes: Sequence[str]) -> SortKey:
    """By the place of a code in its list: which of them a row has, its terms say."""
    terms = frame.args.add([frame.keys.code(kind, sort.parameter.code, c) for c in codes], "bigint[]")
    last = frame.args.add(_DATE_EDGE[sort.descending], "bigint")
    best, s = ("max" if sort.descending else "min"), frame.alias("s")
    return SortKey(
        f"coalesce((select {best}({s}.n) from unnest({terms}) with ordinality {s}(term, n)"
        f" where {row}.terms @> array[{s}.term]), {last})",
        "bigint",
        sort.descending,
    )


def _unsorted(sort: Sort) -> Problem:
    code, type = sort.parameter.name, sort.parameter.type
    return problem(
        "not-supported",
        f"Sorting on the {type} parameter '{code}' of {sort.parameter.base} is not possible",
        f"Le tri sur « {code} » ({type}) de {sort.parameter.base} n'est pas possible",
        at="http._sort",
    )


def _clinical_date(frame: Frame, row: str, *, down: bool) -> SortKey:
    """By the beginning of the span, both ways: the order in which rows are kept. NO_DATE is below all."""
    if down:
        return SortKey(f"{row}.lo", "bigint", True)
    last = frame.args.add(_DATE_EDGE[down], "bigint")
    return SortKey(f"case when {row}.lo < {row}.hi then {row}.lo else {last} end", "bigint", False, last)


def stretches(keys: Sequence[SortKey], row: str) -> list[tuple[str, list[SortKey]]]:
    """A record in parts that follow each other, each with its condition and the keys that order it.

    Oldest first, rows without a date come last, though they are kept first: two parts, each in the order of
    the index.
    """
    first, *others = keys
    if not first.otherwise:
        return [("true", [first, *others])]
    dated, undated = (replace(first, expression=e) for e in (f"{row}.lo", first.otherwise))
    return [
        (f"{row}.lo < {row}.hi", [dated, *others]),
        (f"{row}.lo = {NO_DATE} and {row}.hi = {NO_DATE}", [undated, *others]),
    ]


def order_by(keys: Sequence[SortKey]) -> str:
    """The ORDER BY list."""
    return ", ".join(f"{k.expression} desc" if k.descending else k.expression for k in keys)


def after(frame: Frame, keys: Sequence[SortKey], values: Sequence[Any]) -> str:
    """The condition that a row comes after the row whose keys had these values."""
    placed = [frame.args.add(v, k.cast) for k, v in zip(keys, values, strict=True)]
    options = []
    for n, key in enumerate(keys):
        same = [f"{k.expression} = {p}" for k, p in zip(keys[:n], placed[:n], strict=True)]
        options.append(
            " and ".join([*same, f"{key.expression} {'<' if key.descending else '>'} {placed[n]}"])
        )
    lead, first = keys[0], placed[0]
    bound = f"{lead.expression} {'<=' if lead.descending else '>='} {first}"
    return f"{bound} and ({' or '.join(f'({o})' for o in options)})"


@dataclass(frozen=True, slots=True)
class Taken:
    """When a first page was read: the commit mark (microseconds) and the snapshot (`10:20:10,14`)."""

    mark: int
    snapshot: str


_SNAPSHOT = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):((?:[0-9]{1,18},)*[0-9]{1,18})?")
_SURELY_COMMITTED = 3_600_000_000
"""Microseconds after which a commit mark says by itself that its transaction is over."""


def unchanged_since(frame: Frame, taken: Taken, row: str) -> str:
    """The condition that a row stands as the first page's snapshot saw it, or would have.

    So an entry that nobody changed is on one page, and one that changed meanwhile on no later page. The age
    of xmin is compared with that of the snapshot's end: xmin itself has 32 bits, and wraps around.
    """
    settled = frame.args.add(taken.mark - _SURELY_COMMITTED, "bigint")
    snapshot = frame.args.add(taken.snapshot, "text")
    end = f"pg_snapshot_xmax({snapshot}::pg_snapshot)::text::bigint"
    written = f"{end} + age(({end} & 4294967295)::text::xid) - age({row}.xmin)"
    return (
        f"({row}.seq <= {settled} or pg_visible_in_snapshot(greatest({written}, 3)::text::xid8,"
        f" {snapshot}::pg_snapshot))"
    )


class _Cursor(msgspec.Struct, array_like=True):
    mark: int
    snapshot: str
    casts: list[str]
    values: list[str | int]


def write_cursor(taken: Taken, keys: Sequence[SortKey], values: Sequence[Any]) -> str:
    """The cursor of the page that ends with these key values, of a search whose first page was `taken`."""
    plain = [str(v) if isinstance(v, Decimal) else v for v in values]
    body = msgspec.msgpack.encode(_Cursor(taken.mark, taken.snapshot, [k.cast for k in keys], plain))
    return urlsafe_b64encode(body).rstrip(b"=").decode()


def read_cursor(text: str, keys: Sequence[SortKey]) -> tuple[Taken, list[Any]]:
    """When its first page was read, and its key values. A cursor of another query is a Problem (invalid)."""
    try:
        body = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.msgpack.decode(body, type=_Cursor)
        if cursor.casts != [k.cast for k in keys] or len(cursor.values) != len(keys):
            raise ValueError
        _check_taken(cursor)
        return Taken(cursor.mark, cursor.snapshot), [
            _value(v, k.cast) for v, k in zip(cursor.values, keys, strict=True)
        ]
    except (ValueError, ArithmeticError, msgspec.MsgspecError) as error:
        raise problem(
            "invalid",
            "The page mark is not one of this search; start again from its first page",
            "Le repère de page ne vient pas de cette recherche ; repartez de la première page",
            at="http._page",
        ) from error


def _check_taken(cursor: _Cursor) -> None:
    """ValueError unless PostgreSQL reads the snapshot: its own rules, ids in order between the two ends."""
    match = _SNAPSHOT.fullmatch(cursor.snapshot)
    if match is None or not 0 <= cursor.mark < 2**62:
        raise ValueError
    low, high = int(match[1]), int(match[2])
    running = [int(x) for x in match[3].split(",")] if match[3] else []
    if not 3 <= low <= high or running != sorted(set(running)) or not all(low <= x < high for x in running):
        raise ValueError


def _value(value: str | int, cast: str) -> Any:
    if cast == "bigint":
        if not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise ValueError
        return value
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError
    return _decimal(value) if cast == "numeric" else value


def _decimal(text: str) -> Decimal:
    """A number of a mark. ValueError for one that no resource holds: it would cost much to write out."""
    number = Decimal(text)
    if len(text) > 400 or not number.is_finite() or not -400 < number.adjusted() < 400:
        raise ValueError
    return number
