"""What is read: one version of a resource, a page of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aubier.store.keys import type_names
from aubier.store.packing import codec
from aubier.store.pool import Connection
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
    "(select least(min(extract(epoch from a.xact_start) * 1000000), extract(epoch from now()) * 1000000)"
    "::bigint from pg_stat_activity a where a.datname = current_database() and a.pid <> pg_backend_pid()"
    " and a.backend_type = 'client backend' and a.backend_xid is not null)"
)
"""The commit mark below which all that clients write has ended, for statements that begin afterwards.

Who writes takes a number, then a mark no earlier than its transaction (`writing.statement.marking`). So who
has no number yet will have a later mark than this moment, and who only reads, or is a vacuum of hours, holds
up nothing that is told. A statement that asked this itself could have looked at the rows before a writer
ended and at the writers after it.
"""


async def settled(conn: Connection) -> int:
    """The commit mark (microseconds) below which statements that begin from now on see all there will be."""
    return int(await conn.fetchval(f"select {SETTLED}"))


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
