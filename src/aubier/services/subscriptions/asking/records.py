"""Whose records a subscription is about, and whether its subscriber still has a right on them.

A citizen's application is told of the citizen's own record, or of those that the criteria name and that the
citizen represents. Whoever names no record is told, as a professional, of all that their rights show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aubier.access.actor import Actor, Context
from aubier.access.decide import ANYONE, type_number
from aubier.access.records import RECORD_TYPES
from aubier.ground.clock import milliseconds
from aubier.ground.problem import problem
from aubier.services.subscriptions.asking.plan import CRITERIA, patients_named
from aubier.services.subscriptions.asking.triggers import Trigger


class Asked(NamedTuple):
    """A trigger as it is kept: for one patient (empty: whoever it is).

    `holder` is the grant key of a citizen who represents that patient: the subscription ends with this right.
    """

    type: int
    text: str
    patient: str = ""
    holder: str = ""


async def asked_of_records(ctx: Context, triggers: Sequence[Trigger]) -> list[Asked]:
    """Each trigger, once for each record it is about.

    Problem, for a citizen: not-supported for a type that is in no record, not-found for a record that is
    neither theirs nor one they represent now (hidden and missing alike).
    """
    kept = []
    for trigger in triggers:
        patients = patients_named(ctx, trigger)
        if ctx.actor.kind == "citizen":
            _check_type(trigger)
            patients = patients or [ctx.actor.patient]
            await _check_represented(ctx, [p for p in patients if p != ctx.actor.patient])
        number = type_number(trigger.type)
        kept += [Asked(number, trigger.text, p, _holder(ctx.actor, p)) for p in patients or [""]]
    return kept


async def represents(ctx: Context, sub: str) -> bool:
    """Whether every right holds by which a citizen is told of the records of others."""
    return not await ctx.store.run("subscriptions.unheld", sub, *_when(ctx))


async def unheld(ctx: Context) -> list[str]:
    """The subscriptions about records of others on which their subscribers have no right any more."""
    return [row["sub"] for row in await ctx.store.run("subscriptions.all_unheld", *_when(ctx))]


def _when(ctx: Context) -> tuple[int, str, int]:
    return type_number("Patient"), ANYONE, milliseconds(ctx.now)


def _holder(actor: Actor, patient: str) -> str:
    return actor.keys[0] if actor.kind == "citizen" and patient != actor.patient else ""


def _check_type(trigger: Trigger) -> None:
    if trigger.type not in RECORD_TYPES:
        raise problem(
            "not-supported",
            f"A citizen's application is told of what happens in a record; {trigger.type} is in none",
            f"L'application d'un usager est prévenue de ce qui arrive dans un dossier ; {trigger.type} n'est"
            " dans aucun",
            at=CRITERIA,
        )


async def _check_represented(ctx: Context, patients: list[str]) -> None:
    if not patients:
        return
    rows = await ctx.store.run("subscriptions.represented", patients, ctx.actor.keys[0], *_when(ctx))
    found = {row["id"] for row in rows}
    for patient in patients:
        if patient not in found:
            raise problem(
                "not-found",
                f"Patient/{patient} is no record that you may be told of: name your own, or one whose holder"
                " you represent now",
                f"Patient/{patient} n'est pas un dossier dont vous pouvez être prévenu : nommez le vôtre, ou"
                " celui de quelqu'un que vous représentez à ce jour",
                at=CRITERIA,
            )
