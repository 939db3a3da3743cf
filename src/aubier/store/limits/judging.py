"""Which replaced versions of a resource are within the limits of scopes: their index rows are made again."""

from __future__ import annotations

from collections.abc import Callable

from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.search.sql import Args
from aubier.store.exporting.meeting import meeting
from aubier.store.keys import family, type_numbers
from aubier.store.packing.rows import Indexed
from aubier.store.reading.reader import Reader
from aubier.store.reading.row import ROW

_MOST = 1_000
"""Versions of one resource that are looked at; each is indexed again."""


async def judged(
    reader: Reader, index: Callable[[Resource], Indexed], kind: str, logical: str, version: int | None = None
) -> str:
    """The condition that a version `r` of this resource was within the limits, as `Sight.past` wants it.

    Of the one version, or of all. Problem (too-costly) where these are more than a thousand.
    """
    limits, prefix = reader.sight.limits(kind), family(kind)
    if not limits:
        return "false"
    args = Args([type_numbers()[kind], logical])
    seen = reader.sight.past("r", args, directory=bool(prefix), judged="true")
    one = f" and r.ver = {args.add(version, 'int')}" if version is not None else ""
    rows = await reader.conn.fetch(
        f"select {ROW} from id_map m join {prefix}hist r on r.pat = any(m.was || m.pat) and r.rid = m.rid"
        f" where m.type = $1 and m.id = $2 and r.op <> 4{one} and {seen} limit {_MOST + 1}",
        *args,
    )
    if len(rows) > _MOST:
        raise problem(
            "too-costly",
            f"{kind}/{logical} has too many versions to tell which your scope opens; ask for one of them",
            f"{kind}/{logical} a trop de versions pour dire lesquelles votre portée ouvre ; demandez-en une",
            at="http.Authorization",
        )
    # Each stands for itself, under a number that no stored row has.
    found = await meeting(reader, limits, [{**r, "rid": -n} for n, r in enumerate(rows, 1)], index)
    return f"r.ver in ({', '.join(str(int(r['ver'])) for r in found)})" if found else "false"
