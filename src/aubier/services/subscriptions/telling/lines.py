"""The sockets that are open in this process, and what they are bound to.

A subscription is told through the socket that bound it last. Rule: Subscriptions R5 Backport 1.1.0,
Websockets (`bind-with-token`); FHIR R4 Subscription, websocket (`bind`, `bound`, `ping`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aubier.access.actor import Context
from aubier.access.decide import type_number
from aubier.ground.chance import random_ids
from aubier.ground.problem import Problem
from aubier.ground.rows import Line, LineRoute
from aubier.services.subscriptions.asking.plan import read_plan
from aubier.services.subscriptions.binding import used
from aubier.services.subscriptions.rules import read_actor, same_owner
from aubier.services.subscriptions.telling.bundles import Standing, notification, written

PATH = "/subscriptions/socket"
REFUSED, REPLACED = 1008, 4001
"""How a socket ends: it asked what it may not; another one took its place, or nothing is told any more."""
_BIND_WITHIN = 30.0

_open: dict[str, Line] = {}


def bound_here() -> list[str]:
    """The names of the sockets of this process."""
    return list(_open)


def line_of(name: str) -> Line | None:
    """The socket of a name, while it is open here."""
    return _open.get(name)


def base_of(ctx: Context) -> str:
    """The FHIR base as subscribers know it."""
    return f"{ctx.settings.url}/fhir"


async def listen(context: Callable[[], Awaitable[Context]], line: Line) -> None:
    """Serves one socket: binds what it may bind, until it goes. One that binds nothing is not kept open."""
    name = random_ids()
    try:
        first = await asyncio.wait_for(line.receive(), _BIND_WITHIN)
        while first is not None:
            if not await _bind(await context(), line, name, first):
                await line.close(REFUSED)
                return
            first = await line.receive()
    except (TimeoutError, Problem):
        await line.close(REFUSED)
    finally:
        _open.pop(name, None)
        await (await context()).store.run("subscriptions.unbind", name)


async def _bind(ctx: Context, line: Line, name: str, text: str) -> bool:
    """Whether what was asked could be done, and was."""
    word, _, value = text.strip().partition(" ")
    if word == "bind-with-token":
        subs = await used(ctx, value.strip())
    elif word == "bind":
        subs = await _own(ctx, value.strip())
    else:
        return False
    if not subs:
        return False
    rows = await ctx.store.run("subscriptions.bind", subs, name, type_number("Subscription"))
    for row in rows:
        await line.send(_greeting(ctx, row))
    if rows:
        # Not before: it would be told an event ahead of its greeting, or let go as bound to nothing.
        _open[name] = line
    return bool(rows)


async def _own(ctx: Context, id: str) -> list[str]:
    """The subscription of an id when it is of whoever opened the socket with a token; else nothing."""
    if ctx.actor.kind == "anonymous":
        return []
    try:
        await ctx.store.read("Subscription", id)
    except Problem:
        return []
    rows = await ctx.store.run("subscriptions.one", id)
    return [id] if rows and same_owner(read_actor(rows[0]["actor"]), ctx.actor) else []


def _greeting(ctx: Context, row: Any) -> str:
    plan = read_plan(row["plan"])
    if not plan.topic:
        return f"bound {row['id']}"
    bundle = notification(base_of(ctx), Standing.of(row, plan), "handshake", "empty")
    return written(bundle, "json").decode()


async def let_go(ctx: Context) -> None:
    """Closes the sockets of this process to which nothing is told any more."""
    here = bound_here()
    rows = await ctx.store.run("subscriptions.still_bound", here) if here else []
    for name in set(here) - {row["bound"] for row in rows}:
        line = _open.pop(name, None)
        if line is not None:
            await line.close(REPLACED)


ROUTES = (LineRoute(PATH, listen, "Notifications by WebSocket", "Subscriptions R5 Backport 1.1.0"),)
"""Where sockets are opened."""
