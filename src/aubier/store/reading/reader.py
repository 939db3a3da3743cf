"""Reading: one row, one page, a history; each with its audit line in the same statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NoReturn

from aubier.ground.problem import not_found, problem
from aubier.search.keys import Keys
from aubier.search.model import Condition, Criterion, Has, Logic, Query
from aubier.search.paging.marks import Taken, write_cursor
from aubier.search.sql import Args, Frame
from aubier.store.compartment import owned, placing
from aubier.store.keys import family, type_numbers
from aubier.store.pool import Connection
from aubier.store.proof import audit
from aubier.store.proof.standing import Unproven, mark_of
from aubier.store.reading.ahead.newest import FURTHER, newest
from aubier.store.reading.ahead.worth import Worth
from aubier.store.reading.at_once import Wanted, read_each
from aubier.store.reading.committing import Asked, Told
from aubier.store.reading.forms.kept import Forms, Made
from aubier.store.reading.links.included import included
from aubier.store.reading.page import Page
from aubier.store.reading.planning import Plan, planned_anew
from aubier.store.reading.row import ROW, Found, Row, row_of
from aubier.store.reading.together import Together
from aubier.store.sight import Sight, concerns

_REACH = {"first": 1, "further": FURTHER, "page": 0}
"""How many times as far is looked along the newest, by the step; 0: in the records that are open alone."""
_SNAPSHOT = "pg_current_snapshot()::text as snapshot"


def check_scope(sight: Sight, kind: str) -> None:
    """Problem (forbidden) when the actor's scopes do not open this type at all."""
    if not sight.sees_type(kind):
        raise problem(
            "forbidden",
            f"Your token does not open {kind}; ask for a scope that does",
            f"Votre jeton n'ouvre pas {kind} ; demandez une portée qui l'ouvre",
            at="http.Authorization",
        )


@dataclass(slots=True)
class Reader:
    """The read side, for one actor on one connection. `mark()` is the latest commit mark.

    Outside of a transaction, `conn` is a pool and `planned` one whose connections make a plan once for any
    values; `brief` runs there what others ask at the same moment too, and `shared` what costs more than a
    look into a record. Other statements wait for a `turn`.
    `worth` tells whether a look among the newest is; without it, it is taken. `forms` keeps statements.
    """

    conn: Connection
    sight: Sight
    keys: Keys
    mark: Callable[[], int]
    planned: Connection = None
    brief: Together[Asked, Told] | None = None
    turn: AbstractAsyncContextManager[Any] = field(default_factory=nullcontext)
    shared: Together[Asked, Told] | None = None
    worth: Worth | None = None
    forms: Forms | None = None

    async def read(self, kind: str, logical: str) -> Row:
        """The current version. Problem not-found (hidden and missing alike), or deleted."""
        check_scope(self.sight, kind)
        if self.sight.narrowed(kind):
            found = await self._within_limits(kind, logical)
        else:
            found = (await self.read_each([Wanted(self.sight, kind, logical)]))[0]
        return found or await self.absent(kind, logical)

    async def _within_limits(self, kind: str, logical: str) -> Row | None:
        """The same for scopes with a query, whose condition no other actor's read shares."""
        prefix, args = family(kind), Args([type_numbers()[kind], logical])
        seen = self.sight.predicate("r", args, directory=bool(prefix), kind=kind)
        hit = (
            f"select {ROW} from id_map m join {prefix}res r on r.pat = m.pat and r.rid = m.rid"
            f" where m.type = $1 and m.id = $2 and {seen}"
        )
        records = await self.proved(prefix, args, hit, "read", f"{kind}/{logical}", missed="")
        return row_of(records[0]) if records else None

    async def read_each(self, wanted: Sequence[Wanted]) -> list[Row | None]:
        """What each of `wanted` gives its own actor, whose scopes were asked; None where nothing shows."""
        records = await read_each(self.conn, wanted, ROW)
        for one, record in zip(wanted, records, strict=True):
            if record and record["many"] and not family(one.kind):
                reader = replace(self, sight=one.sight)
                await reader._tell_others([record], action="read", what=f"{one.kind}/{one.logical}")
        return [record and row_of(record) for record in records]

    async def absent(self, kind: str, logical: str) -> NoReturn:
        """Raises why a resource does not show, with its audit line: deleted, or hidden or missing alike."""
        name, args = f"{kind}/{logical}", Args([type_numbers()[kind], logical])
        seen = self.sight.gone("r", args, kind)
        tomb = (
            f"select {ROW} from id_map m join {family(kind)}hist r on r.pat = m.pat and r.rid = m.rid"
            f" where m.type = $1 and m.id = $2 and r.op = 4 and {seen} order by r.ver desc limit 1"
        )
        prefix = family(kind)
        if await self.proved(prefix, args, tomb, "read", name, outcome="deleted", missed="not-found"):
            raise problem("deleted", f"{name} was deleted", f"{name} a été supprimé")
        raise not_found(name)

    async def vread(self, kind: str, logical: str, version: int, judged: str = "false") -> Row:
        """One version. Problem not-found, or deleted when that version is a deletion.

        `judged`: see `Sight.past`.
        """
        check_scope(self.sight, kind)
        prefix = family(kind)
        args = Args([type_numbers()[kind], logical, version])
        seen = self.sight.past("r", args, directory=bool(prefix), judged=judged)
        one = (
            f"select {ROW} from id_map m join {prefix}{{table}} r on r.pat = any(m.was || m.pat)"
            f" and r.rid = m.rid where m.type = $1 and m.id = $2 and r.ver = $3 and {seen}"
        )
        both = f"{one.replace('{table}', 'res')} union all {one.replace('{table}', 'hist')}"
        name = f"{kind}/{logical}/_history/{version}"
        records = await self.proved(prefix, args, both, "vread", name, missed="not-found")
        if not records:
            raise not_found(name)
        row = row_of(records[0])
        if not row.raw:
            raise problem("deleted", f"{kind}/{logical} was deleted", f"{kind}/{logical} a été supprimé")
        return row

    async def search(
        self, query: Query, *, limit: int | None = None, quiet: bool = False, mark: int | None = None
    ) -> Found:
        """One page of a query, its total from the same snapshot, and what it includes.

        `quiet` leaves no audit line: for conditions inside a write, which has its own.
        """
        check_scope(self.sight, query.type)
        if family(query.type) and not self.sight.unrestricted:
            refuse_crossing(query.criteria)
        size = 0 if query.summary == "count" else query.count if limit is None else limit
        mark, counted = self.mark() if mark is None else mark, _counts(query, size)
        made = self._made("first", query, size, quiet=quiet)
        if made.reach and self.worth and self.sight.unrestricted:
            worth = await self.worth.of(self.conn, self.keys, query)
            made = made if worth else self._made("page", query, size, quiet=quiet)
        records = await self._page_of(made, query, size, quiet=quiet)
        while made.reach and not records[0]["done"]:
            promising = made.reach == 1 and records[0]["near"] * FURTHER > size
            made = self._made("further" if promising else "page", query, size, quiet=quiet)
            records = await self._page_of(made, query, size, quiet=quiet)
        if made.reach:
            records = [r for r in records if r["rid"] is not None]
        total = None
        if counted:
            total = records[0]["total"] if records else await self._total_of_nothing(made)
        rows, after = [row_of(r) for r in records[:size]], partial(_following, query, records, made, mark)
        return Found(
            rows, total, after(size), await included(self, query, rows), after, partial(_first_key, records)
        )

    def _made(self, step: str, query: Query, size: int, *, quiet: bool) -> Made:
        """The statement of a page; kept by the form of the question, but for later pages.

        `first`: what is tried first, along the newest where a page may well be found so. `further`: ten times
        as far. `page`: in the records that are open, or from its criteria.
        """

        def make(query: Query, sight: Sight, what: str) -> Made:
            reader = replace(self, sight=sight)
            return reader._statement(step, query, size, what, quiet=quiet)

        # The limits of scopes are rare, and would be one form for each who holds some.
        if self.forms is None or query.cursor or self.sight.constraints is not None:
            return make(query, self.sight, query.written)
        return self.forms.made(step, query, self.sight, size, make, quiet=quiet)

    def _statement(self, step: str, query: Query, size: int, what: str, *, quiet: bool) -> Made:
        prefix, counted, bare = family(query.type), _counts(query, size), size == 0
        page = Page(self.frame(), self.sight, query, ROW, counted=counted, bare=bare)
        # What the newest answer, which is most searches across records, needs no more of it.
        if not (page.records or counted or quiet):
            front = self._front(query, size, what, reach=_REACH[step])
            if front is not None:
                return front
        page.make()
        args, plan = page.frame.args, self._plan(page, prefix, query.criteria)
        turn, number = _turn(args) if plan in ("brief", "once") else (None, "0")
        sql = self._proof(
            "dir_" if quiet else prefix,
            args,
            page.rows(0 if bare else size + 1),
            "search",
            what,
            extra=f"{page.total if counted else 'null::bigint'} as total, {number} as turn, {_SNAPSHOT}",
            page=size,
            given=page.given,
            done="true" if bare else "",  # the number alone is an answer
        )
        nothing = _of_nothing(page) if counted else None
        return Made(sql, args, plan, page.keys, 0, page.taken, nothing, turn)

    def _front(self, query: Query, size: int, what: str, *, reach: int) -> Made | None:
        """The statement that looks along the newest; None where that is not the way."""
        front = newest(self.frame(), self.sight, query, ROW, size + 1, reach=reach)
        if front is None:
            return None
        args = front.frame.args
        turn, number = _turn(args)
        sql = self._proof(
            family(query.type),
            args,
            front.rows,
            "search",
            what,
            extra=f"{number} as turn, {_SNAPSHOT}{', (select count(*) from h) as near' if reach else ''}",
            page=size,
            given=front.given,
            done=front.done,
        )
        plan: Plan = "near" if reach == 1 else "once"
        return Made(sql, args, plan, front.keys, reach, front.taken, None, turn)

    async def _page_of(self, made: Made, query: Query, size: int, *, quiet: bool) -> list[Any]:
        """The records of a page, whose statement leaves its audit line."""
        prefix = "dir_" if quiet else family(query.type)
        done = bool(made.reach or not size)
        words = {"action": "search", "what": query.written}
        asked = Asked(made.sql, made.args, made.turn)
        return await self._told(asked, made.plan, prefix=prefix, page=size, done=done, **words)

    def _plan(self, page: Page, prefix: str, criteria: Sequence[Condition]) -> Plan:
        """Once, where there is one good way to run it; anew, where the codes asked for decide which is good.

        Who sees some records only is answered from these, whatever the codes.
        """
        if page.records:
            return "once" if page.counted else "brief"
        if not (prefix or self.sight.unrestricted):
            return "once"
        if page.frame.weighed:
            return "anew"
        # What a chain leads to is found first, whatever it is: planning takes longer than running it.
        return "once" if not prefix and any(isinstance(c, Criterion) and c.chain for c in criteria) else ""

    async def _total_of_nothing(self, made: Made) -> int:
        """The total beside an empty page: nothing, unless it is a later page."""
        if made.nothing is None:
            return 0
        sql, args = made.nothing
        return int(await self.conn.fetchval(sql, *args))

    def frame(self) -> Frame:
        """What compiling a query for this actor needs."""
        args = Args()
        frame = Frame(
            keys=self.keys,
            table=family,
            number=lambda kind: type_numbers()[kind],
            visible=lambda row, kind: self._sees(row, kind, args),
            slices=placing,
            owned=owned,
            now=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.sight.now),
            args=args,
        )
        return frame

    def _sees(self, row: str, kind: str, args: Args) -> str:
        if not self.sight.sees_type(kind):
            return "false"
        return self.sight.predicate(row, args, directory=bool(family(kind)), kind=kind)

    async def proved(
        self,
        prefix: str,
        args: Args,
        hit: str,
        action: str,
        what: str,
        *,
        extra: str = "",
        outcome: str = "ok",
        missed: str = "ok",
        page: int | None = None,
        plan: Plan = "",
        given: str = "",
        done: str = "",
    ) -> list[Any]:
        """Runs `hit`; for patient data, its audit line is part of the statement, committed with the answer.

        Finding nothing is told too, as `missed`, unless that is empty. `plan`: how it is planned. `given`:
        what `hit` and `extra` stand on, as the beginning of a WITH. `done`: a condition over `h` without
        which nothing is answered, nor told; it is the last column then.

        Where the sight says what the asker stands on, that is asked first, and nothing is answered, nor told,
        when it has moved (Unproven).
        """
        sql = self._proof(
            prefix,
            args,
            hit,
            action,
            what,
            extra=extra,
            outcome=outcome,
            missed=missed,
            page=page,
            given=given,
            done=done,
        )
        words = {"action": action, "what": what, "outcome": outcome}
        asked = Asked(sql, args)
        return await self._told(asked, plan, prefix=prefix, page=page, done=bool(done), **words)

    def _proof(
        self,
        prefix: str,
        args: Args,
        hit: str,
        action: str,
        what: str,
        *,
        extra: str = "",
        outcome: str = "ok",
        missed: str = "ok",
        page: int | None = None,
        given: str = "",
        done: str = "",
    ) -> str:
        """The statement of `proved`; its arguments are added to `args`."""
        columns = f"h.*{', ' + extra if extra else ''}"
        joined: list[str] = []
        told_if: list[str] = []
        if stands := self.sight.stands:
            mark, places = args.add(stands.mark, "bigint"), args.add(list(stands.places), "smallint[]")
            given += f"st(stood) as materialized (select {mark_of(places)} = {mark}), "
            hit = f"select g.* from ({hit}) g where (select stood from st)"
            columns += ", st.stood"
            joined, told_if = ["st"], ["(select stood from st)"]
        parts = f"{given}h as materialized ({hit})"
        if done:
            columns += ", d.done"
            joined, told_if = [*joined, "d"], [*told_if, "(select done from d)"]
            parts += f", d(done) as materialized (select {done})"
        source = f"{' cross join '.join(joined)} left join h on {' and '.join(told_if)}" if joined else "h"
        if prefix:
            return f"with {parts} select {columns} from {source}"
        # The row that only tells that a page follows is not shown, and not told as if it were.
        shown = "h" if page is None else f"(select pat, type from h limit {page}) h"
        lines = f"select pat, count(*)::int from {shown} group by pat"
        if missed:
            lines += f" union all select 0, 0 where not exists (select 1 from {shown})"
        words = {"action": action, "what": what, "outcome": outcome}
        line = audit.line(self.sight, args, lines, **words, missed=missed, ok=" and ".join(told_if) or "true")
        return f"with {parts}, a as ({line}) select {columns} from {source}"

    async def _told(
        self,
        asked: Asked,
        plan: Plan,
        *,
        prefix: str,
        page: int | None,
        done: bool,
        **words: str,
    ) -> list[Any]:
        """Runs a statement of `_proof`; those whom the line in it does not tell are told too, in `words`."""
        records = self._stood(await self._fetch(plan, asked), done=done)
        shared = [] if prefix else [r for r in records[:page] if r["many"]]
        if shared:
            await self._tell_others(shared, **words)
        return records

    def _stood(self, records: list[Any], *, done: bool) -> list[Any]:
        """The records of a statement that asked what the asker stands on, which later ones need not."""
        if self.sight.stands is None:
            return records
        if not records[0]["stood"]:
            raise Unproven
        self.sight = self.sight.but(stands=None)
        return records if done else [r for r in records if r["rid"] is not None]

    async def _fetch(self, plan: Plan, asked: Asked) -> list[Any]:
        if self.brief and plan == "brief":
            return _rows(await self.brief.ask(asked))
        # What the platform asks of all records may take long, and would hold up what looks a bounded way.
        if self.shared and (plan == "near" or (plan == "once" and not self.sight.unrestricted)):
            return _rows(await self.shared.ask(asked))
        sql, args, _ = asked
        async with self.turn:
            if self.planned and plan in ("once", "brief", "near"):
                return list(await self.planned.fetch(sql, *args))
            if self.planned and plan == "anew":
                async with self.conn.acquire() as conn, planned_anew(conn):
                    return list(await conn.fetch(sql, *args))
            return list(await self.conn.fetch(sql, *args))

    async def _tell_others(self, records: Sequence[Any], **words: str) -> None:
        """The audit lines of the other patients whom these resources are about, before anything is answered.

        Who is merely named is not told: that somebody opened the record of another is not theirs to know.
        Apart, because such resources are rare and reading is not.
        """
        args = Args([[r[column] for r in records] for column in ("pat", "rid", "ver")])
        source = (
            "select s.pat, count(*)::int from unnest($1::bigint[], $2::bigint[], $3::int[]) k(pat, rid, ver)"
            f" join stub s on s.about and {concerns('s', 'k')} group by s.pat"
        )
        await self.conn.execute(audit.line(self.sight, args, source, **words), *args)

    async def several(
        self, kind: str, ids: Sequence[str], action: str = "include", *, most: int | None = None
    ) -> list[Row]:
        """The visible ones among these, in the order of their ids, `most` of them at most."""
        if not self.sight.sees_type(kind):
            return []
        prefix = family(kind)
        args = Args([type_numbers()[kind], list(ids)])
        seen = self.sight.predicate("r", args, directory=bool(prefix))
        hit = (
            f"select {ROW} from id_map m join {prefix}res r on r.pat = m.pat and r.rid = m.rid"
            f" where m.type = $1 and m.id = any($2::text[]) and {seen} order by m.id"
            + (f" limit {most}" if most is not None else "")
        )
        records = await self.proved(prefix, args, hit, action, f"{kind}", plan="once")
        return [row_of(r) for r in records]

    async def versions(
        self, kind: str, named: Sequence[tuple[str, int]], action: str = "include"
    ) -> list[Row]:
        """The visible ones among these versions, each a logical id and a number; of deletions none."""
        if not named or not self.sight.sees_type(kind):
            return []
        prefix = family(kind)
        args = Args([type_numbers()[kind], *(list(column) for column in zip(*named, strict=True))])
        seen = self.sight.past("r", args, directory=bool(prefix))
        hit = " union all ".join(
            f"select {ROW} from unnest($2::text[], $3::int[]) n(id, ver) join id_map m on m.type = $1"
            f" and m.id = n.id join {prefix}{table} r on r.pat = any(m.was || m.pat) and r.rid = m.rid"
            f" and r.ver = n.ver where {seen}"
            for table in ("res", "hist")
        )
        rows = [row_of(r) for r in await self.proved(prefix, args, hit, action, kind)]
        return sorted((row for row in rows if row.raw), key=lambda row: (row.id, row.version))


def _following(query: Query, records: Sequence[Any], made: Made, mark: int, size: int) -> str:
    """The cursor of what comes after the first `size` records; empty when nothing does."""
    if len(records) <= size or not size:
        return ""
    last = records[size - 1]
    taken = made.taken or Taken(mark, last["snapshot"])
    return write_cursor(query, taken, made.keys, [last[f"s{n}"] for n in range(len(made.keys))])


def _counts(query: Query, size: int) -> bool:
    """Whether the total of a search is told: it is asked, or nothing else is."""
    return size == 0 or query.total == "accurate"


def _turn(args: Args) -> tuple[int, str]:
    """One more argument that stands in each row (`Asked.turn`): its place, and its placeholder."""
    return len(args), args.add(0, "int")


def _of_nothing(page: Page) -> tuple[str, Sequence[Any]] | None:
    """The statement that tells the total beside an empty later page."""
    if not page.taken:
        return None
    begin = f"with {page.rights.removesuffix(', ')} " if page.rights else ""
    return f"{begin}select {page.total}", page.counting


def _rows(told: Told) -> list[Any]:
    if isinstance(told, Exception):
        raise told
    return told


def _first_key(records: Sequence[Any], place: int) -> Any:
    return records[place]["s0"]


def refuse_crossing(criteria: Iterable[Condition]) -> None:
    """Problem when a search of the directory would answer a question about patients."""
    for step in criteria:
        if isinstance(step, Logic):
            refuse_crossing(step.parts)
            continue
        crossed = step.type if isinstance(step, Has) else ""
        inner = [step.criterion] if isinstance(step, Has) else list(step.chain)
        for following in inner:
            kind = crossed or following.type
            if not family(kind):
                raise problem(
                    "forbidden",
                    f"A search of the directory cannot go through {kind}; search {kind} itself",
                    f"Une recherche dans l'annuaire ne passe pas par {kind} ; cherchez {kind} lui-même",
                    at="http.query",
                )
        refuse_crossing(inner)
