"""Walks an export, part by part, under the rights that its actor has at that moment."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import zstandard

from aubier.access.actor import Actor, Context
from aubier.access.view import View
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Problem
from aubier.store.reading.export import Slice

PART = 1000
"""Resources in a file at most: what a process holds at a time."""
LEASE_MS = 45_000
"""How long an export that stands still is left to whoever took it."""
KEPT_MS = 24 * 3600 * 1000
"""How long a finished export waits to be fetched."""

_log = logging.getLogger("aubier.rest.bulk")
_under_way: set[asyncio.Task[None]] = set()


def written_actor(actor: Actor) -> str:
    """An actor as it is kept with a request."""
    return json.dumps(asdict(actor))


def read_actor(text: str) -> Actor:
    """The actor that was kept."""
    kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
    return Actor(**kept)


def start(view: View, export: str) -> None:
    """Walks an export beside the requests of this process; another takes over if it does not end."""
    task = asyncio.get_running_loop().create_task(_guarded(view, export))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def resume(ctx: Context) -> None:
    """Walks the exports of a process that was killed, and deletes what is past its time."""
    now = milliseconds(ctx.now)
    await ctx.store.run("bulk.sweep", now)
    for row in await ctx.store.run("bulk.waiting", now):
        await _guarded(ctx.store, row["id"])


async def _guarded(view: View, export: str) -> None:
    try:
        await walk(view, export)
    except Problem as refusal:
        _log.warning("export %s: %s", export, refusal)
    except Exception:
        _log.exception("export %s stopped; it will be taken up again", export)


async def walk(view: View, export: str) -> None:
    """Walks an export to its end; does nothing when it is not running or another walks it.

    A refusal (rights that ended, say) ends it as failed; any other fault leaves it to be taken up again.
    """
    begun, now = monotonic(), view.now
    lease = milliseconds(now) + LEASE_MS
    found = await view.run("bulk.take", export, milliseconds(now), lease)
    if not found:
        return
    row: dict[str, Any] = dict(found[0])
    actor = read_actor(row["actor"])
    while row["kind_no"] < len(row["kinds"]):
        # Rights are those of this moment: what was revoked since the request is not written any more.
        now = view.now + timedelta(seconds=monotonic() - begun)
        try:
            step = await _part(view.access.view(actor, now), row)
        except Problem as refusal:
            if refusal.kind in ("forbidden", "login"):
                await _end(view, export, "failed", now, str(refusal))
            raise
        until = max(milliseconds(now) + LEASE_MS, lease + 1)
        if not await view.run("bulk.part", export, lease, until, *step.values()):
            return
        row |= {"kind_no": step["kind_no"], "seq": step["seq"], "rid": step["rid"]}
        lease = until
    await _end(view, export, "done", now, "")


async def _end(view: View, export: str, state: str, now: datetime, error: str) -> None:
    await view.run("bulk.end", export, state, error[:500], milliseconds(now) + KEPT_MS)


async def _part(view: View, row: Mapping[str, Any]) -> dict[str, Any]:
    """The next part of an export: the place after it, its type, its number of resources, its bytes."""
    kind = row["kinds"][row["kind_no"]]
    members = None if row["members"] is None else tuple(row["members"])
    asked = Slice(kind, row["mark"], row["since"], members, (row["seq"], row["rid"]), PART)
    rows, (seq, rid) = await view.export(asked)
    last = len(rows) < PART
    body = b"".join(r.raw + b"\n" for r in rows)
    return {
        "kind_no": row["kind_no"] + last,
        "seq": 0 if last else seq,
        "rid": 0 if last else rid,
        "kind": kind,
        "hits": len(rows),
        "body": await asyncio.to_thread(zstandard.compress, body),
    }
