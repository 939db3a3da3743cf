"""The operations on rights: each reads, decides, and writes Consents and grants in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aubier.access.actor import Context
from aubier.access.decide import ANYONE, require, type_number
from aubier.ground.clock import instant, milliseconds
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Resource
from aubier.referentials.sharing import rules
from aubier.referentials.sharing.change import Change, stated
from aubier.referentials.sharing.finding import FOUND_FOR
from aubier.referentials.sharing.held import in_force
from aubier.referentials.sharing.holder import held, named, oneself, only_holder
from aubier.referentials.sharing.rules import Party
from aubier.store.intent import Grant, Revoke

_TRIES = 5
_OPPOSED = "Order of 26 Oct 2023: opposition"


async def state_relationship(ctx: Context, parameters: Resource) -> Resource:
    """Opens a record to the professional who acts, until the term stated; the holder reads it at once.

    `reason` is one of `rules.REASONS`, `until` at most a year ahead (the default). Stated again, the last
    word counts. Gives the Consent. Problem `forbidden` when the holder blocked this professional.
    """
    key = rules.only_professional(ctx.actor)
    require(ctx.actor, "Consent", "create")
    told = rules.asked(parameters, "reason", "until")
    patient = str(parameters["_id"])
    # An id alone opens nothing and tells nothing: the person was found lately, or was in one's care before.
    lately = milliseconds(ctx.now) - FOUND_FOR
    if not await ctx.store.run("sharing.found", key, patient, lately, type_number("Patient")):
        raise not_found(f"Patient/{patient}")
    await ctx.store.as_system("sharing").read("Patient", patient)
    await _refuse_blocked(ctx, patient)
    reason = str(told.get("reason", ""))
    if reason not in rules.REASONS:
        raise problem(
            "code-invalid",
            f"'reason' must be one of {', '.join(rules.REASONS)}",
            f"« reason » doit être parmi {', '.join(rules.REASONS)}",
            at="Parameters.parameter.where(name='reason')",
        )
    end = rules.term(str(told.get("until", "")), ctx.now, longest=rules.LONGEST)
    me = oneself(ctx)
    return await _open(ctx, rules.carer(patient, me.key, "stated", reason=reason), me, end)


async def _refuse_blocked(ctx: Context, patient: str) -> None:
    if await held(ctx, "blocked", patient, ANYONE):
        raise problem(
            "forbidden",
            "This person does not let you see their record; ask them",
            "Cette personne ne vous ouvre pas son dossier ; parlez-en avec elle",
            rule=_OPPOSED,
        )


async def end_relationship(ctx: Context, parameters: Resource) -> Resource:
    """Ends every right of the professional who acts on this record, except to what they wrote."""
    rules.only_professional(ctx.actor)
    require(ctx.actor, "Consent", "create")
    rules.asked(parameters)
    return await _end(ctx, str(parameters["_id"]), oneself(ctx), "unshare", denied=False)


async def share(ctx: Context, parameters: Resource) -> Resource:
    """The holder opens the record to a professional or a structure, until a day or until removed.

    `actor`, a reference into the directory, and `until`. Shared again, the last word counts. Gives the
    Consent. Problem `not-found` when the record is another's, `conflict` when the holder blocked this one.
    """
    patient, to, until = await _decision(ctx, parameters)
    if await stated(ctx, patient, to, "deny"):
        raise problem(
            "conflict",
            "You blocked this professional: lift the block first",
            "Vous avez bloqué ce professionnel : levez d'abord le blocage",
            at="Parameters.parameter.where(name='actor')",
        )
    end = rules.term(until, ctx.now, longest=None)
    return await _open(ctx, rules.carer(patient, to.key, "consent"), to, end)


async def unshare(ctx: Context, parameters: Resource) -> Resource:
    """The holder takes back every right of a professional, except to what they wrote; or a mandate.

    Whom the holder gave a mandate is named by their Patient; Problem `forbidden` for what the law gives.
    """
    told = rules.asked(parameters, "actor", "until")
    if str(told.get("actor", "")).startswith("Patient/"):
        return await _end_mandate(ctx, str(parameters["_id"]), str(told["actor"]))
    patient, to, _ = await _decision(ctx, parameters)
    return await _end(ctx, patient, to, "unshare", denied=False)


async def _end_mandate(ctx: Context, patient: str, relative: str) -> Resource:
    require(ctx.actor, "Consent", "create")
    await only_holder(ctx, patient)
    key = f"person:{relative.removeprefix('Patient/')}"
    bases = {str(row["basis"]) for row in await in_force(ctx, patient) if row["actor"] == key}
    if not bases:
        raise not_found(relative)
    if bases <= rules.BY_LAW:
        raise problem(
            "forbidden",
            "This right comes from the law or from a court: it is not taken back here",
            "Ce droit vient de la loi ou d'un juge : il ne se retire pas ici",
            at="Parameters.parameter.where(name='actor')",
        )
    given = sorted(bases - rules.BY_LAW)
    await ctx.store.decided().revoke(
        *(Revoke(patient, key, basis) for basis in given), what=f"Patient/{patient}"
    )
    return _count(len(given))


async def block(ctx: Context, parameters: Resource) -> Resource:
    """The holder closes the record to a professional, whatever right anyone has or may claim later.

    Gives the Consent. Rule: CSP L1111-17; order of 26 Oct 2023, opposition.
    """
    patient, to, _ = await _decision(ctx, parameters)
    right = Grant(patient, to.key, "opposition", deny=True)
    wanted = rules.consent(right, to, oneself(ctx).reference, ctx.now, None)
    for _ in range(_TRIES):
        open_ = await stated(ctx, patient, to, "permit")
        closed = await stated(ctx, patient, to, "deny")
        if closed and not open_:
            return closed[0]
        change = Change(patient, to, "block", over=open_, revokes=(Revoke(patient, to.key),))
        if not closed:
            change = replace(change, made=wanted, given=rules.granted(right, ctx.now, None))
        made = await change.write(ctx)
        if made:
            return made
    raise _busy()


async def unblock(ctx: Context, parameters: Resource) -> Resource:
    """The holder lifts a block; it opens nothing by itself, not even what was open before."""
    patient, to, _ = await _decision(ctx, parameters)
    return await _end(ctx, patient, to, "unblock", denied=True)


# -- what they share --------------------------------------------------------------------------------


async def _decision(ctx: Context, parameters: Resource) -> tuple[str, Party, str]:
    """The record, whom the decision is about, and until when; Problem unless it is the actor's to take."""
    require(ctx.actor, "Consent", "create")
    told = rules.asked(parameters, "actor", "until")
    patient = str(parameters["_id"])
    await only_holder(ctx, patient)
    return patient, await named(ctx, str(told.get("actor", ""))), str(told.get("until", ""))


async def _open(ctx: Context, right: Grant, to: Party, end: datetime | None) -> Resource:
    """States a right in place of the one of the same basis; gives the Consent."""
    wanted = rules.consent(right, to, oneself(ctx).reference, ctx.now, end)
    change = Change(
        right.patient,
        to,
        "share",
        made=wanted,
        given=rules.granted(right, ctx.now, end),
        revokes=(Revoke(right.patient, right.actor, right.basis),),
    )
    for _ in range(_TRIES):
        permits = await stated(ctx, right.patient, to, "permit")
        over = [c for c in permits if rules.founded_on(c, right.basis)]
        if len(over) == 1 and _counts(over[0], ctx.now) and rules.same(over[0], wanted):
            return over[0]
        made = await replace(change, over=over).write(ctx)
        if made:
            return made
    raise _busy()


def _counts(found: Resource, now: datetime) -> bool:
    end = found.get("provision", {}).get("period", {}).get("end")
    return not end or str(end) > instant(now)


async def _end(ctx: Context, patient: str, to: Party, action: str, *, denied: bool) -> Resource:
    """Ends what is stated and granted, and the opposition too when `denied`; gives how many were ended."""
    revokes = [Revoke(patient, to.key), *([Revoke(patient, to.key, deny=True)] if denied else [])]
    for _ in range(_TRIES):
        over = await stated(ctx, patient, to, "permit")
        over += await stated(ctx, patient, to, "deny") if denied else []
        if await Change(patient, to, action, over=over, revokes=tuple(revokes)).write(ctx) is not None:
            return _count(len(over))
    raise _busy()


def _count(ended: int) -> Resource:
    return {"resourceType": "Parameters", "parameter": [{"name": "ended", "valueInteger": ended}]}


def _busy() -> Problem:
    return problem(
        "conflict",
        "Others were changing the same rights; nothing was written, try again",
        "D'autres changeaient les mêmes droits ; rien n'a été écrit, réessayez",
    )
