"""A search over several types at once: `_type=Observation,Condition`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aubier.search.model import Query, Sort
from aubier.search.parameters import Registry
from aubier.search.query.criteria import known, known_type
from aubier.search.query.reader import parse
from aubier.search.query.values import alternatives, refused

MAX_TYPES = 20

_COMMON = frozenset({"_id", "_lastUpdated"})
_NAME = "_type"


def parse_all(pairs: Iterable[tuple[str, str]], *, registry: Registry, **bounds: Any) -> tuple[Query, ...]:
    """One query for each type that `_type` names, all with the same criteria, count and order.

    Newest change first unless `_sort` says otherwise; `bounds` are those of `parse`. Problem as there, and
    `required` without `_type`, `too-costly` beyond 20 types, `not-supported` for an include, or for an order
    that the types do not share.
    """
    listed = list(pairs)
    types = dict.fromkeys(
        known_type(text.strip(), name=_NAME)
        for name, value in listed
        if name == _NAME
        for text in alternatives(value, name=_NAME)
    )
    if not types:
        raise refused(
            _NAME, "name the types, as in _type=Condition", "nommez les types : _type=Condition", "required"
        )
    if len(types) > MAX_TYPES:
        raise refused(_NAME, f"more than {MAX_TYPES} types", f"plus de {MAX_TYPES} types", "too-costly")
    rest = [pair for pair in listed if pair[0] != _NAME]
    return tuple(_one(parse(type, rest, registry=registry, **bounds), types, registry) for type in types)


def _one(query: Query, types: Iterable[str], registry: Registry) -> Query:
    if query.includes:
        raise refused(
            "_include",
            "a search over several types includes nothing; search one type",
            "une recherche sur plusieurs types n'inclut rien ; cherchez un seul type",
            "not-supported",
        )
    if any(s.parameter.code not in _COMMON for s in query.sort):
        raise refused(
            "_sort",
            "several types are sorted by _id and _lastUpdated only",
            "plusieurs types se trient par _id et _lastUpdated seulement",
            "not-supported",
        )
    newest = Sort(known(registry, query.type, "_lastUpdated", name="_sort"), descending=True)
    applied = ((_NAME, ",".join(types)), *query.applied)
    return replace(query, sort=query.sort or (newest,), applied=applied)
