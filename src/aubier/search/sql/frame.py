"""The frame of a statement under construction: its arguments, row names, what the store tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aubier.ground.problem import problem
from aubier.search.keys import Keys
from aubier.search.model import Condition, Criterion, Has
from aubier.search.sql.bounds.stretch import Stretch
from aubier.search.terms.kept import kept, link
from aubier.search.terms.paths import holder

_MOST_JOINS = 280
"""Row names in one statement: each is a join or a look-up."""


class Args(list[Any]):
    """The arguments of a statement; `add` gives the placeholder with its type."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__(values)
        self._shared: dict[str, str] = {}

    def add(self, value: Any, cast: str) -> str:
        """The placeholder of one more argument."""
        self.append(value)
        return f"${len(self)}::{cast}"

    def shared(self, name: str, value: Any, cast: str) -> str:
        """The placeholder of the argument of that name: one for all who ask, whose value is the same."""
        found = self._shared.get(name)
        if found is None:
            found = self._shared[name] = self.add(value, cast)
        return found


@dataclass(slots=True)
class Frame:
    """What compiling needs from the store.

    `table(type)` is the table prefix, `number(type)` the type's number, `visible(row, type)` the access
    condition, `slices(type)` the codes of the reference parameters that place a resource in a Patient's
    compartment, `owned(type)` those of which a bit of the row may say that they name the Patient whose record
    it is in. `now` serves `ap`. `walked` are the rows that are looked at one after the other, those of a
    record and what these name: what such a row tells is not looked for among those of the whole population.
    `apart` are those whose chains into what they contain are asked in a statement of their own.
    `stretches` says of some rows where their clinical dates begin, `asked` all that they must meet.
    `counting`: every match is wanted, in no order.
    `mine` names the list (of column `pat`) of the compartments outside which `visible` shows nothing, if any;
    `own` the row that is looked for in each of these anyway, in that which `each` gives where it is known.
    After compiling, `weighed` tells that how a statement is best run depends on how frequent its codes are;
    `sets` holds what the steps of chains lead to: a name and a SELECT (pat, id) of each, for `given`.
    """

    keys: Keys
    table: Callable[[str], str]
    number: Callable[[str], int]
    visible: Callable[[str, str], str]
    slices: Callable[[str], frozenset[str]]
    now: datetime
    owned: Callable[[str], Mapping[str, int]] = lambda kind: {}
    args: Args = field(default_factory=Args)
    walked: set[str] = field(default_factory=set)
    apart: set[str] = field(default_factory=set)
    mine: str = ""
    own: str = ""
    each: str = ""
    stretches: dict[str, Stretch] = field(default_factory=dict)
    asked: dict[str, Sequence[Condition]] = field(default_factory=dict)
    counting: bool = False
    weighed: bool = False
    sets: dict[Criterion | Has, tuple[str, str]] = field(default_factory=dict)
    depth: int = 0

    @property
    def given(self) -> list[str]:
        """Parts of the statement's WITH, after those that the store gives: what chains of several steps lead
        to.
        """
        return [f"{name} as ({found})" for name, found in self.sets.values()]

    def stored(self, path: str) -> str:
        """The table prefix of a type, or of that which holds what a path leads to."""
        return self.table(holder(path))

    def alias(self, letter: str) -> str:
        """A row name not used yet. Problem (too-costly) when the query would join too much."""
        self.depth += 1
        if self.depth > _MOST_JOINS:
            raise problem(
                "too-costly",
                "This search goes through too many chains and lists at once; split it",
                "Cette recherche passe par trop de chaînes et de listes à la fois ; découpez-la",
                at="http.query",
            )
        return f"{letter}{self.depth}"


def any_of(parts: Iterable[str]) -> str:
    """One of several conditions; never, of none."""
    return "(" + (" or ".join(parts) or "false") + ")"


def posting(frame: Frame, table: str, kind: str, row: str, test: str) -> str:
    """The condition that `row` has a posting in `table` for which `test`, over `{p}`, holds."""
    p = frame.alias("p")
    ends = ""
    if row in frame.walked:
        # Without a fence PostgreSQL would start from the postings, and sort what it finds; or read, for each
        # row, all that have the value, where the value looks rare.
        test, ends = f"({test}) is true", " offset 0"
    elif frame.mine and row != frame.own and not frame.stored(kind):
        # Follows from the row's own condition; said here, the rows of other records are not read.
        ends = f" and {p}.pat in (select m.pat from {frame.mine} m)"
    return (
        f"exists (select 1 from {frame.stored(kind)}{table} {p} where {p}.rid = {row}.rid"
        f" and {p}.pat = {row}.pat and {test.replace('{p}', p)}{ends})"
    )


def of_record(p: str, pat: str, term: str) -> str:
    """The condition that `p` is a posting of a term in one record.

    Said so, only the index by record serves. For any values PostgreSQL thinks each term as rare as the mean,
    and would look for the record among all that have the term.
    """
    return f"{p}.pat = {pat} and ({p}.pat, {p}.term) between ({pat}, {term}) and ({pat}, {term})"


def termed(frame: Frame, row: str, terms: list[int]) -> str:
    """The condition that `row` has one of these terms."""
    test = f"{row}.terms && {frame.args.add(terms, 'bigint[]')}"
    if row in frame.walked or row == frame.own:
        # Said so, the index of all terms does not serve: it would be entered anew for each record.
        return f"({test}) is true"
    frame.weighed = True
    return test


def param_of(frame: Frame, kind: str, code: str, target: str = "") -> str:
    """The placeholder of a parameter's key, or `any` of those under which its values are kept.

    Of a reference parameter, those that name a resource of the type `target`.
    """
    params = [frame.keys.param(kind, each) for each in kept(kind, link(kind, code, target))]
    if len(params) == 1:
        return frame.args.add(params[0], "bigint")
    return f"any({frame.args.add(params, 'bigint[]')})"


def one_of(frame: Frame, values: Sequence[str | int], cast: str = "text") -> str:
    """`= $1`, or `= any($1)`: of a list PostgreSQL expects ten, and would plan each search anew to know."""
    if len(values) == 1:
        return f"= {frame.args.add(values[0], cast)}"
    return f"= any({frame.args.add(values, f'{cast}[]')})"
