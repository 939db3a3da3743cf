"""The provider behind an HTTP client: real rows on a real PostgreSQL, a clock the test moves, no network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx

from aubier.access.actor import ANONYMOUS, Context
from aubier.ground.rows import Cookie, Request, Response
from aubier.referentials.signon import SERVICE, api

BASE = "http://127.0.0.1:8000"
BACK = "http://127.0.0.1:9999/back"
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")

YANN = api.Account(
    "yann",
    "citizen",
    "Yann Le Goff",
    "Yann",
    "Le Goff",
    "Patient/yann",
    story="heart",
    about_fr="Sort de l'hôpital.",
)
MORVAN = api.Account(
    "morvan",
    "professional",
    "Dr Anne Morvan",
    "Anne",
    "Morvan",
    "Practitioner/morvan",
    national_id="810000000001",
    profession="10",
    organization="1350000022",
    organization_name="Cabinet du Port",
    story="heart",
    details={"sector": "SA07", "skill_type": "SM", "skill": "SM54", "mode": "L"},
)
ADMIN = api.Account("admin", "system", "Opérateur", about_fr="Fait tourner la plateforme.")


@dataclass
class Stage:
    """The provider, its settings and its clock. `contexts(actor, now)` gives what routes receive."""

    contexts: Callable[..., Context]
    settings: SimpleNamespace
    now: datetime = START
    seen: list[tuple[Request, Response]] = field(default_factory=list)

    def ctx(self) -> Context:
        """A context of nobody, now."""
        return self.contexts(ANONYMOUS, self.now)

    def later(self, **delta: float) -> None:
        """Moves the clock."""
        self.now += timedelta(**delta)

    def browser(self, base: str = BASE, **options: Any) -> httpx.AsyncClient:
        """A new browser with its own cookies, which follows no redirect."""
        return httpx.AsyncClient(transport=Wire(self), base_url=base, **options)

    async def answer(self, request: Request) -> Response:
        """Runs the route of a request."""
        for route in SERVICE.routes:
            if (route.method, route.path) == (request.method, request.path):
                response = await route.run(self.ctx(), request)
                self.seen.append((request, response))
                return response
        return Response(404)


class Wire(httpx.AsyncBaseTransport):
    """HTTP on one side, rows on the other."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        made = await self.stage.answer(
            Request(
                request.method,
                request.url.path,
                query=tuple(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
                form=tuple(parse_qsl(body.decode(), keep_blank_values=True)) if form else (),
                headers={k.lower(): v for k, v in request.headers.items()},
                cookies=_cookies(request.headers.get("cookie", "")),
                body=body,
                base_url=f"{request.url.scheme}://{request.url.netloc.decode()}",
                client_ip="127.0.0.1",
            )
        )
        headers = [("Content-Type", made.media_type), *made.headers.items()]
        headers += [("Set-Cookie", _set_cookie(cookie)) for cookie in made.cookies]
        body_out = made.body.encode() if isinstance(made.body, str) else made.body
        return httpx.Response(made.status, headers=headers, content=body_out)


def _cookies(header: str) -> Mapping[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(";") if part.strip())
    return {name: value for name, _, value in pairs}


def _set_cookie(cookie: Cookie) -> str:
    age = "" if cookie.max_age is None else f"; Max-Age={cookie.max_age}"
    return f"{cookie.name}={cookie.value}; Path={cookie.path}; HttpOnly; SameSite=Lax{age}"


def request_of(client: api.Client, **changes: str) -> dict[str, str]:
    """A good authorization request of a client; an empty change removes the parameter."""
    values = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": BACK,
        "scope": "openid profile fhirUser launch/patient patient/*.rs user/*.cruds scope_all",
        "state": "st-1",
        "nonce": "no-1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in values.items() if value}


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the first form of a page."""
    from html import unescape

    form = page.partition("<form")[2].partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


def told(response: httpx.Response) -> dict[str, str]:
    """The parameters an application is sent back with."""
    assert response.status_code == 303, response.text
    return {
        name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()
    }


def claims(token: str) -> dict[str, Any]:
    """The claims of a token, unverified: to look at."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def part(data: Mapping[str, Any] | bytes) -> str:
    """A part of a token: base64url, of JSON or of bytes."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: Mapping[str, Any], body: Mapping[str, Any], secret: bytes) -> str:
    """A token signed with HMAC-SHA256 under `secret`, whatever its header says."""
    text = f"{part(header)}.{part(body)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"


async def sign_in(
    browser: httpx.AsyncClient, login: str, path: str = "/signon/login", **more: str
) -> httpx.Response:
    """Opens the login page at `path` and chooses a person."""
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    return await browser.post("/signon/login", data={**hidden(page.text), "login": login, **more})


async def get_code(
    browser: httpx.AsyncClient, asked: dict[str, str], login: str, place: str = "/signon/authorize"
) -> str:
    """Goes the whole way from the application's request to its code."""
    first = await browser.get(place, params=asked)
    if first.headers.get("location", "").startswith("/signon/login"):
        done = await sign_in(browser, login, first.headers["location"])
        assert done.status_code == 303, done.text
        first = await browser.get(done.headers["location"])
    return told(await decide(browser, first))["code"]


async def decide(browser: httpx.AsyncClient, page: httpx.Response, choice: str = "yes") -> httpx.Response:
    """Answers the question whether an application may act; what is no such page comes back as it is."""
    if page.status_code != 200:
        return page
    place = re.search(r'<form method="post" action="([^"]*)"', page.text)
    assert place and 'name="signon_decided"' in page.text, page.text
    return await browser.post(place[1], data={**hidden(page.text), "signon_decided": choice})


Exchange = Callable[..., Awaitable[httpx.Response]]


async def exchange(browser: httpx.AsyncClient, place: str = "/signon/token", **form: str) -> httpx.Response:
    """A token request."""
    return await browser.post(place, data=form)


async def by_code(
    browser: httpx.AsyncClient, client: api.Client, code: str, **changes: str
) -> httpx.Response:
    """The exchange of a code by a public client."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "client_id": client.id,
        "code_verifier": VERIFIER,
        **changes,
    }
    return await exchange(browser, **{name: value for name, value in form.items() if value})
