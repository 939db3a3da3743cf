"""$status, $events and $get-ws-binding-token. Rule: Subscriptions R5 Backport 1.1.0, Operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aubier.access.actor import Context
from aubier.fhir import json as fhir_json
from aubier.ground.clock import instant, moment_of
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Operation, Resource
from aubier.services.subscriptions.asking.plan import CONTENTS, Plan, read_plan
from aubier.services.subscriptions.binding import new_token
from aubier.services.subscriptions.rules import read_actor, same_owner
from aubier.services.subscriptions.telling.bundles import Event, Standing, notification, status_of
from aubier.services.subscriptions.telling.lines import PATH, base_of

_DEFINITIONS = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition"
_MOST = 200
"""Subscriptions in a page, and events in an answer."""
_STATUSES = ("requested", "active", "error", "off")


async def status(ctx: Context, parameters: Resource) -> Resource:
    """The status of one subscription, of those named, or of all that one may see: a searchset of Parameters.

    In: `id` 0..*, `status` 0..*, `_page` 0..1. Of all, 200 are looked at for a page, with a link to the next;
    a total stands where there is one page. Problem: not-found for one that is not there for this actor.
    """
    wanted = _values(parameters, "id")
    statuses = [s for text in _values(parameters, "status") for s in text.split(",")]
    for each in statuses:
        if each not in _STATUSES:
            raise _expected("status", ", ".join(_STATUSES))
    if "_id" in parameters:
        wanted = [str(parameters["_id"])]
    if len(wanted) > _MOST:
        raise problem("too-costly", f"At most {_MOST} at once", f"{_MOST} au plus à la fois", at="http.id")
    found = [await ctx.store.read("Subscription", id.removeprefix("Subscription/")) for id in wanted]
    marks, following = _values(parameters, "_page"), ""
    if wanted and marks:
        raise _expected("_page", "nothing beside id: those named are one page")
    if not wanted:
        asked = [("_count", str(_MOST)), *(("_page", mark) for mark in marks)]
        page = await ctx.store.search("Subscription", asked)
        found, following = page.resources, page.next
    told = [
        status_of(base_of(ctx), standing, "query-status", shows=False)
        for standing in await _standings(ctx, found)
        if not statuses or standing.status in statuses
    ]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if following:
        query = urlencode([*(("status", each) for each in statuses), ("_page", following)])
        bundle["link"] = [{"relation": "next", "url": f"{base_of(ctx)}/Subscription/$status?{query}"}]
    elif not marks:
        bundle["total"] = len(told)
    entries = [{"resource": each, "search": {"mode": "match"}} for each in told]
    return {**bundle, "entry": entries} if entries else bundle


async def events(ctx: Context, parameters: Resource) -> Resource:
    """The events of a subscription between two numbers, those that could not be delivered among them.

    In: `eventsSinceNumber`, `eventsUntilNumber`, `content`. Out: a Bundle like a notification, at most 200
    events, of the versions that the caller may see now; what it holds is no gap any more when the caller is
    the subscriber. An event whose number is missing is not for the caller, or was told long ago.
    """
    id = str(parameters["_id"])
    await ctx.store.read("Subscription", id)
    rows = await ctx.store.run("subscriptions.one", id)
    if not rows:
        raise not_found(f"Subscription/{id}/$events")
    plan = read_plan(rows[0]["plan"])
    first, last = (
        _number(parameters, "eventsSinceNumber", 1),
        _number(parameters, "eventsUntilNumber", 1 << 62),
    )
    content = _content(parameters, plan)
    kept = await ctx.store.run("subscriptions.events", id, first, last, _MOST)
    shown = [e for row in kept if (e := await _seen(ctx, row)) is not None]
    if same_owner(read_actor(rows[0]["actor"]), ctx.actor) and kept:
        await ctx.store.run("subscriptions.close_gap", id, first, kept[-1]["no"])
    gaps = await ctx.store.run("subscriptions.gaps", id)
    return notification(base_of(ctx), Standing.of(rows[0], plan, gaps), "query-event", content, shown)


async def binding_token(ctx: Context, parameters: Resource) -> Resource:
    """A token that opens a socket for one subscription, or those named: once, within a minute.

    In: `id` 0..* (none when asked of one). Problem: not-found, forbidden for another's (what is told goes by
    the rights of who asked), business-rule when it is not told by websocket.
    """
    ids = [str(parameters["_id"])] if "_id" in parameters else _values(parameters, "id")
    ids = [id.removeprefix("Subscription/") for id in ids]
    if not 0 < len(ids) <= _MOST:
        raise _expected("id", "Subscription ids (1-200)")
    for id in ids:
        await ctx.store.read("Subscription", id)
        rows = await ctx.store.run("subscriptions.one", id)
        if not rows or rows[0]["channel"] != "websocket" or rows[0]["status"] not in ("active", "error"):
            raise problem(
                "business-rule",
                f"Subscription/{id} is not an active one told by websocket",
                f"Subscription/{id} n'est pas un abonnement actif par websocket",
                at="Subscription.channel.type",
            )
        if not same_owner(read_actor(rows[0]["actor"]), ctx.actor):
            raise problem(
                "forbidden",
                "Only the one who asked for it, through the same application, is told",
                "Seul celui qui l'a demandé, par la même application, est prévenu",
                at="Subscription",
            )
    token, till = await new_token(ctx, ctx.actor, ids)
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "token", "valueString": token},
            {"name": "expiration", "valueDateTime": instant(moment_of(till))},
            *({"name": "subscription", "valueString": id} for id in ids),
            {"name": "websocket-url", "valueUrl": socket_url(ctx.settings)},
        ],
    }


def socket_url(settings: Any) -> str:
    """Where sockets are opened."""
    return "ws" + str(settings.url).removeprefix("http") + PATH


async def _standings(ctx: Context, resources: Sequence[Resource]) -> list[Standing]:
    """How these stand; what the platform loaded asks nothing, and is as it says."""
    rows = await ctx.store.run("subscriptions.these", [r["id"] for r in resources])
    known = {row["id"]: row for row in rows}
    found = []
    for resource in resources:
        id = resource["id"]
        if (row := known.get(id)) is None:
            found.append(Standing(id, "", str(resource.get("status")), 0))
            continue
        gaps = await ctx.store.run("subscriptions.gaps", id) if row["dead"] else ()
        found.append(Standing.of(row, read_plan(row["plan"]), gaps))
    return found


async def _seen(ctx: Context, row: Mapping[str, Any]) -> Event | None:
    """The event with its version, when that shows to the caller."""
    try:
        raw = (await ctx.store.vread_row(row["type"], row["focus"], row["ver"])).raw
    except Problem as refusal:
        if refusal.kind == "deleted" and row["op"] == "delete":
            return Event.of(row)
        if refusal.kind not in ("not-found", "deleted", "forbidden"):
            raise
        return None
    return Event.of(row, fhir_json.parse(raw))


def _values(parameters: Resource, name: str) -> list[str]:
    rows: Sequence[Any] = parameters.get("parameter") or ()
    named = [row for row in rows if isinstance(row, dict) and row.get("name") == name]
    return [str(value) for row in named for key, value in row.items() if key.startswith("value")]


def _number(parameters: Resource, name: str, otherwise: int) -> int:
    given = _values(parameters, name)
    if not given:
        return otherwise
    if not (given[0].isascii() and given[0].isdecimal() and len(given[0]) < 19):
        raise _expected(name, "0, 1, 2…")
    return int(given[0])


def _content(parameters: Resource, plan: Plan) -> str:
    """The content asked, else the subscription's own; the caller's rights decide what of it shows."""
    given = _values(parameters, "content")
    if not given:
        return plan.content
    if given[0] not in CONTENTS:
        raise _expected("content", ", ".join(CONTENTS))
    return given[0]


def _expected(name: str, what: str) -> Problem:
    return problem("value", f"{name}: expected {what}", f"{name} : attendu {what}", at=f"http.{name}")


def _operation(name: str, run: Any, definition: str, title: dict[str, str], **more: Any) -> Operation:
    where = f"{_DEFINITIONS}/{definition}"
    return Operation(
        name, "Subscription", run, title, "Subscriptions R5 Backport 1.1.0", definition=where, **more
    )


OPERATIONS = (
    _operation(
        "status",
        status,
        "backport-subscription-status",
        {"en": "How subscriptions stand", "fr": "Où en sont des abonnements"},
        either=True,
        takes=("id", "status", "_page"),
        many=("id", "status"),
    ),
    _operation(
        "events",
        events,
        "backport-subscription-events",
        {"en": "Events by their numbers", "fr": "Événements par leurs numéros"},
        instance=True,
        traces=True,
        takes=("eventsSinceNumber", "eventsUntilNumber", "content"),
    ),
    _operation(
        "get-ws-binding-token",
        binding_token,
        "backport-subscription-get-ws-binding-token",
        {"en": "A token that opens a socket", "fr": "Un jeton qui ouvre une connexion"},
        either=True,
        traces=True,
        takes=("id",),
        many=("id",),
    ),
)
"""What may be asked of subscriptions."""
