"""What lives with other resources: it waits for those that are not here yet, and moves with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aubier.ground.problem import Problem, problem
from aubier.search.keys import Keys
from aubier.store.compartment import following
from aubier.store.keys import CONTEXT, SECURED, type_names, type_numbers
from aubier.store.writing.step import Again

Key = tuple[str, str]
"""The type and the id of a resource."""
Fetch = Callable[..., Awaitable[list[Any]]]

WAITING, MOST = 1000, 10_000
"""How many resources may wait for one, but for those of one transaction; how many may be filed in its own."""


async def expect(conn: Any, keys: Keys, absent: Iterable[Key]) -> None:
    """Notes that something waits for these: a row of `id_map` without a place, held so that whoever brings
    one of them comes before or after this transaction.

    Again: one came meanwhile. Problem (too-costly): so many wait for one that no more may.
    """
    asked = sorted(absent)
    if not asked:
        return
    columns = [type_numbers()[kind] for kind, _ in asked], [logical for _, logical in asked]
    await conn.execute(
        "insert into id_map (type, id, pat, rid) select type, id, 0, 0"
        " from unnest($1::smallint[], $2::text[]) k(type, id) order by type, id on conflict do nothing",
        *columns,
    )
    rows = await conn.fetch(
        "select m.pat from id_map m join unnest($1::smallint[], $2::text[]) k(type, id)"
        " on m.type = k.type and m.id = k.id order by m.type, m.id for share of m",
        *columns,
    )
    if any(row["pat"] for row in rows):
        raise Again
    for key in asked:
        if len(await _followers(conn.fetch, keys, [key], WAITING)) == WAITING:
            raise _too_many(key, WAITING)


async def followers(fetch: Fetch, keys: Keys, of: Sequence[Key]) -> list[Key]:
    """What is stored and lives with these. Problem (too-costly): more than `MOST`."""
    found = await _followers(fetch, keys, of, MOST + 1)
    if len(found) > MOST:
        raise _too_many(of[0], MOST)
    return found


async def _followers(fetch: Fetch, keys: Keys, of: Sequence[Key], most: int) -> list[Key]:
    rows = await fetch(
        "select distinct r.type, r.id from ref x join res r on r.pat = x.pat and r.rid = x.rid"
        f" where x.param = any($1::bigint[]) and x.target = any($2::text[]) limit {most}",
        [CONTEXT, SECURED, *(keys.param(kind, code) for kind, code in following())],
        [f"{kind}/{logical}" for kind, logical in of],
    )
    return [(type_names()[row["type"]], row["id"]) for row in rows]


def _too_many(key: Key, most: int) -> Problem:
    name = "/".join(key)
    return problem(
        "too-costly",
        f"{name} is named by {most} resources that would have to be filed again with it;"
        " store it before what names it",
        f"{name} est désigné par {most} ressources qu'il faudrait reclasser avec ;"
        " enregistrez-le avant ce qui le désigne",
    )
