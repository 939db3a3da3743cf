"""An open house with the territory and its stories in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aubier.access.actor import Actor
from aubier.referentials.signon import api as signon
from aubier.sandbox.batch import Batch
from aubier.sandbox.loader import load_territory
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from tests.open_house import OpenHouse, open_house


@dataclass
class OpenTerritory(OpenHouse):
    """The house, everybody who can sign in, and each story by its key."""

    stories: dict[str, Batch]

    def reference(self, login: str) -> str:
        """`Patient/..` or `Practitioner/..`: what this person is here."""
        return self.actors[login].reference

    def patient(self, login: str) -> str:
        """The logical id of a citizen's own Patient."""
        return self.actors[login].patient


@asynccontextmanager
async def open_territory(dsn: str, data: Path, plan: Plan, now: datetime) -> AsyncIterator[OpenTerritory]:
    """The territory of `plan`, loaded and never changing hour."""
    async with open_house(dsn, data, lambda: now, dict[str, Actor]()) as opened:
        batches = list(territory(plan))
        done = await load_territory(opened.house.access, batches, now, lambda so_far: None)
        assert not done.report.refused, done.report.refused[:3]
        opened.actors |= {a.login: signon.actor_of(a) for a in await signon.list_accounts(opened.system())}
        stories = {b.name.removeprefix("stories/"): b for b in batches}
        yield OpenTerritory(opened.house, opened.client, opened.actors, stories)
