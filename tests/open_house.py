"""A whole house in this process, asked over HTTP without a network: a header says who asks."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from aubier.access.actor import ANONYMOUS, Actor, Context, system_actor
from aubier.app import House, build
from aubier.fhir import json as fhir_json
from aubier.ground.clock import Clock
from aubier.ground.rows import Resource
from aubier.settings import Settings

JSON = "application/fhir+json"
BASE = "http://127.0.0.1:8000"
DOCTOR = Actor(
    "professional",
    "dr.test",
    "Dr Test",
    keys=("ps:899710000011",),
    reference="Practitioner/test",
    profession="10",
    scopes=("user/*.cruds",),
    purpose="TREAT",
)
"""A doctor with no relationship to anyone yet."""


@dataclass
class OpenHouse:
    """The house, its client, and who may ask by login: whoever is added to `actors` may from then on."""

    house: House
    client: httpx.AsyncClient
    actors: dict[str, Actor]

    async def ask(self, login: str, method: str, path: str, body: Resource | None = None) -> tuple[int, Any]:
        """Status and body of one request."""
        answer = await self.client.request(
            method,
            path,
            headers={"x-login": login, "accept": JSON, "content-type": JSON},
            content=fhir_json.dumps(body) if body is not None else None,
        )
        return answer.status_code, json.loads(answer.content or b"{}")

    def system(self) -> Context:
        """What a room of the platform would be given."""
        return self.house.context(system_actor("tests"))

    async def read(self, reference: str) -> Resource:
        """A resource as the platform itself sees it."""
        kind, _, logical = reference.partition("/")
        return await self.system().store.read(kind, logical)


async def _as_named(context: Context, actor: Actor) -> Actor | None:
    return actor


@asynccontextmanager
async def open_house(
    dsn: str, data: Path, clock: Clock, actors: dict[str, Actor]
) -> AsyncIterator[OpenHouse]:
    """A sandbox on the database `dsn`; the header `x-login` names one of `actors`, or nobody."""
    settings = replace(Settings.load({}), data=data, database_url=dsn, sandbox=True)
    house = await build(settings, dsn, clock=clock)
    # Those whom a header names have no account or token that could be withdrawn.
    house.access = house.server.access = replace(house.access, still=_as_named)

    async def identify(context: Context, headers: Any) -> Actor:
        return actors.get(headers.get("x-login", ""), ANONYMOUS)

    house.server.identify = identify
    transport = httpx.ASGITransport(app=house.server)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield OpenHouse(house, client, actors)
    await house.stop()
