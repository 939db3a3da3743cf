"""What identity does with the store: answers as INSi does, finds a record, keeps watch over every Patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aubier.access.actor import Context
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.ground.text import fold_name
from aubier.referentials.identity import matching, tables
from aubier.referentials.identity.number import AUTHORITIES, check, system_of
from aubier.referentials.identity.patient import (
    Ins,
    Strip,
    Traits,
    identity_strip,
    ins_of,
    may_carry_ins,
    missing_traits,
    patient_ins,
    proofs,
    standing,
    trait_issue,
    traits,
    with_standing,
)
from aubier.referentials.identity.rules import STRICT, Standing, Status, standing_issues

MOST = 20
"""The most identities in one call of an operation."""

INSI = "INSi (open equivalent): search and verification by traits"
_FIELDS = {
    "birth-name": "birth_name",
    "given-names": "given_names",
    "sex": "sex",
    "birth-date": "birth_date",
    "birth-place": "birth_place",
}
_OUTCOMES = {
    "00": "Une identité trouvée | One identity found",
    "01": "Aucune identité trouvée | No identity found",
    "02": "Plusieurs identités trouvées | Several identities found",
}


async def search_ins(ctx: Context, parameters: Resource) -> Resource:
    """`Patient/$ins-search`: the INS and the exact traits of the one person who has the asked traits.

    In: birth-name, given-names, sex, birth-date, and birth-place when known; or up to 20 `identity` with
    these parts. Out, per identity: `outcome` 00 one, 01 none, 02 several (add given names, then the birth
    place);
    `patient`, a recovered Patient INS, with 00 only. Problem `required`, `value`, `too-costly`.
    Rule: INSi return codes 00, 01, 02.
    """
    return await _each(ctx, parameters, _search_one)


async def verify_ins(ctx: Context, parameters: Resource) -> Resource:
    """`Patient/$ins-verify`: whether a number and traits are those of the national base.

    In: ins and oid beside the traits of `$ins-search`, or up to 20 `identity` with these parts. Out, per
    identity:
    `match`, and one `difference` for each thing that is not: ins, ins-replaced, or the name of a trait.
    """
    return await _each(ctx, parameters, _verify_one)


async def _each(ctx: Context, parameters: Resource, answer: Any) -> Resource:
    given = parameters.get("parameter", ())
    asked = [p.get("part", ()) for p in given if p.get("name") == "identity"]
    if len(asked) > MOST:
        raise problem(
            "too-costly", f"At most {MOST} identities a call", f"Au plus {MOST} identités par appel"
        )
    if not asked:
        return {"resourceType": "Parameters", "parameter": await answer(ctx, _values(given))}
    parts = [{"name": "identity", "part": await answer(ctx, _values(one))} for one in asked]
    return {"resourceType": "Parameters", "parameter": parts}


def _values(parts: Any) -> dict[str, str]:
    known = {*_FIELDS, "ins", "oid"}
    found: dict[str, str] = {}
    for part in parts:
        value = next((v for k, v in part.items() if k.startswith("value")), None)
        if part.get("name") not in known or not isinstance(value, str) or len(value) > 200:
            raise _unknown(str(part.get("name"))[:40])
        name = part["name"]
        # Given names may come one by one; they are then read in their order.
        found[name] = f"{found[name]} {value}" if name in found and name == "given-names" else value
    return found


def _unknown(name: str) -> Problem:
    return problem(
        "value",
        f"{name} is not a text parameter of this operation",
        f"{name} n'est pas un paramètre texte de cette opération",
        at="Parameters.parameter",
        rule=INSI,
    )


def _told(values: dict[str, str]) -> Traits:
    lacking = [name for name in _FIELDS if name != "birth-place" and not fold_name(values.get(name, ""))]
    issues = [
        Issue(
            "required",
            f"{name} is missing",
            f"Il manque {name}",
            (f"Parameters.parameter.where(name='{name}')",),
            rule=INSI,
        )
        for name in lacking
    ]
    if issues:
        raise Problem(tuple(issues))
    return Traits(**{field: values.get(name, "").strip() for name, field in _FIELDS.items()})


async def _search_one(ctx: Context, values: dict[str, str]) -> list[Resource]:
    asked = _told(values)
    rows = await ctx.store.run("identity.candidates", *tables.search_key(asked))
    found = matching.find(asked, [tables.person(row) for row in rows])
    concept = {
        "coding": [{"code": found.code, "display": _OUTCOMES[found.code]}],
        "text": _OUTCOMES[found.code],
    }
    parts: list[Resource] = [{"name": "outcome", "valueCodeableConcept": concept}]
    if found.person:
        parts.append({"name": "patient", "resource": recovered(found.person, ctx)})
    return parts


def recovered(person: matching.Person, ctx: Context) -> Resource:
    """The Patient INS that INSi gives: recovered, dated today."""
    patient = patient_ins(person.traits, person.ins)
    return with_standing(patient, Standing(Status.RECUP), method="INSI", insi_date=ctx.now.date())


async def _verify_one(ctx: Context, values: dict[str, str]) -> list[Resource]:
    asked, system = _told(values), system_of(values.get("oid", ""))
    issues = check(
        values.get("ins", ""), system, sandbox=ctx.settings.sandbox, at="Parameters.parameter.value"
    )
    if issues:
        raise Problem(tuple(issues))
    rows = await ctx.store.run("identity.person", system, values["ins"])
    differ = matching.verify(asked, tables.person(rows[0]) if rows else None)
    answer: list[Resource] = [{"name": "match", "valueBoolean": not differ}]
    return answer + [{"name": "difference", "valueCode": name} for name in differ]


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is open here: the id of its Patient and the identity strip, nothing of the content."""

    patient: str
    strip: Strip


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
    rows = await ctx.store.run("identity.by_traits", *tables.search_key(asked), asked.birth_place.upper())
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
    return Record(patient, identity_strip(known, sandbox=ctx.settings.sandbox))


async def watch(ctx: Context, resource: Resource, before: Resource | None) -> Resource:
    """Before a Patient is written: refuses what identity forbids, keeps what is known of it, alters nothing.

    A number under another realm's authority, with a false key, or of an identity that is not qualified is
    stored as it came, and does not act. Problem `business-rule` for a forbidden status or attribute, or
    strict traits changed under a status they were verified for; `duplicate` when the number already acts
    under another Patient.
    """
    stands = standing(resource)
    issues = standing_issues(stands)
    if before is not None and _untested(before, resource):
        issues.append(_changed())
    if issues:
        raise Problem(tuple(issues))
    flags = may_carry_ins(resource, sandbox=ctx.settings.sandbox)
    carried = ins_of(resource)
    if carried and not flags:
        await _take(ctx, carried, resource["id"])
    told = traits(resource)
    await ctx.store.run(
        "identity.know",
        resource["id"],
        carried.system if carried else "",
        carried.value if carried else "",
        bool(carried) and not flags,
        *tables.search_key(told),
        told.birth_place.upper(),
        str(stands.status),
        [flag.text for flag in flags] if carried else [],
    )
    return resource


async def _take(ctx: Context, ins: Ins, patient: str) -> None:
    await ctx.store.run("identity.turn", ins.system, ins.value)
    if await ctx.store.run("identity.holder", ins.system, ins.value, patient):
        raise problem(
            "duplicate",
            f"This INS number already acts under another Patient (authority {AUTHORITIES[ins.system].code})",
            f"Ce matricule INS est déjà celui d'un autre Patient (autorité {AUTHORITIES[ins.system].code})",
            at="Patient.identifier",
            rule=STRICT,
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
    await ctx.store.run("identity.register", *tables.registration(people))
    return len(people)
