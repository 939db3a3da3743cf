"""The composition root: settings, store, rooms, ASGI. The only file that knows every room."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier import __version__
from aubier.access.actor import ANONYMOUS, Actor, Context, system_actor
from aubier.access.decide import milliseconds
from aubier.access.view import Access
from aubier.fhir import json as fhir_json
from aubier.ground.clock import Clock, system_clock
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import BeforeWrite, Job, OnChange, Operation, Service
from aubier.portals.house_of import pages
from aubier.referentials import directory, identity, sharing, signon
from aubier.referentials.signon import api as signon_api
from aubier.rest.asgi import Server
from aubier.rest.capability import capability
from aubier.rest.interactions import Interactions, Limits
from aubier.services import record
from aubier.settings import Settings
from aubier.store.outbox import Change, deliver
from aubier.store.store import Store, open_store
from aubier.validation import check

_log = logging.getLogger("aubier")

SERVICES: tuple[Service, ...] = (
    identity.SERVICE,
    directory.SERVICE,
    signon.SERVICE,
    sharing.SERVICE,
    record.SERVICE,
)
"""Every room, in the order their tables are made. The table of contents of Aubier."""

PUBLISHED = "2026-11-22"
"""The date of the capability statement: that of the release."""


@dataclass(slots=True)
class House:
    """A built house: what answers, and what must be run beside it."""

    server: Server
    access: Access
    store: Store
    clock: Clock
    settings: Settings
    services: Sequence[Service]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def context(self, actor: Actor) -> Context:
        """A context for an actor, now."""
        return self.access.context(actor, self.clock(), self.settings.language)

    def start(self) -> None:
        """Starts the rooms' jobs and deliveries."""
        for service in self.services:
            self.tasks += [asyncio.create_task(self._job(job)) for job in service.jobs]
            self.tasks += [asyncio.create_task(self._deliveries(row)) for row in service.on_change]

    async def stop(self) -> None:
        """Ends jobs and deliveries, then closes the store."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.store.close()

    async def _job(self, job: Job) -> None:
        while True:
            await asyncio.sleep(job.every)
            context = self.context(system_actor(job.name))
            try:
                await job.run(context)
                await self.store.refused(context.store.sight, "job", job.name, "ok")
            except Problem as refusal:
                _log.warning("job %s: %s", job.name, refusal)
            except Exception:
                _log.exception("job %s failed", job.name)

    async def _deliveries(self, row: OnChange) -> None:
        async def handle(change: Change) -> None:
            await row.run(self.context(system_actor(row.name)), change)

        while True:
            try:
                handled = await deliver(self.store, row.name, handle, milliseconds(self.clock()))
            except Problem as refusal:
                _log.warning("deliveries of %s: %s", row.name, refusal)
                handled = 0
            if not handled:
                await asyncio.sleep(0.5)


async def build(
    settings: Settings, dsn: str, *, clock: Clock = system_clock, services: Sequence[Service] = SERVICES
) -> House:
    """Opens the store at `dsn`, brings it to this release, and puts the rooms together.

    Problem when two rooms claim the same operation, route, door or statement, or the store does not open.
    """
    refuse_doubles(services)
    store = await open_store(
        dsn,
        pool_size=settings.pool_size,
        migrations={s.name: s.migrations for s in services if s.migrations},
        statements=[row for s in services for row in s.statements],
        watched=_watched(services),
        bases=_bases(settings),
        strict_references=settings.require_references,
    )
    access = Access(
        store,
        policies=[p for s in services for p in s.policies],
        before_write=_before_write(services),
        check=check,
        settings=settings,
    )
    server = _server(settings, access, services, clock)
    return House(server, access, store, clock, settings, services)


def _bases(settings: Settings) -> tuple[str, ...]:
    hosts = [f"http://{h}:{settings.port}" for h in ("127.0.0.1", "localhost")]
    return tuple(
        f"{b}/fhir/" for b in [*hosts, *([settings.base_url.rstrip("/")] if settings.base_url else [])]
    )


def _watched(services: Sequence[Service]) -> Mapping[str, tuple[str, ...]]:
    watched: dict[str, tuple[str, ...]] = {}
    for service in services:
        for row in service.on_change:
            for kind in row.types:
                watched[kind] = (*watched.get(kind, ()), row.name)
    return watched


def _before_write(services: Sequence[Service]) -> Mapping[str, Sequence[BeforeWrite]]:
    rules: dict[str, list[BeforeWrite]] = {}
    for service in services:
        for row in service.before_write:
            for kind in row.types:
                rules.setdefault(kind, []).append(row)
    return rules


def refuse_doubles(services: Sequence[Service]) -> None:
    """Problem naming every claim that two rooms make."""
    claims: dict[str, str] = {}
    for service in services:
        mine = [f"operation {o.on}/${o.name}" for o in service.operations]
        mine += [f"route {r.method} {r.path}" for r in service.routes]
        mine += [f"door {d.base}" for d in service.doors] + [
            f"statement {s.name}" for s in service.statements
        ]
        for claim in mine:
            if claim in claims:
                raise problem(
                    "duplicate",
                    f"{service.name} and {claims[claim]} both claim {claim}",
                    f"{service.name} et {claims[claim]} prétendent tous deux à {claim}",
                )
            claims[claim] = service.name


def _server(settings: Settings, access: Access, services: Sequence[Service], clock: Clock) -> Server:
    operations: dict[tuple[str, str], Operation] = {(o.on, o.name): o for s in services for o in s.operations}
    statements: dict[str, bytes] = {}

    def statement(base: str) -> bytes:
        if base not in statements:
            if len(statements) > 16:
                statements.clear()
            statements[base] = fhir_json.dumps(capability(base, __version__, PUBLISHED, operations))
        return statements[base]

    portal = pages(settings, operations)
    return Server(
        access=access,
        identify=identify,
        interactions=Interactions(statement, operations, Limits(settings.page_size, settings.page_size_max)),
        clock=clock,
        max_body=settings.max_body_bytes,
        base_url=settings.base_url.rstrip("/"),
        language=settings.language,
        routes=[*(r for s in services for r in s.routes), *portal.routes],
        doors=[d for s in services for d in s.doors],
        page_error=portal.error,
    )


async def identify(context: Context, headers: Mapping[str, str]) -> Actor:
    """Who asks: by bearer token, else by the session cookie of our own pages, else nobody."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not token.strip():
            raise problem(
                "login",
                "Authorization must be 'Bearer <token>'",
                "Authorization doit être « Bearer <jeton> »",
                at="http.Authorization",
            )
        return await signon_api.authenticate(context, token.strip())
    cookie = _cookie(headers.get("cookie", ""), signon_api.cookie_name(context))
    return (await signon_api.session_actor(context, cookie) if cookie else None) or ANONYMOUS


def _cookie(header: str, name: str) -> str:
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


class Application:
    """The ASGI application that a serving process runs: opens the house at start, closes it at the end."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._settings = Settings.load(environ)
        self._house: House | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._house is not None:
            await self._house.server(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self._house = await build(self._settings, self._settings.database_url)
                    self._house.start()
                except Problem as refusal:
                    await send({"type": "lifespan.startup.failed", "message": str(refusal)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._house is not None:
                    await self._house.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def application() -> Application:
    """The application of a serving process, with the settings of its environment."""
    return Application(os.environ)
