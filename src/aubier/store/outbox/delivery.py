"""Changes delivered after commit, at least once, in order for each (consumer, patient).

A consumer's row is written in the transaction that makes the change. One lane per (consumer, patient): the
oldest row of a lane goes first, alone; after `TRIES` failures it becomes a dead letter and the lane goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aubier.ground.rows import Statement, Stuck
from aubier.store.keys import type_names
from aubier.store.pool import answered
from aubier.store.store import Store

TRIES = 8
_BASE_DELAY_MS = 500
_LANE = 0x0B0C
_OPS = {1: "create", 2: "create", 3: "update", 4: "delete", 5: "update"}

_NEXT = """with held as materialized (select b.pat, min(b.no) as no from outbox b where b.consumer = $1
  and not b.dead and (b.next_at > $2 or b.tx >= pg_snapshot_xmin(pg_current_snapshot())) group by b.pat)
 select o.no, o.pat, o.type, o.id, o.ver, o.op, o.tries from outbox o left join held h on h.pat = o.pat
 where o.consumer = $1 and not o.dead and (h.no is null or o.no < h.no) order by o.no limit $3"""
"""What stands before the first row of its lane that is to wait: no row is compared with all before it."""


STUCK = Stuck(
    Statement(
        "outbox.dead",
        "select consumer as what, count(*) as n, (array_agg(error order by no desc))[1] as error from outbox"
        " where dead and $1::bigint > 0 group by consumer order by consumer",
        "Changes that a consumer could not take, after every try",
    ),
    {
        "fr": "Changements que {what} n'a pas pu prendre : {n} ({error})",
        "en": "Changes that {what} could not take: {n} ({error})",
    },
    {
        "fr": "une fois la cause levée, « aubier retry {what} » les lui remet",
        "en": "once the cause is gone, aubier retry {what} delivers them again",
    },
    Statement(
        "outbox.again",
        "update outbox set dead = false, tries = 0, next_at = 0, error = ''"
        " where dead and ($1 = '' or consumer = $1) returning no",
        "Dead letters wait again, before what came after them in their lane",
    ),
)
"""The dead letters of changes."""


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change: `op` is create, update or delete; `tries` counts earlier deliveries.

    `pat` is the number of the compartment: what happens there is told in order.
    """

    type: str
    id: str
    version: int
    op: str
    tries: int = 0
    pat: int = 0


Handler = Callable[[Change], Awaitable[None]]


async def deliver(store: Store, consumer: str, handle: Handler, now: int, *, most: int = 100) -> int:
    """Delivers what waits for a consumer; gives how many changes were handled, well or not.

    One process at a time per consumer: another one finds the lane taken and does nothing.
    """
    async with answered(), store.standing.acquire() as conn:
        lane = store.keys.term("outbox", consumer) & 0x7FFFFFFF
        if not await conn.fetchval("select pg_try_advisory_lock($1, $2)", _LANE, lane):
            return 0
        try:
            return await _drain(conn, consumer, handle, now, most)
        finally:
            await conn.execute("select pg_advisory_unlock($1, $2)", _LANE, lane)


async def _drain(conn: object, consumer: str, handle: Handler, now: int, most: int) -> int:
    done = 0
    while done < most:
        rows: Sequence[dict[str, int]] = await conn.fetch(_NEXT, consumer, now, most - done)  # type: ignore[attr-defined]
        if not rows:
            break
        held: set[int] = set()
        for row in rows:
            if row["pat"] in held:
                continue
            done += 1
            if not await _one(conn, row, handle, now):
                held.add(row["pat"])
    return done


async def _one(conn: object, row: dict[str, int], handle: Handler, now: int) -> bool:
    """Delivers one change; gives whether its lane goes on."""
    change = Change(
        type_names()[row["type"]], str(row["id"]), row["ver"], _OPS[row["op"]], row["tries"], row["pat"]
    )
    try:
        await handle(change)
    except (
        Exception
    ) as error:  # a consumer's fault must not stop the others: it is kept, told and tried again
        tries = row["tries"] + 1
        await conn.execute(  # type: ignore[attr-defined]
            "update outbox set tries = $2, next_at = $3, dead = $4, error = $5 where no = $1",
            row["no"],
            tries,
            now + _BASE_DELAY_MS * 2**tries,
            tries >= TRIES,
            _kept(error),
        )
        return tries >= TRIES
    await conn.execute("delete from outbox where no = $1", row["no"])  # type: ignore[attr-defined]
    return True


def _kept(error: Exception) -> str:
    """What is kept of a fault: what the database cannot hold must not stop the others."""
    told = f"{type(error).__name__}: {error}".replace("\0", "")[:500]
    return told.encode(errors="replace").decode()
