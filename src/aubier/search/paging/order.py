"""Sort keys as SQL expressions, and the stretches of a record in that order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

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


class SortKey(Struct, frozen=True):
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
        f"Nothing is sorted by '{code}' ({type}) of {sort.parameter.base}; choose another key",
        f"On ne trie pas par « {code} » ({type}) de {sort.parameter.base} ; prenez une autre clé",
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
