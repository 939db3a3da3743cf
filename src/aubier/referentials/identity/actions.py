"""What identity does with the store: finds a record, watches over every Patient, fills the national base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aubier.access.actor import Context
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.referentials.identity.guard.holding import (
    Carrier,
    against_base,
    hold,
    not_by_citizens,
    spare,
    take,
)
from aubier.referentials.identity.insi import base, matching
from aubier.referentials.identity.number import check
from aubier.referentials.identity.patient import (
    Ins,
    Strip,
    Traits,
    identity_strip,
    ins_of,
    may_carry_ins,
    missing_traits,
    proofs,
    standing,
    trait_issue,
    traits,
)
from aubier.referentials.identity.rules import STRICT, Status, standing_issues


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is open here: the id of its Patient and the identity strip, nothing of the content.

    `resource` is the Patient whole, of which only what the strip tells is shown.
    """

    patient: str
    strip: Strip
    resource: Resource


async def find_strip(ctx: Context, *, ins: Ins | None = None, told: Traits | None = None) -> Record | None:
    """The record found by its exact INS, or by all five strict traits; None when there is none.

    Finding is not seeing: it opens nothing. The audit line bears the actor's name. Problem `required` names
    each missing trait, `value` and `business-rule` what is wrong with the number, `multiple-matches`
    homonyms.
    """
    if ins is not None:
        issues = check(ins.value, ins.system, sandbox=ctx.settings.sandbox)
        if issues:
            raise Problem(tuple(issues))
        rows = await ctx.store.run("identity.by_ins", ins.system, ins.value)
        found = [str(row["patient"]) for row in rows]
    else:
        found = await _by_traits(ctx, told or Traits())
    if len(found) > 1:
        raise problem(
            "multiple-matches",
            "Several people bear these traits: search by INS number",
            "Plusieurs personnes portent ces traits : cherchez par matricule INS",
            rule=STRICT,
        )
    return await _record(ctx, found[0]) if found else None


async def _by_traits(ctx: Context, told: Traits) -> list[str]:
    # One of the two spellings of the given names is enough: the list holds the first.
    asked = Traits(
        told.birth_name,
        told.given_names or told.first_given,
        told.first_given or told.given_names,
        told.sex,
        told.birth_date,
        told.birth_place,
    )
    lacking = [name for name in missing_traits(asked) if name != "first_given"]
    if lacking:
        raise Problem(tuple(trait_issue(name) for name in lacking))
    rows = await ctx.store.run("identity.by_traits", *base.search_key(asked), asked.birth_place.upper())
    found = []
    for row in rows:
        known = await ctx.store.as_system("identity").read("Patient", str(row["patient"]))
        if not matching.differences(asked, traits(known)):
            found.append(str(row["patient"]))
    return found


async def _record(ctx: Context, patient: str) -> Record | None:
    try:
        # Shown on this room's own decision: the audit line in that record bears the actor's name.
        known = await ctx.store.decided().read("Patient", patient)
    except Problem as gone:
        if gone.kind in ("not-found", "deleted"):
            return None
        raise
    return Record(patient, identity_strip(known, sandbox=ctx.settings.sandbox), known)


async def watch(ctx: Context, resource: Resource, before: Resource | None) -> Resource:
    """Before a Patient is written or deleted: refuses what identity forbids, keeps what is known.

    A number under another realm's authority, with a false key, of an identity that is not qualified, or whose
    traits are not those of its holder, is stored as it came, and does not act. Problem `business-rule` for a
    forbidden status or attribute, or strict traits changed under a status they were verified for; `forbidden`
    for a citizen, and for whoever would take from a Patient the number that acts under it; `duplicate` when
    the number already acts under another Patient.
    """
    if ctx.store.conn is None:
        await spare(ctx, resource)
        return resource
    if ctx.actor.kind == "citizen":
        raise not_by_citizens()
    await _watch(ctx, [(resource, before)])
    return resource


async def watch_new(ctx: Context, resources: list[Resource]) -> list[Resource]:
    """`watch` for many new Patients at once, in as many statements as for one."""
    if ctx.actor.kind == "citizen" and resources:
        raise not_by_citizens()
    await _watch(ctx, [(resource, None) for resource in resources])
    return resources


async def _watch(ctx: Context, written: list[tuple[Resource, Resource | None]]) -> None:
    carriers = [_carrier(ctx, *each) for each in written]
    await against_base(ctx, [c for c in carriers if c.ins and standing(c.patient).status is not Status.PROV])
    await take(ctx, [c for c in carriers if c.acts])
    for carrier, (_, before) in zip(carriers, written, strict=True):
        if before is not None:
            await hold(ctx, carrier.patient, carrier.ins if carrier.acts else None)
    await ctx.store.run("identity.know", *map(list, zip(*map(_known, carriers), strict=True)))


def _carrier(ctx: Context, resource: Resource, before: Resource | None) -> Carrier:
    """What a Patient carries, and what forbids that it acts. Problem: what identity forbids outright."""
    issues = standing_issues(standing(resource))
    if before is not None and _untested(before, resource):
        issues.append(_changed())
    if issues:
        raise Problem(tuple(issues))
    return Carrier(resource, ins_of(resource), may_carry_ins(resource, sandbox=ctx.settings.sandbox))


def _known(carrier: Carrier) -> tuple[str | bool, ...]:
    told, ins = traits(carrier.patient), carrier.ins
    return (
        carrier.patient["id"],
        ins.system if ins else "",
        ins.value if ins else "",
        carrier.acts,
        *base.search_key(told),
        told.birth_place.upper(),
        str(standing(carrier.patient).status),
        "\x1f".join(flag.text for flag in carrier.flags) if ins else "",
    )


def _untested(before: Resource, after: Resource) -> bool:
    """Strict traits changed, while the status claims a verification that was not made anew."""
    if Status.PROV in (standing(before).status, standing(after).status):
        return False
    now, then = traits(after), traits(before)
    changed = matching.differences(now, then) or now.birth_place != then.birth_place
    return bool(changed) and not proofs(after) - proofs(before)


def _changed() -> Issue:
    return Issue(
        "business-rule",
        "A strict trait changed: set the status back to PROV, or give the date of a new verification",
        "Un trait strict a changé : remettez le statut à PROV, ou donnez la date d'une nouvelle vérification",
        ("Patient",),
        rule=STRICT,
    )


async def forget(ctx: Context, change: Any) -> None:
    """After a Patient was deleted: forgets what was known of it, so that its number may act again."""
    if change.op == "delete":
        await ctx.store.run("identity.forget", change.id)


async def register(ctx: Context, people: list[matching.Person]) -> int:
    """Puts invented people in the national base (test and demonstration authorities only); gives how many.

    Problem `business-rule` or `value` for the first number that cannot be an invented person's: nothing is
    written.
    """
    for one in people:
        issues = check(one.ins.value, one.ins.system, sandbox=True)
        if issues:
            raise Problem(tuple(issues))
    await ctx.store.run("identity.register", *base.registration(people))
    return len(people)
