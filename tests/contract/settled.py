"""When changes may be told: all that began before them has ended, in whatever database of the server."""

import asyncio
from typing import Any

_HELD_BACK = "select exists (select 1 from outbox where tx >= pg_snapshot_xmin(pg_current_snapshot()))"


async def settled(pool: Any) -> None:
    """Waits for the transactions of other tests, which share the server."""
    for _ in range(6000):
        if not await pool.fetchval(_HELD_BACK):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a transaction did not end within a minute")
