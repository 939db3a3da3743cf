"""The room's table of contents, and what it declares of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from aubier.access.actor import Context
from aubier.ground.clock import milliseconds
from aubier.ground.rows import Job, Resource, Service
from aubier.referentials.signon.api import still
from aubier.services.subscriptions.asking.plan import BACKPORT
from aubier.services.subscriptions.asking.records import unheld
from aubier.services.subscriptions.asking.topics import topics
from aubier.services.subscriptions.operations import OPERATIONS, socket_url
from aubier.services.subscriptions.rules import BEFORE_WRITE, read_actor
from aubier.services.subscriptions.tables import MIGRATIONS, STATEMENTS, STUCK
from aubier.services.subscriptions.telling.courier import UNHELD, WITHDRAWN
from aubier.services.subscriptions.telling.intake import on_change
from aubier.services.subscriptions.telling.lines import ROUTES

_KEPT, _KEPT_UNTOLD = timedelta(days=7), timedelta(days=30)
_TOGETHER = 200
"""Subscriptions looked at together: what the job holds, however many there are."""
_SWEPT = 5_000
"""Events deleted by one statement."""
_TOPIC = f"{BACKPORT}/capabilitystatement-subscriptiontopic-canonical"
_SOCKET = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket"


async def keep(ctx: Context) -> None:
    """Ends the subscriptions of those who are gone, and deletes what was told long ago.

    Told events are kept a week, those that nobody took a month.
    """
    after = ""
    while rows := await ctx.store.run("subscriptions.under_way", after, _TOGETHER):
        after = rows[-1]["id"]
        await _end_withdrawn(ctx, rows)
    for id in await unheld(ctx):
        await ctx.store.run("subscriptions.set", id, "off", UNHELD, False, -1)
    await ctx.store.run("subscriptions.wake")
    ends = (ctx.now, ctx.now - _KEPT, ctx.now - _KEPT_UNTOLD)
    swept = _SWEPT
    while swept >= _SWEPT:
        swept = (await ctx.store.run("subscriptions.sweep", *map(milliseconds, ends), _SWEPT))[0]["n"]
    await ctx.store.run("subscriptions.sweep_lanes", milliseconds(ends[1]))


async def _end_withdrawn(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    owners = list(dict.fromkeys(row["actor"] for row in rows))
    standing = await asyncio.gather(*(still(ctx, read_actor(text)) for text in owners))
    gone = {text for text, actor in zip(owners, standing, strict=True) if actor is None}
    for row in rows:
        if row["actor"] in gone:
            await ctx.store.run("subscriptions.set", row["id"], "off", WITHDRAWN, False, row["asked"])


def declared(settings: Any) -> dict[str, Resource]:
    """What the capability statement says besides: of the server under an empty name, of others by type."""
    found = sorted(topics(str(settings.subscription_topics)))
    return {
        "": {"extension": [{"url": _SOCKET, "valueUri": socket_url(settings)}]},
        "Subscription": {
            "extension": [{"url": _TOPIC, "valueCanonical": url} for url in found],
            "supportedProfile": [f"{BACKPORT}/backport-subscription"],
        },
    }


SERVICE = Service(
    "subscriptions",
    {"fr": "Abonnements", "en": "Subscriptions"},
    {
        "fr": "Prévenir un logiciel de ce qui arrive dans les dossiers qu'il peut voir.",
        "en": "Tell software of what happens in the records that it may see.",
    },
    writes=("Subscription",),
    operations=OPERATIONS,
    lines=ROUTES,
    before_write=BEFORE_WRITE,
    on_change=on_change(),
    jobs=(
        Job(
            "subscriptions-keep",
            60,
            keep,
            {
                "fr": "Arrêter les abonnements retirés, effacer le passé",
                "en": "End what was withdrawn; sweep",
            },
        ),
    ),
    migrations=MIGRATIONS,
    statements=STATEMENTS,
    stuck=(STUCK,),
)
"""Everything this room brings."""
