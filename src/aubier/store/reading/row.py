"""What is read: one version of a resource, a page of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aubier.store.keys import type_names
from aubier.store.packing import codec
from aubier.store.sight import SHARED


class Row(msgspec.Struct, frozen=True, gc=False):
    """One version of one resource, as stored. `updated` in ms; `op` as in `intent.OP_NUMBER`."""

    type: str
    id: str
    version: int
    updated: int
    raw: bytes
    pat: int = 0
    rid: int = 0
    op: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """One page: the matches in order, the total when asked, the cursor of the next page or nothing.

    `after(n)` is the cursor of what comes after the first n matches, one at least, for whoever shows no more;
    `key(n)` what the match n is sorted by first.
    """

    rows: list[Row]
    total: int | None = None
    cursor: str = ""
    included: list[Row] = field(default_factory=list)
    after: Callable[[int], str] = field(default=lambda shown: "", compare=False)
    key: Callable[[int], Any] = field(default=lambda place: None, compare=False)


SETTLED = (
    "(select coalesce(min(extract(epoch from a.xact_start) * 1000000), 9e18)::bigint from pg_stat_activity a"
    " where a.datname = current_database() and a.pid <> pg_backend_pid()"
    " and a.backend_type = 'client backend')"
)
"""The commit mark below which every transaction of a client has ended: a vacuum, which may last hours, writes
nothing that is told.
"""

PLAIN = "r.pat, r.rid, r.type, r.id, r.ver, r.upd, r.op, r.dict, r.raw"
ROW = f"{PLAIN}, r.labels @> '{{{SHARED}}}' as many"
"""The columns of a row; `many` when it concerns several patients, who are all told."""


def row_of(record: Any) -> Row:
    """The row of a record that begins with the columns of `PLAIN`."""
    pat, rid, kind, logical, version, updated, op, dictionary, packed, *_ = record
    name = type_names()[kind]
    raw = b""
    if packed:
        raw = codec.unpack(dictionary, packed, codec.head(name, logical, version, updated))
    return Row(name, logical, version, updated, raw, pat, rid, op)
