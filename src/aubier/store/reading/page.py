"""The statement of one page of a search: over a whole table, or along the records it stays in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.search.model import Criterion, Query
from aubier.search.paging.marks import Taken, read_cursor, unchanged_since
from aubier.search.paging.order import SortKey, after, order_by, sort_keys, stretches
from aubier.search.sql import (
    Frame,
    conditions,
    holding,
    homes,
    long_span,
    names_one,
    naming,
    of_identifiers,
    posted,
    posted_codes,
    records,
    stretch,
)
from aubier.store.keys import family
from aubier.store.sight import Sight

ROW = "r"
"""The name of the row that is searched."""
_RECORD = "w"
_WALKED = "walked"
_HELD = "held"
_OWN = "own"
_MINE = "mine"
_PLAIN = "plain"
_FOUND = "found"
_PLACE = f"{ROW}.pat, {ROW}.rid"
_OF_ONE = f"{ROW}.pat = m.pat"


@dataclass(slots=True)
class Page:
    """One page of `query` in the making. `columns` are those of a row.

    `records` is a SELECT of the compartments to walk, when the search stays in few: each is followed in its
    order, from where the page begins, and left as soon as the page is full. So a page costs the same in a
    long record as in a short one. Else `matches` gives them all, of which those of the page are then read:
    what meets `tests`, and what contains something that a chain asks for and meets `holding`.
    `apiece`: each open record is looked at by itself, however many others there are.
    `taken` and `place` are those of the mark the page begins at. `counted`: every match is looked at;
    `bare`: to be counted, and for nothing else.
    """

    frame: Frame
    sight: Sight
    query: Query
    columns: str
    counted: bool = False
    bare: bool = False
    records: str = field(default="", init=False)
    held: str = field(default="", init=False)
    own: str = field(default="", init=False)
    mine: str = field(default="", init=False)
    plain: str = field(default="", init=False)
    inside: str = field(default="", init=False)
    apiece: bool = field(default=False, init=False)
    matches: str = field(default="", init=False)
    tests: list[str] = field(default_factory=list, init=False)
    holding: list[str] = field(default_factory=list, init=False)
    keys: list[SortKey] = field(default_factory=list, init=False)
    taken: Taken | None = field(default=None, init=False)
    place: list[Any] = field(default_factory=list, init=False)
    counting: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        frame = self.frame
        self.records = self._records()
        if self.records:
            frame.walked.add(ROW)

    def make(self) -> None:
        """Makes the parts of the statement. What the others wait for is known before: `records`."""
        frame, kind = self.frame, self.query.type
        frame.mine = ""
        if not self.records and not family(kind) and not self.sight.unrestricted:
            self.own = self.sight.gathered(frame.args) if self.counted else ""
            self.mine, frame.mine = self.sight.mine(frame.args, _OWN if self.own else "grants"), _MINE
        self.tests = [f"{ROW}.type = {frame.number(kind)}", self._visible()]
        if self.mine:
            mine = f"{ROW}.pat in (select m.pat from {frame.mine} m)"
            begun = bool(self.query.within[0]) or any(map(posted, self.query.criteria))
            self.apiece = not begun or self._of_a_code()
            # Where postings say it too, a second join would look as if it left few of the first.
            self.inside = f"({mine}) is true" if begun else mine
        frame.own, frame.each = (ROW, "m.pat") if self.apiece else ("", "")
        frame.stretches.clear()
        frame.asked.clear()
        frame.counting = self.counted and self.sight.unrestricted
        if not self.records:
            self.tests += self._begins()
            frame.asked[ROW] = self.query.criteria
        self._meets(self.tests[:2])
        if frame.weighed and not frame.mine and self._by_terms():
            self.tests[0] = f"({self.tests[0]}) is true"
        # The total takes these arguments alone: PostgreSQL refuses one that no test uses.
        self.counting = frame.args[:]
        self.keys = sort_keys(frame, self.query.sort, kind, ROW)
        if self.query.cursor:
            mark = read_cursor(self.query, self.keys)
            # How many there are is the same on every page.
            self.taken, self.place = (None, []) if self.bare else mark
        if not self.records:
            # Apart: to find the first of few matches, PostgreSQL would walk a whole type in the order of
            # the page, as if they were spread evenly. What is common was found so already (`newest`).
            unchanged = [unchanged_since(frame, self.taken, ROW)] if self.taken else []
            self.matches = self._all([*self.tests, *unchanged])
            if self.holding:
                self.matches += f" union {self._matches([*self.holding, *unchanged], self.keys, _PLACE)}"

    def _meets(self, shows: Sequence[str]) -> None:
        """The conditions of the question. What contains what its chains lead to is found apart, by that mark,
        and looked at row by row: said as one condition, no chain would find its rows by what they name.
        """
        frame, kind, criteria = self.frame, self.query.type, self.query.criteria
        marked = "" if self.records else holding(frame, criteria, kind, ROW)
        if marked:
            frame.apart.add(ROW)
        self.tests += conditions(frame, criteria, kind, ROW)
        if marked:
            frame.walked.add(ROW)
            mine = [self.inside] if self.mine else []
            self.holding = [*shows, *mine, marked, *conditions(frame, criteria, kind, ROW)]
            frame.walked.discard(ROW)
        if self.query.within[0]:
            within = self._within(*self.query.within)
            self.tests.append(within)
            self.holding += [within] if marked else []

    def _all(self, tests: Sequence[str]) -> str:
        """Every match, by its place and keys."""
        if not self.apiece:
            return self._matches([*tests, *([self.inside] if self.mine else [])], self.keys, _PLACE)
        return self._each(self._matches([*tests, _OF_ONE], self.keys, _PLACE))

    def _each(self, found: str) -> str:
        """What `found` gives of each open record, when it is `_OF_ONE`."""
        return f"select f.* from {self.frame.mine} m cross join lateral ({found} offset 0) f"

    def _of_a_code(self) -> bool:
        """Whether codes of one criterion are all that is posted of what is asked. They are found in a record
        as soon as among all; and if they were gathered first, their rows would be read in no order.
        """
        if self.query.within[0] or len(asked := [c for c in self.query.criteria if posted(c)]) != 1:
            return False
        (code,) = asked
        of_codes = isinstance(code, Criterion) and code.parameter.type == "token"
        return of_codes and bool(posted_codes(self.frame, code, self.query.type))  # type: ignore[arg-type]

    def _by_terms(self) -> bool:
        """Whether a code, and no date, is what finds the matches: its term is of this type alone. PostgreSQL,
        which does not know, would read all rows of the type in another index to leave the other types out.
        """
        asked = [c for c in self.query.criteria if isinstance(c, Criterion) and not (c.modifier or c.chain)]
        codes = [c for c in asked if c.parameter.type == "token" and not of_identifiers(c.parameter)]
        return bool(codes) and not any(c.parameter.type == "date" for c in asked)

    def _begins(self) -> list[str]:
        """Where the clinical dates of the matches begin, as an index of rows can be entered by it."""
        frame = self.frame
        known = frame.stretches[ROW] = stretch(self.query.criteria)
        tests = known.bounds(f"{ROW}.lo", frame.args)
        if known.cut is not None:
            cut, since = (frame.args.add(v, "bigint") for v in (known.cut, known.since))
            tests.append(f"({ROW}.lo >= {cut} or {long_span(ROW)} and {ROW}.hi > {since})")
        return tests

    def _visible(self) -> str:
        """The access condition. In few records, and where all rows count, rights are gathered once instead of
        for each row.
        """
        args, held = self.frame.args, _HELD
        if self.own:
            self.plain, plain = self.sight.plain(_OWN, args), _PLAIN
            return self.sight.predicate(ROW, args, directory=False, kind=self.query.type, plain=plain)
        if not self.records or self.sight.unrestricted or family(self.query.type):
            return self.frame.visible(ROW, self.query.type)
        self.held = self.sight.held(f"select w.pat from {_WALKED} w", args)
        return self.sight.predicate(ROW, args, directory=False, kind=self.query.type, grants=held)

    @property
    def rights(self) -> str:
        """The records to walk, or those open to this actor; the rights in them; what chains lead to."""
        parts = [
            (f"{_WALKED}(pat)", self.records),
            (_HELD, self.held),
            (_OWN, self.own),
            (f"{_MINE}(pat)", self.mine),
            (f"{_PLAIN}(pat, withheld)", self.plain),
        ]
        rights = [f"{name} as materialized ({sql})" for name, sql in parts if sql]
        return "".join(f"{part}, " for part in [*rights, *self.frame.given])

    @property
    def given(self) -> str:
        """What the statement begins with."""
        if not self.matches or self.bare:
            return self.rights
        return f"{self.rights}{_FOUND} as materialized ({self.matches}), "

    def _within(self, owner: str, codes: Sequence[str]) -> str:
        """The condition that a row names the owner of a compartment."""
        if self.records:
            return names_one(self.frame, self.query.type, ROW, codes, owner)
        return f"({ROW}.pat, {ROW}.rid) in ({naming(self.frame, self.query.type, codes, [owner])})"

    def _records(self) -> str:
        """The compartments of the Patients asked for, else of a citizen; empty when there may be many."""
        frame, kind = self.frame, self.query.type
        owner, codes = self.query.within
        if owner.startswith("Patient/") and not family(kind) and frame.slices(kind).issuperset(codes):
            return self._opened(homes(frame, [owner.removeprefix("Patient/")]))
        for criterion in self.query.criteria:
            found = records(frame, criterion, kind)
            if found:
                return self._opened(found)
        if _of_a_citizen(self.sight) and not family(kind):
            return self.sight.mine(self.frame.args)
        return ""

    def _opened(self, found: str) -> str:
        """Those in which the actor has some right: the time taken does not tell how long a closed one is."""
        return f"select o.pat from ({found}) o(pat) where {self.sight.holds('o.pat', self.frame.args)}"

    @property
    def total(self) -> str:
        """How many rows match, as an expression; those before the page too."""
        if self.bare and self.matches:
            return f"(select count(*) from ({self.matches}) n)"
        if self.matches and not self.taken:
            return f"(select count(*) from {_FOUND})"
        table = f"{family(self.query.type)}res {ROW}"
        source = f"{_WALKED} {_RECORD} join {table} on {self._here}" if self.records else table
        tests = [*self.tests, *([_OF_ONE] if self.apiece else [self.inside] if self.inside else [])]
        found = f"select {_PLACE} from {source} where {' and '.join(tests)}"
        if self.apiece:
            found = self._each(found)
        if self.holding:
            found += f" union select {_PLACE} from {table} where {' and '.join(self.holding)}"
        return f"(select count(*) from ({found}) n)"

    @property
    def _here(self) -> str:
        return f"{ROW}.pat = {_RECORD}.pat"

    def rows(self, limit: int) -> str:
        """The first `limit` rows of the page, with the values of their keys as `s0`, `s1`..."""
        if self.matches:
            values = "".join(f", f.s{n}" for n in range(len(self.keys)))
            found = f"({self.matches})" if self.bare else _FOUND
            page = f"select * from {found} f order by {self.order('f')} limit {limit}"
            return (
                f"select {self.columns}{values} from ({page}) f join {family(self.query.type)}res {ROW}"
                f" on {ROW}.pat = f.pat and {ROW}.rid = f.rid order by {self.order('f')}"
            )
        tests = [*self.tests]
        if self.taken:
            tests.append(unchanged_since(self.frame, self.taken, ROW))
        parts = " union all ".join(
            f"({self._part([self._here, test, *tests], keys, limit)})"
            for test, keys in stretches(self.keys, ROW)
        )
        return (
            f"select p.* from {_WALKED} {_RECORD} cross join lateral ({parts}) p"
            f" order by {self.order('p')} limit {limit}"
        )

    def order(self, rows: str) -> str:
        """The ORDER BY list over the rows of several pages put together as `rows`."""
        return order_by([SortKey(f"{rows}.s{n}", k.cast, k.descending) for n, k in enumerate(self.keys)])

    def _part(self, tests: Sequence[str], keys: Sequence[SortKey], limit: int) -> str:
        return f"{self._matches(tests, keys, self.columns)} order by {order_by(keys)} limit {limit}"

    def _matches(self, tests: Sequence[str], keys: Sequence[SortKey], columns: str) -> str:
        where = [*tests, after(self.frame, keys, self.place)] if self.taken else tests
        values = ", ".join(f"{k.expression} as s{n}" for n, k in enumerate(keys))
        source = f"{family(self.query.type)}res {ROW}"
        if self.apiece and not self.counted:
            # Fenced: whether a row is visible takes longer to tell than what most are left out by.
            visible, asked = where[1], [where[0], *where[2:]]
            source = f"(select {ROW}.* from {source} where {' and '.join(asked)} offset 0) {ROW}"
            where = [visible]
        return f"select {columns}, {values} from {source} where {' and '.join(where)}"


def _of_a_citizen(sight: Sight) -> bool:
    """Whether the actor's rights are a person's: over the own record, and those of a few others."""
    return bool(sight.keys) and all(key.startswith("person:") for key in sight.keys)
