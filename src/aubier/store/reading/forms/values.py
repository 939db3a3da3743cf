"""A question taken apart: its form, which decides the statement, and the values that only go with it.

The values are ids and identifiers of plain criteria, who asks, when, and what the audit line says. Whatever
is not named here is part of the form, as it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from aubier.ground.standing import Stands
from aubier.search.model import Condition, Criterion, Query
from aubier.search.sql import of_identifiers
from aubier.store.sight import Sight

_HOLE = "\0"
"""Stands in a form for a text that was taken out: no client can send it."""
_LONGEST = 128
"""Characters of a text that is taken out: what is longer is kept in another way (`keys.bounded`)."""
_HELD = Stands((), 0)


class Form(msgspec.Struct, frozen=True, cache_hash=True):
    """What decides a statement: the question and who asks, without their values. `size` and `quiet` as in
    `Reader.search`.
    """

    query: Query
    sight: Sight
    size: int
    quiet: bool


def taken_apart(query: Query, sight: Sight, size: int, *, quiet: bool) -> tuple[Form, tuple[str, ...]]:
    """The form of a question, and the texts that were taken out of it."""
    bare, texts = _bared(query)
    return Form(bare, _faceless(sight), size, quiet), texts


def values_of(sight: Sight, what: str, texts: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of a question in the order of all questions of one form."""
    stands = sight.stands or _HELD
    return (
        *(sight.now, stands.mark, stands.places, sight.keys, sight.hidden, sight.own),
        *(sight.actor, sight.name, sight.org, sight.client, sight.purpose, what, *texts),
    )


def put_back(query: Query, texts: tuple[str, ...]) -> Query:
    """The question of a form with these texts."""
    left = list(texts)
    criteria = tuple(_filled(c, left) for c in query.criteria)
    owner, codes = query.within
    within = (owner.replace(_HOLE, left.pop(0)), codes) if _HOLE in owner else query.within
    return replace(query, criteria=criteria, within=within)


def stand_ins(sight: Sight, texts: int, sign: str) -> tuple[Sight, str, tuple[str, ...]]:
    """Made-up values of the same kind as those of a question: who asks, what is told, and so many texts.

    `sign` is in each text, and in no other text there is.
    """
    stands = sight.stands and Stands((-20_011, -20_021), 7_310_274_655_183_921_007)
    made_up = sight.but(
        now=4_242_424_242_421,
        stands=stands,
        keys=tuple(f"{kind}:{sign}.key" for kind in _kinds(sight.keys)),
        hidden=(f"{sign}.hidden",) if sight.hidden else (),
        own=(f"{sign}.own",) if sight.own else (),
        actor=f"{sign}.actor",
        name=f"{sign}.name",
        org=f"{sign}.org",
        client=f"{sign}.client",
        purpose=f"{sign}.purpose",
    )
    return made_up, f"{sign}.what", tuple(f"{sign}.{n}.text" for n in range(texts))


def _faceless(sight: Sight) -> Sight:
    """Who asks without name and moment; of keys their kinds, of lists whether there is anything in them."""
    return sight.but(
        now=0,
        stands=sight.stands and _HELD,
        keys=_kinds(sight.keys),
        hidden=sight.hidden and ("",),
        own=sight.own and ("",),
        actor="",
        name="",
        org="",
        client="",
        purpose="",
    )


@lru_cache(maxsize=4096)
def _kinds(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key.partition(":")[0] for key in keys))


def _bared(query: Query) -> tuple[Query, tuple[str, ...]]:
    criteria: list[Condition] = []
    texts: list[str] = []
    for criterion in query.criteria:
        text = _text_of(criterion) if isinstance(criterion, Criterion) else ""
        if text and isinstance(criterion, Criterion):
            texts.append(text)
            criterion = _with(criterion, _HOLE)
        criteria.append(criterion)
    owner, codes = query.within
    kind, _, logical = owner.partition("/")
    if logical:
        texts.append(logical)
        owner = f"{kind}/{_HOLE}"
    # What is included, shown and linked is no part of the statement.
    bare = replace(
        query,
        criteria=tuple(criteria),
        within=(owner, codes),
        includes=(),
        elements=(),
        applied=(),
        form=(),
        ignored=(),
    )
    return bare, tuple(texts)


def _text_of(criterion: Criterion) -> str:
    """The id, or the identifier, that is all a plain criterion asks for; empty for others."""
    if criterion.modifier or criterion.chain or len(criterion.values) != 1:
        return ""
    parameter, value = criterion.parameter, criterion.values[0]
    if parameter.type == "reference":
        kind, _, logical = value.text.partition("/")
        text = value.code or ("" if "/" in logical or ":" in kind else logical)
    elif parameter.type == "token" and (parameter.code == "_id" or of_identifiers(parameter)):
        text = value.code
    else:
        return ""
    return text if len(text) <= _LONGEST else ""


def _with(criterion: Criterion, text: str) -> Criterion:
    """The same criterion about another id or identifier."""
    value = criterion.values[0]
    if value.code:
        value = replace(value, code=text)
    else:
        value = replace(value, text=f"{value.text.partition('/')[0]}/{text}")
    return replace(criterion, values=(value,))


def _filled(criterion: Condition, left: list[str]) -> Condition:
    if not isinstance(criterion, Criterion) or len(criterion.values) != 1:
        return criterion
    value = criterion.values[0]
    return _with(criterion, left.pop(0)) if _HOLE in (value.code or value.text) else criterion
