"""The audit lines of refused tokens: enough to see an attack, never so many as to be one."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from aubier.access.actor import Context
from aubier.ground.problem import Problem

MOST = 60
_WINDOW = timedelta(minutes=1)


async def note_refused(ctx: Context, kind: str) -> None:
    """Notes that a token was refused: `kind` is `expired` or `invalid`; who sent it is unknown.

    At most 60 lines a minute; the last one says that more are not noted. Nothing of the token is kept. When
    the store does not answer, the refusal stands without its line.
    """
    with suppress(Problem):
        rows = await ctx.store.run("signon.count_try", "refused tokens", ctx.now, ctx.now - _WINDOW)
        count = int(rows[0]["tries"])
        if count <= MOST:
            more = "; more in this minute are not noted" if count == MOST else ""
            await ctx.store.note("authenticate", f"Bearer token of someone unknown{more}", kind)
