"""The applications that act for the reader, what they are told of, and the end of either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aubier.access.actor import Context
from aubier.ground.problem import not_found
from aubier.ground.rows import Request, Resource, Response
from aubier.portals.citizen.space import PAGES, enter
from aubier.portals.frame.forms import signed_form
from aubier.portals.frame.house import House
from aubier.portals.frame.page import go
from aubier.portals.reading.reads import found

_UNDER_WAY = ("requested", "active", "error")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Told:
    """Something an application is told of: why it said it asks, and where that is sent (empty: a socket)."""

    id: str
    reason: str
    where: str


async def applications_page(house: House, ctx: Context, request: Request) -> Response:
    """Which applications act for me, and what they are told of what happens in my record."""
    space = await enter(house, ctx, request, "me")
    asked = [("status", ",".join(_UNDER_WAY)), ("_count", str(_SHOWN))]
    return PAGES.render(
        "applications.html",
        space.frame,
        applications=await house.applications(ctx),
        told=told(await found(ctx, "Subscription", asked)),
        done=request.one("fait"),
    )


def told(subscriptions: Iterable[Resource]) -> list[Told]:
    """What subscriptions say of themselves, in the order of their reasons."""
    rows = [
        Told(str(s["id"]), str(s.get("reason", "")), _host(s.get("channel") or {})) for s in subscriptions
    ]
    return sorted(rows, key=lambda row: (row.reason, row.id))


def _host(channel: Resource) -> str:
    try:
        return urlsplit(str(channel.get("endpoint", ""))).hostname or ""
    except ValueError:
        return ""


async def end_application(house: House, ctx: Context, request: Request) -> Response:
    """Ends what an application may do for the reader: its tokens at once, and what it was told of."""
    signed_form(house, ctx, request)
    if not await house.end_application(ctx, request.params["id"]):
        raise not_found(request.path)
    return go("/citoyen/applications", fait="ended")


async def stop_telling(house: House, ctx: Context, request: Request) -> Response:
    """Ends one thing that an application is told of; it may go on with the rest."""
    signed_form(house, ctx, request)
    resource = await ctx.store.read("Subscription", request.params["id"])
    ended = {**resource, "status": "off"}
    await ctx.store.update(ended, if_match=int(resource["meta"]["versionId"]))
    return go("/citoyen/applications", fait="stopped")
