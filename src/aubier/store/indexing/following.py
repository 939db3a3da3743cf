"""SearchParameters that are written: their makings begin and end in the transaction of the write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aubier.fhir import json as fhir_json
from aubier.fhir.definitions import SearchParameter
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.search.custom import read, repeats
from aubier.search.parameters import Registry, concerned
from aubier.store.indexing.makings import Making, makings_of, packed, same_rows
from aubier.store.indexing.tables import TURN
from aubier.store.intent import Written
from aubier.store.keys import type_numbers
from aubier.store.pool import Connection

KIND = "SearchParameter"
_WAIT = "set local lock_timeout = '3s'"
_GO_ON = "set local lock_timeout = 0"


def steers(kinds: Iterable[str]) -> bool:
    """Whether a write of these types changes what is indexed."""
    return KIND in kinds


async def take_turn(conn: Connection) -> None:
    """For a write that `steers`: one after the other, no walk meanwhile. LockNotAvailable after a while."""
    await conn.execute(_WAIT)
    await conn.execute("select pg_advisory_xact_lock($1)", TURN)
    await conn.execute(_GO_ON)


async def hold(conn: Connection) -> None:
    """Waits for the writes under way, which know less, and keeps others waiting until the end of this one.

    LockNotAvailable after three seconds: nobody waits longer for one who does not come to an end.
    """
    await conn.execute(_WAIT)
    await conn.execute("lock table indexing_state in access exclusive mode")
    await conn.execute(_GO_ON)


async def follow(
    conn: Connection, base: Registry, written: Iterable[Written], *, strict: bool = True
) -> None:
    """Begins, changes or ends the makings of the SearchParameters among what was written, after `take_turn`.

    Problem (see `search.custom.read`) for an active one that cannot be made; without `strict` it is stored
    all the same, and said to be unserved.
    """
    changed = [w for w in written if w.type == KIND and w.status in ("created", "updated", "deleted")]
    if not changed:
        return
    await hold(conn)
    rows = makings_of(
        await conn.fetch("select * from indexing where kind = 'parameter' and definition <> '' order by no")
    )
    here = [m for m in rows if m.state in ("making", "ready")]
    for one in changed:
        own = [m for m in here if m.name == one.id]
        here = [m for m in here if m.name != one.id]
        here += await _one(conn, base, one, own, here, strict=strict)
    await conn.execute(
        "update indexing_state set version = pg_current_xact_id()::text::bigint, news = news + 1"
    )


async def _one(
    conn: Connection,
    base: Registry,
    written: Written,
    own: Sequence[Making],
    others: Sequence[Making],
    *,
    strict: bool,
) -> list[Making]:
    """Follows one SearchParameter; gives the making that it has now."""
    logical = written.id
    resource = fhir_json.parse(written.raw) if written.raw else {}
    await conn.execute(
        "delete from indexing where kind = 'parameter' and name = $1 and state = 'unserved'", logical
    )
    row = None
    if resource.get("status") == "active":
        try:
            row = _read(resource, base, others)
        except Problem as refusal:
            if strict:
                raise
            await _unserved(conn, logical, refusal.issues[0])
    kept = [m for m in own if row is not None and same_rows(m.row, row)]
    for gone in own:
        if gone not in kept:
            _refuse_part(gone, others)
            await _leave(conn, gone)
    if row is None:
        return []
    if kept:
        await conn.execute("update indexing set definition = $2 where no = $1", kept[0].number, packed(row))
        return [Making(kept[0].number, logical, kept[0].state, row)]
    return [await _begin(conn, logical, row)]


def _read(resource: Resource, base: Registry, others: Sequence[Making]) -> SearchParameter | None:
    """The parameter to be made; None for one that is there already, and that this one repeats."""
    return None if repeats(resource, base) else read(resource, base.with_made([m.custom for m in others]))


def _refuse_part(gone: Making, others: Sequence[Making]) -> None:
    """A composite is read by its parts: they stay as long as it does."""
    resting = [m for m in others if any(url == gone.row.url for url, _ in m.row.components)]
    if resting:
        name = f"SearchParameter/{resting[0].name}"
        raise problem(
            "business-rule",
            f"{name} is a composite of {gone.row.code}: retire or delete it first",
            f"{name} est composé de {gone.row.code} : retirez-le ou supprimez-le d'abord",
            at="SearchParameter",
        )


async def _begin(conn: Connection, logical: str, row: SearchParameter) -> Making:
    types = [type_numbers()[t] for t in concerned(row.bases)]
    number = await conn.fetchval(
        "insert into indexing (kind, name, state, definition, types)"
        " values ('parameter', $1, 'making', $2, $3) returning no",
        logical,
        packed(row),
        types,
    )
    return Making(number, logical, "making", row)


async def _leave(conn: Connection, gone: Making) -> None:
    """From now on its rows are written no more; a walk takes them away."""
    await conn.execute(
        "update indexing set state = 'leaving', prefix = '', pat = -1, rid = -1, done = 0, total = -1,"
        " ended = null, moved = now() where no = $1",
        gone.number,
    )


async def _unserved(conn: Connection, logical: str, issue: Issue) -> None:
    await conn.execute(
        "insert into indexing (kind, name, state, types, why, why_fr, ended)"
        " values ('parameter', $1, 'unserved', '{}', $2, $3, now())",
        logical,
        issue.text,
        issue.fr or issue.text,
    )
