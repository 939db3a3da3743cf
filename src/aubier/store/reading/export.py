"""The resources of a type as they stood at one commit mark, walked in commit order.

A version is found where it is: current, or in the history when it was replaced after the mark. Its place in
the order is the same in both, so what is written meanwhile neither hides a resource nor shows it twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from aubier.search.sql import Args
from aubier.store.keys import family, type_numbers
from aubier.store.reading.reader import ROW, Reader, Row, row_of


@dataclass(frozen=True, slots=True)
class Slice:
    """Which resources: of `kind`, committed before `mark` (microseconds), changed from `since` (ms) on.

    `members` are the ids of the Patients whose records are meant; None: whoever's. `after` is the commit
    mark and row number of the last one had.
    """

    kind: str
    mark: int
    since: int | None = None
    members: tuple[str, ...] | None = None
    after: tuple[int, int] = (0, 0)
    count: int = 1000


async def export(reader: Reader, asked: Slice) -> tuple[list[Row], tuple[int, int]]:
    """The next resources of a slice, and where they end. Leaves its audit lines like any reading."""
    args = Args()
    prefix = family(asked.kind)
    statement = _statement(reader, asked, args, prefix)
    what = f"$export {asked.kind}"
    records = await reader.proved(prefix, args, statement, "operation", what, page=asked.count)
    ordered = sorted(records, key=lambda r: (r["seq"], r["rid"]))
    rows = [row_of(r) for r in ordered]
    return rows, (ordered[-1]["seq"], ordered[-1]["rid"]) if ordered else asked.after


def _statement(reader: Reader, asked: Slice, args: Args, prefix: str) -> str:
    mark = args.add(asked.mark, "bigint")
    seq, rid = (args.add(n, "bigint") for n in asked.after)
    tests = [
        f"r.type = {args.add(type_numbers()[asked.kind], 'smallint')}",
        f"r.seq < {mark}",
        f"(r.seq, r.rid) > ({seq}, {rid})",
    ]
    if asked.since is not None:
        tests.append(f"r.upd >= {args.add(asked.since, 'bigint')}")
    if not prefix and not reader.sight.unrestricted:
        tests.append(f"r.pat = any({reader.sight.mine(args)})")
    if asked.members is not None:
        tests.append(_of_members(asked.members, args))
    now = reader.sight.predicate("r", args, directory=bool(prefix))
    past = reader.sight.past("r", args, directory=bool(prefix))
    end = f" order by r.seq, r.rid limit {asked.count}"
    where = " and ".join(tests)
    return (
        f"select * from ((select {ROW}, r.seq from {prefix}res r where {where} and {now}{end}) union all"
        f" (select {ROW}, r.seq from {prefix}hist r join id_map m on m.type = r.type and m.id = r.id"
        f" where {where} and r.op <> 4 and {_latest(prefix, mark)} and {past}{end})) u"
        f" order by u.seq, u.rid limit {asked.count}"
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
