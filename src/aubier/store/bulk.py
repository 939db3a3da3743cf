"""Bulk load: new resources by COPY with every index live, known ones compared and updated.

One transaction per chunk: a load that is interrupted and started again ends the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.clock import commit_ticks
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.store import codec
from aubier.store.intent import OP_NUMBER, Batch, Grant, Intent, Prepare
from aubier.store.keys import family, type_numbers
from aubier.store.pool import Connection, answered
from aubier.store.rows import COLUMNS
from aubier.store.sight import FOREVER, Sight
from aubier.store.statement import RES, FamilyRows
from aubier.store.store import Store
from aubier.store.write import Present, Step, Writer, collect


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
    store: Store, sight: Sight, resources: Sequence[Resource], prepare: Prepare, grants: Sequence[Grant] = ()
) -> BulkReport:
    """Stores resources by their own ids, all or none of the chunk. For the platform's own actors only.

    `prepare` runs the rooms' content rules and gives the labels. A resource without id gets one. The same id twice: the last one counts.
    """
    report = BulkReport()
    chosen = {(r["resourceType"], r.setdefault("id", store.ids())): r for r in resources}
    async with answered(), store.pool.acquire() as conn:
        known = await _known(conn, list(chosen))
        fresh = [r for key, r in chosen.items() if key not in known]
        async with conn.transaction():
            await _copy(conn, store, sight, fresh, prepare, grants)
        report.created = len(fresh)
    await _update(store, sight, [r for key, r in chosen.items() if key in known], prepare, report)
    return report


async def _known(conn: Connection, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    rows = await conn.fetch(
        "select k.name, m.id from id_map m join unnest($1::smallint[], $2::text[], $3::text[]) k(type, id, name)"
        " on m.type = k.type and m.id = k.id where m.rid <> 0",
        [type_numbers()[kind] for kind, _ in keys],
        [logical for _, logical in keys],
        [kind for kind, _ in keys],
    )
    return {(r["name"], r["id"]) for r in rows}


async def _copy(
    conn: Connection,
    store: Store,
    sight: Sight,
    resources: Sequence[Resource],
    prepare: Prepare,
    grants: Sequence[Grant],
) -> None:
    writer = Writer(
        conn=conn,
        sight=sight,
        keys=store.keys,
        numbers=store.numbers,
        local=store.local,
        index=store.index,
        ids=store.ids,
        search=_no_search,
        watchers=lambda kind: store.watched.get(kind, ()),
    )
    waiting = await _waiting(conn, [r["id"] for r in resources if r["resourceType"] == "Patient"])
    for resource in resources:
        kind, logical = resource["resourceType"], resource["id"]
        pat = waiting.get(logical, 0) if kind == "Patient" else 0
        step = Step(
            Intent("update", kind, logical, may_create=True), logical, Present(pat, 0, known=bool(pat))
        )
        step.resource, step.labels = await prepare(conn, resource, None)
        step.indexed = store.index(step.resource)
        writer.steps.append(step)
    await writer.place()
    seq, upd = store.numbers.next_seq(commit_ticks()), sight.now
    families = {"": FamilyRows(""), "dir_": FamilyRows("dir_")}
    for step in writer.steps:
        writer.stamp(step, upd)
        collect(families[family(step.intent.type)], step, seq, upd, store.index)
    await _copy_maps(conn, writer.steps)
    for rows in families.values():
        await _copy_family(conn, rows)
    await _copy_rights(conn, sight, writer.steps, grants)
    await _copy_changes(conn, writer)


async def _no_search(*_: object) -> list[Any]:
    return []


async def _waiting(conn: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Patients named before they came, with the compartment that waits for them."""
    rows = await conn.fetch(
        "select id, pat from id_map where type = $1 and id = any($2::text[])", type_numbers()["Patient"], ids
    )
    return {r["id"]: r["pat"] for r in rows}


async def _records(conn: Connection, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
    if rows:
        await conn.copy_records_to_table(table, records=rows, columns=list(columns))


async def _copy_maps(conn: Connection, steps: Sequence[Step]) -> None:
    new = [(type_numbers()[s.intent.type], s.id, s.pat, s.found.rid, []) for s in steps if not s.found.known]
    # A Patient named by another resource of this very chunk already has its waiting row.
    waiting = {s.id for s in steps if s.intent.type == "Patient"}
    here = await _waiting(conn, sorted(waiting))
    patient = type_numbers()["Patient"]
    fresh = [row for row in new if not (row[0] == patient and row[1] in here)]
    await _records(conn, "id_map", ("type", "id", "pat", "rid", "was"), fresh)
    late = [s for s in steps if s.intent.type == "Patient" and s.id in here]
    if late:
        await conn.execute(
            "update id_map m set rid = u.rid, pat = u.pat from unnest($2::text[], $3::bigint[], $4::bigint[])"
            " u(id, pat, rid) where m.type = $1 and m.id = u.id",
            patient,
            [s.id for s in late],
            [s.pat for s in late],
            [s.found.rid for s in late],
        )
    stubs = [(p, s.pat, s.found.rid) for s in steps for p in s.also]
    await _records(conn, "stub", ("pat", "home", "rid"), stubs)


async def _copy_family(conn: Connection, rows: FamilyRows) -> None:
    await _records(conn, f"{rows.prefix}res", [c for c, _ in RES], rows.insert)
    for table, columns in COLUMNS.items():
        await _records(conn, f"{rows.prefix}{table}", [c for c, _ in columns], sorted(rows.added[table]))


_GRANT = (
    "pat actor basis rights scope withheld since till deny reason origin made".split()  # noqa: SIM905
)


async def _copy_rights(
    conn: Connection, sight: Sight, steps: Sequence[Step], grants: Sequence[Grant]
) -> None:
    now = sight.now
    pats = {s.id: s.pat for s in steps if s.intent.type == "Patient"}
    rows = [
        (pat, f"person:{logical}", "self", "rw", [], ["mask:patient"], now, FOREVER, False, "", "", now)
        for logical, pat in pats.items()
    ]
    pats |= await _waiting(conn, sorted({g.patient for g in grants} - pats.keys()))
    rows += [
        (
            pats[g.patient],
            g.actor,
            g.basis,
            g.rights,
            list(g.scope),
            list(g.withheld),
            g.since or now,
            g.till,
            g.deny,
            g.reason,
            g.origin,
            now,
        )
        for g in grants
        if g.patient in pats
    ]
    await _records(conn, "grants", _GRANT, rows)
    touched = sorted({s.pat for s in steps if not family(s.intent.type)})
    line = (
        now,
        sight.actor,
        sight.name,
        sight.org,
        sight.client,
        sight.purpose,
        "system",
        "load",
        "load",
        1,
        "ok",
    )
    columns = "pat at actor name org client purpose basis action what hits outcome".split()  # noqa: SIM905
    await _records(conn, "audit", columns, [(pat, *line) for pat in touched])


async def _copy_changes(conn: Connection, writer: Writer) -> None:
    rows = [
        (consumer, s.pat, type_numbers()[s.intent.type], s.id, s.version, OP_NUMBER["put-create"])
        for s in writer.steps
        for consumer in writer.watchers(s.intent.type)
    ]
    await _records(conn, "outbox", ("consumer", "pat", "type", "id", "ver", "op"), rows)


async def _update(
    store: Store, sight: Sight, resources: Sequence[Resource], prepare: Prepare, report: BulkReport
) -> None:
    """Updates what differs from what is stored, in transactions of 200."""

    changed = [r for r in resources if await _differs(store, sight, r)]
    report.unchanged += len(resources) - len(changed)
    for start in range(0, len(changed), 200):
        part = changed[start : start + 200]
        intents = [Intent("update", r["resourceType"], r["id"], resource=r, may_create=True) for r in part]
        written = await store.transact(sight, Batch(intents, prepare, action="load", what="load"))
        report.updated += sum(w.status == "updated" for w in written)
        report.created += sum(w.status == "created" for w in written)


async def _differs(store: Store, sight: Sight, resource: Resource) -> bool:
    row = await store.pool.fetchrow(
        f"select r.dict, r.raw from id_map m join {family(resource['resourceType'])}res r"
        " on r.pat = m.pat and r.rid = m.rid where m.type = $1 and m.id = $2",
        type_numbers()[resource["resourceType"]],
        resource["id"],
    )
    if row is None:
        return True
    return _bare(fhir_json.parse(codec.unpack(row["dict"], row["raw"]))) != _bare(resource)


def _bare(resource: Resource) -> Resource:
    """A resource without what the server itself puts into it."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {**{k: v for k, v in resource.items() if k != "meta"}, **({"meta": meta} if meta else {})}
