"""Sends what waits, from every serving process alike.

Each event is taken under a lease by one process, the oldest of its lane first: so order holds per patient
and subscription, a process that is killed leaves its events to another, and none waits for another lane.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

from aubier.access.actor import Actor, Context, system_actor
from aubier.access.decide import type_number
from aubier.fhir import json as fhir_json
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.referentials.signon.api import still
from aubier.services.subscriptions.asking.endpoint import Reach
from aubier.services.subscriptions.asking.plan import Plan, read_plan
from aubier.services.subscriptions.asking.records import represents
from aubier.services.subscriptions.rules import NAME, read_actor
from aubier.services.subscriptions.telling.bundles import (
    MEDIA,
    Event,
    Standing,
    message,
    notification,
    written,
)
from aubier.services.subscriptions.telling.lines import base_of, bound_here, let_go, line_of

TRIES = 12
"""How often an event is tried before it is a dead letter: over some forty minutes."""
CALLS = 6
"""How often a handshake is tried."""
LEASE_MS = 60_000
"""Longer than an endpoint may take: a notification is sent by one process at a time."""
AT_ONCE = 32
EACH = 4
"""Notifications under way in a process, and of one subscription."""
_LONGEST_WAIT_MS = 600_000
_FAILING = 3
"""Failures in a row after which a subscription says `error`."""
_IDLE = 0.2
_LOOK_AFTER, _REST_AFTER = 5.0, 1.0
_HIDDEN = frozenset({"not-found", "deleted", "forbidden", "login"})

_log = logging.getLogger("aubier.subscriptions")


class Send(Protocol):
    """Sends one HTTP request and gives the status of its answer.

    `reach.permits` is asked of every address before it is connected to. Problem `forbidden` where it does
    not, `transient` when there is no answer within `within` seconds.
    """

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, reach: Reach, within: float
    ) -> int:
        """Sends it."""


def delay(tries: int) -> int:
    """Milliseconds to wait after so many failures: 1, 2, 4... seconds, ten minutes at most."""
    return int(min(1000 * 2 ** min(tries, 20), _LONGEST_WAIT_MS))


@dataclass(slots=True)
class Courier:
    """`context(actor)` is a context of now. `run` serves for ever; `turn` starts what is due."""

    context: Callable[[Actor], Context]
    send: Send
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    looked: float = 0.0
    rested: float = 0.0

    async def run(self) -> None:
        """Serves until cancelled; what is under way then is sent again by another."""
        try:
            while True:
                try:
                    begun = await self.turn()
                except Problem as refusal:
                    _log.warning("notifications: %s", refusal)
                    begun = 0
                except Exception:
                    _log.exception("notifications stood still for a moment")
                    begun = 0
                if not begun:
                    await asyncio.sleep(_IDLE)
        finally:
            for task in self.tasks:
                task.cancel()

    async def turn(self) -> int:
        """Starts what is due, as much as there is room for; gives how much."""
        room = AT_ONCE - len(self.tasks)
        if room <= 0:
            await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
            return 1
        ctx = self.context(system_actor(NAME))
        now, kind = milliseconds(ctx.now), type_number("Subscription")
        here, lease = bound_here(), now + LEASE_MS
        if here and monotonic() - self.looked > _LOOK_AFTER:
            self.looked = monotonic()
            await let_go(ctx)
        if monotonic() - self.rested > _REST_AFTER:
            self.rested = monotonic()
            await ctx.store.run("subscriptions.rest", now)
        calls = await ctx.store.run("subscriptions.calls", now, room, here, lease, kind)
        events = await ctx.store.run("subscriptions.claim", now, room - len(calls), here, lease, EACH, kind)
        for row in calls:
            self._start(self._call(ctx, row, lease))
        for row in events:
            self._start(self._tell(ctx, row, lease))
        return len(calls) + len(events)

    async def settle(self) -> None:
        """Waits for what is under way."""
        while self.tasks:
            await asyncio.wait(self.tasks)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Problem as refusal:
                _log.warning("a notification waits: %s", refusal)
            except Exception:
                _log.exception("a notification waits until its lease ends")

        task = asyncio.get_running_loop().create_task(guarded())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # -- events -------------------------------------------------------------------------------------

    async def _tell(self, ctx: Context, row: Mapping[str, Any], lease: int) -> None:
        actor = await self._on_behalf_of(ctx, row)
        if actor is None:
            return
        key = (row["id"], row["no"], lease)
        plan, shown = read_plan(row["plan"]), await _shown(ctx, actor, row)
        if shown is None:
            # What the subscriber may not see any more is not told at all: not even that it happened.
            await ctx.store.run("subscriptions.sent", *key, "kept", row["beat"])
            return
        gaps = await ctx.store.run("subscriptions.gaps", row["id"]) if plan.topic else ()
        begun = monotonic()
        try:
            if not await self._deliver(
                ctx, row, plan, Standing.of(row, plan, gaps), Event.of(row, shown or None)
            ):
                await ctx.store.run("subscriptions.release", *key)
                return
        except Problem as refusal:
            await self._failed(ctx, row, key, refusal, monotonic() - begun)
            return
        beat = milliseconds(ctx.now) + plan.beat * 1000 if plan.beat else 0
        await ctx.store.run("subscriptions.sent", *key, "sent", beat)
        if row["status"] == "error":
            await self._set(ctx, row, "active")

    async def _failed(
        self, ctx: Context, row: Mapping[str, Any], key: tuple[Any, ...], refusal: Problem, took: float
    ) -> None:
        # An endpoint that refuses one event may take the next; one that does not answer is left in peace.
        whole = refusal.kind != "processing"
        later = milliseconds(ctx.now + timedelta(seconds=took)) + delay(
            max(row["tried"], row["fails"] * whole)
        )
        said = refusal.issues[0].text[:300]
        rows = await ctx.store.run("subscriptions.failed", *key, said, later, TRIES, int(whole))
        if rows and rows[0]["state"] == "dead":
            _log.warning("subscription %s: event %s is a dead letter: %s", row["id"], row["no"], said)
        if rows and rows[0]["fails"] >= _FAILING and row["status"] == "active":
            await self._set(ctx, row, "error", said)

    async def _deliver(
        self, ctx: Context, row: Mapping[str, Any], plan: Plan, standing: Standing, event: Event
    ) -> bool:
        """Sends an event; False when the socket it goes through is not here any more."""
        base = base_of(ctx)
        if plan.channel == "websocket":
            line = line_of(row["bound"])
            if line is None:
                return False
            await line.send(_on_line(base, plan, standing, event))
        else:
            method, url, body = _request(base, plan, standing, event)
            await self._post(ctx, row, plan, url, body, method=method)
        return True

    async def _post(
        self, ctx: Context, row: Mapping[str, Any], plan: Plan, url: str, body: bytes, *, method: str = "POST"
    ) -> None:
        """Sends; Problem (processing) when the endpoint refuses what it got, else (transient)."""
        headers = {
            name.strip(): value.strip() for name, _, value in (h.partition(":") for h in row["headers"])
        }
        if body:
            headers["Content-Type"] = plan.media or MEDIA[plan.mime or "json"]
        reach = Reach.of(ctx.settings)
        reach.check(plan.endpoint)
        status = await self.send(method, url, headers, body, reach=reach, within=plan.timeout)
        if 200 <= status < 300:
            return
        refuses = 400 <= status < 500 and status not in (401, 403, 404, 408, 410, 429)
        raise problem(
            "processing" if refuses else "transient",
            f"The endpoint answered {status}",
            f"L'adresse a répondu {status}",
        )

    # -- handshakes, heartbeats, ends ---------------------------------------------------------------

    async def _call(self, ctx: Context, row: Mapping[str, Any], lease: int) -> None:
        now, plan = milliseconds(ctx.now), read_plan(row["plan"])
        if row["lives"] and row["told"] != row["status"]:
            await _say(ctx, row)
        if row["status"] in ("off", "refused"):
            return
        if 0 < row["ends"] <= now:
            await self._set(ctx, row, "off", "Its end was reached")
            return
        if await self._on_behalf_of(ctx, row) is None:
            return
        if row["status"] == "requested":
            await self._greet(ctx, row, plan, lease)
        else:
            await self._beat(ctx, row, plan, lease)

    async def _greet(self, ctx: Context, row: Mapping[str, Any], plan: Plan, lease: int) -> None:
        """The handshake. Rule: Subscriptions R5 Backport 1.1.0, `handshake`: active once it is answered."""
        try:
            if plan.channel != "websocket":
                await self._post(ctx, row, plan, plan.endpoint, _greeting(ctx, row, plan, "handshake"))
        except Problem as refusal:
            tries, said = row["tries"] + 1, refusal.issues[0].text[:300]
            if tries >= CALLS:
                await self._set(ctx, row, "refused", said)
            else:
                later = milliseconds(ctx.now) + delay(tries)
                await ctx.store.run("subscriptions.called", row["id"], lease, tries, later, 0, said, 0)
            return
        beat = milliseconds(ctx.now) + plan.beat * 1000 if plan.beat else 0
        await ctx.store.run("subscriptions.called", row["id"], lease, 0, 0, beat, "", 0)
        await self._set(ctx, row, "active")

    async def _beat(self, ctx: Context, row: Mapping[str, Any], plan: Plan, lease: int) -> None:
        """The heartbeat, if it is due. One that fails is a failure like any other: it is tried ever later."""
        beat, said, fails = row["beat"], row["error"], row["fails"]
        due = 0 < beat <= milliseconds(ctx.now)
        if due:
            said, fails = "", 0
            try:
                await self._send_beat(ctx, row, plan)
            except Problem as refusal:
                said, fails = refusal.issues[0].text[:300], row["fails"] + 1
            beat = milliseconds(ctx.now) + max(plan.beat * 1000, delay(fails)) if plan.beat else 0
        await ctx.store.run("subscriptions.called", row["id"], lease, 0, row["next_at"], beat, said, fails)
        if due and fails >= _FAILING and row["status"] == "active":
            await self._set(ctx, row, "error", said)
        elif due and not fails and row["status"] == "error":
            await self._set(ctx, row, "active")

    async def _send_beat(self, ctx: Context, row: Mapping[str, Any], plan: Plan) -> None:
        body = _greeting(ctx, row, plan, "heartbeat")
        line = line_of(row["bound"])
        if plan.channel != "websocket":
            await self._post(ctx, row, plan, plan.endpoint, body)
        elif line is not None:
            await line.send(body.decode())

    async def _on_behalf_of(self, ctx: Context, row: Mapping[str, Any]) -> Actor | None:
        """The subscriber as of now; None, and the subscription ends, when it stands on nothing any more."""
        if not row["lives"]:
            await ctx.store.run("subscriptions.forget", row["id"], type_number("Subscription"))
            return None
        actor = await still(ctx, read_actor(row["actor"]))
        if actor is None:
            await self._set(ctx, row, "off", WITHDRAWN)
        elif actor.kind == "citizen" and not await represents(ctx, row["id"]):
            await self._set(ctx, row, "off", UNHELD)
            return None
        return actor

    @staticmethod
    async def _set(ctx: Context, row: Mapping[str, Any], status: str, said: str = "") -> None:
        """What came of this asking: nothing when it was asked anew meanwhile, of another place perhaps."""
        await ctx.store.run("subscriptions.set", row["id"], status, said, False, row["asked"])


WITHDRAWN = "The application, its token or the account that asked for it was withdrawn"
UNHELD = "The right on the record of another person that it is about has ended"


async def _shown(ctx: Context, actor: Actor, row: Mapping[str, Any]) -> Resource | None:
    """What an event is about as its subscriber sees it now, with the audit line of that reading.

    Empty for a deletion that shows; None when it does not show.
    """
    view = ctx.store.on_behalf(actor)
    try:
        return fhir_json.parse((await view.vread_row(row["type"], row["focus"], row["ver"])).raw)
    except Problem as refusal:
        if refusal.kind == "deleted" and row["op"] == "delete":
            return {}
        if refusal.kind not in _HIDDEN:
            raise
        return None


def _on_line(base: str, plan: Plan, standing: Standing, event: Event) -> str:
    if not plan.topic:
        return f"ping {standing.id}"
    return written(notification(base, standing, "event-notification", plan.content, [event]), "json").decode()


def _request(base: str, plan: Plan, standing: Standing, event: Event) -> tuple[str, str, bytes]:
    """Method, address and body of the request that tells an event.

    By criteria alone, a payload is an update of the resource below the endpoint, none is an empty POST.
    Rule: FHIR R4 Subscription, rest-hook and message.
    """
    if plan.topic:
        body: Resource | None = notification(base, standing, "event-notification", plan.content, [event])
    else:
        body = event.content if plan.content == "full-resource" else None
    if plan.channel == "message":
        told = message(base, standing, body, event.at)
        return "POST", plan.endpoint, written(told, plan.mime or "json")
    if plan.topic and body is not None:
        return "POST", plan.endpoint, written(body, plan.mime)
    if not plan.mime:
        return "POST", plan.endpoint, b""
    parts = urlsplit(plan.endpoint)
    place = parts._replace(path=f"{parts.path.rstrip('/')}/{event.focus}").geturl()
    if body is None:
        return "DELETE", place, b""
    return "PUT", place, written(body, plan.mime)


def _greeting(ctx: Context, row: Mapping[str, Any], plan: Plan, kind: str) -> bytes:
    """The body of a handshake or heartbeat: nothing for a subscription by criteria that is told by hook."""
    base = base_of(ctx)
    standing = Standing.of({**row, "status": "requested" if kind == "handshake" else row["status"]}, plan)
    bundle = notification(base, standing, kind, "empty") if plan.topic else None
    if plan.channel == "message":
        return written(message(base, standing, bundle, milliseconds(ctx.now)), plan.mime or "json")
    return written(bundle, plan.mime) if bundle else b""


async def _say(ctx: Context, row: Mapping[str, Any]) -> None:
    """Writes the status into the Subscription itself; a writer who was first is waited for."""
    status = "error" if row["status"] == "refused" else row["status"]
    resource = await ctx.store.read("Subscription", row["id"])
    kept = {k: v for k, v in resource.items() if k != "error"}
    told = {**kept, "status": status, **({"error": row["error"]} if row["error"] else {})}
    await ctx.store.update(told, if_match=int(resource["meta"]["versionId"]))
    await ctx.store.run("subscriptions.told", row["id"], row["status"])
