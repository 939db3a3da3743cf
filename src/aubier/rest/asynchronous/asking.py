"""A job asked: the row that says what, by whom, and that it is still to be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import zstandard

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.chance import random_ids
from aubier.ground.clock import milliseconds
from aubier.ground.problem import problem
from aubier.rest.asynchronous.running import KEPT_MS, start
from aubier.rest.asynchronous.work import Work, owner_of, written_actor
from aubier.rest.exchange import Answer, Call
from aubier.rest.operations.standard import only
from aubier.rest.outcome import said

PLACE = "_async"
"""The path below the base where jobs are found."""


def require_async(call: Call) -> None:
    """Problem unless the client says that it will come back for the answer; for a method that begins nothing.

    Rule: RFC 9110 section 9.2.1, safe methods.
    """
    if call.method not in ("GET", "POST"):
        raise only(call.method, "GET", "POST")
    if "respond-async" not in call.prefer:
        raise problem(
            "required",
            "This takes time: send Prefer: respond-async",
            "Cela prend du temps : envoyez Prefer: respond-async",
            at="http.Prefer",
        )


async def begin(call: Call, view: View, work: Work, asked: Mapping[str, Any], body: bytes = b"") -> Answer:
    """Writes the job, begins to walk it, and tells where to ask for it.

    Problem (throttled) when its asker has too many of that kind under way.
    """
    now, job = milliseconds(view.now), random_ids()
    begun = await view.run(
        "asynchronous.begin",
        job,
        work.kind,
        owner_of(view),
        written_actor(view.actor),
        call.base,
        "/".join([call.base, *call.path]) + (f"?{call.query}" if call.query else ""),
        json.dumps(asked),
        zstandard.compress(body) if body else None,
        now,
        now + 7 * KEPT_MS,
        work.most,
        not view.access.store.clock_moved,
    )
    if not begun:
        raise problem(
            "throttled",
            f"{work.most} such requests of yours are under way; wait for one or cancel it",
            f"{work.most} de vos demandes de cette sorte sont en cours ; attendez-en une ou annulez-la",
        )
    await view.note("operation", "/".join(call.path) or "batch")
    start(view.as_system("asynchronous"), work, job)
    where = f"{call.base}/{PLACE}/{job}"
    told = said(f"Ask {where} how far it is", f"Demandez à {where} où il en est")
    return Answer(202, fhir_json.dumps(told), {"Content-Location": where})
