"""The content rule of Subscription: who asks, what, and which status may be written by whom."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from aubier.access.actor import Actor, Context
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import BeforeWrite, Resource
from aubier.services.subscriptions.asking.headers import given, shown
from aubier.services.subscriptions.asking.plan import planned
from aubier.services.subscriptions.asking.records import asked_of_records

NAME = "subscriptions"
"""The room, and the system actor that says how subscriptions stand."""
MOST, MOST_OF_A_CITIZEN = 1000, 20
"""Subscriptions under way of one owner: a person or application, through one application."""
_MATERIAL = ("criteria", "_criteria", "channel", "end")


def written_actor(actor: Actor) -> str:
    """An actor as it is kept with what they asked."""
    return json.dumps(asdict(actor))


def read_actor(text: str) -> Actor:
    """The actor that was kept."""
    row: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
    return Actor(**row)


def owner_of(actor: Actor) -> str:
    """Whose a subscription is: a person or application, through one application."""
    return f"{actor.login} {actor.client}"


def same_owner(one: Actor, other: Actor) -> bool:
    """Whether two are the same person or application, through the same application."""
    return owner_of(one) == owner_of(other)


def is_platform(actor: Actor) -> bool:
    """Whether this is one of the platform's own actors: none that a token stands for has its client."""
    return actor.kind == "system" and actor.client == "aubier" and not actor.grant


async def ask(ctx: Context, resource: Resource, before: Resource | None) -> Resource:
    """The Subscription as it is to be stored, and what it asks kept beside, in the same transaction.

    A client writes `requested` to ask and `off` to end; `active` and `error` are ours to say. What the
    platform itself loads is data that asks nothing. Problem: business-rule, forbidden, and those of
    `planned`.
    """
    if is_platform(ctx.actor):
        return shown(resource)
    rows = await ctx.store.run("subscriptions.one", resource["id"])
    kept = rows[0] if rows else None
    others = kept is not None and not same_owner(ctx.actor, read_actor(kept["actor"]))
    if others and (resource.get("status") != "off" or not _asks_the_same(resource, before or {})):
        raise problem(
            "forbidden",
            "What is told goes by the rights of who asked for it: others may set this subscription off only",
            "Ce qui est notifié suit les droits du demandeur : les autres peuvent seulement l'arrêter (off)",
            at="Subscription",
        )
    if resource.get("status") == "off":
        await ctx.store.run("subscriptions.set", resource["id"], "off", "", True, -1)
        return shown(resource)
    if before is not None and kept and _unchanged(resource, before):
        return shown(resource)
    _check_status(resource, before)
    _check_grant(ctx.actor)
    return await _asked(ctx, resource, before, kept["headers"] if kept else ())


async def _asked(ctx: Context, resource: Resource, before: Resource | None, kept: Any) -> Resource:
    resource = {k: v for k, v in resource.items() if k != "error"} | {"status": "requested"}
    plan, triggers, ends = await planned(ctx, resource)
    headers = given(resource, kept, same_place=_endpoint(resource) == _endpoint(before))
    owner = owner_of(ctx.actor)
    most = MOST_OF_A_CITIZEN if ctx.actor.kind == "citizen" else MOST
    if len(await ctx.store.run("subscriptions.of_owner", owner, resource["id"])) >= most:
        raise problem(
            "throttled",
            f"{most} of your subscriptions are under way; end one first",
            f"{most} de vos abonnements sont en cours ; arrêtez-en un d'abord",
        )
    asked = await asked_of_records(ctx, triggers)
    types, texts, patients, holders = (list(column) for column in zip(*asked, strict=True))
    kept_as = (resource["id"], written_actor(ctx.actor), plan.text, headers, plan.channel)
    await ctx.store.run("subscriptions.put", *kept_as, types, texts, ends, owner, patients, holders)
    return shown(resource)


def _unchanged(resource: Resource, before: Resource) -> bool:
    """Whether only what asks nothing changed: a reason, a contact."""
    same = resource.get("status") == before.get("status") and _asks_the_same(resource, before)
    return same and resource == shown(resource)


def _asks_the_same(resource: Resource, before: Resource) -> bool:
    return all(resource.get(name) == before.get(name) for name in _MATERIAL)


def _check_status(resource: Resource, before: Resource | None) -> None:
    status = resource.get("status")
    if status != "requested" and not (before and status == before.get("status")):
        raise problem(
            "business-rule",
            "status: write requested to ask and off to end; the server says active and error",
            "status : écrivez requested pour demander, off pour arrêter ; le serveur dit active et error",
            at="Subscription.status",
            rule="FHIR R4 Subscription.status",
        )


def _check_grant(actor: Actor) -> None:
    if not actor.grant:
        raise _no_token()


def _no_token() -> Problem:
    return problem(
        "forbidden",
        "Subscriptions are asked for by an application with a token, which can be withdrawn",
        "Un abonnement se demande par une application avec un jeton, qui peut être retiré",
        at="http.Authorization",
    )


def _endpoint(resource: Resource | None) -> str:
    return str(((resource or {}).get("channel") or {}).get("endpoint", ""))


BEFORE_WRITE = (
    BeforeWrite(
        NAME,
        ("Subscription",),
        ask,
        "FHIR R4 Subscription; Subscriptions R5 Backport 1.1.0",
    ),
)
"""What follows a Subscription wherever it enters."""
