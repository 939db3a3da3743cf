"""A page of the whole population, looked for among the newest rows first.

A search that names no patient and asks for what is common (`code=`, `status=`, `date=`) is answered by the
first of many: reading them all to sort them would cost more each year. What it asks for is looked for along
an index in the order of the page, for a bounded stretch. When that fills no page, nothing is answered here,
and the search goes the other way, from its rarest criterion; who may open few of many records is shown the
postings of a code in these, all put in order, of which no more are followed than fill the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from aubier.search.model import Condition, Criterion, Has, Query
from aubier.search.paging.marks import Taken, read_cursor, unchanged_since
from aubier.search.paging.order import SortKey, after, order_by, sort_keys
from aubier.search.parameters import is_clinical_date, listed_codes
from aubier.search.sql import (
    Frame,
    Stretch,
    conditions,
    long_span,
    measures,
    of_identifiers,
    of_record,
    posted_codes,
    stretch,
    texts,
)
from aubier.search.terms.layout import UNSURE
from aubier.store.keys import family
from aubier.store.reading.page import ROW
from aubier.store.sight import Sight

_SCANNED = {"post": 20_000, "res": 5_000}
"""Entries of an index that are looked at for records that the actor may open."""
_OPENED = 1_000
"""Rows that are looked at for the other criteria."""
_FOLLOWED = 200
"""The same where what names the row has to be looked for: each costs as much as what a record holds."""
_COMMON = 2_000
"""Postings of what many rows may well have."""
FURTHER = 10
"""How many times as far is looked where what was found by then promises a page."""
_OPEN_ENDED = frozenset({"ge", "gt", "le", "lt", "ne"})
_READ_WHOLE = frozenset({"contains", "ends", "text"})
"""Of these no index tells how many there are before all texts are read."""
_BROAD = frozenset({"token", "date", "number", "quantity", "composite"})


@dataclass(slots=True)
class Newest:
    """The statement of a page along an index. `anchor` is the term whose postings are followed, in its order.

    `given` and `rows` make the page, `done` tells whether it is one: full, or all there is. `cut` is the date
    before which only what is long can match, if any. `measured` are conditions on the numbers beside codes,
    put `within` the scan where no record is closed. `reach`: how many times as far is looked; 0: in each
    record that the actor may open, to its end.
    """

    frame: Frame
    sight: Sight
    query: Query
    columns: str
    limit: int
    keys: list[SortKey]
    anchor: Criterion | None
    reach: int = 1
    measured: list[str] = field(default_factory=list, init=False)
    within: bool = field(default=False, init=False)
    taken: Taken | None = field(default=None, init=False)
    given: str = field(default="", init=False)
    rows: str = field(default="", init=False)
    cut: str = field(default="", init=False)
    done: str = field(default="", init=False)

    def __post_init__(self) -> None:
        frame, kind = self.frame, self.query.type
        frame.walked.add(ROW)
        opened = self._opened
        if opened:
            self.given = f"mine(pat) as materialized ({self.sight.mine(frame.args)}), "
        tests = [frame.visible(ROW, kind)]
        tests += conditions(frame, self.query.criteria, kind, ROW)
        place: Sequence[object] = ()
        if self.query.cursor:
            self.taken, place = read_cursor(self.query, self.keys)
            tests.append(unchanged_since(frame, self.taken, ROW))
        if self.anchor:
            self.measured = measures(frame, self.query.criteria, kind, self.anchor)
        if not self.reach:
            self.rows = self._page(self._of_records(place), self._row(tests), ties=False)
            return
        looked_at = self.reach * (_FOLLOWED if self._has else _OPENED)
        most = self.reach * _SCANNED["post" if self.anchor else "res"]
        self.within = bool(self.measured) and not opened
        if self.within:
            # The index leaves the others out: asking the other way would read it whole, and then follow all.
            most = looked_at
        stretches = [[f"({each} limit {most})" for each in some] for some in self._scanned(place)]
        wanted = [test.replace("{p}", "q") for test in self.measured]
        wanted += ["(q.pat in (select m.pat from mine m)) is true"] if opened else []
        row, ties = self._row(tests), len(stretches) > 1
        found = [self._found(some, wanted, looked_at, ties and not n) for n, some in enumerate(stretches)]
        whole = [_whole(some, most, f, looked_at) for some, f in zip(stretches, found, strict=True)]
        self.rows = self._page(found[0], row, ties)
        if ties:
            self.given += f"beside as materialized ({self.rows}), "
            short = f"(select count(*) from beside) < {self.limit}"
            rest = self._found(stretches[1], [*wanted, short, whole[0]], looked_at, ties=False)
            order = order_by([replace(key, expression=f"u.s{n}") for n, key in enumerate(self.keys)])
            both = f"select * from beside union all ({self._page(rest, row, ties=False)})"
            self.rows = f"select u.* from ({both}) u order by {order} limit {self.limit}"
        # What is full of the first stretch is right whatever the second has: it is older.
        full = f"where h.s0 >= {self.cut}" if self.cut else ""
        # To know that nothing is left may cost as much as asking the other way, where numbers serve too.
        told = not self.measured or self.within
        rest_there = " and ".join([*whole, self._worth()]) if told else "false"
        self.done = (
            f"(select case when (select count(*) from h {full}) >= {self.limit} then true"
            f" else {rest_there} end)"
        )

    def _row(self, tests: Sequence[str]) -> str:
        """What is looked at of a place `c`: its row, if it meets all that is asked."""
        values = ", ".join(f"{key.expression} as s{n}" for n, key in enumerate(self.keys))
        source = f"(select c.*) {ROW}"
        if not self._of_rows:
            source = f"{family(self.query.type)}res {ROW}"
            tests = [f"{ROW}.pat = c.pat and {ROW}.rid = c.rid", *tests]
        return f"select {self.columns}, {values} from {source} where {' and '.join(tests)} offset 0"

    @property
    def _opened(self) -> bool:
        """Whether some records are closed: these are left out by what an index says, before rows are read."""
        return not family(self.query.type) and not self.sight.unrestricted

    @property
    def _of_rows(self) -> bool:
        """Whether what is scanned are rows, each of which is looked at as it is met."""
        return not (self.anchor or self._opened)

    def _of_records(self, place: Sequence[object]) -> str:
        """The postings of the anchor in the open records, in the order of the page."""
        term, dates = self._term, stretch(self.query.criteria).falling("p.k", self.frame.args)
        beyond = (test for each in self._after(place) for test in each)
        wanted = [*dates, *(test.replace("{p}", "p") for test in self.measured), *beyond]
        fenced = "".join(f" and ({test}) is true" for test in wanted)
        apiece = (
            f"select p.pat, p.rid, p.k from post p where {of_record('p', 'm.pat', term)}{fenced} offset 0"
        )
        return (
            f"select q.* from mine m cross join lateral ({apiece}) q order by {self._order('q', ties=False)}"
        )

    @property
    def _term(self) -> str:
        """The placeholder of the term of the anchor."""
        assert self.anchor is not None
        (term,) = posted_codes(self.frame, self.anchor, self.query.type)
        return self.frame.args.add(term, "bigint")

    @property
    def _columns(self) -> str:
        """What is kept of a row that is scanned; where it is all, `unchanged_since` asks who wrote it."""
        return f"{ROW}.*, {ROW}.xmin" if self._of_rows else f"{ROW}.pat, {ROW}.rid"

    def _found(self, stretches: Sequence[str], wanted: Sequence[str], most: int, ties: bool) -> str:
        """What is looked at of some stretches, at most so many rows, in the order of the page."""
        scanned, which = " union all ".join(stretches), " and ".join(wanted) or "true"
        return f"select q.* from ({scanned}) q where {which} order by {self._order('q', ties)} limit {most}"

    def _page(self, found: str, row: str, ties: bool) -> str:
        order = self._order("c", ties)
        return f"select f.* from ({found}) c cross join lateral ({row}) f order by {order} limit {self.limit}"

    def _scanned(self, place: Sequence[object]) -> list[list[str]]:
        """What is scanned: in the order of the page; and apart, what is long and began before the rest.

        Of rows, what stands beside the last of the page before, among those of the same date or change, is
        scanned first: both stretches begin where the index is entered, however far behind the page is.
        """
        frame, kind, args = self.frame, self.query.type, self.frame.args
        dates = Stretch() if self.by_change else stretch(self.query.criteria)
        if dates.cut is not None:
            self.cut = args.add(dates.cut, "bigint")
        if self.anchor:
            where = [f"p.term = {self._term}", *dates.falling("p.k", args)]
            where += [f"p.k <= -{self.cut}"] if self.cut else []
            where += [test.replace("{p}", "p") for test in self.measured if self.within]
            columns, table, order = "p.pat, p.rid, p.k, p.v", "post p", "p.k, p.rid"
        else:
            key = self.keys[0].expression
            where = [f"{ROW}.type = {frame.number(kind)}", *dates.bounds(f"{ROW}.lo", args)]
            where += [f"{ROW}.lo >= {self.cut}"] if self.cut else []
            columns, table, order = f"{self._columns}, {key} as k", f"res {ROW}", order_by(self.keys)
        where.append(self._worth())
        source = f"select {columns} from {family(kind)}{table}"
        ways = [f"{source} where {' and '.join([*where, *w])} order by {order}" for w in self._after(place)]
        *beside, rest = ways
        last = [rest, self._lasting(dates, place)] if self.cut else [rest]
        return [*([each] for each in beside), last]

    @property
    def _has(self) -> list[Has]:
        return [c for c in self.query.criteria if isinstance(c, Has)]

    def _worth(self) -> str:
        """The condition under which looking at one row after another may well find some: they are common."""
        tests = []
        for has in self._has:
            assert isinstance(has.criterion, Criterion)
            terms = self.frame.args.add(posted_codes(self.frame, has.criterion, has.type), "bigint[]")
            tests.append(f"post c where c.term = any({terms})")
        for said in self.query.criteria:
            if isinstance(said, Criterion) and _beside_codes(said):
                test = texts(self.frame, said, self.query.type).replace("{p}", "c")
                tests.append(f"{family(self.query.type)}str c where {test}")
        counted = (f"select count(*) from (select 1 from {some} limit {_COMMON}) c" for some in tests)
        return " and ".join(f"({each}) = {_COMMON}" for each in counted) or "true"

    def _lasting(self, dates: Stretch, place: Sequence[object]) -> str:
        """What lasts longer than a month and ends after the date asked for. Few, and not in order."""
        frame, kind = self.frame, self.query.type
        where = [
            f"{ROW}.type = {frame.number(kind)}",
            long_span(ROW),
            f"{ROW}.hi > {frame.args.add(dates.since, 'bigint')}",
            f"{ROW}.lo < {self.cut}",
            *dates.bounds(f"{ROW}.lo", frame.args),
        ]
        where += [after(frame, self.keys, place)] if place else []
        k = f"-{ROW}.lo as k, '{UNSURE}'::float8 as v" if self.anchor else f"{ROW}.lo as k"
        found = f"select {self._columns}, {k} from {family(kind)}res {ROW} where {' and '.join(where)}"
        # In order, so that the two are merged and left when the page is full; fenced, or the order would be
        # had by reading the type.
        return f"select l.* from ({found} offset 0) l order by {self._order('l', ties=False)}"

    @property
    def by_change(self) -> bool:
        """Whether the order is that of the changes."""
        return self.keys[0].expression == f"{ROW}.seq"

    def _after(self, place: Sequence[object]) -> list[list[str]]:
        """The conditions of what is scanned, one after the other, each an entry of the index."""
        if not place:
            return [[]]
        first, rid = (self.frame.args.add(value, "bigint") for value in place)
        if self.anchor:
            return [[f"(p.k, p.rid) > (-{first}, {rid})"]]
        key = self.keys[0]
        beyond = f"{key.expression} {'<' if key.descending else '>'} {first}"
        return [[f"{key.expression} = {first}", f"{ROW}.rid > {rid}"], [beyond]]

    def _order(self, rows: str, ties: bool) -> str:
        """The order of the page; of `ties` by their numbers alone, or PostgreSQL would sort what is so."""
        down = self.keys[0].descending and self.anchor is None
        return f"{rows}.rid" if ties else f"{rows}.k{' desc' if down else ''}, {rows}.rid"


def _whole(stretches: Sequence[str], most: int, found: str, looked_at: int) -> str:
    """The condition that some stretches were scanned to their ends, and all that is wanted was looked at."""
    ends = " and ".join(f"(select count(*) from {each} q) < {most}" for each in stretches)
    return f"{ends} and (select count(*) from ({found}) q) < {looked_at}"


def newest(
    frame: Frame, sight: Sight, query: Query, columns: str, limit: int, *, reach: int = 1
) -> Newest | None:
    """The page of a search along an index; None when it is better found from its criteria.

    `reach`: see `Newest`.
    """
    keys = sort_keys(frame, query.sort, query.type, ROW)
    by_date = keys[0].expression == f"{ROW}.lo" and keys[0].descending
    by_change = keys[0].expression == f"{ROW}.seq" and len(keys) == 2
    if (
        query.within[0]
        or not (by_date or by_change)
        or len(keys) != 2
        or not all(_broad(frame, c, query.type, all_seen=sight.unrestricted) for c in query.criteria)
        or _twice(query.criteria)
    ):
        return None
    anchor = _anchor(frame, query) if by_date else None
    if not reach and (anchor is None or sight.unrestricted or stretch(query.criteria).cut is not None):
        return None  # what is long and began before stands nowhere in order
    return Newest(frame, sight, query, columns, limit, keys, anchor, reach)


def _broad(frame: Frame, criterion: Condition, kind: str, *, all_seen: bool) -> bool:
    """Whether a criterion may well hold for one of a few rows, and the row, or its record, tells so.

    `all_seen`: no record is closed. Who sees few has few to look at anyway.
    """
    if isinstance(criterion, Has):
        inner = criterion.criterion
        return (
            kind == "Patient"
            and criterion.reference.code in frame.slices(criterion.type)
            and isinstance(inner, Criterion)
            and bool(posted_codes(frame, inner, criterion.type))
        )
    if not isinstance(criterion, Criterion) or criterion.chain:
        return False
    if criterion.parameter.code in ("_id", "_text", "_content"):
        return False
    if criterion.modifier in _READ_WHOLE or _beside_codes(criterion):
        return all_seen  # and `worth` tells whether there are many
    if criterion.modifier not in ("", "not", "missing"):
        return False
    if criterion.parameter.type == "date" and not is_clinical_date(criterion.parameter):
        # From a date on there may be many; between two there are few, and they stand together elsewhere.
        return all(v.prefix in _OPEN_ENDED for v in criterion.values)
    return criterion.parameter.type in _BROAD and not of_identifiers(criterion.parameter)


def read_whole(query: Query) -> list[Criterion]:
    """The criteria of texts of which no index tells how many meet them before all are read."""
    asked = [c for c in query.criteria if isinstance(c, Criterion) and not c.chain]
    return [c for c in asked if c.modifier in _READ_WHOLE or _beside_codes(c)]


def _beside_codes(criterion: Criterion) -> bool:
    """Whether a criterion asks for words beside codes, which many resources share."""
    return criterion.parameter.code.endswith(":text") and not criterion.modifier


def _twice(criteria: Sequence[Condition]) -> bool:
    """Whether two criteria are about one posted date: a window, found along that date's own index."""
    dates = [
        c.parameter.code
        for c in criteria
        if isinstance(c, Criterion) and c.parameter.type == "date" and not is_clinical_date(c.parameter)
    ]
    return len(dates) > len(set(dates))


def _anchor(frame: Frame, query: Query) -> Criterion | None:
    """The criterion whose postings to follow: a code of many rather than one of a short list."""
    found = [
        c
        for c in query.criteria
        if isinstance(c, Criterion)
        and c.parameter.type in ("token", "composite")
        and len(posted_codes(frame, c, query.type)) == 1
    ]
    return min(found, key=lambda c: bool(listed_codes(c.parameter)), default=None)
