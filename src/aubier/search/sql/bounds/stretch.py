"""Where on the line of clinical dates the matches of a query begin: what of an index need not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aubier.search.model import Condition, Criterion, Logic, Value
from aubier.search.parameters import is_clinical_date

if TYPE_CHECKING:
    from aubier.search.sql.frame import Args

LONG = 31 * 86_400_000
"""Milliseconds. Few spans are longer; an index of their own finds these (`res_long`)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Milliseconds of the epoch; None where nothing is known.

    Every match begins at `first` or after, and before `end`. Every match ends after `since`: what began
    `LONG` before it, or earlier, is long.
    """

    first: int | None = None
    end: int | None = None
    since: int | None = None

    @property
    def cut(self) -> int | None:
        """Before this begins only what is long; None where nothing is known, or `first` says more."""
        if self.since is None or (self.first is not None and self.first >= self.since - LONG):
            return None
        return self.since - LONG

    def bounds(self, lo: str, args: Args) -> list[str]:
        """What `first` and `end` say of the expression `lo`, the beginning of a row."""
        found = [f"{lo} >= {args.add(self.first, 'bigint')}"] if self.first is not None else []
        return [*found, *([f"{lo} < {args.add(self.end, 'bigint')}"] if self.end is not None else [])]

    def falling(self, minus: str, args: Args) -> list[str]:
        """The same of `minus`, minus the beginning, by which postings are kept."""
        found = [f"{minus} <= {args.add(-self.first, 'bigint')}"] if self.first is not None else []
        return [*found, *([f"{minus} > {args.add(-self.end, 'bigint')}"] if self.end is not None else [])]


def stretch(criteria: Iterable[Condition]) -> Stretch:
    """What the criteria of a query, all of which hold, say of the clinical date of a match."""
    parts = [_of(criterion) for criterion in criteria]
    return Stretch(
        max((p.first for p in parts if p.first is not None), default=None),
        min((p.end for p in parts if p.end is not None), default=None),
        max((p.since for p in parts if p.since is not None), default=None),
    )


def long_span(row: str) -> str:
    """The condition that a row's span is long, written as the index of these is."""
    return f"{row}.hi - {row}.lo > {LONG}"


def _of(criterion: Condition) -> Stretch:
    if isinstance(criterion, Logic):
        return stretch(criterion.parts) if criterion.operator == "and" else Stretch()
    if (
        not isinstance(criterion, Criterion)
        or criterion.chain
        or criterion.modifier
        or not is_clinical_date(criterion.parameter)
    ):
        return Stretch()
    parts = [_BY_PREFIX.get(v.prefix, _nowhere)(v) for v in criterion.values]
    # Of several values any may hold: a bound is one only where each has it.
    return Stretch(
        _of_each(min, [p.first for p in parts]),
        _of_each(max, [p.end for p in parts]),
        _of_each(min, [p.since for p in parts]),
    )


def _of_each(pick: Callable[[list[int]], int], bounds: list[int | None]) -> int | None:
    known = [b for b in bounds if b is not None]
    return pick(known) if known and len(known) == len(bounds) else None


def _nowhere(v: Value) -> Stretch:
    return Stretch()


_BY_PREFIX: dict[str, Callable[[Value], Stretch]] = {
    "eq": lambda v: Stretch(first=v.lo, end=v.hi, since=v.lo),
    "lt": lambda v: Stretch(end=v.lo),
    "le": lambda v: Stretch(end=v.hi),
    "eb": lambda v: Stretch(end=v.lo),
    "ge": lambda v: Stretch(since=v.lo),
    "gt": lambda v: Stretch(since=v.hi),
    "sa": lambda v: Stretch(first=v.hi, since=v.hi),
}
"""What a prefix says of where a match lies; the others say nothing here. See `values.span_test`."""
