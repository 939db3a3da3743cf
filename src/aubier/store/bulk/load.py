"""The load of a chunk: what is new by COPY, what is known compared and, if it differs, updated."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.store.bulk.item import Item
from aubier.store.bulk.place import place
from aubier.store.bulk.rows import copy_audit, copy_changes, copy_items, copy_maps, copy_rights
from aubier.store.indexing import VERSION, follow, steers, take_turn
from aubier.store.intent import Batch, Grant, Intent, Prepare, Written
from aubier.store.keys import type_names, type_numbers
from aubier.store.packing import codec
from aubier.store.pool import UNHURRIED, Connection, answered
from aubier.store.sight import Sight
from aubier.store.store import Store
from aubier.store.writing import AT_ONCE, Again, busy, refuse_unknown, stamped
from aubier.store.writing.receipts import Receipts
from aubier.store.writing.statement import take_mark

_TRIES = 5
_UPDATED_AT_ONCE = 200

_Key = tuple[str, str]

PrepareMany = Callable[[Any, Sequence[Resource]], Awaitable[list[tuple[Resource, list[str]]]]]
"""`prepare_many(connection, new resources)`: what `Prepare` gives, for many that are not stored yet."""


@dataclass(slots=True)
class BulkReport:
    """What a load did. `refused` holds (place, Problem) of each resource left out."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[str, Problem]] = field(default_factory=list)

    def add(self, other: BulkReport) -> None:
        """Takes another report in."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.refused += other.refused


async def load(
    store: Store,
    sight: Sight,
    resources: Sequence[Resource],
    prepare: Prepare,
    grants: Sequence[Grant] = (),
    *,
    prepare_many: PrepareMany | None = None,
    receipts: Receipts | None = None,
    beside: bool = False,
    apart: bool = False,
) -> BulkReport:
    """Stores resources by their own ids; the new ones of the chunk all or none. Platform's own actors only.

    `prepare` runs the rooms' content rules and gives the labels; `prepare_many`, when given, does it at once
    for all that are new. A resource without id gets one. The same id twice: the last one counts. Problem: a
    content rule refused, the store does not answer, or others write the same resources.

    Under `receipts` each transaction tells in itself what it wrote. `beside`: others load at the same time;
    Patients that come, or are named, get their compartments first, so that nobody waits for another's chunk.
    `apart`: a change that is refused is told in the report, by `Type/id`, and the others are made.
    """
    for resource in resources:
        if "id" not in resource:
            resource["id"] = store.ids()
    chosen: dict[_Key, Resource] = {(r["resourceType"], r["id"]): r for r in resources}
    ready = prepare_many or _one_by_one(prepare)
    report = BulkReport()
    async with answered():
        for _ in range(_TRIES):
            try:
                # To its end, when the rows are gone again: before, the collector would walk them all.
                with uncollected():
                    stored = await _load_new(
                        store, sight, chosen, ready, grants, receipts=receipts, beside=beside
                    )
                break
            except (
                Again,
                asyncpg.UniqueViolationError,
                asyncpg.DeadlockDetectedError,
                asyncpg.LockNotAvailableError,
            ):
                continue  # another writer made one of them meanwhile: look again
        else:
            raise busy()
    report.created = len(chosen) - len(stored)
    known = [resource for key, resource in chosen.items() if key in stored]
    changed = [r for r in known if _differs(r, stored[r["resourceType"], r["id"]])]
    report.unchanged = len(known) - len(changed)
    updating = _Updating(store, sight, prepare, receipts, report, apart)
    for start in range(0, len(changed), _UPDATED_AT_ONCE):
        await updating.update(changed[start : start + _UPDATED_AT_ONCE])
    return report


def _one_by_one(prepare: Prepare) -> PrepareMany:
    async def many(conn: Connection, resources: Sequence[Resource]) -> list[tuple[Resource, list[str]]]:
        return [await prepare(conn, resource, None) for resource in resources]

    return many


async def _load_new(
    store: Store,
    sight: Sight,
    chosen: dict[_Key, Resource],
    ready: PrepareMany,
    grants: Sequence[Grant],
    *,
    receipts: Receipts | None,
    beside: bool,
) -> dict[_Key, bytes]:
    """Writes what is not stored yet, in one transaction; gives the bytes of what is (none: deleted)."""
    async with store.pool.acquire() as conn, conn.transaction():
        await conn.execute(UNHURRIED)
        steering = steers(kind for kind, _ in chosen)
        if steering:
            await take_turn(conn)
        if await conn.fetchval(VERSION) != store.makings.version:
            await store.learn(conn)
        stored, awaited = await _stored(conn, list(chosen))
        fresh = await ready(conn, [resource for key, resource in chosen.items() if key not in stored])
        if store.strict_references:
            written = [resource for resource, _ in fresh]
            await refuse_unknown(conn.fetch, sight, written, dict.fromkeys(chosen, True), store.local)
        items = await _items(store, fresh)
        await place(conn, store, sight, items, awaited=awaited, beside=beside)
        await copy_maps(conn, items)
        seq, upd = await take_mark(conn, sight.now if store.clock_moved else None)
        await copy_items(conn, items, seq, upd)
        await copy_rights(conn, sight, items, grants)
        await copy_audit(conn, sight, items)
        await copy_changes(conn, store, items)
        if awaited:
            await store.file_anew(conn, sight, awaited)
        if steering:
            raws = [stamped(i.resource, codec.head(i.kind, i.id, 1, upd)) for i in items]
            made = [Written(i.kind, i.id, 1, upd, "created", raw) for i, raw in zip(items, raws, strict=True)]
            await follow(conn, store.makings.base, made, strict=False)
        if receipts is not None and items:
            receipts.advance()
            await receipts.keep(conn, [Written(i.kind, i.id, 1, upd, "created") for i in items])
    if steering:
        await store.learn()
    return stored


async def _items(store: Store, fresh: Sequence[tuple[Resource, list[str]]]) -> list[Item]:
    """The resources with their index values; others go on meanwhile: a load that copies is fed."""
    items: list[Item] = []
    for start in range(0, len(fresh), AT_ONCE):
        part = fresh[start : start + AT_ONCE]
        items += [Item(r["resourceType"], r["id"], r, labels, store.index(r)) for r, labels in part]
        await asyncio.sleep(0)
    return items


@contextmanager
def uncollected() -> Iterator[None]:
    """A chunk makes a hundred thousand rows and no cycle: the collector would walk them in vain.

    Who loads many chunks of which several are under way holds this around them all.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


async def _stored(conn: Connection, keys: Sequence[_Key]) -> tuple[dict[_Key, bytes], list[_Key]]:
    """The bytes of what is here (none: deleted), and what is not and something else waits for."""
    rows = await conn.fetch(
        "select m.type, m.id, m.rid, coalesce(r.ver, d.ver) as ver, coalesce(r.upd, d.upd) as upd,"
        " coalesce(r.dict, d.dict) as dict, coalesce(r.raw, d.raw) as raw from id_map m"
        " join unnest($1::smallint[], $2::text[]) k(type, id) on m.type = k.type and m.id = k.id"
        " left join res r on r.pat = m.pat and r.rid = m.rid"
        " left join dir_res d on d.pat = m.pat and d.rid = m.rid",
        [type_numbers()[kind] for kind, _ in keys],
        [logical for _, logical in keys],
    )
    named = [((type_names()[r["type"]], r["id"]), r) for r in rows]
    here = {key: codec.kept(r) if r["raw"] is not None else b"" for key, r in named if r["rid"]}
    return here, [key for key, r in named if not r["rid"] and key[0] != "Patient"]


@dataclass(frozen=True, slots=True)
class _Updating:
    """Updates what differs from what is stored, in transactions of their own."""

    store: Store
    sight: Sight
    prepare: Prepare
    receipts: Receipts | None
    report: BulkReport
    apart: bool

    async def update(self, part: Sequence[Resource]) -> None:
        """Updates these together; where they may be told `apart`, all but those that are refused."""
        intents = [Intent("update", r["resourceType"], r["id"], resource=r, may_create=True) for r in part]
        batch = Batch(intents, self.prepare, action="load", what="load")
        if self.receipts is not None:
            self.receipts.advance()
            batch.receipt = self.receipts.keep
        try:
            written = await self.store.transact(self.sight, batch)
        except Problem as refusal:
            if not self.apart or refusal.kind == "transient":
                raise
            if len(part) == 1:
                self.report.refused.append((f"{part[0]['resourceType']}/{part[0]['id']}", refusal))
                return
            half = len(part) // 2
            await self.update(part[:half])
            await self.update(part[half:])
            return
        self.report.updated += sum(w.status == "updated" for w in written)
        self.report.created += sum(w.status == "created" for w in written)


def _differs(resource: Resource, stored: bytes) -> bool:
    return not stored or _bare(fhir_json.parse(stored)) != _bare(resource)


def _bare(resource: Resource) -> Resource:
    """A resource without what the server itself puts into it."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {**{k: v for k, v in resource.items() if k != "meta"}, **({"meta": meta} if meta else {})}
