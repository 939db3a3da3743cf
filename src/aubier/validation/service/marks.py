"""The state of the definitions in a few index looks, however many are stored.

Counting every version at every request took 4.5 ms of the database with four thousand definitions, and more
with more. Instead a process remembers a moment before which every change is settled, and asks only what came
since: how many versions, and the last. The moment lies well behind the oldest transaction under way, so that
a change that commits late is still counted, and the clocks of several machines may differ.
"""

# ruff: noqa: S608 (the only things interpolated are those of this file, and the store's own moment)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aubier.ground.rows import Statement
from aubier.store.keys import type_numbers
from aubier.store.reading.row import SETTLED

Mark = tuple[int, ...]

_HOUSE = (
    "(select d.oid::bigint from pg_database d where d.datname = current_database()) as house,"
    " (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as began"
)
"""A database that is made anew, from a template or a backup, has another number."""

_BEHIND = 600_000_000
"""Microseconds."""
_MANY = 5_000
"""Versions counted at each look, at most: beyond, a later moment is taken."""
_HELD = 64

STATEMENTS = (
    Statement(
        "validation.settled",
        f"select {_HOUSE}, {SETTLED} as settled",
        "The moment before which every change has been written or given up",
    ),
    Statement(
        "validation.changed",
        f"select {_HOUSE}, count(r.seq)::bigint as many, coalesce(max(r.seq), 0)::bigint as last"
        " from unnest($1::smallint[]) w(type) left join lateral ("
        "select v.seq from dir_res v where v.type = w.type and v.seq >= $2::bigint"
        " union all select h.seq from dir_hist h where h.type = w.type and h.seq >= $2::bigint) r on true",
        "How many versions of some types came since a moment, and the last of them",
    ),
)

_since: dict[tuple[int, int], int] = {}
"""By database: the moment from which this process counts."""


async def mark_of(view: Any, kinds: Sequence[str]) -> Mark:
    """What changes whenever a resource of these types (of no patient) does, and seldom else."""
    numbers = [type_numbers()[kind] for kind in kinds]
    for house, moment in list(_since.items())[-1:]:
        found = (await view.run("validation.changed", numbers, moment))[0]
        if (found["house"], found["began"]) == house and found["many"] <= _MANY:
            return (*house, moment, found["many"], found["last"])
    return await _afresh(view, numbers)


async def _afresh(view: Any, numbers: Sequence[int]) -> Mark:
    """The mark in a database not met before or last, or from a later moment."""
    row = (await view.run("validation.settled"))[0]
    house = (row["house"], row["began"])
    moment = _since.pop(house, row["settled"] - _BEHIND)
    found = (await view.run("validation.changed", numbers, moment))[0]
    if found["many"] > _MANY:
        # While thousands are being loaded there is no later moment to take: then all are counted.
        fewer = (await view.run("validation.changed", numbers, row["settled"] - _BEHIND))[0]
        if fewer["many"] <= _MANY // 2:
            moment, found = row["settled"] - _BEHIND, fewer
    while len(_since) >= _HELD:
        del _since[next(iter(_since))]
    _since[house] = moment
    return (*house, moment, found["many"], found["last"])
