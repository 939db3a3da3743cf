"""Who may see a record, said to its holder: one Consent per right in force, whatever founded it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aubier.access.actor import Context
from aubier.access.decide import require, type_number
from aubier.access.view import View
from aubier.ground.clock import instant, milliseconds, moment_of
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.referentials.sharing.holder import KEYS, display, only_holder
from aubier.referentials.sharing.rules import BASIS
from aubier.store.intent import Grant

_FOREVER = Grant("", "", "").till
_SYSTEMS = {prefix: (kind, system) for kind, (prefix, system) in KEYS.items()}


async def rights(ctx: Context, parameters: Resource) -> Resource:
    """A searchset of Consents, one per right in force on this record: who, what founds it, since, until.

    `provision.purpose` bears the basis. Not stored: said from the grants themselves, so that none is left
    out; that an author reads back what they wrote is no right on the record. Problem: not-found unless the
    actor holds the record or represents its holder.
    Rule: GDPR art. 15; DMP, list of the professionals authorised or blocked.
    """
    require(ctx.actor, "Consent", "search")
    patient = str(parameters["_id"])
    await only_holder(ctx, patient)
    rows = await in_force(ctx, patient)
    # For who stands for the holder: that a carer is there at all may be the secret.
    secret = await ctx.store.secret_actors(patient)
    shown = [row for row in rows if str(row["actor"]) not in secret]
    view = ctx.store.as_system("sharing")
    entries = [{"resource": _consent(patient, row, await _who(view, str(row["actor"])))} for row in shown]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return {**bundle, "entry": entries} if entries else bundle


async def in_force(ctx: Context, patient: str) -> Sequence[Mapping[str, Any]]:
    """The rights on a record now: `actor`, `basis`, `since`, `till`, `deny`. The caller says who may ask."""
    return await ctx.store.run("sharing.rights", patient, milliseconds(ctx.now), type_number("Patient"))


def _consent(patient: str, row: Mapping[str, Any], who: Resource) -> Resource:
    period = {"start": instant(moment_of(row["since"]))}
    if row["till"] < _FOREVER:
        period["end"] = instant(moment_of(row["till"]))
    purpose = {"system": BASIS, "code": row["basis"]}
    return {
        "resourceType": "Consent",
        "status": "active",
        "patient": {"reference": f"Patient/{patient}"},
        "provision": {
            "type": "deny" if row["deny"] else "permit",
            "period": period,
            "actor": [{"reference": who}],
            "purpose": [purpose],
        },
    }


async def _who(view: View, key: str) -> Resource:
    """The reference of the one a grant key names, with a display; the identifier alone when unknown."""
    kind, _, value = key.partition(":")
    try:
        if kind == "person":
            return _named(await view.read("Patient", value))
        type_, system = _SYSTEMS[kind]
        page = await view.search(type_, [("identifier", f"{system}|{value}"), ("_count", "1")])
        return _named(page.resources[0])
    except (Problem, KeyError, IndexError):
        return {"identifier": {"value": value}, "display": value}


def _named(resource: Resource) -> Resource:
    return {"reference": f"{resource['resourceType']}/{resource['id']}", "display": display(resource)}
