"""Keys by which an application enters one door: what a national API gives in place of a token.

A key is a long random word, shown once and kept as a digest only. It opens the door it was made for, with
that door's interactions and no other right; it is no token anywhere else.
"""

from __future__ import annotations

import re

from aubier.access.actor import Actor, Context
from aubier.ground.chance import secret
from aubier.ground.problem import problem
from aubier.referentials.signon.people.passwords import digest, same
from aubier.referentials.signon.tokens.refused import note_refused

_shape = re.compile(r"[A-Za-z0-9_-]{20,128}").fullmatch


async def add_door_key(ctx: Context, client: str, door: str) -> str:
    """A new key of a registered application at a door, shown this once. Problem `not-found`: no such one."""
    key = secret()
    if not await ctx.store.run("signon.add_door_key", digest(key), client, door, ctx.now):
        raise problem(
            "not-found",
            f"No application is called {client[:128]}",
            f"Aucune application ne s'appelle {client[:128]}",
            at="http.client_id",
        )
    return key


async def authenticate_key(ctx: Context, door: str, key: str, scopes: tuple[str, ...]) -> Actor:
    """The application whose key opens `door`, with `scopes` and nothing else.

    Raises Problem `login` (401) for any other key, never saying why. Refusals leave
    audit lines, sixty a minute at most.
    """
    told = digest(key)
    rows = await ctx.store.run("signon.door_key", told) if _shape(key) else []
    kept, of = (rows[0]["digest"], rows[0]["door"]) if rows else (digest("nobody"), door)
    # Compared for an unknown key too, so that both take the same time.
    if not (same(told, kept) and same(of, door) and rows):
        await note_refused(ctx, "invalid")
        refused = problem(
            "login",
            "This key does not open this door; ask its operator for one",
            "Cette clé n'ouvre pas cette porte ; demandez-en une à son opérateur",
        )
        refused.headers["WWW-Authenticate"] = 'Bearer realm="aubier"'
        raise refused
    name = f"system:{rows[0]['id']}"
    return Actor(
        "system",
        name,
        rows[0]["name"],
        keys=(name,),
        client=rows[0]["id"],
        scopes=scopes,
        purpose="HSYSADMIN",
    )
