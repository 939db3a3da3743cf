"""Which compartment each resource of a chunk goes to: one look-up for the chunk, not one per resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aubier.ground.problem import not_found
from aubier.store.bulk.item import Item
from aubier.store.compartment import followed, patients
from aubier.store.keys import family, type_names, type_numbers
from aubier.store.pool import Connection
from aubier.store.sight import SHARED, Sight
from aubier.store.store import Store
from aubier.store.writing import Again
from aubier.store.writing.filing import Key, expect


async def place(
    conn: Connection,
    store: Store,
    sight: Sight,
    items: Sequence[Item],
    *,
    awaited: Sequence[Key] = (),
    beside: bool = False,
) -> None:
    """Gives each item its compartment and row number; something waits for those that are `awaited`.

    `beside` others that load at the same time, compartments are given at once, in a transaction of their own:
    a chunk that names the Patient of another's chunk would otherwise wait until that one is stored.
    A Patient that is named and not here gets a compartment that waits for it; Problem (not-found) where
    the actor may not have that.
    """
    record = [item for item in items if not family(item.kind)]
    named = {item: patients(item.resource, item.indexed.found) for item in record}
    following = {item: _targets(store, item) for item, ids in named.items() if not ids}
    people = {p for ids in named.values() for p in ids}
    people |= {logical for keys in following.values() for kind, logical in keys if kind == "Patient"}
    if beside:
        await _open(store, people)
    pats = await _patients(conn, store, sight, record, people, awaited=awaited)
    for item, ids in named.items():
        _settle(item, {pats[p]: about for p, about in ids.items()})
    await _follow(conn, store, record, following)
    lone = [item for item in record if not item.pat]
    for item, pat in zip(lone, await store.numbers.take(conn, len(lone)), strict=True):
        item.pat = pat
    for item, rid in zip(items, await store.numbers.take(conn, len(items)), strict=True):
        item.rid = rid


def _settle(item: Item, homes: Mapping[int, bool]) -> None:
    """The first compartment keeps the resource, the others a stub of it."""
    if not homes:
        return
    item.pat = next(iter(homes))
    item.also = {pat: about for pat, about in homes.items() if pat != item.pat}
    if item.also:
        item.labels = sorted({*item.labels, SHARED})


async def _patients(
    conn: Connection,
    store: Store,
    sight: Sight,
    items: Sequence[Item],
    named: set[str],
    *,
    awaited: Sequence[Key],
) -> dict[str, int]:
    """The compartment of each Patient that comes, is here, or is named."""
    own = [item.id for item in items if item.kind == "Patient"]
    held = await _held(conn, [*(("Patient", logical) for logical in own), *awaited])
    for item in items:
        item.waiting = (item.kind, item.id) in held
    here = {logical: pat for (kind, logical), pat in held.items() if kind == "Patient"} | await _compartments(
        conn, named - set(own)
    )
    absent = sorted(named - here.keys() - set(own))
    if absent and not sight.unrestricted:
        raise not_found(f"Patient/{absent[0]}")
    fresh = [logical for logical in own if not here.get(logical)]
    taken = await store.numbers.take(conn, len(fresh) + len(absent))
    here |= dict(zip(fresh, taken, strict=False))
    if absent:
        here |= await _reserve(conn, absent, taken[len(fresh) :])
    return here


async def _held(conn: Connection, own: Sequence[Key]) -> dict[Key, int]:
    """Holds the rows that wait for these and gives their compartments, which only Patients have.

    Again when one of them came by another writer meanwhile; one that has no row yet and comes before us makes
    our own row a double, which the database refuses.
    """
    rows = await conn.fetch(
        "select m.type, m.id, m.pat, m.rid from id_map m join unnest($1::smallint[], $2::text[]) k(type, id)"
        " on m.type = k.type and m.id = k.id order by m.type, m.id for update of m",
        [type_numbers()[kind] for kind, _ in own],
        [logical for _, logical in own],
    )
    if any(r["rid"] for r in rows):
        raise Again
    return {(type_names()[r["type"]], r["id"]): r["pat"] for r in rows}


async def _compartments(conn: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The compartments of Patients that are here, or were named before they came."""
    rows = await conn.fetch(
        "select id, pat from id_map where type = $1 and id = any($2::text[]) and pat <> 0",
        type_numbers()["Patient"],
        sorted(ids),
    )
    return {r["id"]: r["pat"] for r in rows}


async def _open(store: Store, ids: set[str]) -> None:
    """Rows that wait for these Patients, where there are none: seen by everybody at once."""
    async with store.pool.acquire() as conn:
        absent = sorted(ids - (await _compartments(conn, ids)).keys())
        if absent:
            await _reserve(conn, absent, await store.numbers.take(conn, len(absent)))


async def _reserve(conn: Connection, absent: Sequence[str], pats: Sequence[int]) -> dict[str, int]:
    """Rows that wait for Patients; another writer may have made one a moment ago, then its number holds."""
    await conn.execute(
        "insert into id_map (type, id, pat, rid) select $1, id, pat, 0"
        " from unnest($2::text[], $3::bigint[]) k(id, pat) on conflict (type, id) do update"
        " set pat = excluded.pat where id_map.pat = 0 and id_map.rid = 0",
        type_numbers()["Patient"],
        absent,
        pats,
    )
    return await _compartments(conn, absent)


async def _follow(
    conn: Connection, store: Store, items: Sequence[Item], following: Mapping[Item, Sequence[Key]]
) -> None:
    """Places what names no patient with what it is about, which may be in this chunk and follow in turn, or
    not be here yet.
    """
    unplaced = {item: keys for item, keys in following.items() if keys}
    pats = {(item.kind, item.id): item.pat for item in items if item.pat}
    asked = {key for keys in unplaced.values() for key in keys}
    pats |= await _stored(conn, asked - pats.keys())
    await expect(conn, store.keys, asked - pats.keys() - {(item.kind, item.id) for item in items})
    moved = True
    while moved:
        moved = False
        for item, keys in list(unplaced.items()):
            _settle(item, {pats[key]: True for key in keys if key in pats})
            if item.pat:
                pats[item.kind, item.id] = item.pat
                del unplaced[item]
                moved = True


def _targets(store: Store, item: Item) -> list[Key]:
    """What an item lives with, if it names no patient."""
    keys: list[Key] = []
    for reference in followed(item.resource):
        kind, _, logical = store.local(reference).partition("/")
        if kind in type_numbers() and not family(kind):
            keys.append((kind, logical))
    return keys


async def _stored(conn: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """The compartments of resources of the record that are here."""
    asked = sorted(keys)
    if not asked:
        return {}
    rows = await conn.fetch(
        "select k.name, m.id, m.pat from id_map m join unnest($1::smallint[], $2::text[], $3::text[])"
        " k(type, id, name) on m.type = k.type and m.id = k.id where m.pat <> 0",
        [type_numbers()[kind] for kind, _ in asked],
        [logical for _, logical in asked],
        [kind for kind, _ in asked],
    )
    return {(r["name"], r["id"]): r["pat"] for r in rows}
