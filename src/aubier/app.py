"""The composition root: settings, store, rooms, ASGI. The only file that knows every room."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import threading
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from html import escape
from time import monotonic
from typing import Any

from aubier import __version__, terminology
from aubier.access.actor import ANONYMOUS, Actor, Context, system_actor
from aubier.access.decide import unidentified
from aubier.access.scopes import letters, parse
from aubier.access.view import Access
from aubier.fhir import json as fhir_json
from aubier.ground.clock import Clock, milliseconds, system_clock
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import (
    Backfill,
    BeforeWrite,
    Door,
    Job,
    Migration,
    OnChange,
    Operation,
    Request,
    Resource,
    Response,
    Service,
    Stuck,
    Texts,
)
from aubier.ground.standing import Stands
from aubier.portals.frame.errors import problem_page
from aubier.portals.frame.house import Application as ActingApplication
from aubier.portals.frame.house import Content, Login
from aubier.portals.frame.house import House as PortalHouse
from aubier.portals.frame.page import frame
from aubier.portals.mount import pages
from aubier.referentials import directory, identity, sharing, signon
from aubier.referentials.signon import api as signon_api
from aubier.rest.asgi import Server
from aubier.rest.asynchronous import service as asynchronous
from aubier.rest.bulk import service as bulk
from aubier.rest.bulk.running import EXPORT
from aubier.rest.capability import capability
from aubier.rest.deferred.requests import works
from aubier.rest.doors import calls
from aubier.rest.doors.capability import statement as door_statement
from aubier.rest.doors.opening import Opening, opening
from aubier.rest.exchange import Limits
from aubier.rest.formats.bodies import Bodies
from aubier.rest.importing.running import IMPORT
from aubier.rest.indexing import service as indexing
from aubier.rest.interactions import Interactions
from aubier.rest.outgoing import request as outgoing
from aubier.search.custom import with_custom
from aubier.search.parameters import Registry, registry
from aubier.services import record, subscriptions
from aubier.services.record import api as record_api
from aubier.settings import Settings
from aubier.store.contents.binaries import Binaries, check_key, master_key
from aubier.store.indexing import Backfills, advance, expect
from aubier.store.outbox import STUCK, Change, deliver
from aubier.store.proof.sealing import seal
from aubier.store.store import Store, open_store
from aubier.validation import check
from aubier.validation import service as validation

_log = logging.getLogger("aubier")

SERVICES: tuple[Service, ...] = (
    terminology.SERVICE,
    identity.SERVICE,
    directory.SERVICE,
    signon.SERVICE,
    sharing.SERVICE,
    record.SERVICE,
    subscriptions.SERVICE,
    asynchronous.SERVICE,
    bulk.SERVICE,
    indexing.SERVICE,
    validation.SERVICE,
    calls.SERVICE,
)
"""Every room, in the order their tables are made. The table of contents of Aubier."""

_SEALED_EVERY = 60.0
"""Seconds."""

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
    backfills: Backfills = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def context(self, actor: Actor) -> Context:
        """A context for an actor, now."""
        return self.access.context(actor, self.clock(), self.settings.language)

    @property
    def courier(self) -> subscriptions.Courier:
        """What sends the notifications of subscriptions."""
        return subscriptions.Courier(self.context, outgoing.send)

    def start(self) -> None:
        """Starts the rooms' jobs and deliveries, and what is to be indexed."""
        kinds = {EXPORT.kind: EXPORT, IMPORT.kind: IMPORT, **works(self.server.interactions)}
        self.tasks.append(asyncio.create_task(self._job(asynchronous.resuming(kinds))))
        self.tasks.append(asyncio.create_task(self._indexing()))
        self.tasks.append(asyncio.create_task(self._sealing()))
        for service in self.services:
            self.tasks += [asyncio.create_task(self._job(job)) for job in service.jobs]
            self.tasks += [asyncio.create_task(self._deliveries(row)) for row in service.on_change]
        self.tasks.append(asyncio.create_task(self.courier.run()))

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

    async def _indexing(self) -> None:
        """Learns of search parameters that come and go, and does this process's share of their index rows."""
        while True:
            started = monotonic()
            try:
                busy = await advance(self.store, self.backfills)
                await self.store.learn()
            except Problem as refusal:
                _log.warning("indexing: %s", refusal)
                busy = False
            except Exception:
                _log.exception("indexing failed")
                busy = False
            # Half of the time is for those who ask.
            await asyncio.sleep(max(0.01, monotonic() - started) if busy else 1.0)

    async def _sealing(self) -> None:
        """Seals the audit lines, which needs no line of its own: nobody's record is looked at."""
        while True:
            await asyncio.sleep(_SEALED_EVERY)
            try:
                await seal(self.store.pool, audit_key(self.settings), milliseconds(self.clock()))
            except Problem as refusal:
                _log.warning("sealing: %s", refusal)
            except Exception:
                _log.exception("sealing failed")

    async def _deliveries(self, row: OnChange) -> None:
        async def handle(change: Change) -> None:
            await row.run(self.context(system_actor(row.name)), change)

        while True:
            try:
                handled = await deliver(self.store, row.name, handle, milliseconds(self.clock()))
            except Problem as refusal:
                _log.warning("deliveries of %s: %s", row.name, refusal)
                handled = 0
            except Exception:
                # A consumer that ended for good would be missed by nobody until its changes were.
                _log.exception("deliveries of %s failed", row.name)
                handled = 0
            if not handled:
                await asyncio.sleep(row.every)


async def build(
    settings: Settings,
    dsn: str,
    *,
    clock: Clock = system_clock,
    services: Sequence[Service] = SERVICES,
    reindexed: Callable[[int], None] = lambda done: None,
) -> House:
    """Opens the store at `dsn`, brings it to this release, and puts the rooms together.

    Problem when two rooms claim the same operation, route, door or statement, or the store does not open.
    """
    refuse_doubles(services)
    parameters = with_custom(registry(), (p for s in services for p in s.search_parameters))
    store = await open_store(
        dsn,
        pool_size=settings.pool_size,
        migrations=migrations(services),
        statements=[row for s in services for row in s.statements],
        watched=_watched(services),
        on_demand={row.name: row.demand for s in services for row in s.on_change if row.demand},
        bases=_bases(settings),
        strict_references=settings.require_references,
        clock_moved=clock is not system_clock,
        registry=parameters,
        reindexed=reindexed,
    )
    access = Access(
        store,
        policies=[p for s in services for p in s.policies],
        before_write=_before_write(services, validation.on_write(settings.validate_profiles)),
        check=check,
        settings=settings,
        contents=_contents(settings),
        when_strict=(validation.when_strict(),),
        still=signon_api.goes_on,
    )
    store.find_codes = lambda named: terminology.codes_of(
        access.view(system_actor("terminology"), clock()), named
    )
    backfills = {row.name: _backfill(row, access, clock) for s in services for row in s.backfills}
    for row in (row for s in services for row in s.backfills):
        await expect(store.pool, row.name, row.types)
    server = _server(settings, access, services, clock)
    return House(server, access, store, clock, settings, services, backfills)


def _backfill(row: Backfill, access: Access, clock: Clock) -> Callable[[Any, Resource], Awaitable[None]]:
    async def run(conn: Any, resource: Resource) -> None:
        actor, now = system_actor(row.name), clock()
        bound = replace(access.view(actor, now), conn=conn)
        await row.run(Context(actor, bound, now, access.settings, "fr"), resource)

    return run


def migrations(services: Sequence[Service] = SERVICES) -> dict[str, Sequence[Migration]]:
    """The steps of every room that has tables of its own."""
    return {s.name: s.migrations for s in services if s.migrations}


def may_stand_still(services: Sequence[Service] = SERVICES) -> list[Stuck]:
    """Whatever of the store and the rooms an operator must be told of when it does not go on."""
    return [STUCK, *(row for s in services for row in s.stuck)]


def _contents(settings: Settings) -> Binaries:
    """Documents beside the database, encrypted under the master key of the data folder."""
    settings.data.mkdir(0o711, parents=True, exist_ok=True)
    contents, key = settings.data / "contents", settings.data / "secret" / "contents"
    contents.mkdir(0o700, exist_ok=True)
    check_key(contents, key)
    return Binaries(contents, master_key(key))


def audit_key(settings: Settings) -> bytes:
    """The key of the seals over audit lines, in the data folder."""
    return master_key(settings.data / "secret" / "audit")


def _bases(settings: Settings) -> tuple[str, ...]:
    web = "https" if settings.tls_cert else "http"
    hosts = [f"{web}://{h}:{settings.port}" for h in ("127.0.0.1", "localhost")]
    return tuple(f"{base}/fhir/" for base in dict.fromkeys([*hosts, settings.url]))


def _watched(services: Sequence[Service]) -> Mapping[str, tuple[str, ...]]:
    watched: dict[str, tuple[str, ...]] = {}
    for service in services:
        for row in service.on_change:
            for kind in row.types:
                watched[kind] = (*watched.get(kind, ()), row.name)
    return watched


def _before_write(
    services: Sequence[Service], more: Sequence[BeforeWrite] = ()
) -> Mapping[str, Sequence[BeforeWrite]]:
    rules: dict[str, list[BeforeWrite]] = {}
    for row in [*(r for s in services for r in s.before_write), *more]:
        for kind in row.types:
            rules.setdefault(kind, []).append(row)
    return rules


def refuse_doubles(services: Sequence[Service]) -> None:
    """Problem naming every claim that two rooms make."""
    claims: dict[str, str] = {}
    for service in services:
        mine = [f"operation {o.on}/${o.name}" for o in service.operations]
        mine += [f"route {r.method} {r.path}" for r in service.routes]
        mine += [f"line {r.path}" for r in service.lines]
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
    oauth = {name: signon_api.place(name) for name in ("authorize", "token", "introspect", "revoke")}
    declared = subscriptions.declared(settings)

    def known() -> Registry:
        return access.store.registry

    def said(base: str, known: Registry) -> Resource:
        return capability(base, __version__, PUBLISHED, operations, oauth, known=known, declared=declared)

    limits = Limits(settings.page_size, settings.page_size_max)
    interactions = Interactions(_kept(said, known), operations, limits, known)
    doors = [_opening(door, interactions) for s in services for door in s.doors]
    portal = _portal(settings, operations, [(d.door.base, d.door.title) for d in doors])

    def page_error(context: Context, request: Request, refusal: Problem) -> Response:
        return problem_page(refusal, frame(portal, context, request))

    lately = signon_api.Lately(lambda: access.store.opened.number)

    def recall(headers: Mapping[str, str], now: datetime) -> tuple[Actor, Stands] | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        known = scheme.lower() == "bearer" and lately.recall(token.strip(), now)
        return known or None

    def forget(headers: Mapping[str, str]) -> None:
        lately.forget(headers.get("authorization", "").partition(" ")[2].strip())

    return Server(
        access=access,
        identify=partial(identify, lately=lately),
        recall=recall,
        forget=forget,
        interactions=interactions,
        clock=clock,
        bodies=Bodies(settings.max_body_bytes),
        base_url=settings.base_url.rstrip("/"),
        trusted_proxy=settings.trusted_proxy,
        language=settings.language,
        routes=[*(r for s in services for r in s.routes), *pages(portal)],
        doors=doors,
        by_key=by_key,
        lines=[r for s in services for r in s.lines],
        page_error=page_error,
    )


_ANY = "http://any.invalid"
"""Stands for the origin of a base until somebody asks."""


def _kept(made: Callable[[str, Registry], Resource], known: Callable[[], Registry]) -> Callable[[str], bytes]:
    """The same as bytes, made once for whatever names a server is called by: who asks chooses the name.

    Made again when other search parameters are known.
    """
    held: dict[str, tuple[Registry, bytes]] = {}

    def statement(base: str) -> bytes:
        now, (scheme, _, rest) = known(), base.partition("://")
        host, slash, path = rest.partition("/")
        if path not in held or held[path][0] is not now:
            held[path] = (now, fhir_json.dumps(made(f"{_ANY}{slash}{path}", now)))
        origin = json.dumps(f"{scheme}://{host}")[1:-1].encode()
        return held[path][1].replace(_ANY.encode(), origin)

    return statement


def _opening(door: Door, interactions: Interactions) -> Opening:
    """A row as a door that answers."""

    def said(base: str, known: Registry) -> Resource:
        return door_statement(door, base, registry=known, version=__version__, published=PUBLISHED)

    return opening(door, interactions, _kept(said, interactions.known))


def _portal(
    settings: Settings,
    operations: Mapping[tuple[str, str], Operation],
    doors: Sequence[tuple[str, Texts]],
) -> PortalHouse:
    """What the pages need of other rooms."""

    def cookie(request: Request) -> str:
        return request.cookies.get(signon_api.cookie_name(request.base_url), "")

    def holds(context: Context, request: Request, token: str) -> bool:
        return signon_api.csrf_valid(cookie(request), token)

    return PortalHouse(
        csrf_token=lambda context, request: signon_api.csrf_token(cookie(request)),
        csrf_holds=holds,
        content=_document_content,
        publish=_publish,
        operations={f"{on}/${name}": row for (on, name), row in operations.items()},
        people=_people,
        sandbox=settings.sandbox,
        login_path=signon_api.LOGIN,
        doors=doors,
        logout_path=signon_api.place("logout"),
        applications=_applications,
        end_application=_end_application,
    )


def _cda_page(content: bytes, document: str, language: str) -> str:
    """The page of a CDA, or the sentence that says why there is none: its file stays to be opened."""
    try:
        return record_api.render_cda(
            content,
            link=lambda part: record_api.part_link(document, part),
            language=language,
            level=2,
        )
    except Problem as refusal:
        return f"<p>{escape(refusal.issues[0].said(language))}</p>"


async def _document_content(context: Context, document: Resource) -> Content:
    opened = await record_api.open_document(context, document)
    html = ""
    if record_api.is_cda(opened.media_type, opened.content):
        html = await asyncio.to_thread(_cda_page, opened.content, str(document["id"]), context.language)
    headers = record_api.safe_headers(opened.media_type, opened.title)
    return Content(opened.media_type, opened.content, html, headers)


async def _publish(context: Context, document: Resource, data: bytes) -> Resource:
    attachment = {**document["content"][0]["attachment"], "data": b64encode(data).decode()}
    written = await record_api.publish(context, {**document, "content": [{"attachment": attachment}]})
    return fhir_json.parse(written.raw)


async def _people(context: Context) -> Sequence[Login]:
    """Those one can log in as in the sandbox."""
    accounts = await signon_api.list_accounts(context)
    english = context.language == "en"
    return [
        Login(a.login, a.name, a.kind, a.about_en if english else a.about_fr)
        for a in accounts
        if a.kind != "system"
    ]


async def _applications(context: Context) -> Sequence[ActingApplication]:
    """What the reader lets applications do, in plain words."""
    return [
        ActingApplication(
            row["client"], row["name"], signon_api.said(parse(" ".join(row["scope"])), context.language)
        )
        for row in await signon_api.list_consents(context, context.actor.login)
    ]


async def _end_application(context: Context, client: str) -> bool:
    ended = await signon_api.withdraw_consent(context, context.actor.login, client)
    await context.store.note(
        "application", f"{context.actor.login} ends {client[:64]}", "ok" if ended else "not-found"
    )
    return ended


async def identify(
    context: Context, headers: Mapping[str, str], lately: signon_api.Lately | None = None
) -> Actor:
    """Who asks: by bearer token, else by the session cookie of our own pages, else nobody.

    `lately` remembers the bearers of tokens.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    # Basic credentials are an application's, at the token endpoint: sign-on itself reads them.
    if scheme and scheme.lower() != "basic":
        if scheme.lower() != "bearer" or not token.strip():
            refusal = problem(
                "login",
                "Authorization must be 'Bearer <token>'",
                "Authorization doit être « Bearer <jeton> »",
                at="http.Authorization",
            )
            raise Problem(refusal.issues, unidentified().headers)
        return await signon_api.authenticate(context, token.strip(), lately)
    sent = headers.get("cookie", "")
    names = (signon_api.cookie_name("https:"), signon_api.cookie_name("http:"))
    cookie = next((found for name in names if (found := _cookie(sent, name))), "")
    return (await signon_api.session_actor(context, cookie) if cookie else None) or ANONYMOUS


async def by_key(context: Context, door: Door, key: str) -> Actor:
    """The application that a key lets in at a door, with the interactions of that door and no other scope."""
    return await signon_api.authenticate_key(context, door.name, key, _scopes_of(door))


def _scopes_of(door: Door) -> tuple[str, ...]:
    """What a door's offers need, as scopes: `system/Device.rs`."""
    return tuple(f"system/{o.type}.{letters(o.interactions)}" for o in door.offers)


def _cookie(header: str, name: str) -> str:
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


_STORE_WITHIN = 120.0
"""Seconds that a serving process waits at its start for a database that does not answer."""
_STORE_PAUSE = 0.5


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

    async def _opened(self) -> House:
        """The house. A database that is starting again is waited for: to end would only be to begin anew."""
        until = monotonic() + _STORE_WITHIN
        while True:
            try:
                return await build(self._settings, self._settings.database_url)
            except Problem as refusal:
                if refusal.kind != "transient" or monotonic() > until:
                    raise
            await asyncio.sleep(_STORE_PAUSE)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self._house = await self._opened()
                    self._house.start()
                except Problem as refusal:
                    await send({"type": "lifespan.startup.failed", "message": str(refusal)})
                    return
                # What is held from the start is never garbage: a large bundle need not have it searched.
                gc.collect()
                gc.freeze()
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._house is not None:
                    await self._house.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _end_with_parent() -> None:
    """Ends this serving process when the one that started it is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            _pause.wait(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


_pause = threading.Event()


def application() -> Application:
    """The application of a serving process, with the settings of its environment."""
    _end_with_parent()
    return Application(os.environ)
