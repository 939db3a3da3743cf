"""Whether the index rows that a database holds are those that its resources give: each read, none changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from aubier.fhir import json as fhir_json
from aubier.ground.problem import problem
from aubier.store.indexing.strays import strays
from aubier.store.indexing.walking import Store, progress
from aubier.store.keys import type_names
from aubier.store.opening.reindexing import FAMILIES, POSTING_KEYS, posting_keys
from aubier.store.packing import codec
from aubier.store.packing.rows import COLUMNS
from aubier.store.pool import UNHURRIED, Connection, answered

_BATCH = 500
_BY_RESOURCE = tuple(table for table in COLUMNS if table != "post")


class Fault(NamedTuple):
    """Index rows of one resource (`Type/id`; none: of nobody) in a table that are missing, or too many."""

    resource: str
    table: str
    missing: int
    surplus: int


async def faults(store: Store, told: Callable[[int], None] = lambda done: None) -> AsyncIterator[Fault]:
    """Makes the index rows of every resource again and gives what differs from those that are there.

    Each batch is read as of one moment, so others may write. `told` hears how many were gone through.
    Problem (conflict) while rows are being made for what was stored before.
    """
    done = 0
    for prefix in FAMILIES:
        place = (-1, -1)
        while True:
            async with answered(), store.standing.acquire() as conn:
                rows, found = await _batch(store, conn, prefix, place)
            for fault in found:
                yield fault
            if not rows:
                break
            place = rows[-1]["pat"], rows[-1]["rid"]
            done += len(rows)
            told(done)
        for table in COLUMNS:
            async with answered(), store.standing.acquire() as conn:
                count = await strays(conn, prefix, table)
            if count:
                yield Fault("", f"{prefix}{table}", 0, count)


async def _batch(
    store: Store, conn: Connection, prefix: str, place: tuple[int, int]
) -> tuple[Sequence[Any], list[Fault]]:
    """The next resources, and what is wrong with their rows."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(UNHURRIED)
        if await progress(conn):
            raise problem(
                "conflict",
                "Index rows are being made for what was stored before; check again when doctor shows none",
                "Des lignes d'index se font pour ce qui était déjà là ; recommencez quand doctor n'en montre"
                " plus",
            )
        await store.makings.learn(conn)
        rows = await conn.fetch(
            f"select r.pat, r.rid, r.lo, r.hi, r.has, r.terms, r.narrative, r.rest, {codec.COLUMNS}"
            f" from {prefix}res r where (r.pat, r.rid) > ($1, $2) order by r.pat, r.rid limit {_BATCH}",
            *place,
        )
        return rows, await _compared(store, conn, prefix, rows) if rows else []


async def _compared(store: Store, conn: Connection, prefix: str, rows: Sequence[Any]) -> list[Fault]:
    due: Counter[tuple[Any, ...]] = Counter()
    kept: Counter[tuple[Any, ...]] = Counter()
    posted: list[tuple[int, int, int, int]] = []
    for row in rows:
        made = store.index(fhir_json.parse(codec.kept(row)))
        at = row["rid"], row["pat"]
        due["res", made.lo, made.hi, made.has, *made.terms, *made.said, *at] += 1
        held = row["lo"], row["hi"], row["has"], *row["terms"], row["narrative"], row["rest"]
        kept["res", *held, *at] += 1
        for table, postings in made.postings.items():
            due.update((table, *posting, *at) for posting in postings)
        posted += posting_keys(row, made)
    rids = [row["rid"] for row in rows]
    for table in _BY_RESOURCE:
        names = ", ".join(name for name, _ in COLUMNS[table])
        found = await conn.fetch(f"select {names} from {prefix}{table} where rid = any($1::bigint[])", rids)
        kept.update((table, *each) for each in found)
    if posted:
        names = ", ".join(f"p.{name}" for name, _ in COLUMNS["post"])
        found = await conn.fetch(
            f"select {names} from {POSTING_KEYS} join {prefix}post p using (term, k, rid, pat)",
            *(list(values) for values in zip(*posted, strict=True)),
        )
        kept.update(("post", *each) for each in found)
    return _told(rows, prefix, missing=due - kept, surplus=kept - due)


def _told(
    rows: Sequence[Any], prefix: str, *, missing: Counter[tuple[Any, ...]], surplus: Counter[tuple[Any, ...]]
) -> list[Fault]:
    """A fault for each resource and table. Rows end with the number of the resource and of its record."""
    counts: dict[tuple[int, str], list[int]] = {}
    for side, differing in enumerate((missing, surplus)):
        for row, times in differing.items():
            counts.setdefault((row[-2], row[0]), [0, 0])[side] += times
    named = {row["rid"]: f"{type_names()[row['type']]}/{row['id']}" for row in rows}
    return [Fault(named[rid], f"{prefix}{table}", *both) for (rid, table), both in counts.items()]
