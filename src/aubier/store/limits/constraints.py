"""What scopes with a query (`Observation.rs?category=laboratory`) open of a type, as conditions over a row.

Rule: SMART App Launch 2.2.0, "Finer-grained resource constraints using search parameters".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from aubier.search.keys import Keys
from aubier.search.model import Criterion, Query, Value
from aubier.search.sql import Args, Frame, conditions
from aubier.store.compartment import owned
from aubier.store.keys import CONTEXT, family, type_numbers

DOCUMENT, CONTENT = "DocumentReference", "Binary"
"""A content obeys the rules of the document it belongs to, too."""

Limits = Mapping[str, tuple[Query, ...]]
"""By type, queries of which a resource meets one at least. A type that is not here has no limit."""


class Constraints(msgspec.Struct, frozen=True):
    """The limits of who holds such scopes.

    `shown` limit what is seen, `found` what a search finds, `written` what is written: by letter (c, u, d).
    """

    keys: Keys
    shown: Limits
    found: Limits
    written: Mapping[str, Limits]

    @property
    def searching(self) -> Constraints:
        """The same for a search and all that it goes through or brings."""
        return replace(self, shown=self.found)

    def rule(self, row: str, args: Args, now: int, *, directory: bool, kind: str = "") -> str:
        """The condition that `row` is within the limits: of its type `kind`, or of whichever type it is.

        `directory`: of those of the directory and of definitions. `now` in ms.
        """
        limited = self.shown_in(directory=directory)
        rules = {one: [met(self.keys, limited[one], row, args, now)] for one in limited if kind in ("", one)}
        if DOCUMENT in limited and kind in ("", CONTENT):
            within = met(self.keys, limited[DOCUMENT], "cd", args, now)
            rules.setdefault(CONTENT, []).append(of_document(row, within))
        if kind:
            return " and ".join(rules.get(kind, ())) or "true"
        each = (f"({row}.type <> {type_numbers()[one]} or {' and '.join(r)})" for one, r in rules.items())
        return " and ".join(each) or "true"

    def shown_in(self, *, directory: bool) -> Limits:
        """Those of the types of one family of tables."""
        return {kind: queries for kind, queries in self.shown.items() if bool(family(kind)) == directory}


def of_document(row: str, rule: str) -> str:
    """The condition that a content belongs to no document `cd` that does not meet the rule.

    Fails closed: a document deleted, or not there yet, shows no content.
    """
    return (
        f"not exists (select 1 from ref cx where cx.rid = {row}.rid and cx.pat = {row}.pat"
        f" and cx.param = {CONTEXT} and not exists (select 1 from id_map cm join res cd on cd.pat = cm.pat"
        f" and cd.rid = cm.rid where cm.type = {type_numbers()[DOCUMENT]}"
        f" and cm.id = substr(cx.target, {len(DOCUMENT) + 2}) and {rule}))"
    )


def with_limits(query: Query, limits: tuple[Query, ...]) -> Query:
    """The query, with the limits of its type said as criteria where they can be.

    They hold anyway; said so, an index is entered by what is rare among all that they leave out.
    """
    if len(limits) == 1:
        return replace(query, criteria=(*query.criteria, *limits[0].criteria))
    first = limits[0].criteria[0] if limits else None
    if not isinstance(first, Criterion) or any(_beside(first, limit) is None for limit in limits):
        return query
    values = [value for limit in limits for value in _beside(first, limit) or ()]
    return replace(query, criteria=(*query.criteria, replace(first, values=tuple(dict.fromkeys(values)))))


def _beside(first: Criterion, limit: Query) -> tuple[Value, ...] | None:
    """The values of a limit that asks for the same parameter and nothing else; None of another."""
    (one, *others) = limit.criteria
    if others or not isinstance(one, Criterion) or one.parameter != first.parameter:
        return None
    return one.values


def met(keys: Keys, queries: tuple[Query, ...], row: str, args: Args, now: int) -> str:
    """The condition, never null, that a row of their type meets one of these queries."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now)
    # Row by row: the limit is no way into an index, whatever else is asked.
    frame = _Frame(
        keys,
        table=family,
        number=lambda kind: type_numbers()[kind],
        visible=lambda row, kind: "false",
        slices=lambda kind: frozenset(),
        now=moment,
        owned=owned,
        args=args,
        walked={row},
    )
    each = (f"({' and '.join(conditions(frame, query.criteria, query.type, row))})" for query in queries)
    return f"({' or '.join(each)}) is true"


@dataclass(slots=True)
class _Frame(Frame):
    """A condition that stands within another statement, whose row names it must not hide."""

    def alias(self, letter: str) -> str:
        return super(_Frame, self).alias(f"own_{letter}")
