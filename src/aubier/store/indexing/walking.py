"""The walk over what was stored before: batch by batch, each noted, by whichever process has the turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.search.keys import Keys
from aubier.search.parameters import Registry
from aubier.store.indexing.following import KIND, follow, hold
from aubier.store.indexing.makings import Makings, makings_of
from aubier.store.indexing.tables import TURN
from aubier.store.intent import Written
from aubier.store.keys import family, type_names, type_numbers
from aubier.store.opening.reindexing import add_rows
from aubier.store.packing import codec
from aubier.store.packing.rows import COLUMNS, Indexed, Postings, index
from aubier.store.pool import UNHURRIED, Connection, answered
from aubier.store.writing.step import TURNED_AWAY

_WINDOW = 5_000
"""Rows that one batch passes at most, of whatever type."""
_BATCH = 200
"""Rows that one batch indexes at most: their writers wait that long."""
_WALKED = "update indexing set done = done + $2, moved = clock_timestamp() where no = $1"
_PREFIXES = ("", "dir_")
_OPEN = "state in ('making', 'leaving')"

SERVED = "search-parameters"
"""The backfill of SearchParameters that were stored by a release which did nothing with them."""

Backfill = Callable[[Connection, Resource], Awaitable[None]]
Backfills = Mapping[str, Backfill]
"""What a room does once with every resource stored before it knew of them, by the name of the backfill."""


class Store(Protocol):
    """What a walk needs of the store."""

    standing: Any
    keys: Keys
    makings: Makings

    def local(self, reference: str) -> str:
        """`Type/id` for an absolute URL of this server."""

    def index(self, resource: Resource) -> Indexed:
        """All index rows of a resource."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one walk is: `kind` and `name` as in the table, counts of resources (`total` -1: not yet)."""

    kind: str
    name: str
    state: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where walks stand: those that stand at one place go on together."""

    prefix: str
    pat: int
    rid: int


_NEW = _Place("", -1, -1)


def _stands(row: Mapping[str, Any]) -> _Place:
    return _Place(row["prefix"], row["pat"], row["rid"])


async def progress(conn: Connection) -> list[Progress]:
    """The walks that are not at their end."""
    rows = await conn.fetch(f"select kind, name, state, done, total from indexing where {_OPEN} order by no")
    return [Progress(**dict(r)) for r in rows]


async def expect(conn: Connection, name: str, types: Sequence[str]) -> None:
    """A backfill of a room: begun once in the life of a database."""
    async with answered():
        await conn.execute(
            "insert into indexing (kind, name, state, types) select 'room', $1,"
            " case when exists (select from res where type = any($2::smallint[]))"
            " or exists (select from dir_res where type = any($2::smallint[])) then 'making'"
            " else 'ready' end, $2::smallint[] on conflict do nothing",
            name,
            [type_numbers()[t] for t in types],
        )


async def ask_again(conn: Connection, types: Sequence[str]) -> bool:
    """Begins to make the index rows of these types again; False when that is under way already."""
    numbers = sorted(type_numbers()[t] for t in types)
    made = await conn.fetchval(
        "insert into indexing (kind, name, state, types) values ('again', $1, 'making', $2::smallint[])"
        " on conflict do nothing returning no",
        ", ".join(sorted(types)) if len(types) < len(type_numbers()) else "*",
        numbers,
    )
    return made is not None


async def advance(store: Store, rooms: Backfills | None = None) -> bool:
    """Takes the walks one batch further; False when there is nothing to do, or another process does it.

    A batch is one transaction that notes its end: whatever is killed, at most one is done again.
    """
    async with answered(), store.standing.acquire() as conn:
        try:
            await _begin(conn)
            async with conn.transaction():
                await conn.execute(UNHURRIED)
                if not await conn.fetchval("select pg_try_advisory_xact_lock($1)", TURN):
                    return False
                return await _Walk(store, conn, {SERVED: _serving(store), **(rooms or {})}).go()
        except TURNED_AWAY:
            return True  # a writer was in the way: nothing is lost but this batch


async def _begin(conn: Connection) -> None:
    """Begins what is new, once the writes have ended that could not know of it: they hold nothing of what it
    is going to read. That of a parameter has begun so (`following`).
    """
    new = f"{_OPEN} and kind <> 'parameter' and (prefix, pat, rid) = ('', -1, -1)"
    if await conn.fetchval(f"select exists (select from indexing where {new})"):
        async with conn.transaction():
            await hold(conn)
            await conn.execute(f"update indexing set rid = 0 where {new}")


def _serving(store: Store) -> Backfill:
    async def serve(conn: Connection, resource: Resource) -> None:
        stored = Written(KIND, resource["id"], 1, 0, "updated", fhir_json.dumps(resource))
        await follow(conn, store.makings.base, [stored], strict=False)

    return serve


@dataclass(slots=True)
class _Walk:
    store: Store
    conn: Connection
    rooms: Backfills

    async def go(self) -> bool:
        # Whoever begins or ends a making waits for this turn to end: what is learnt here holds throughout.
        await self.store.makings.learn(self.conn)
        rows = await self.conn.fetch(f"select * from indexing where {_OPEN} order by prefix, pat, rid, no")
        rows = [r for r in rows if r["kind"] != "room" or r["name"] in self.rooms]
        rows = [r for r in rows if r["kind"] == "parameter" or _stands(r) != _NEW]
        if not rows:
            return False
        await self._count(rows)
        place = _stands(rows[0])
        group = [r for r in rows if _stands(r) == place]
        others = [r for r in rows if r not in group and r["prefix"] == place.prefix]
        # Those ahead are met where they stand, and joined there: each row is read once for all of them.
        ahead = min(((r["pat"], r["rid"]) for r in others), default=None)
        await self._step(group, place, ahead)
        return True

    async def _count(self, rows: Sequence[Any]) -> None:
        for row in rows:
            if row["total"] < 0:
                await self.conn.execute(
                    "update indexing set total = (select count(*) from res where type = any($2))"
                    " + (select count(*) from dir_res where type = any($2)) where no = $1",
                    row["no"],
                    row["types"],
                )

    async def _step(self, group: Sequence[Any], place: _Place, ahead: tuple[int, int] | None) -> None:
        types = {t for row in group for t in row["types"] if family(type_names()[t]) == place.prefix}
        found = await self._passed(place, ahead) if types else []
        wanted = [r for r in found if r["type"] in types]
        if len(wanted) > _BATCH:
            wanted = wanted[:_BATCH]
            found = found[: found.index(wanted[-1]) + 1]
        if wanted:
            await self._index(group, place.prefix, await self._held(place.prefix, wanted))
        await self._note(group, place, found, wanted, met=ahead)

    async def _passed(self, place: _Place, ahead: tuple[int, int] | None) -> list[Any]:
        """The keys after a place, up to where others stand."""
        bound = " and (pat, rid) <= ($3::bigint, $4::bigint)" if ahead else ""
        rows: list[Any] = await self.conn.fetch(
            f"select pat, rid, type, id from {place.prefix}res where (pat, rid) > ($1, $2){bound}"
            f" order by pat, rid limit {_WINDOW}",
            place.pat,
            place.rid,
            *(ahead or ()),
        )
        return rows

    async def _held(self, prefix: str, wanted: Sequence[Any]) -> list[Any]:
        """The resources, as they stand once nobody else writes them; who left the place is complete."""
        keys = sorted((r["type"], r["id"]) for r in wanted)
        await self.conn.execute(
            "select 1 from id_map m join unnest($1::smallint[], $2::text[]) k(type, id)"
            " on m.type = k.type and m.id = k.id order by m.type, m.id for update of m",
            [k[0] for k in keys],
            [k[1] for k in keys],
        )
        rows: list[Any] = await self.conn.fetch(
            f"select r.pat, r.rid, r.lo, r.terms, {codec.COLUMNS} from unnest($1::bigint[], $2::bigint[])"
            f" k(pat, rid) join {prefix}res r on r.pat = k.pat and r.rid = k.rid order by r.pat, r.rid",
            [r["pat"] for r in wanted],
            [r["rid"] for r in wanted],
        )
        return rows

    async def _index(self, group: Sequence[Any], prefix: str, rows: Sequence[Any]) -> None:
        made = [r for r in group if r["kind"] == "parameter" and r["state"] == "making"]
        gone = [r for r in group if r["kind"] == "parameter" and r["state"] == "leaving"]
        again = {t for r in group if r["kind"] == "again" for t in r["types"]}
        parsed = [(row, fhir_json.parse(codec.kept(row))) for row in rows]
        if made or gone:
            await self._change(prefix, parsed, self._registry(made), self._registry(gone))
        if again:
            await add_rows(self.conn, prefix, [r for r in rows if r["type"] in again], self.store.index)
        for row in (r for r in group if r["kind"] == "room"):
            for held, resource in parsed:
                if held["type"] in row["types"]:
                    await self._room(row["name"], resource)

    async def _room(self, name: str, resource: Resource) -> None:
        try:
            async with self.conn.transaction():
                await self.rooms[name](self.conn, resource)
        except Problem as refusal:
            if refusal.kind == "transient":
                raise  # a disk that is full, say: this batch is done again
            # What its room cannot read today stays as it was: stored, and not understood.

    def _registry(self, rows: Sequence[Any]) -> Registry:
        return self.store.makings.held.only([m.custom for m in makings_of(rows)])

    async def _change(
        self, prefix: str, parsed: Sequence[tuple[Any, Resource]], made: Registry, gone: Registry
    ) -> None:
        added: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        taken: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        terms: list[tuple[int, int, list[int], list[int]]] = []
        for row, resource in parsed:
            new, old = self._rows(resource, row["lo"], made), self._rows(resource, row["lo"], gone)
            for into, (_, postings) in ((added, new), (taken, old)):
                for table, listed in postings.items():
                    into[table] += [(*each, row["rid"], row["pat"]) for each in listed]
            if new[0] or old[0]:
                terms.append((row["pat"], row["rid"], new[0], old[0]))
        await self.conn.executemany(
            f"update {prefix}res set terms = array(select distinct t from unnest(terms || $3::bigint[]) t"
            " where t <> all($4::bigint[]) order by t) where pat = $1 and rid = $2",
            terms,
        )
        for table, columns in COLUMNS.items():
            names = ", ".join(name for name, _ in columns)
            arrays = ", ".join(f"${n}::{cast}[]" for n, (_, cast) in enumerate(columns, 1))
            same = " and ".join(f"t.{name} = u.{name}" for name, _ in columns)
            # What a writer has made already is made anew: equal rows would stand there twice.
            if former := [*added[table], *taken[table]]:
                await self.conn.execute(
                    f"delete from {prefix}{table} t using unnest({arrays}) u({names}) where {same}",
                    *_columns(former),
                )
            if added[table]:
                await self.conn.execute(
                    f"insert into {prefix}{table} ({names}) select * from unnest({arrays})",
                    *_columns(added[table]),
                )

    def _rows(self, resource: Resource, lo: int, of: Registry) -> tuple[list[int], Postings]:
        """The rows of a few parameters alone: words and contents are no parameter's."""
        found = index(resource, self.store.keys, self.store.local, of, date=(lo, lo))
        return found.terms, found.postings

    async def _note(
        self,
        group: Sequence[Any],
        place: _Place,
        found: Sequence[Any],
        wanted: Sequence[Any],
        *,
        met: tuple[int, int] | None,
    ) -> None:
        """Where the group stands now: after what it passed, beside those it met, or at the end."""
        numbers = [r["no"] for r in group]
        for row in group:
            mine = sum(r["type"] in row["types"] for r in wanted)
            await self.conn.execute(_WALKED, row["no"], mine)
        whole = len(found) < _WINDOW and len(wanted) < _BATCH
        if not whole:
            await self._stand(numbers, _Place(place.prefix, found[-1]["pat"], found[-1]["rid"]))
        elif met:
            await self._stand(numbers, _Place(place.prefix, *met))
        elif place.prefix == _PREFIXES[0]:
            await self._stand(numbers, _Place(_PREFIXES[1], -1, -1))
        else:
            await self._end(numbers)

    async def _stand(self, numbers: Sequence[int], at: _Place) -> None:
        await self.conn.execute(
            "update indexing set prefix = $2, pat = $3, rid = $4 where no = any($1::bigint[])",
            numbers,
            at.prefix,
            at.pat,
            at.rid,
        )

    async def _end(self, numbers: Sequence[int]) -> None:
        """What was made is ready; what left is forgotten."""
        await self.conn.execute(
            "delete from indexing where no = any($1::bigint[]) and (state = 'leaving' or kind = 'again')",
            numbers,
        )
        await self.conn.execute(
            "update indexing set state = 'ready', ended = now(), total = done where no = any($1::bigint[])",
            numbers,
        )
        await self.conn.execute("update indexing_state set news = news + 1")


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(values) for values in zip(*rows, strict=True)]
