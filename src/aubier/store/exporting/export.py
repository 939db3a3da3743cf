"""The resources of a type as they stood at one commit mark, walked in commit order.

A version is found where it is: current, or in the history when it was replaced after the mark. Its place in
the order is the same in both, so what is written meanwhile neither hides a resource nor shows it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from aubier.ground.rows import Resource
from aubier.search.model import Query
from aubier.search.sql import Args, Frame
from aubier.store.exporting.meeting import meeting, of_queries
from aubier.store.keys import family, type_numbers
from aubier.store.packing.rows import Indexed
from aubier.store.reading.reader import Reader, refuse_crossing
from aubier.store.reading.row import ROW, Row, row_of

Place = tuple[int, int]
"""The commit mark and the row number of a resource: where it stands in the walk."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Which resources: of `kind`, committed before `mark` (microseconds), changed from `since` and before
    `until` (ms) on.

    `members` are the ids of the Patients whose records are meant; None: whoever's. `after` is the commit
    mark and row number of the last one had. At most `count` are had, and none after those that make `size`
    bytes. Of `queries`, when there are any, a resource meets one at least. `gone`: those that were deleted.
    """

    kind: str
    mark: int
    since: int | None = None
    members: tuple[str, ...] | None = None
    after: tuple[int, int] = (0, 0)
    count: int = 1000
    size: int = 16 << 20
    until: int | None = None
    queries: tuple[Query, ...] = ()
    gone: bool = False

    @property
    def what(self) -> str:
        """What an audit line says."""
        return f"$export {self.kind}" + (" deletions" if self.gone else "")


async def export(
    reader: Reader, asked: Slice, index: Callable[[Resource], Indexed]
) -> tuple[list[Row], Place | None]:
    """The next resources of a slice, and where they end; nothing when there are no more.

    Leaves its audit lines like any reading.
    """
    if limits := reader.sight.limits(asked.kind):
        asked = replace(asked, queries=_both(asked.queries, limits))
    if asked.queries and not asked.gone:
        return await _filtered(reader, asked, index)
    frame = reader.frame()
    past = _past(reader, asked, frame.args)
    statement = past if asked.gone else _either(_current(reader, asked, frame), past, asked)
    rows, last, full = await _told(reader, asked, frame.args, statement)
    return rows, last if full or len(rows) == asked.count else None


def _both(queries: Sequence[Query], limits: Sequence[Query]) -> tuple[Query, ...]:
    """Queries of which what meets one of each meets one."""
    both = (structs.replace(a, criteria=(*a.criteria, *b.criteria)) for a in queries for b in limits)
    return tuple(both) if queries else tuple(limits)


async def _filtered(
    reader: Reader, asked: Slice, index: Callable[[Resource], Indexed]
) -> tuple[list[Row], Place | None]:
    """The same under the queries of the slice.

    A current version is found by its index rows. One that was replaced after the mark has none any more:
    those candidates, which are few, are indexed again and asked the same questions. Current ones are looked
    for first: one that is replaced meanwhile is then found twice, never missed.
    """
    if family(asked.kind) and not reader.sight.unrestricted:
        for query in asked.queries:
            refuse_crossing(query.criteria)
    frame, past = reader.frame(), Args()
    conditions = of_queries(frame, asked.queries, asked.kind, "r")
    keys = _current(reader, asked, frame, conditions, columns="r.pat, r.rid, r.ver, r.seq")
    if frame.given:
        keys = f"with {', '.join(frame.given)} {keys}"
    current = list(await reader.conn.fetch(keys, *frame.args))
    statement = _past(reader, asked, past, judged="true")
    candidates = list(await reader.conn.fetch(statement, *past))
    met = await meeting(reader, asked.queries, candidates, index)
    edges = [_place(rows[-1]) for rows in (current, candidates) if len(rows) == asked.count]
    edge = min(edges, default=None)
    found = {(*_place(r), r["pat"], r["ver"]) for r in (*current, *met) if not edge or _place(r) <= edge}
    chosen = sorted(found)[: asked.count]
    rows, last, full = await _chosen(reader, asked, chosen)
    if full:
        return rows, last
    return rows, chosen[-1][:2] if len(chosen) == asked.count else edge


async def _chosen(
    reader: Reader, asked: Slice, keys: Sequence[tuple[int, int, int, int]]
) -> tuple[list[Row], Place | None, bool]:
    """The versions of these (mark, row number, compartment, version), wherever they are by now."""
    if not keys:
        return [], None, False
    args = Args()
    columns = zip(*(key[1:] for key in keys), strict=True)
    casts = ("bigint[]", "bigint[]", "int[]")
    named = ", ".join(args.add(list(c), cast) for c, cast in zip(columns, casts, strict=True))
    joined = "r on r.pat = k.pat and r.rid = k.rid and r.ver = k.ver"
    one = f"select {ROW}, r.seq from unnest({named}) k(rid, pat, ver) join {family(asked.kind)}"
    statement = f"{one}res {joined} union all {one}hist {joined}"
    return await _told(reader, asked, args, statement)


async def _told(
    reader: Reader, asked: Slice, args: Args, statement: str
) -> tuple[list[Row], Place | None, bool]:
    """These versions in their order, the place of the last one, and whether they have the size asked: others
    are left then.

    The database sends no more than that as it is packed, and no more is unpacked: each may be megabytes.
    """
    size = "coalesce(octet_length(u.raw), 0)"
    ahead = f"select u.*, sum({size}) over (order by u.seq, u.rid) - {size} as ahead from ({statement}) u"
    bounded = f"select w.* from ({ahead}) w where w.ahead < {asked.size}"
    prefix = family(asked.kind)
    records = await reader.proved(prefix, args, bounded, "operation", asked.what, page=asked.count)
    rows, had = list[Row](), 0
    for record in sorted(records, key=_place):
        rows.append(row_of(record))
        had += len(rows[-1].raw)
        if had >= asked.size:
            return rows, _place(record), True
    return rows, max(map(_place, records), default=None), False


def _place(row: Any) -> Place:
    return row["seq"], row["rid"]


def _either(current: str, past: str, asked: Slice) -> str:
    return f"select * from (({current}) union all ({past})) u order by u.seq, u.rid limit {asked.count}"


def _tests(reader: Reader, asked: Slice, args: Args) -> tuple[str, str]:
    """The mark, and the conditions that hold for current and past versions alike."""
    prefix = family(asked.kind)
    mark = args.add(asked.mark, "bigint")
    seq, rid = (args.add(n, "bigint") for n in asked.after)
    tests = [
        f"r.type = {args.add(type_numbers()[asked.kind], 'smallint')}",
        f"r.seq < {mark}",
        f"(r.seq, r.rid) > ({seq}, {rid})",
    ]
    if asked.since is not None:
        tests.append(f"r.upd >= {args.add(asked.since, 'bigint')}")
    if asked.until is not None:
        tests.append(f"r.upd < {args.add(asked.until, 'bigint')}")
    if not prefix and not reader.sight.unrestricted:
        tests.append(f"r.pat = any(array({reader.sight.mine(args)}))")
    if asked.members is not None:
        tests.append(_of_members(asked.members, args))
    return mark, " and ".join(tests)


def _current(
    reader: Reader, asked: Slice, frame: Frame, conditions: str = "true", *, columns: str = f"{ROW}, r.seq"
) -> str:
    """A SELECT of those that are still as they stood at the mark."""
    prefix = family(asked.kind)
    _, tests = _tests(reader, asked, frame.args)
    seen = reader.sight.predicate("r", frame.args, directory=bool(prefix))
    end = f"order by r.seq, r.rid limit {asked.count}"
    return f"select {columns} from {prefix}res r where {tests} and {seen} and {conditions} {end}"


def _past(reader: Reader, asked: Slice, args: Args, judged: str = "false") -> str:
    """A SELECT of those that stood so at the mark and have changed since; or of the deletions.

    `judged`: see `Sight.past`."""
    prefix = family(asked.kind)
    mark, tests = _tests(reader, asked, args)
    seen = reader.sight.past("r", args, directory=bool(prefix), judged=judged)
    end = f"order by r.seq, r.rid limit {asked.count}"
    return (
        f"select {ROW}, r.seq from {prefix}hist r join id_map m on m.type = r.type and m.id = r.id"
        f" where {tests} and r.op {'=' if asked.gone else '<>'} 4"
        f" and {_latest(prefix, mark)} and {seen} {end}"
    )


def _latest(prefix: str, mark: str) -> str:
    """The condition that no later version of a row of the history was committed before the mark."""
    return (
        f"not exists (select 1 from {prefix}res c where c.pat = m.pat and c.rid = r.rid and c.seq < {mark})"
        f" and not exists (select 1 from {prefix}hist n where n.pat = any(m.was || m.pat) and n.rid = r.rid"
        f" and n.ver > r.ver and n.seq < {mark})"
    )


def _of_members(members: tuple[str, ...], args: Args) -> str:
    number, ids = args.add(type_numbers()["Patient"], "smallint"), args.add(list(members), "text[]")
    pats = f"array(select p.pat from id_map p where p.type = {number} and p.id = any({ids}))"
    return (
        f"(r.pat = any({pats}) or exists (select 1 from stub s where s.home = r.pat and s.rid = r.rid"
        f" and s.pat = any({pats}) and s.until_ver is null))"
    )
