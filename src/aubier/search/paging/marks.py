"""The opaque mark of a next page: where it begins, and which snapshot the first one was read from."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from aubier.ground.problem import Problem, problem
from aubier.search.model import Query
from aubier.search.paging.order import SortKey
from aubier.search.sql import Frame


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


_SHAPE = frozenset({"_page", "_count", "_total", "_summary", "_elements", "_include", "_revinclude"})
"""Parameters that say how a page looks, and not what is on it."""


class _Cursor(msgspec.Struct, array_like=True):
    of: bytes
    mark: int
    snapshot: str
    casts: list[str]
    values: list[str | int]


def fingerprint(*queries: Query) -> bytes:
    """What tells a search, of one type or of several, from others: types, compartments, and what is asked, in
    any order. 8 bytes.
    """
    told = blake2b(digest_size=8)
    for query in queries:
        asked = sorted(f"{name}={value}" for name, value in query.applied if name.split(":")[0] not in _SHAPE)
        told.update("\n".join([query.type, query.within[0], *asked, ""]).encode())
    return told.digest()


def write_cursor(query: Query, taken: Taken, keys: Sequence[SortKey], values: Sequence[Any]) -> str:
    """The cursor of the page that ends with these key values, of a search whose first page was `taken`."""
    plain = [str(v) if isinstance(v, Decimal) else v for v in values]
    casts = [k.cast for k in keys]
    body = msgspec.msgpack.encode(_Cursor(fingerprint(query), taken.mark, taken.snapshot, casts, plain))
    return urlsafe_b64encode(body).rstrip(b"=").decode()


def marked_at(text: str) -> int:
    """The commit mark of the first page of a cursor. Problem (invalid) for what is none."""
    try:
        return _decoded(text).mark
    except (ValueError, msgspec.MsgspecError) as error:
        raise _of_another() from error


def read_cursor(query: Query, keys: Sequence[SortKey]) -> tuple[Taken, list[Any]]:
    """When its first page was read, and its key values. A cursor of another query is a Problem (invalid)."""
    try:
        cursor = _decoded(query.cursor)
        if (
            cursor.of != fingerprint(query)
            or cursor.casts != [k.cast for k in keys]
            or len(cursor.values) != len(keys)
        ):
            raise ValueError
        return Taken(cursor.mark, cursor.snapshot), [
            _value(v, k.cast) for v, k in zip(cursor.values, keys, strict=True)
        ]
    except (ValueError, ArithmeticError, msgspec.MsgspecError) as error:
        raise _of_another() from error


def _of_another() -> Problem:
    return problem(
        "invalid",
        "The page mark is not one of this search; start again from its first page",
        "Le repère de page ne vient pas de cette recherche ; repartez de la première page",
        at="http._page",
    )


def _decoded(text: str) -> _Cursor:
    cursor = msgspec.msgpack.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Cursor)
    _check_taken(cursor)
    return cursor


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
