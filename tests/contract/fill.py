"""Fills a database as this release does. Each release keeps its own: `python fill.py DSN DATA_FOLDER`.

Run with the sources of its own release, so that a later one can try to upgrade what it made.
"""

import asyncio
import sys
from datetime import UTC, date, datetime

from aubier.app import build
from aubier.sandbox.loader import load_territory
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from aubier.settings import Settings


async def main(dsn: str, data: str) -> None:
    """A few citizens with all that they have."""
    house = await build(Settings.load({}, data=data, sandbox=True), dsn)
    plan = Plan(today=date(2026, 11, 22), citizens=4, seed="upgrade", stories=())
    now = datetime(2026, 11, 22, tzinfo=UTC)
    await load_territory(house.access, territory(plan), now, lambda so_far: None)
    await house.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
