"""Tokens that open a socket: used once, soon, by whoever holds them. Only their digest is kept."""

from __future__ import annotations

from hashlib import sha256

from aubier.access.actor import Actor, Context
from aubier.ground.chance import secret
from aubier.ground.clock import milliseconds
from aubier.services.subscriptions.rules import written_actor

LIFE_MS = 60_000


def digest(token: str) -> str:
    """What is kept of a token: it is found by this, so no comparison tells how much of a guess was right."""
    return sha256(token.encode()).hexdigest()


async def new_token(ctx: Context, actor: Actor, subs: list[str]) -> tuple[str, int]:
    """A token for these subscriptions, and until when (ms)."""
    token, till = secret(), milliseconds(ctx.now) + LIFE_MS
    await ctx.store.run("subscriptions.bindable", digest(token), subs, written_actor(actor), till)
    return token, till


async def used(ctx: Context, token: str) -> list[str]:
    """The subscriptions that a token opens, once; none for one that is unknown, used or late."""
    rows = await ctx.store.run("subscriptions.use_token", digest(token)) if 0 < len(token) <= 128 else []
    return list(rows[0]["subs"]) if rows and rows[0]["till"] > milliseconds(ctx.now) else []
