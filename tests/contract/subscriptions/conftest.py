"""A house whose deliveries the test drives, and subscribers with servers of their own."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aubier.access.actor import system_actor
from aubier.ground.clock import milliseconds
from aubier.services.subscriptions import Courier
from aubier.store.outbox import Change, deliver
from tests.contract.conftest import Api, close_api, open_api
from tests.contract.settled import settled
from tests.contract.subscriptions.endpoint import Endpoint, endpoint

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
FINAL = "https://aubier.example/SubscriptionTopic/observation-final"


@dataclass
class Desk:
    """The house, and what makes its deliveries happen now."""

    api: Api
    courier: Courier

    async def take_in(self) -> None:
        """Every committed change becomes the events it makes."""
        house = self.api.house
        await settled(house.store.pool)
        for row in [r for s in house.services if s.name == "subscriptions" for r in s.on_change]:

            async def handle(change: Change, row: Any = row) -> None:
                await row.run(house.context(system_actor(row.name)), change)

            while await deliver(house.store, row.name, handle, milliseconds(self.api.now[0])):
                pass

    async def work(self) -> None:
        """Everything that is due is done, what follows from it too."""
        await self.take_in()
        while await self.courier.turn():
            await self.courier.settle()
            await self.take_in()

    def wait(self, **length: float) -> None:
        """Moves the clock; tokens of before may be too old then."""
        self.api.wait(**length)
        self.api.tokens.clear()

    async def subscribe(self, body: dict[str, Any], *, who: str = "admin", work: bool = True) -> str:
        """A new subscription; its id."""
        made = await self.api.good("POST", "Subscription", body, as_=who)
        if work:
            await self.work()
        return str(made["id"])

    async def status(self, id: str) -> str:
        """What the Subscription says of itself."""
        return str((await self.api.good("GET", f"Subscription/{id}"))["status"])

    async def observe(self, patient: str, text: str = "x", status: str = "final", **more: Any) -> str:
        """A new Observation; its id."""
        body = observation(patient, text, status, **more)
        return str((await self.api.good("POST", "Observation", body))["id"])

    async def events(self, id: str) -> list[dict[str, Any]]:
        """The rows of its events."""
        pool = self.api.house.store.pool
        rows = await pool.fetch("select * from subscription_event where sub = $1 order by no", id)
        return [dict(r) for r in rows]


def observation(patient: str, text: str = "x", status: str = "final", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": status,
        "code": {"text": text, "coding": [{"system": "http://loinc.org", "code": text}]},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


def by_criteria(criteria: str, where: str, **channel: Any) -> dict[str, Any]:
    """A plain R4 subscription by rest-hook."""
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": where, **channel},
    }


def by_topic(
    topic: str, where: str, content: str = "id-only", filters: tuple[str, ...] = (), **channel: Any
) -> dict[str, Any]:
    """A topic-based subscription by rest-hook."""
    extension = [{"url": f"{BACKPORT}/backport-filter-criteria", "valueString": f} for f in filters]
    payload = {"url": f"{BACKPORT}/backport-payload-content", "valueCode": content}
    return {
        **by_criteria(topic, where, payload="application/fhir+json", **channel),
        "meta": {"profile": [f"{BACKPORT}/backport-subscription"]},
        **({"_criteria": {"extension": extension}} if extension else {}),
        "channel": {
            "type": "rest-hook",
            "endpoint": where,
            "payload": "application/fhir+json",
            "_payload": {"extension": [payload]},
            **channel,
        },
    }


@pytest.fixture(scope="module")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One house for the tests of a module."""
    api = await open_api(database(), Path(tmp_path_factory.mktemp("house")))
    yield Desk(api, api.house.courier)
    await close_api(api)


_COUNTED = """
    select l.sub, l.waiting, e.waiting as events from subscription_lane l full join
    (select sub, pat, count(*) as waiting from subscription_event where state = 'waiting' group by sub, pat) e
    using (sub, pat) where coalesce(l.waiting, 0) <> coalesce(e.waiting, 0)
"""


@pytest.fixture(autouse=True)
async def lanes_add_up(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Whatever happens, each lane counts the events that wait in it: one too few would never be told."""
    yield
    if "desk" in request.fixturenames:
        pool = request.getfixturevalue("desk").api.house.store.pool
        assert [tuple(row) for row in await pool.fetch(_COUNTED)] == []


@pytest.fixture
async def hook() -> AsyncIterator[Endpoint]:
    """A subscriber's server."""
    async with endpoint() as made:
        yield made
