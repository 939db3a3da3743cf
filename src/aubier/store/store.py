"""The one door to the database. Rooms never hold it: `access` gives them a view of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from aubier.ground.chance import random_ids
from aubier.ground.clock import commit_ticks
from aubier.ground.memory import Memory
from aubier.ground.rows import Migration, Resource, Statement
from aubier.ground.standing import Stands
from aubier.search.keys import Keys
from aubier.search.model import Query
from aubier.search.parameters import Registry, registry
from aubier.search.query import FindCodes, at_home, sets_named, with_sets
from aubier.search.sql import Args
from aubier.store.exporting.export import Slice, export
from aubier.store.indexing import SERVED, Makings, expect, follow, steers, take_turn
from aubier.store.intent import Batch, Written
from aubier.store.keys import keyed_hash, type_names, type_numbers
from aubier.store.limits.constraints import with_limits
from aubier.store.limits.judging import judged
from aubier.store.matching import Met, Question, Version, meets
from aubier.store.opening.reach import reach
from aubier.store.opening.reindexing import reindex
from aubier.store.opening.secret import term_secret
from aubier.store.opening.upgrade import own_steps, upgrade
from aubier.store.packing.rows import Indexed, index
from aubier.store.pool import Connection, Opened, answered, open_pool, unhurried
from aubier.store.proof import audit
from aubier.store.proof.standing import Unproven, unmoved
from aubier.store.reading import (
    Found,
    Reader,
    Row,
    Statements,
    Together,
    Wanted,
    check_scope,
    committing,
)
from aubier.store.reading.ahead.worth import Worth
from aubier.store.reading.forms.kept import Forms
from aubier.store.reading.links.identified import ENOUGH, each
from aubier.store.reading.record import Asked, Walked, walk
from aubier.store.reading.versions import history
from aubier.store.reading.versions.dated import by_date, settled_mark, settled_only
from aubier.store.sight import Sight
from aubier.store.writing import TURNED_AWAY, Again, Finder, Undertaking, Writer, busy, undertaken
from aubier.store.writing.filing.numbers import Numbers

_TRIES = 5
_CLOSE_WITHIN = 3.0
_PLACES = 8_000_000
"""Bytes of the compartments of Patients that this process remembers: some 40,000."""
_STANDING = 3
"""Connections to hold while others are asked for: who waits for one of these holds none, so all go on."""


@dataclass(slots=True)
class Store:
    """Resources, their history, rights, audit and outbox in one PostgreSQL database.

    `statements` are the rooms' named statements. `watched` gives the consumers of changes of a type;
    `on_demand` the table of those who want only the types that it names at the moment of the change.
    `find_codes` gives the codes of a value set, or below a code, when a search names one.
    `bases` are the base URLs of this server: an absolute reference below one of them is a local one.
    `pool`, `planned` and `standing` are its connections: those of the second plan a statement once, for any
    values; those of the third are for who holds one while asking for others (a lane, a walk, a long load).
    `clock_moved`: what is written is dated by the moments that are given (`Sight.now`), whose clock may have
    been moved; otherwise by the database, in the order of commit marks.
    What is asked at once is answered together: `reads` by id, `proofs` of what askers stand on, searches that
    are `brief`, looks at the `near` (newest) end of a population, resources `added` by one statement.
    """

    pool: Any
    planned: Any
    standing: Any
    keys: Keys
    dsn: str = ""
    statements: Mapping[str, Statement] = field(default_factory=dict)
    watched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_demand: Mapping[str, str] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    ids: Callable[[], str] = random_ids
    strict_references: bool = False
    clock_moved: bool = True
    registry: Registry = field(default_factory=registry)
    find_codes: FindCodes | None = None
    numbers: Numbers = field(default_factory=Numbers)
    places: Memory[str, int] = field(default_factory=lambda: Memory(_PLACES))
    turns: WeakValueDictionary[str, committing.Turns] = field(default_factory=WeakValueDictionary)
    worth: Worth = field(default_factory=Worth)
    forms: Forms = field(default_factory=Forms)
    reads: Together[Wanted, Row | None] = field(init=False)
    proofs: Together[tuple[Stands, ...], bool] = field(init=False)
    brief: Together[committing.Asked, committing.Told] = field(init=False)
    near: Together[committing.Asked, committing.Told] = field(init=False)
    added: Together[committing.Asked, committing.Told] = field(init=False)
    opened: Opened = field(default_factory=Opened)
    rooms: Statements = field(init=False)
    makings: Makings = field(init=False)

    def __post_init__(self) -> None:
        self.makings = Makings(self.registry)
        self.reads = Together(self._read_each)
        self.proofs = Together(partial(unmoved, self.pool))
        committed = partial(committing.committed, self.planned)
        self.brief = Together(committed, committing.MOST, committing.LANES)
        self.near = Together(committed, committing.FEW, committing.FEW_LANES)
        self.added = Together(committed, committing.MOST, committing.LANES)
        self.rooms = Statements(self.pool, self.statements)

    @property
    def _pools(self) -> tuple[Any, ...]:
        return self.pool, self.planned, self.standing

    async def close(self) -> None:
        """Closes every connection; one that does not end what it does within three seconds is cut off."""
        try:
            await asyncio.wait_for(asyncio.gather(*(p.close() for p in self._pools)), _CLOSE_WITHIN)
        except TimeoutError:
            for pool in self._pools:
                pool.terminate()

    def local(self, reference: str) -> str:
        """`Type/id` for an absolute URL of this server, of a version too; the reference itself otherwise."""
        for base in self.bases:
            if reference.startswith(base):
                return reference.removeprefix(base).lstrip("/").partition("/_history/")[0]
        return reference

    def index(self, resource: Resource) -> Indexed:
        """The index rows of a resource under this store's search parameters."""
        return index(resource, self.keys, self.local, self.makings.written)

    async def learn(self, conn: Connection | None = None) -> bool:
        """Learns which custom parameters there are now; gives whether that was news."""
        async with answered():
            news = await self.makings.learn(conn or self.pool)
        self.registry = self.makings.answered
        return news

    def mark(self) -> int:
        """This moment as a commit mark, by the clock of this machine: near those that are given now."""
        return commit_ticks()

    @asynccontextmanager
    async def _reader(self, sight: Sight, conn: Connection | None = None) -> AsyncIterator[Reader]:
        _refuse_unproven(sight)
        async with answered():
            if conn is not None:
                yield Reader(conn, sight, self.keys, self.mark)
            else:
                async with self.pool.acquire() as own, unhurried(own, asked=sight.unhurried):
                    yield Reader(own, sight, self.keys, self.mark)

    @asynccontextmanager
    async def _searcher(self, sight: Sight, conn: Connection | None = None) -> AsyncIterator[Reader]:
        """A reader whose statements each take a connection of the pool that suits them; else that given.

        What the asker stands on is asked by the first of them.
        """
        if conn or sight.unhurried:
            turns = self._turns(sight) if conn is None else None
            async with _turn(turns), self._reader(sight, conn) as reader:
                yield reader
        else:
            async with answered():
                yield self._asker(sight)

    def _asker(self, sight: Sight) -> Reader:
        """A reader whose statements each take a connection of the pool that suits them."""
        turns = self._turns(sight)
        shared = turns.together if turns else self.near
        ways = self.planned, self.brief, _turn(turns), shared, self.worth, self.forms
        return Reader(self.pool, sight, self.keys, self.mark, *ways)

    async def read(self, sight: Sight, kind: str, logical: str, conn: Connection | None = None) -> Row:
        """The current version of a resource; see `Reader.read`. Those that come at once share a statement."""
        if conn is not None or sight.narrowed(kind):
            async with self._reader(sight, conn) as reader:
                return await reader.read(kind, logical)
        check_scope(sight, kind)
        found = await self.reads.ask(Wanted(sight, kind, logical))
        if found:
            return found
        async with self._reader(sight) as reader:
            return await reader.absent(kind, logical)

    async def _read_each(self, wanted: Sequence[Wanted]) -> Sequence[Row | None]:
        # What the askers stand on, the statement itself asks.
        async with self._reader(wanted[0].sight.but(stands=None)) as reader:
            return await reader.read_each(wanted)

    async def vread(self, sight: Sight, kind: str, logical: str, version: int) -> Row:
        """One version of a resource; see `Reader.vread`."""
        async with self._reader(sight) as reader:
            within = await judged(reader, self.index, kind, logical, version)
            return await reader.vread(kind, logical, version, within)

    async def settled_mark(self, queries: Sequence[Query]) -> int | None:
        """The commit mark that several searches by date keep to; see `dated.settled_mark`."""
        async with answered():
            return None if self.clock_moved else await settled_mark(self.pool, queries)

    async def search(
        self,
        sight: Sight,
        query: Query,
        conn: Connection | None = None,
        *,
        quiet: bool = False,
        mark: int | None = None,
    ) -> Found:
        """One page; see `Reader.search`. One actor's searches take turns, so that they take half of the
        connections at most, but for those that share one; one that has its connection waits for nobody.
        `mark`: the commit mark to keep to, as `settled_mark` gives it.
        """
        query, seeing = await self.listed(query), sight.searching
        if limits := seeing.limits(query.type):
            query = with_limits(query, limits)
        if self.clock_moved or conn or quiet or not by_date(query):
            mark = None
        else:
            async with answered():
                query, mark = await settled_only(self.pool, query, mark)
        if conn or seeing.unhurried:
            async with self._searcher(seeing, conn) as reader:
                found = await reader.search(query, quiet=quiet, mark=mark)
        else:
            async with answered():
                found = await self._asker(seeing).search(query, quiet=quiet, mark=mark)
        await self.makings.check(conn or self.pool, [query])
        return found

    async def search_each(
        self, sight: Sight, queries: Sequence[Query], conn: Connection | None = None
    ) -> list[list[Row]]:
        """Rows of each query, two at least where so many meet it: what is asked by an identifier of the
        directory in one statement, the rest as by `search`.
        """
        async with self._searcher(sight.searching, conn) as reader:
            found = await each(reader, queries, quiet=False)
        await self.makings.check(conn or self.pool, [queries[place] for place in found])
        for place in [n for n in range(len(queries)) if n not in found]:
            found[place] = (await self.search(sight, queries[place], conn)).rows
        return [found[n] for n in range(len(queries))]

    async def listed(self, query: Query) -> Query:
        """The query with the codes listed that it names by a set, where somebody finds them, and with what
        is below our own base named as such.
        """
        query = at_home(query, self.local)
        named = sets_named(query)
        if not named or self.find_codes is None:
            return query
        return with_sets(query, {each: await self.find_codes(each) for each in named})

    def _turns(self, sight: Sight) -> committing.Turns | None:
        """Those of an actor, whom nothing else remembers; none for the platform's own."""
        if sight.unrestricted:
            return None
        turns = self.turns.get(sight.actor)
        if turns is None:
            at_once = max(1, self.planned.get_max_size() // 2)
            turns = committing.Turns(partial(committing.committed, self.planned), at_once)
            self.turns[sight.actor] = turns
        return turns

    async def history(
        self, sight: Sight, kinds: Sequence[str], logical: str = "", **options: Any
    ) -> tuple[list[Row], tuple[int, int, int] | None, int | None]:
        """Versions, newest first; see `versions.history`."""
        async with self._reader(sight) as reader:
            if logical:
                options["judged"] = await judged(reader, self.index, kinds[0], logical)
            return await history(reader, kinds, logical, **options)

    async def walk(self, sight: Sight, asked: Asked) -> Walked:
        """One page of a whole record; see `record.walk`."""
        async with _turn(self._turns(sight)), self._reader(sight) as reader:
            return await walk(reader, asked, self.local)

    async def export(self, sight: Sight, asked: Slice) -> tuple[list[Row], tuple[int, int] | None]:
        """The next resources of a slice; see `export.export`."""
        asked = replace(asked, queries=tuple([await self.listed(query) for query in asked.queries]))
        async with self._reader(sight.searching) as reader:
            return await export(reader, asked, self.index)

    async def meets(
        self, sight: Sight, version: Version, questions: Sequence[Question], conn: Connection | None = None
    ) -> Met:
        """What a version answers to searches, for this actor; see `matching.meets`."""
        listed = [replace(q, query=await self.listed(q.query)) for q in questions]
        async with self._reader(sight, conn) as r:
            return await meets(r.conn, sight, self.keys, self.index, version=version, questions=listed)

    async def transact(self, sight: Sight, batch: Batch) -> list[Written]:
        """Writes all or nothing; gives what came of each intent in order.

        What the asker stands on is asked by the statement that writes (Unproven). Tried again when another
        writer was first, so that of two conditional creates one finds the other's.
        """
        for intent in batch.intents:
            if intent.condition is not None:
                intent.condition = await self.listed(intent.condition)
        steering = steers(i.type for i in batch.intents)
        async with answered():
            for tried in range(1 + _TRIES):
                try:
                    async with undertaken(self.pool, self.planned, self.added) as conn:
                        if steering:
                            await take_turn(conn)
                        written = await self._writer(conn, sight, ahead=not tried).run(batch)
                        if steering:
                            await follow(conn, self.makings.base, written)
                        break
                except (Again, *TURNED_AWAY):
                    await self.learn()
            else:
                raise busy()
        if steering:
            await self.learn()
        return written

    async def file_anew(self, conn: Connection, sight: Sight, arrived: list[tuple[str, str]]) -> None:
        """Files with these what waits for them, in the transaction that has just brought them."""
        batch = Batch([], None, action="load", what="load", arrived=arrived)
        held = Undertaking(self.pool, self.planned, self.added, conn, conn)
        await self._writer(held, sight, ahead=False).run(batch)

    def _writer(self, conn: Undertaking, sight: Sight, *, ahead: bool) -> Writer:
        async def matches(held: Connection, queries: Sequence[Query]) -> list[list[Row]]:
            reader = Reader(held, sight.searching, self.keys, self.mark)
            found = await each(reader, queries, quiet=True)
            for n in [n for n in range(len(queries)) if n not in found]:
                found[n] = (await reader.search(queries[n], limit=ENOUGH, quiet=True)).rows
            return [found[n] for n in range(len(queries))]

        return Writer(
            conn=conn,
            sight=sight,
            finder=Finder(conn, sight, self.keys, self.ids, matches, ahead),
            numbers=self.numbers,
            places=self.places,
            local=self.local,
            index=self.index,
            held=partial(index, keys=self.keys, local=self.local, of=self.makings.held, words=False),
            version=self.makings.version,
            watchers=lambda kind: self.watched.get(kind, ()),
            on_demand=self.on_demand,
            strict_references=self.strict_references,
            clock_moved=self.clock_moved,
        )

    async def refused(self, sight: Sight, action: str, what: str, outcome: str, patient: str = "") -> None:
        """An audit line of a refusal, in the compartment of `patient` when that record exists."""
        _refuse_unproven(sight)
        args = Args()
        number = args.add(type_numbers()["Patient"], "smallint")
        name = args.add(patient, "text")
        source = (
            f"select coalesce((select m.pat from id_map m where m.type = {number} and m.id = {name}), 0), 0"
        )
        async with answered():
            await self.pool.execute(
                audit.line(sight, args, source, action=action, what=what, outcome=outcome), *args
            )

    async def unmoved(self, sight: Sight, stands: Stands) -> bool:
        """Whether nothing has moved of what an answer stands on, nor of what its asker stands on.

        Asked by a statement that begins after this question.
        """
        return await self.proofs.ask((stands,) if sight.stands is None else (stands, sight.stands))

    async def note(self, key: str) -> str:
        """What was noted under `key` about this database, or an empty string."""
        async with answered():
            return await self.pool.fetchval("select value from store_meta where key = $1", key) or ""

    async def set_note(self, key: str, value: str) -> None:
        """Notes a fact about this database: what it was filled with, which release wrote it."""
        async with answered():
            await self.pool.execute(
                "insert into store_meta (key, value) values ($1, $2)"
                " on conflict (key) do update set value = excluded.value",
                key,
                value,
            )

    async def analyse(self) -> None:
        """Refreshes the planner's statistics, after a load."""
        async with answered(), self.pool.acquire() as conn:
            await conn.execute("set statement_timeout = 0")
            try:
                # Each table is a transaction of its own: feeds would wait for the end of one of them all.
                await conn.execute("analyze")
            finally:
                await conn.execute("reset statement_timeout")

    async def counts(self) -> dict[str, int]:
        """How many resources of each type are stored."""
        async with answered():
            rows = await self.pool.fetch(
                "select type, count(*) as n from res group by type union all"
                " select type, count(*) from dir_res group by type"
            )
        return {type_names()[r["type"]]: r["n"] for r in rows}

    async def run(self, name: str, *args: Any, conn: Connection | None = None) -> list[Mapping[str, Any]]:
        """The rows of a room's named statement. Problem (not-supported) for a name nobody declared."""
        return await self.rooms.run(name, args, conn)


def _turn(turns: committing.Turns | None) -> AbstractAsyncContextManager[Any]:
    """What an actor waits for before asking by themselves; the platform's own wait for nobody."""
    return turns.turn if turns else nullcontext()


def _refuse_unproven(sight: Sight) -> None:
    """Unproven for who was not recognised anew: only a read, a search and a write ask that themselves."""
    if sight.stands is not None:
        raise Unproven


async def open_store(
    dsn: str,
    *,
    pool_size: int = 8,
    migrations: Mapping[str, Sequence[Migration]] | None = None,
    statements: Sequence[Statement] = (),
    reindexed: Callable[[int], None] = lambda done: None,
    **options: Any,
) -> Store:
    """Opens, and upgrades if needed, the database at `dsn`: its tables, then its index rows.

    `reindexed` hears how many resources were given the index rows that this release adds, while they are.

    Problem: it cannot be reached (see `reach`), or is newer than this release.
    """
    conn = await reach(dsn)
    try:
        async with answered():
            await upgrade(conn, {**own_steps(), **(migrations or {})})
            secret = await term_secret(conn)
    finally:
        await conn.close()
    opened = Opened()
    pool = await open_pool(dsn, pool_size - pool_size // 2, opened=opened)
    planned = await open_pool(dsn, pool_size // 2, "force_generic_plan", opened)
    standing = await open_pool(dsn, _STANDING)
    store = Store(
        pool,
        planned,
        standing,
        Keys(keyed_hash(secret)),
        dsn,
        {s.name: s for s in statements},
        opened=opened,
        **options,
    )
    try:
        async with answered(), pool.acquire() as held:
            await store.learn(held)
            await reindex(held, store.index, reindexed)
            await expect(held, SERVED, ["SearchParameter"])
    except BaseException:
        await store.close()
        raise
    return store
