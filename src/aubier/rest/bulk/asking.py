"""`$export` asked: of everything, of all patients, of the members of a Group."""

from __future__ import annotations

from dataclasses import dataclass

from aubier.access.decide import require
from aubier.access.scopes import allows
from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.fhir.definitions import definitions
from aubier.ground.chance import random_ids
from aubier.ground.clock import milliseconds
from aubier.ground.problem import problem
from aubier.rest.bulk.running import KEPT_MS, start, written_actor
from aubier.rest.exchange import Answer, Call, Limits
from aubier.rest.operations.standard import given, types_of
from aubier.rest.outcome import said
from aubier.rest.reading.spans import span
from aubier.store.keys import type_numbers

PLACE = "_export"
"""The path below the base where exports are found."""
_AT_ONCE = 10
"""Exports of one owner under way at a time."""
_NDJSON = {"application/fhir+ndjson", "application/ndjson", "ndjson"}


@dataclass(frozen=True, slots=True)
class _Wanted:
    types: tuple[str, ...] = ()
    since: int | None = None


async def system_export(call: Call, view: View, _: Limits) -> Answer:
    """Everything that the actor may see."""
    return await _begin(call, view, sorted(type_numbers()), None)


async def patient_export(call: Call, view: View, _: Limits) -> Answer:
    """What is in the records of patients."""
    return await _begin(call, view, _of_patients(), None)


async def group_export(call: Call, view: View, _: Limits) -> Answer:
    """What is in the records of a Group's present members."""
    group = await view.read("Group", call.path[1])
    listed = [m for m in group.get("member", []) if not m.get("inactive")]
    named = [str(m.get("entity", {}).get("reference", "")).partition("/") for m in listed]
    return await _begin(call, view, _of_patients(), [name for kind, _, name in named if kind == "Patient"])


def owner_of(view: View) -> str:
    """Whose an export is: of this person or program, through this application."""
    actor = view.actor
    return f"{actor.kind}|{actor.login or actor.reference}|{actor.client}"


def _of_patients() -> list[str]:
    return sorted({"Patient", *definitions().compartment("Patient")} & type_numbers().keys())


async def _begin(call: Call, view: View, kinds: list[str], members: list[str] | None) -> Answer:
    if "respond-async" not in call.prefer:
        raise problem(
            "required",
            "An export takes time: send Prefer: respond-async",
            "Un export prend du temps : envoyez Prefer: respond-async",
            at="http.Prefer",
        )
    wanted = _wanted(call)
    for kind in wanted.types:
        require(view.actor, kind, "search")
    chosen = [k for k in wanted.types or kinds if k in kinds and allows(view.actor.scopes, k, "search")]
    if not chosen:
        require(view.actor, wanted.types[0] if wanted.types else "Resource", "search")
    now, export = milliseconds(view.now), random_ids()
    begun = await view.run(
        "bulk.begin",
        export,
        owner_of(view),
        written_actor(view.actor),
        "/".join([call.base, *call.path]) + (f"?{call.query}" if call.query else ""),
        chosen,
        members,
        wanted.since,
        now,
        now + 7 * KEPT_MS,
        _AT_ONCE,
    )
    if not begun:
        raise problem(
            "throttled",
            f"{_AT_ONCE} exports of yours are under way; wait for one or cancel it",
            f"{_AT_ONCE} de vos exports sont en cours ; attendez-en un ou annulez-le",
        )
    await view.note("operation", "/".join(call.path))
    start(view.as_system("bulk"), export)
    where = f"{call.base}/{PLACE}/{export}"
    told = said(f"Ask {where} how far it is", f"Demandez à {where} où il en est")
    return Answer(202, fhir_json.dumps(told), {"Content-Location": where})


def _wanted(call: Call) -> _Wanted:
    types: list[str] = []
    since: int | None = None
    for name, value in given(call, "_outputFormat", "_since", "_type"):
        if name == "_type":
            types += types_of(value)
        elif name == "_since":
            since = span(name, value)[0]
        elif value.replace(" ", "+") not in _NDJSON:
            raise problem(
                "not-supported",
                "_outputFormat can only be application/fhir+ndjson",
                "_outputFormat ne peut être que application/fhir+ndjson",
                at="http._outputFormat",
            )
    return _Wanted(tuple(dict.fromkeys(types)), since)
