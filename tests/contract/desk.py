"""A whole house in this process: a header says who asks, the test moves the clock."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from aubier.access.actor import Actor, Context, system_actor
from aubier.app import House
from aubier.fhir import json as fhir_json
from tests.open_house import JSON, open_house

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:8000/fhir/"
Resource = dict[str, Any]


@dataclass
class Desk:
    """The house, its client, those who may ask by login, and the time."""

    house: House
    client: httpx.AsyncClient
    actors: dict[str, Actor]
    now: list[datetime]
    dsn: str

    async def call(
        self, login: str, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """One request on /fhir; header names with `_` for `-`."""
        sent = {"x-login": login, "accept": JSON, "content-type": JSON}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) or body is None else fhir_json.dumps(body)
        url = path if path.startswith("http") else BASE + path
        return await self.client.request(method, url, headers=sent, content=content)

    async def ask(
        self, login: str, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Resource]:
        """Status and body."""
        answer = await self.call(login, method, path, body, **headers)
        return answer.status_code, json.loads(answer.content or b"{}")

    async def found(self, login: str, kind: str, pairs: list[tuple[str, str]]) -> Resource:
        """The Bundle of a search."""
        answer = await self.client.get(BASE + kind, params=pairs, headers={"x-login": login, "accept": JSON})
        assert answer.status_code == 200, (pairs, answer.text)
        bundle: Resource = json.loads(answer.content)
        return bundle

    async def make(self, login: str, resource: Resource) -> str:
        """The id of a new resource."""
        status, told = await self.ask(login, "POST", resource["resourceType"], resource)
        assert status == 201, told
        return str(told["id"])

    async def sql(self, text: str, *args: Any) -> list[Any]:
        """Rows straight from the database."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(text, *args))
        finally:
            await connection.close()

    def wait(self, **length: float) -> None:
        """Moves the clock forward."""
        self.now[0] += timedelta(**length)

    def system(self) -> Context:
        """What a room of the platform would be given."""
        return self.house.context(system_actor("tests"))


def ids(bundle: Resource, mode: str = "match") -> list[str]:
    """`Type/id` of the entries of a mode, in order."""
    found = [e["resource"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]
    return [f"{r['resourceType']}/{r['id']}" for r in found]


def following(bundle: Resource) -> str:
    """The address of the next page, or nothing."""
    return next((str(x["url"]) for x in bundle["link"] if x["relation"] == "next"), "")


@asynccontextmanager
async def opened(database: Callable[[], str], data: Path, actors: dict[str, Actor]) -> AsyncIterator[Desk]:
    """A house on a fresh database; `actors` by login, the platform's own being `loader`."""
    dsn, now = database(), [START]
    known = {"loader": system_actor("loader"), **actors}
    async with open_house(dsn, data, lambda: now[0], known) as opened:
        yield Desk(opened.house, opened.client, known, now, dsn)
