"""Index rows that a release adds: made for what was stored before it, ahead of the first answer.

A database notes which index rows it holds. One that holds fewer than this release writes is gone through
once, in the order of its keys: each batch is a transaction that notes how far it came, so an interruption
costs a batch. The rows of a resource are made again, whatever an older release wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.rows import Resource
from aubier.store.packing import codec
from aubier.store.packing.rows import COLUMNS, Indexed
from aubier.store.pool import UNHURRIED, Connection

INDEX = 12
"""Which index rows this release writes. 2: composites, `near`; 3: types of identifiers; 4: words; 5: codes in
the terms, words without dates; 6: no value twice (`search.terms.kept`), words of the directory;
7: numbers beside codes; 8: no row for the Patient whose record it is; 9: words in the row of the
resource, texts as written only where folding changed them; 10: punctuation is a space, units by their
words too; 11: what resources contain; 12: both ends of what is spread, codes of strings without case, values
of extensions whatever their type."""
_NOTE, _PLACE = "index", "index_place"
_LOCK = 0x0A0B1E4
_BATCH = 500
FAMILIES = ("", "dir_")
"""How the tables of records begin, and those of the directory."""


async def reindex(
    conn: Connection, index: Callable[[Resource], Indexed], told: Callable[[int], None] = lambda done: None
) -> int:
    """Makes the index rows that are missing; gives how many resources were gone through.

    Processes that open together take turns. `index` gives the rows of a resource, `told` hears after each
    batch how many were gone through.
    """
    done = 0
    while await _note(conn, _NOTE) != str(INDEX):
        async with conn.transaction():
            await conn.execute(UNHURRIED)
            await conn.execute("select pg_advisory_xact_lock($1)", _LOCK)
            if await _note(conn, _NOTE) != str(INDEX):
                done += await _batch(conn, index)
        if done:
            told(done)
    return done


async def _batch(conn: Connection, index: Callable[[Resource], Indexed]) -> int:
    """The next resources, or the note that all are done."""
    number, pat, rid = map(int, (await _note(conn, _PLACE) or "0 -1 -1").split())
    prefix = FAMILIES[number]
    rows: Sequence[Any] = await conn.fetch(
        f"select r.pat, r.rid, r.lo, r.terms, {codec.COLUMNS} from {prefix}res r"
        " where (r.pat, r.rid) > ($1, $2)"
        f" order by r.pat, r.rid limit {_BATCH} for update",
        pat,
        rid,
    )
    if rows:
        await add_rows(conn, prefix, rows, index)
        await _set(conn, _PLACE, f"{number} {rows[-1]['pat']} {rows[-1]['rid']}")
    elif number + 1 < len(FAMILIES):
        await _set(conn, _PLACE, f"{number + 1} -1 -1")
    else:
        await _set(conn, _NOTE, str(INDEX))
        await conn.execute("delete from store_meta where key = $1", _PLACE)
    return len(rows)


POSTING_KEYS = "unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) t(term, k, rid, pat)"
"""Keys of postings, as arguments of a statement, one list for each column."""


def posting_keys(row: Any, made: Indexed) -> list[tuple[int, int, int, int]]:
    """Under which keys a resource may be posted, by its row and by what is made of it now."""
    return [(term, -row["lo"], row["rid"], row["pat"]) for term in {*row["terms"], *made.terms}]


async def add_rows(
    conn: Connection, prefix: str, rows: Sequence[Any], index: Callable[[Resource], Indexed]
) -> None:
    """Makes the terms, words and postings of these resources again. `rows` say where each stands, its date,
    its terms as they were and its bytes.
    """
    added: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
    terms = []
    posted: list[tuple[int, int, int, int]] = []
    for row in rows:
        found = index(fhir_json.parse(codec.kept(row)))
        terms.append((row["pat"], row["rid"], found.terms, found.has, *found.said, found.lo, found.hi))
        for table, postings in found.postings.items():
            added[table] += [(*posting, row["rid"], row["pat"]) for posting in postings]
        posted += posting_keys(row, found)
    await conn.executemany(
        f"update {prefix}res set terms = $3, has = $4, narrative = $5, rest = $6, lo = $7, hi = $8"
        " where pat = $1 and rid = $2"
        " and (terms, has, narrative, rest, lo, hi) <> ($3::bigint[], $4, $5, $6, $7, $8)",
        terms,
    )
    rids = [row["rid"] for row in rows]
    for table, columns in COLUMNS.items():
        names = ", ".join(name for name, _ in columns)
        arrays = ", ".join(f"${n}::{cast}[]" for n, (_, cast) in enumerate(columns, 1))
        if table != "post":
            await conn.execute(f"delete from {prefix}{table} where rid = any($1::bigint[])", rids)
        elif posted:  # no index by resource: what it may have posted is looked for by its terms
            await conn.execute(
                f"delete from {prefix}post p using {POSTING_KEYS}"
                " where (p.term, p.k, p.rid, p.pat) = (t.term, t.k, t.rid, t.pat)",
                *(list(values) for values in zip(*posted, strict=True)),
            )
        if added[table]:
            await conn.execute(
                f"insert into {prefix}{table} ({names}) select * from unnest({arrays})"
                " on conflict do nothing",
                *(list(values) for values in zip(*added[table], strict=True)),
            )


async def _note(conn: Connection, key: str) -> str:
    return await conn.fetchval("select value from store_meta where key = $1", key) or ""


async def _set(conn: Connection, key: str, value: str) -> None:
    await conn.execute(
        "insert into store_meta (key, value) values ($1, $2) on conflict (key) do update set value ="
        " excluded.value",
        key,
        value,
    )
