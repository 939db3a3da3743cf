"""The whole house over HTTP: `api`, with people who hold real tokens."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from aubier.access.actor import Context, system_actor
from aubier.app import House, build
from aubier.fhir import json as fhir_json
from aubier.referentials.signon import api as signon
from aubier.settings import Settings
from aubier.store.intent import Grant, Revoke

JSON = "application/fhir+json"
START = datetime(2026, 11, 22, 9, tzinfo=UTC)
TABLES = (
    "res",
    "hist",
    "id_map",
    "stub",
    "grants",
    "outbox",
    "claim",
    "post",
    "ident",
    "ref",
    "str",
    "dat",
    "num",
)


@dataclass
class Api:
    """The FHIR API of a house under a clock that the test moves; `ask` speaks as a login, or `admin`."""

    house: House
    client: httpx.AsyncClient
    now: list[datetime]
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def system(self) -> Context:
        """The context of a system actor of the tests."""
        return self.house.context(system_actor("tests"))

    async def account(self, login: str, kind: str, **facts: str) -> str:
        """Adds an account; gives its login."""
        row = signon.Account(login, kind, login.title(), **facts)  # type: ignore[arg-type]
        await signon.add_account(self.system, row)
        return login

    async def token(self, login: str, scope: str = "") -> str:
        """A valid access token of this login."""
        if (login, scope) not in self.tokens:
            self.tokens[login, scope] = await signon.issue_token(self.system, login, scope)
        return self.tokens[login, scope]

    async def raw(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> httpx.Response:
        """One request below /fhir, with nothing added."""
        target = f"http://127.0.0.1:8000/fhir/{path}" if path else "http://127.0.0.1:8000/fhir"
        return await self.client.request(method, target, content=content, headers=dict(headers or {}))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        as_: str = "admin",
        scope: str = "",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One request of someone; `body` is a resource, or bytes sent as they are."""
        sent = {"accept": JSON, "authorization": f"Bearer {await self.token(as_, scope)}"}
        content = None
        if body is not None:
            sent["content-type"] = JSON
            content = body if isinstance(body, bytes) else fhir_json.dumps(body)
        return await self.raw(method, path, content=content, headers=sent | (headers or {}))

    async def good(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of an answer that must be a success."""
        answer = await self.ask(method, path, body, **options)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return fhir_json.parse(answer.content) if answer.content else {}

    async def ids(self, path: str, **options: Any) -> list[str]:
        """`Type/id` of the matches of a search, in order, over all its pages."""
        found: list[str] = []
        while path:
            page = await self.good("GET", path, **options)
            found += [
                f"{e['resource']['resourceType']}/{e['resource']['id']}"
                for e in page.get("entry", [])
                if e["search"]["mode"] == "match"
            ]
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            path = following[0].partition("/fhir/")[2] if following else ""
        return found

    async def counts(self) -> dict[str, int]:
        """How many rows each table holds, audit left out."""
        pool = self.house.store.pool
        names = [*TABLES, *(f"dir_{t}" for t in ("res", "hist", "post", "ident", "ref", "str", "dat", "num"))]
        return {name: await pool.fetchval(f"select count(*) from {name}") for name in names}

    async def lines(self, since: int = 0) -> list[dict[str, Any]]:
        """The audit lines after the line numbered `since`, oldest first."""
        rows = await self.house.store.pool.fetch("select * from audit where aid > $1 order by aid", since)
        return [dict(r) for r in rows]

    async def last_line(self) -> int:
        """The number of the newest audit line."""
        return int(await self.house.store.pool.fetchval("select coalesce(max(aid), 0) from audit"))

    async def give(self, patient: str, actor: str, basis: str = "stated", **options: Any) -> None:
        """A grant on a record, as the platform."""
        await self.system.store.grant(Grant(patient, actor, basis, **options))

    async def take(self, patient: str, actor: str, **options: Any) -> None:
        """Ends the grants of an actor, as the platform."""
        await self.system.store.revoke(Revoke(patient, actor, **options))

    async def person(self, **parts: Any) -> str:
        """A new Patient, made by the platform; gives the id."""
        body = {"resourceType": "Patient", "name": [{"family": "Morvan", "given": ["Anna"]}], **parts}
        return str((await self.good("POST", "Patient", body))["id"])

    async def citizen(self, **parts: Any) -> tuple[str, str]:
        """A new Patient with an account: (patient id, login)."""
        patient = await self.person(**parts)
        login = await self.account(f"citizen{next(self.numbers)}", "citizen", reference=f"Patient/{patient}")
        return patient, login

    async def professional(self, **facts: str) -> tuple[str, str]:
        """A new professional with an account: (grant key, login)."""
        number = f"8100{next(self.numbers):08d}"
        login = await self.account(
            f"ps{number}",
            "professional",
            national_id=number,
            reference=f"Practitioner/{number}",
            profession="10",
            **facts,
        )
        return f"ps:{number}", login

    def wait(self, **length: float) -> None:
        """Moves the clock."""
        self.now[0] += timedelta(**length)


async def open_api(dsn: str, data: Path) -> Api:
    """A house on `dsn` with its clock, and `admin`, a system account."""
    settings = replace(Settings.load({}), data=data, database_url=dsn, sandbox=True)
    now = [START]
    house = await build(settings, dsn, clock=lambda: now[0])
    transport = httpx.ASGITransport(app=house.server)
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
    api = Api(house, client, now)
    await api.account("admin", "system")
    return api


async def close_api(api: Api) -> None:
    """Ends it."""
    await api.client.aclose()
    await api.house.stop()


@pytest.fixture(scope="module")
async def api(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One house for the tests of a module."""
    opened = await open_api(database(), Path(tmp_path_factory.mktemp("house")))
    yield opened
    await close_api(opened)


def outcome(answer: httpx.Response) -> dict[str, Any]:
    """The OperationOutcome of a refusal, checked: each issue says what, and the answer is FHIR JSON."""
    assert answer.headers["content-type"].startswith(JSON), answer.headers
    body: dict[str, Any] = json.loads(answer.content)
    assert body["resourceType"] == "OperationOutcome"
    assert body["issue"]
    for issue in body["issue"]:
        assert issue["severity"] in ("fatal", "error", "warning", "information")
        assert issue["details"]["text"] and issue["diagnostics"]
    return body
