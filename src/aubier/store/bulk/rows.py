"""The rows of a chunk, and their COPY: one per table, in the order of their records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.store.bulk.item import Item
from aubier.store.intent import OP_NUMBER, Grant
from aubier.store.keys import family, type_numbers
from aubier.store.packing import codec
from aubier.store.packing.rows import COLUMNS
from aubier.store.pool import Connection
from aubier.store.sight import FOREVER, Sight
from aubier.store.store import Store
from aubier.store.writing import AT_ONCE, stamped
from aubier.store.writing.statement.parts import RES

_Row = tuple[Any, ...]
_OP = OP_NUMBER["put-create"]
_GRANT = "pat,actor,basis,rights,scope,withheld,since,till,deny,reason,origin,made"
_AUDIT = "pat,at,actor,name,org,client,purpose,basis,action,what,hits,outcome"
_NAMES = {"res": [name for name, _ in RES]} | {t: [name for name, _ in c] for t, c in COLUMNS.items()}


@dataclass(slots=True)
class Rows:
    """What goes into the tables of one family (`prefix` empty or `dir_`), by table."""

    prefix: str
    tables: dict[str, list[_Row]] = field(default_factory=lambda: {table: [] for table in _NAMES})

    def add(self, item: Item, seq: int, upd: int) -> None:
        """Takes in the rows of a resource in its first version."""
        rid, pat, found = item.rid, item.pat, item.indexed
        dictionary, packed = codec.pack(stamped(item.resource))
        number = type_numbers()[item.kind]
        place = (pat, rid, number, 1, _OP, item.id, seq, upd, found.lo, found.hi, found.has)
        self.tables["res"].append((*place, found.terms, item.labels, dictionary, packed, *found.said))
        for table, postings in found.postings.items():
            if postings:
                self.tables[table] += [(*row, rid, pat) for row in postings]

    async def copy(self, conn: Connection) -> None:
        """Writes them all."""
        for table, rows in self.tables.items():
            await copy(conn, self.prefix + table, _NAMES[table], rows)


async def copy(conn: Connection, table: str, columns: Sequence[str], rows: Sequence[_Row]) -> None:
    """COPY of rows into a table; nothing when there are none."""
    if rows:
        await conn.copy_records_to_table(table, records=rows, columns=columns)


def _place(item: Item) -> tuple[int, int]:
    return item.pat, item.rid


async def copy_items(conn: Connection, items: Iterable[Item], seq: int, upd: int) -> None:
    """The resources themselves with their postings, both families, in the order of their records: what one
    resource says stands together.
    """
    families = {"": Rows(""), "dir_": Rows("dir_")}
    for number, item in enumerate(sorted(items, key=_place)):
        families[family(item.kind)].add(item, seq, upd)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    for rows in families.values():
        await rows.copy(conn)


async def copy_maps(conn: Connection, items: Sequence[Item]) -> None:
    """Where each id is found; rows that waited for one are filled in."""
    numbers = type_numbers()
    new = [(numbers[i.kind], i.id, i.pat, i.rid) for i in items if not i.waiting]
    await copy(conn, "id_map", ("type", "id", "pat", "rid"), sorted(new))
    late = [item for item in items if item.waiting]
    if late:
        await conn.execute(
            "update id_map m set rid = u.rid, pat = u.pat"
            " from unnest($1::smallint[], $2::text[], $3::bigint[], $4::bigint[]) u(type, id, pat, rid)"
            " where m.type = u.type and m.id = u.id",
            [numbers[item.kind] for item in late],
            [item.id for item in late],
            [item.pat for item in late],
            [item.rid for item in late],
        )
    stubs = [(pat, item.pat, item.rid, about) for item in items for pat, about in item.also.items()]
    await copy(conn, "stub", ("pat", "home", "rid", "about"), stubs)


async def copy_rights(conn: Connection, sight: Sight, items: Iterable[Item], grants: Sequence[Grant]) -> None:
    """Each new Patient's right on the own record, then the given grants on records that are here."""
    pats = {item.id: item.pat for item in items if item.kind == "Patient"}
    rows: list[_Row] = [_own(sight, logical, pat) for logical, pat in pats.items()]
    others = {g.patient for g in grants} - pats.keys()
    here = await conn.fetch(
        "select id, pat from id_map where type = $1 and id = any($2::text[]) and pat <> 0",
        type_numbers()["Patient"],
        sorted(others),
    )
    given = await _given(conn, [r["pat"] for r in here])
    pats |= {r["id"]: r["pat"] for r in here}
    asked = [_granted(sight, g, pats[g.patient]) for g in grants if g.patient in pats]
    await copy(conn, "grants", _GRANT.split(","), rows + [row for row in asked if _right(row) not in given])


async def _given(conn: Connection, pats: Sequence[int]) -> set[_Row]:
    """The rights on these records: a load that is started again gives none twice."""
    rows = await conn.fetch(f"select {_GRANT} from grants where pat = any($1::bigint[])", pats)
    return {_right(tuple(r)) for r in rows}


def _right(row: _Row) -> _Row:
    """A right, but for when it was made: two that are equal in this are one."""
    pat, actor, basis, rights, scope, withheld, since, till, deny, reason, origin, made = row
    since = 0 if since == made else since
    return (pat, actor, basis, rights, tuple(scope), tuple(withheld), since, till, deny, reason, origin)


def _own(sight: Sight, logical: str, pat: int) -> _Row:
    now = sight.now
    return (pat, f"person:{logical}", "self", "rw", [], ["mask:patient"], now, FOREVER, False, "", "", now)


def _granted(sight: Sight, g: Grant, pat: int) -> _Row:
    scopes = (list(g.scope), list(g.withheld))
    since = g.since or sight.now
    return (pat, g.actor, g.basis, g.rights, *scopes, since, g.till, g.deny, g.reason, g.origin, sight.now)


async def copy_audit(conn: Connection, sight: Sight, items: Iterable[Item]) -> None:
    """One audit line in each record that the chunk wrote in, with how many resources."""
    hits: dict[int, int] = {}
    for item in items:
        if not family(item.kind):
            hits[item.pat] = hits.get(item.pat, 0) + 1
    who = (sight.actor, sight.name, sight.org, sight.client, sight.purpose)
    rows = [(pat, sight.now, *who, "system", "load", "load", n, "ok") for pat, n in sorted(hits.items())]
    await copy(conn, "audit", _AUDIT.split(","), rows)


async def copy_changes(conn: Connection, store: Store, items: Iterable[Item]) -> None:
    """What the rooms that watch these types are to be told."""
    wanted = {
        consumer: {r["type"] for r in await conn.fetch(f"select distinct type from {table}")}
        for consumer, table in store.on_demand.items()
    }
    rows = [
        (consumer, item.pat, number, item.id, 1, _OP)
        for item in items
        for consumer in store.watched.get(item.kind, ())
        if (number := type_numbers()[item.kind]) in wanted.get(consumer, (number,))
    ]
    await copy(conn, "outbox", ("consumer", "pat", "type", "id", "ver", "op"), rows)
