"""Reads of one resource each, of any number of actors, in one statement with their audit lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import msgspec

from aubier.store.keys import family, type_numbers
from aubier.store.pool import Connection
from aubier.store.proof.audit import LONGEST, Words, basis_of
from aubier.store.proof.standing import mark_of
from aubier.store.sight import ANYONE, Seen, Sight, seen_with_document

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Wanted:
    """One resource, and who wants to see it."""

    sight: Sight
    kind: str
    logical: str

    @property
    def shape(self) -> tuple[str, bool, bool]:
        """What is asked in the same words: the family of tables, whether rights are asked, and whether what
        the asker stood on is.
        """
        return family(self.kind), self.sight.unrestricted, self.sight.stands is not None


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """A row of the table `k`: a read, the number of its place, and all that is asked of its actor.

    The names and their order are those of `_KINDS`.
    """

    n: int
    type: int
    id: str
    what: str
    now: int
    actor: str
    name: str
    org: str
    client: str
    purpose: str
    keys: tuple[str, ...]
    all_keys: tuple[str, ...]
    own: tuple[str, ...]
    hidden: tuple[str, ...]
    places: tuple[int, ...] = ()
    mark: int = 0


_KINDS = (
    "n int, type smallint, id text, what text, now bigint, actor text, name text, org text, client text,"
    " purpose text, keys text[], all_keys text[], own text[], hidden text[],"
    " places smallint[], mark bigint"
)
_SEEN = Seen("k.keys", "k.all_keys", "k.own", "k.hidden", "k.now")
_WORDS = ("k.now", "k.actor", "k.name", "k.org", "k.client", "k.purpose", "'read'", "k.what", "'ok'")


async def read_each(conn: Connection, wanted: Sequence[Wanted], columns: str) -> list[Any]:
    """For each of `wanted` its record, or None where there is nothing for that actor to see.

    `columns` are those of a row `r`. An audit line of each that is there is committed with the answer.
    """
    found: list[Any] = [None] * len(wanted)
    places = sorted(range(len(wanted)), key=lambda n: wanted[n].shape)
    for shape, group in groupby(places, key=lambda n: wanted[n].shape):
        table = [_asked(n, wanted[n]) for n in group]
        # One argument of JSON: an array for each column costs the driver three times as much.
        for record in await conn.fetch(_statement(*shape, columns), _encode(table).decode()):
            found[record["n"]] = record
    return found


def _asked(n: int, one: Wanted) -> _Asked:
    sight = one.sight
    return _Asked(
        n,
        type_numbers()[one.kind],
        one.logical,
        f"{one.kind}/{one.logical}"[:LONGEST],
        sight.now,
        sight.actor,
        sight.name,
        sight.org,
        sight.client,
        sight.purpose,
        sight.keys,
        (*sight.keys, ANYONE),
        sight.own,
        sight.hidden,
        *((stands.places, stands.mark) if (stands := sight.stands) else ()),
    )


@lru_cache(maxsize=16)
def _statement(prefix: str, unrestricted: bool, stood: bool, columns: str) -> str:
    seen = "true" if prefix or unrestricted else seen_with_document("r", _SEEN)
    stands = f" and {mark_of('k.places')} = k.mark" if stood else ""
    hit = (
        f"select {columns}, k.n from k join id_map m on m.type = k.type and m.id = k.id"
        f" join {prefix}res r on r.pat = m.pat and r.rid = m.rid where {seen}{stands}"
    )
    line = f", a as ({_line(unrestricted)})" if not prefix else ""
    return (
        f"with k as materialized (select * from json_to_recordset($1::json) as u({_KINDS})),"
        f" h as materialized ({hit}){line} select h.* from h"
    )


def _line(unrestricted: bool) -> str:
    basis = "'system'" if unrestricted else basis_of("k.keys", "k.now")
    return Words(*_WORDS, basis).insert(
        "select pat, 1, n from h", columns="pat, hits, n", beside=" join k on k.n = x.n"
    )
