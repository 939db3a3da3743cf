"""Searches by the date of the last change: who asks again from the last date told is told all that came."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from aubier.ground.clock import instant_of
from aubier.search.model import Criterion, Query
from aubier.search.paging.marks import marked_at
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.pool import Connection
from aubier.store.reading.row import settled

_BY = "_lastUpdated"


def by_date(query: Query) -> bool:
    """Whether a search asks for the date of the last change of what it finds."""
    return any(isinstance(c, Criterion) and c.parameter.code == _BY and not c.chain for c in query.criteria)


async def settled_mark(conn: Connection, queries: Sequence[Query]) -> int | None:
    """The commit mark (microseconds) that several searches by date keep to; None where no date is asked.

    All answer for one moment: what is told of one type may not be later than what was seen of another.
    """
    return await settled(conn) if any(map(by_date, queries)) else None


async def settled_only(conn: Connection, query: Query, mark: int | None) -> tuple[Query, int]:
    """The query, of what has a date before which nothing more is written; and the commit mark that says so.

    Later pages keep to the mark of the first, which is `mark` where that is given. Dates are those of marks,
    to the millisecond: of the last one all is found that is there, and who asks from it on is told the rest.
    """
    mark = marked_at(query.cursor) if query.cursor else mark or await settled(conn)
    bound = parse(query.type, [(_BY, f"le{instant_of(mark // 1000)}")], registry=registry()).criteria
    return replace(query, criteria=(*query.criteria, *bound)), mark
