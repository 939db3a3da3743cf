"""Statements by the form of their question.

Making one takes longer than anything else that a page asks of us. What is asked a second time is made once
more, with made-up values (`stand_ins`): where these come out among the arguments, the values of any question
of that form go. What would not come out so for the question at hand, text and arguments, is not kept: a value
that decided something, or went in changed (a hash, a bound of dates), shows by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import replace

from aubier.ground.chance import random_ids
from aubier.ground.memory import Memory
from aubier.ground.problem import Problem
from aubier.search.model import Query
from aubier.search.paging.marks import Taken
from aubier.search.paging.order import SortKey
from aubier.store.proof.audit import LONGEST
from aubier.store.reading.forms.values import Form, put_back, stand_ins, taken_apart, values_of
from aubier.store.reading.planning import Plan
from aubier.store.sight import Sight

_BYTES = 16_000_000
_ENTRY = 4_000
"""Bytes of a form without its statements, about."""

Put = Callable[[tuple[Any, ...]], Any]
"""An argument out of the values of a question."""


class Made(msgspec.Struct):
    """A statement for one page of a search. `reach`: how far it looks along the newest, 0 when it does not.

    `keys` are those of its order, `taken` the mark of the page that it begins at, if it is a later one.
    `nothing` tells how many match beside an empty later page, a statement with its arguments. `turn` is the
    place of the argument that stands in each row, where several of one text may be asked at once.
    """

    sql: str
    args: Sequence[Any]
    plan: Plan
    keys: Sequence[SortKey]
    reach: int = 0
    taken: Taken | None = None
    nothing: tuple[str, Sequence[Any]] | None = None
    turn: int | None = None


Make = Callable[[Query, Sight, str], Made]
"""Makes the statement of a question, for who asks; the text is what the audit line says."""


class _Kept(msgspec.Struct):
    made: Made
    puts: tuple[tuple[int, Put], ...]

    def bound(self, values: tuple[Any, ...]) -> Made:
        """The statement with the values of a question."""
        args = [*self.made.args]
        for place, put in self.puts:
            args[place] = put(values)
        return replace(self.made, args=args)


@dataclass(slots=True)
class Forms:
    """What is kept, of one store: at most 16 MB, what was used lately."""

    sign: str = field(default_factory=random_ids)
    memory: Memory[Form, dict[str, _Kept | None]] = field(default_factory=lambda: Memory(_BYTES))

    def made(self, step: str, query: Query, sight: Sight, size: int, make: Make, *, quiet: bool) -> Made:
        """The statement of `step` for a first page: one that is kept, or what `make` makes."""
        form, texts = taken_apart(query, sight, size, quiet=quiet)
        what = query.written[:LONGEST]
        kept = self.memory.get(form)
        if kept is None:
            self.memory.keep(form, {}, _ENTRY)
            return make(query, sight, what)
        if known := kept.get(step):
            return known.bound(values_of(sight, what, texts))
        made = make(query, sight, what)
        if step not in kept:
            kept[step] = self._keepable(made, form, (sight, what, texts), make)
            self.memory.keep(form, kept, _ENTRY + sum(3 * len(k.made.sql) for k in kept.values() if k))
        return made

    def _keepable(
        self, made: Made, form: Form, asked: tuple[Sight, str, tuple[str, ...]], make: Make
    ) -> _Kept | None:
        """The statement as any question of the form has it; None when it is not what this one has."""
        if self.sign in repr(made.args):
            return None  # somebody knows it: what is made up could not be told from what is asked
        sight, what, texts = stand_ins(asked[0], len(asked[2]), self.sign)
        try:
            other = make(put_back(form.query, texts), sight, what)
            kept = _Kept(other, tuple(_puts(other.args, values_of(sight, what, texts), self.sign)))
        except (Problem, _Unclear):
            return None
        return kept if kept.bound(values_of(*asked)) == made else None


class _Unclear(Exception):
    """An argument that holds made-up values in a way that is not known."""


_NUMBERS, _LISTS = range(2), range(2, 6)
"""The places of `values_of` that are numbers, and lists; the others are texts."""


def _puts(args: Sequence[Any], made_up: tuple[Any, ...], sign: str) -> Iterator[tuple[int, Put]]:
    """The places among the arguments of a statement where its made-up values came out, and how."""
    for place, arg in enumerate(args):
        if put := _put(arg, made_up, sign):
            yield place, put


def _put(arg: Any, made_up: tuple[Any, ...], sign: str) -> Put | None:
    """How an argument is made of the values of a question; None when it has none of them."""
    if type(arg) is int:
        return next((itemgetter(n) for n in _NUMBERS if made_up[n] == arg), None)
    if isinstance(arg, str):
        return _text(arg, made_up, sign)
    if not isinstance(arg, list | tuple):
        return None
    for n in (n for n in _LISTS if made_up[n]):
        size = len(made_up[n])
        at = next((at for at in range(len(arg)) if tuple(arg[at : at + size]) == made_up[n]), None)
        if at is not None:
            return _spliced(n, arg[:at], arg[at + size :])
    puts = [_put(each, made_up, sign) for each in arg]
    return _listed(type(arg), puts, arg) if any(puts) else None


def _text(arg: str, made_up: tuple[Any, ...], sign: str) -> Put | None:
    if sign not in arg:
        return None
    n = next((n for n, text in enumerate(made_up) if isinstance(text, str) and text and text in arg), None)
    if n is None:
        raise _Unclear
    before, _, after = arg.partition(made_up[n])
    if sign in before or sign in after:
        raise _Unclear
    return (lambda values: f"{before}{values[n]}{after}") if before or after else itemgetter(n)


def _spliced(n: int, before: Any, after: Any) -> Put:
    kind = type(before)
    return lambda values: kind((*before, *values[n], *after))


def _listed(kind: Any, puts: list[Put | None], fixed: Sequence[Any]) -> Put:
    parts = list(zip(puts, fixed, strict=True))
    return lambda values: kind([put(values) if put else each for put, each in parts])
