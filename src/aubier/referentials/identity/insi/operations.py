"""`Patient/$ins-search` and `Patient/$ins-verify`."""

from __future__ import annotations

from typing import Any

from aubier.access.actor import Context
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.ground.text import fold_name
from aubier.referentials.identity.guard.asking import admit
from aubier.referentials.identity.insi import base, matching
from aubier.referentials.identity.number import check, system_of
from aubier.referentials.identity.patient import Traits, patient_ins, with_standing
from aubier.referentials.identity.rules import Standing, Status

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
    place); `patient`, a recovered Patient INS, with 00 only. Problem `required`, `value`, `too-costly`.
    For professionals and applications, at most 100 identities in ten minutes, an audit line per call: Problem
    `login`, `forbidden`, `throttled`. Rule: INSi return codes 00, 01, 02.
    """
    return await _each(ctx, parameters, "ins-search", _search_one)


async def verify_ins(ctx: Context, parameters: Resource) -> Resource:
    """`Patient/$ins-verify`: whether a number and traits are those of the national base.

    In: ins and oid beside the traits of `$ins-search`, or up to 20 `identity` with these parts. Out, per
    identity: `match`, and one `difference` for each thing that is not: ins, ins-replaced, or the name of a
    trait.
    Bounded and audited as `$ins-search` is.
    """
    return await _each(ctx, parameters, "ins-verify", _verify_one)


async def _each(ctx: Context, parameters: Resource, operation: str, answer: Any) -> Resource:
    given = parameters.get("parameter", ())
    asked = [p.get("part", ()) for p in given if p.get("name") == "identity"]
    if len(asked) > MOST:
        raise problem(
            "too-costly", f"At most {MOST} identities a call", f"Au plus {MOST} identités par appel"
        )
    if asked and len(asked) < len(given):
        raise _beside(next(str(p.get("name")) for p in given if p.get("name") != "identity"))
    values = [_values(one) for one in asked or [given]]
    await admit(ctx, operation, len(values), frozenset(name for one in values for name in one))
    answers = [await answer(ctx, one) for one in values]
    if not asked:
        return {"resourceType": "Parameters", "parameter": answers[0]}
    parts = [{"name": "identity", "part": one} for one in answers]
    return {"resourceType": "Parameters", "parameter": parts}


def _values(parts: Any) -> dict[str, str]:
    known = {*_FIELDS, "ins", "oid"}
    found: dict[str, str] = {}
    for part in parts:
        value = next((v for k, v in part.items() if k.startswith("value")), None)
        if part.get("name") not in known or not isinstance(value, str) or not _fits(value):
            raise _unknown(str(part.get("name"))[:40])
        name = part["name"]
        if name in found and name != "given-names":
            raise _twice(name)
        # Given names may come one by one; they are then read in their order.
        found[name] = f"{found[name]} {value}" if name in found and name == "given-names" else value
    return found


def _fits(value: str) -> bool:
    return len(value) <= 200 and value.replace("\t", " ").isprintable()


def _unknown(name: str) -> Problem:
    return problem(
        "value",
        f"{name} is not a text parameter of this operation",
        f"{name} n'est pas un paramètre texte de cette opération",
        at="Parameters.parameter",
        rule=INSI,
    )


def _twice(name: str) -> Problem:
    return problem(
        "value",
        f"{name} stands twice in one identity",
        f"{name} figure deux fois dans une identité",
        at="Parameters.parameter",
        rule=INSI,
    )


def _beside(name: str) -> Problem:
    return problem(
        "value",
        f"{name[:40]} stands beside identity; put it in the part of the identity that it is of",
        f"{name[:40]} est à côté de identity ; mettez-le dans l'identité dont il est un trait",
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
    rows = await ctx.store.run("identity.candidates", *base.search_key(asked))
    found = matching.find(asked, [base.person(row) for row in rows])
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
    differ = matching.verify(asked, base.person(rows[0]) if rows else None)
    answer: list[Resource] = [{"name": "match", "valueBoolean": not differ}]
    return answer + [{"name": "difference", "valueCode": name} for name in differ]
