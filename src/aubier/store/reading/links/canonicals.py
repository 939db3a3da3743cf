"""What a page includes by canonical URLs: what has them, of the version that they name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from aubier.search.keys import bounded
from aubier.search.parameters import registry
from aubier.search.sql import Args
from aubier.store.keys import family, type_numbers
from aubier.store.reading.row import Row

if TYPE_CHECKING:
    from aubier.store.reading.reader import Reader


class _Named(msgspec.Struct):
    url: str = ""
    version: str = ""


def names_of(row: Row) -> list[str]:
    """The canonical URLs by which a row is named: its URL alone, and of its version; none without a URL."""
    if not _has_url(row.type):
        return []
    named = msgspec.json.decode(row.raw, type=_Named)
    if not named.url:
        return []
    return [named.url, f"{named.url}|{named.version}"] if named.version else [named.url]


async def having(reader: Reader, canonicals: Iterable[str], kinds: Sequence[str]) -> list[Row]:
    """The resources of these types that have one of these canonical URLs, in the version it names if any."""
    wanted = set(canonicals)
    bare = sorted({bounded(each.partition("|")[0]) for each in wanted})
    found: list[Row] = []
    for kind in filter(_has_url, kinds) if bare else ():
        prefix, args = family(kind), Args([type_numbers()[kind], bare])
        param = args.add(reader.keys.param(kind, "url"), "bigint")
        ids = await reader.conn.fetch(
            f"select r.id from {prefix}ref f join {prefix}res r on r.pat = f.pat and r.rid = f.rid"
            f" where r.type = $1 and f.param = {param} and f.target = any($2::text[])",
            *args,
        )
        rows = await reader.several(kind, [each["id"] for each in ids]) if ids else []
        found += [row for row in rows if not wanted.isdisjoint(names_of(row))]
    return found


def _has_url(kind: str) -> bool:
    known = registry().get(kind, "url")
    return known is not None and known.type == "uri"
