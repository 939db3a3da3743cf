"""Which changes are events, and of which subscriptions. Runs for each committed change, in order per patient.

Who asks for a patient by name is asked only of changes that name this patient. Of the others, a change is
asked first what any subscription asks, each question once, by the platform; then, of what was met, whether
it shows to that subscriber and meets the same question by their rights. So many subscriptions that ask alike
cost one question, and what a subscriber may not see is never an event of theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aubier.access.actor import Context
from aubier.access.decide import type_number
from aubier.access.view import View
from aubier.fhir.definitions import definitions
from aubier.fhir.references import iter_references
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Problem
from aubier.ground.rows import OnChange
from aubier.services.subscriptions.asking.triggers import Trigger, pairs_of, read_trigger
from aubier.services.subscriptions.rules import NAME, read_actor
from aubier.services.subscriptions.tables import DEMAND

_log = logging.getLogger("aubier.subscriptions")
_PASSING = frozenset({"transient", "lock-error", "throttled"})

Asked = tuple[Trigger, Sequence[str]]
"""A trigger and the subscriptions that have it."""


async def take_in(ctx: Context, change: Any) -> None:
    """Makes the events of one change. Told twice, it makes them once.

    A question that can no longer be asked (a parameter that went) is no event, and is told to the log.
    """
    patients = await _patients(ctx, change)
    named, home = ["", *sorted(patients)], (change.pat, type_number("Patient"))
    rows = await ctx.store.run("subscriptions.asked_of", type_number(change.type), named, *home)
    asked: list[Asked] = [(read_trigger(r["text"]), r["subs"]) for r in rows]
    wide = await _firing(ctx.store, change, [a for a in asked if change.op in a[0].ops])
    subs = {sub: trigger for trigger, some in wide for sub in some}
    if not subs:
        return
    found: list[str] = []
    for actor, some in (await _owners(ctx, list(subs))).items():
        mine = [(subs[sub], [sub]) for sub in some]
        view = ctx.store.on_behalf(read_actor(actor))
        found += [sub for _, these in await _firing(view, change, mine) for sub in these]
    if found:
        what = (change.type, change.id, change.version, change.op)
        await ctx.store.run("subscriptions.add", sorted(set(found)), change.pat, *what, milliseconds(ctx.now))


async def _patients(ctx: Context, change: Any) -> set[str]:
    """The ids of all the Patients that the version or the one before names, wherever it does."""
    met = await ctx.store.meets(change.type, change.id, change.version, [])
    found = {change.id} if change.type == "Patient" else set()
    for resource in (met.current, met.previous):
        named = [place.text for place in iter_references(resource)] if resource else []
        # Of another server's, too: one question more than needed is asked then, none less.
        found |= {text.rpartition("Patient/")[2].partition("/")[0] for text in named if "Patient/" in text}
    return found


async def _owners(ctx: Context, subs: list[str]) -> Mapping[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for row in await ctx.store.run("subscriptions.some", subs, milliseconds(ctx.now)):
        owners.setdefault(row["actor"], []).append(row["id"])
    return owners


async def _firing(view: View, change: Any, asked: Sequence[Asked]) -> list[Asked]:
    """Those of `asked` of which the change is an event, by the rights of `view`."""
    try:
        return await _asked_together(view, change, asked)
    except Problem as refusal:
        if refusal.kind in _PASSING:
            raise
        if len(asked) == 1:
            _log.warning("a criterion of %s cannot be asked: %s", ", ".join(asked[0][1])[:200], refusal)
            return []
    # One of them cannot be asked: each alone, so that the others are.
    return [one for each in asked for one in await _firing(view, change, [each])]


async def _asked_together(view: View, change: Any, asked: Sequence[Asked]) -> list[Asked]:
    questions = [list(trigger.questions(change.op)) for trigger, _ in asked]
    distinct = {q: n for n, q in enumerate(dict.fromkeys(q for some in questions for q in some))}
    queries = [(view.query(change.type, pairs_of(text)), previous) for text, previous in distinct]
    met = await view.meets(change.type, change.id, change.version, queries)
    if not met.shows:
        return []
    return [
        one
        for one, some in zip(asked, questions, strict=True)
        if one[0].fires(change.op, [met.met[distinct[q]] for q in some])
        and one[0].finds(met.current, met.previous)
    ]


async def forget(ctx: Context, change: Any) -> None:
    """A Subscription was deleted: what it asked goes with it."""
    if change.op == "delete":
        await ctx.store.run("subscriptions.forget", change.id, type_number("Subscription"))


def _types() -> tuple[str, ...]:
    """Every type that one may be told of: not the subscriptions themselves."""
    return tuple(sorted(definitions().resource_types - {"Subscription"}))


def on_change() -> tuple[OnChange, ...]:
    """What this room is told of."""
    return (
        OnChange(NAME, _types(), take_in, demand=DEMAND, every=0.2),
        OnChange("subscription-ends", ("Subscription",), forget),
    )
