"""One page out of the searches of several types, in one order across them.

Each type is searched in that order as it would be alone; their pages are merged, and of each type its own
mark tells how much of it was shown. So what holds of the pages of one type holds of them all: an entry that
nobody changes is neither missed nor repeated, and stands in its place. Rule: FHIR R4, search.html#sort.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from operator import itemgetter

from msgspec.structs import replace

from aubier.access.view import View
from aubier.ground.problem import problem
from aubier.search.model import Query
from aubier.store.reading import Row
from aubier.store.reading.row import Found

_MOST = 5_000
"""Rows that a page looks at: of each type as many as the page has entries."""
_OVER = "!"
"""The mark of a type that was shown to its end."""
_ORDERS = ("_lastUpdated", "_id")
"""What every type is sorted by in the same way: the order of commits, and the id."""
_place = re.compile(rf"{_OVER}|[A-Za-z0-9_-]*").fullmatch


@dataclass(slots=True)
class Merged:
    """The matches of a page with the query that found each, what they include, totals, the next mark.

    `totals` are keyed by the number of the type.
    """

    rows: list[tuple[Row, Query]]
    included: list[tuple[Row, Query]]
    totals: dict[int, int]
    next: str = ""


def descending(value: str, kinds: int, count: int) -> bool:
    """Whether a `_sort` across types has the largest first.

    Problem for what not every type has, or more than is merged.
    """
    name = value.removeprefix("-")
    if name not in _ORDERS:
        raise problem(
            "not-supported",
            "Across types, _sort is _lastUpdated or _id, one of them; ask for one type to order otherwise",
            "Entre plusieurs types, _sort vaut _lastUpdated ou _id, un seul ; pour un autre ordre, demandez"
            " un seul type",
            at="http._sort",
        )
    if kinds * count > _MOST:
        raise problem(
            "too-costly",
            f"{kinds} types cannot be ordered together in pages of {count}; name fewer, or lower _count",
            f"{kinds} types ne s'ordonnent pas ensemble par pages de {count} ; nommez-en moins, ou baissez"
            " _count",
            at="http._sort",
        )
    return name != value


def places_of(mark: str, kinds: int) -> list[str] | None:
    """How far each type was shown, as a page mark says; None for a mark that is none of this search."""
    places = mark.split(".") if mark else [""] * kinds
    return places if len(places) == kinds and all(map(_place, places)) else None


async def in_order(
    view: View, queries: Sequence[Query], places: Sequence[str], asked: tuple[bool, int, int | None]
) -> Merged:
    """The next matches of all queries, each of which is sorted in the same way itself.

    `asked`: whether the largest come first, how many, and the commit mark that they keep to by date.
    """
    down, count, mark = asked
    found: dict[int, Found] = {}
    for number, (query, place) in enumerate(zip(queries, places, strict=True)):
        if place != _OVER:
            found[number] = await view.search_rows(replace(query, count=count, cursor=place), mark=mark)
    lists = [[(one.key(n), number, row) for n, row in enumerate(one.rows)] for number, one in found.items()]
    shown = list(islice(merge(*lists, key=itemgetter(0), reverse=down), count))
    taken = Counter(number for _, number, _ in shown)
    following = [
        _next(found[number], taken[number], place) if number in found else _OVER
        for number, place in enumerate(places)
    ]
    page = Merged([(row, queries[number]) for _, number, row in shown], [], {})
    page.next = ".".join(following) if any(place != _OVER for place in following) else ""
    page.totals = {number: one.total for number, one in found.items() if one.total is not None}
    for number, one in found.items():
        query = replace(queries[number], count=taken[number], cursor=places[number])
        if 0 < taken[number] < len(one.rows) and query.includes:
            # What was looked at and not shown brings nothing along.
            one = await view.search_rows(replace(query, total="none"), mark=mark)
        page.included += [(row, query) for row in one.included if taken[number]]
    return page


def _next(found: Found, shown: int, place: str) -> str:
    """How far a type is shown after a page."""
    if shown == len(found.rows):
        return found.cursor or _OVER
    return found.after(shown) if shown else place
