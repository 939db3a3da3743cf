"""A page of a history, along an index: of all who hold many versions, no more is read than what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aubier.ground.problem import not_found
from aubier.search.sql import Args
from aubier.store.keys import family, type_numbers
from aubier.store.reading.reader import Reader, check_scope
from aubier.store.reading.row import PLAIN, ROW, Row, row_of, settled
from aubier.store.sight import Sight

Place = tuple[int, int, int]
"""Where a page ended: commit mark, row number, version."""

_KEYS = ("seq", "rid", "ver")
_FEW = 8
"""Types up to which an index of a record is entered at each."""


async def history(
    reader: Reader,
    kinds: Sequence[str],
    logical: str = "",
    *,
    count: int,
    since: int | None = None,
    at: tuple[int, int] | None = None,
    cursor: Place | None = None,
    oldest_first: bool = False,
    judged: str = "false",
) -> tuple[list[Row], Place | None, int | None]:
    """Versions, newest first: of one resource, of types, or of the whole store (`kinds` empty).

    Gives the rows, the cursor of the next page and the total: of one resource, where nothing else is asked
    (`count` 0), and where one page holds them all; to count those of a type is to read them all.

    With `since` (ms) only what is older than the oldest writer still running is told: who asks again with
    the last date misses nothing. With `at` (from, to, ms) only the versions that were the current ones
    at some time between. `oldest_first` turns the order round; of several resources it then tells what
    `since` would, so that a late commit is not behind a page that was read. `judged`: see `Sight.past`.
    """
    sight = reader.sight
    readable = [k for k in (kinds or type_numbers()) if sight.sees_type(k)]
    if kinds and not readable:
        check_scope(sight, kinds[0])
    feed = since is not None or (oldest_first and not logical)
    # Newest first, a later page is below the mark of the first, which another look might put lower.
    below = await settled(reader.conn) if feed and (oldest_first or not cursor) else None
    page = _Page(sight, Args(), logical, count + 1, since, below, at, cursor, oldest_first, judged)
    counted = bool(logical) or not count
    what = "/".join([*(kinds if len(kinds) == 1 else ["*"]), *([logical] if logical else []), "_history"])
    records = await reader.proved(
        "dir_" if all(family(kind) for kind in readable) else "",
        page.args,
        page.rows(readable),
        "history",
        what,
        extra=f"{page.total(readable) if counted else 'null::bigint'} as total",
        missed="not-found" if logical else "ok",
        page=count,
        given=page.given,
    )
    if not records and logical:
        raise not_found(f"{kinds[0]}/{logical}")
    rows = [row_of(r) for r in records[:count]]
    following = None
    if len(records) > count and count:
        last = records[count - 1]
        following = (last["seq"], last["rid"], last["ver"])
    if counted:
        return rows, following, records[0]["total"] if records else 0
    return rows, following, None if following or cursor else len(rows)


@dataclass(slots=True)
class _Page:
    """The statement of a page of at most `limit` versions, of marks `below` one if any; times in ms."""

    sight: Sight
    args: Args
    logical: str
    limit: int
    since: int | None
    below: int | None
    at: tuple[int, int] | None
    cursor: Place | None
    oldest_first: bool
    judged: str

    @property
    def given(self) -> str:
        """The records that are open to this actor, from which several resources are read."""
        return f"mine(pat) as materialized ({self.sight.mine(self.args)}), " if self._few else ""

    @property
    def _few(self) -> bool:
        return not self.logical and not self.sight.unrestricted

    def rows(self, kinds: Sequence[str]) -> str:
        """The versions of the page, with their commit marks."""
        versions = " union all ".join(f"({self._part(*p)})" for p in _tables(kinds))
        return (
            f"select {PLAIN}, r.many, r.seq from ({versions}) r order by {self._order('r')}"
            f" limit {self.limit}"
        )

    def total(self, kinds: Sequence[str]) -> str:
        """How many versions there are, on all pages."""
        every = []
        for prefix, table, numbers in _tables(kinds):
            where = " and ".join([*self._wanted(numbers), *self._tests(prefix)])
            every.append(f"select 1 from {self._source(prefix, table, numbers)} where {where}")
        return f"(select count(*) from ({' union all '.join(every)}) r)"

    def _part(self, prefix: str, table: str, numbers: list[int]) -> str:
        """The first versions of a table: along the index of each type, or of the records that are open."""
        tests, order = self._tests(prefix), self._order("r")
        end = f"order by {order} limit {self.limit}"
        after = self._after()
        if self.logical:
            where = " and ".join([*self._wanted(numbers), *after, *tests])
            return f"select {ROW}, r.seq from {self._source(prefix, table, numbers)} where {where} {end}"
        if self._few and not prefix:
            # Whether a version shows is asked of those alone that the page comes to.
            where = " and ".join([*self._wanted(numbers), *after])
            source = self._source(prefix, table, numbers)
            places = f"select r.pat, r.rid, r.ver, r.seq from {source} where {where} order by {order}"
            same = "r.pat = c.pat and r.rid = c.rid and r.ver = c.ver"
            row = f"select {ROW}, r.seq from {table} r where {' and '.join([same, *tests])} offset 0"
            found = f"select f.* from ({places}) c cross join lateral ({row}) f"
            return f"{found} order by {self._order('c')} limit {self.limit}"
        types = self.args.add(numbers, "smallint[]")
        where = " and ".join(["r.type = t.type", *self._times(), *after, *tests])
        row = f"select {ROW}, r.seq from {prefix}{table} r where {where} {end}"
        return f"select f.* from unnest({types}) t(type) cross join lateral ({row}) f"

    def _source(self, prefix: str, table: str, numbers: list[int]) -> str:
        if self.logical:
            number, name = self.args.add(numbers[0], "smallint"), self.args.add(self.logical, "text")
            return (
                f"{prefix}{table} r join id_map m on m.type = {number} and m.id = {name}"
                " and r.pat = any(m.was || m.pat) and r.rid = m.rid"
            )
        own = self._few and not prefix
        return f"mine m join {table} r on r.pat = m.pat" if own else f"{prefix}{table} r"

    def _wanted(self, numbers: list[int]) -> Iterator[str]:
        """What tells whether a version is asked for, whoever asks."""
        among = f"r.type = any({self.args.add(numbers, 'smallint[]')})"
        yield among if len(numbers) <= _FEW else f"({among}) is true"
        yield from self._times()

    def _times(self) -> Iterator[str]:
        if self.since is not None:
            yield f"r.upd >= {self.args.add(self.since, 'bigint')}"
        if self.below is not None:
            yield f"r.seq < {self.args.add(self.below, 'bigint')}"

    def _after(self) -> Iterator[str]:
        if self.cursor:
            seq, rid, ver = (self.args.add(c, "bigint") for c in self.cursor)
            way = ">" if self.oldest_first else "<"
            yield f"r.seq {way}= {seq} and (r.seq, r.rid, r.ver) {way} ({seq}, {rid}, {ver})"

    def _tests(self, prefix: str) -> list[str]:
        """What is asked of the version itself."""
        tests = [self.sight.past("r", self.args, directory=bool(prefix), judged=self.judged)]
        if self.at is not None:
            first, end = (self.args.add(ms, "bigint") for ms in self.at)
            # A newer version may be in another record.
            newer = (
                f"select 1 from id_map i join {prefix}{{0}} n on n.pat = any(i.was || i.pat)"
                " and n.rid = r.rid and n.ver > r.ver where i.type = r.type and i.id = r.id"
            )
            tests.append(f"r.upd < {end}")
            tests += [f"not exists ({newer.format(t)} and n.upd <= {first})" for t in ("res", "hist")]
        return tests

    def _order(self, rows: str) -> str:
        return ", ".join(f"{rows}.{name}{'' if self.oldest_first else ' desc'}" for name in _KEYS)


def _tables(kinds: Sequence[str]) -> Iterator[tuple[str, str, list[int]]]:
    """The prefix, the table and the numbers of the types of each table where versions are."""
    for prefix in ("", "dir_"):
        if numbers := [type_numbers()[k] for k in kinds if family(k) == prefix]:
            yield from ((prefix, table, numbers) for table in ("res", "hist"))
