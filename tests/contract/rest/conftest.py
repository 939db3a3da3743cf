"""The running house over HTTP, and a client whose header says who asks."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from aubier.access.actor import Actor, system_actor
from aubier.app import House
from aubier.fhir import json as fhir_json
from aubier.store.intent import Grant
from aubier.validation import validate
from tests.open_house import BASE, DOCTOR, open_house

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
CITIZEN = Actor(
    "citizen",
    "ana",
    "Ana",
    keys=("person:ana",),
    reference="Patient/ana",
    scopes=("patient/*.cruds",),
    purpose="PATRQT",
)
ACTORS = {"admin": system_actor("admin"), "doctor": DOCTOR, "citizen": CITIZEN}

Body = Mapping[str, Any] | bytes | None


@dataclass
class Moment:
    """A clock that tests move."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, **delta: float) -> datetime:
        self.now += timedelta(**delta)
        return self.now


@dataclass
class Api:
    """The house, its HTTP, and what lies in its tables."""

    house: House
    client: httpx.AsyncClient
    clock: Moment
    dsn: str

    async def ask(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        who: str = "admin",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Sends to /fhir/`path`. A refusal must be an OperationOutcome that our own validation accepts."""
        sent = {"x-login": who, **(headers or {})}
        content = body if isinstance(body, bytes) else None if body is None else fhir_json.dumps(dict(body))
        if content is not None:
            sent.setdefault("content-type", "application/fhir+json")
        url = path if path.startswith("http") else f"{BASE}/fhir/{path}".rstrip("/")
        answer = await self.client.request(method, url, content=content, headers=sent)
        if answer.status_code >= 400 and method != "HEAD":
            refused(answer)
        return answer

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("GET", path, **options)

    async def make(self, resource: Mapping[str, Any], **headers: str) -> str:
        """Creates a resource; its id."""
        answer = await self.ask("POST", resource["resourceType"], resource, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def post(self, kind: str, *entries: Mapping[str, Any], **options: Any) -> httpx.Response:
        """Sends a batch or transaction."""
        bundle = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
        return await self.ask("POST", "", bundle, **options)

    async def grant(self, patient: str, actor: Actor, basis: str = "treating-doctor") -> None:
        """Opens a record to an actor."""
        context = self.house.context(ACTORS["admin"])
        await context.store.grant(Grant(patient, actor.keys[0], basis, "rw"))

    async def rows(self) -> dict[str, int]:
        """How many rows each table holds, but the audit trail and what is counted elsewhere."""
        connection = await asyncpg.connect(self.dsn)
        try:
            names = await connection.fetch(
                "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            )
            kept = sorted(n["relname"] for n in names if not n["relname"].startswith(("audit", "migration")))
            return {n: await connection.fetchval(f'select count(*) from "{n}"') for n in kept}
        finally:
            await connection.close()

    async def lines(self) -> int:
        """How many lines the audit trail has."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return int(await connection.fetchval("select count(*) from audit"))
        finally:
            await connection.close()


def refused(answer: httpx.Response) -> dict[str, Any]:
    """The OperationOutcome of a refusal: valid, with a severity, a code and words."""
    assert answer.headers["content-type"].startswith("application/fhir+json"), answer.text[:300]
    outcome: dict[str, Any] = fhir_json.parse(answer.content)
    assert outcome["resourceType"] == "OperationOutcome"
    assert not list(validate(outcome)), answer.text[:500]
    assert all(issue["details"]["text"] for issue in outcome["issue"])
    return outcome


def places(answer: httpx.Response) -> list[str]:
    """The places that a refusal names."""
    return [place for issue in json.loads(answer.content)["issue"] for place in issue.get("expression", [])]


@pytest.fixture(scope="module")
async def api(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A house of this module's own."""
    dsn, clock = database(), Moment()
    async with open_house(dsn, tmp_path_factory.mktemp("house"), clock, ACTORS) as opened:
        yield Api(opened.house, opened.client, clock, dsn)
