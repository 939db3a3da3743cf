"""How far a job is, its answer, its files, and its end. A job of somebody else's is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any

import zstandard

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.clock import milliseconds, moment_of
from aubier.ground.problem import not_found
from aubier.rest.asynchronous.asking import PLACE
from aubier.rest.asynchronous.running import SWEPT
from aubier.rest.asynchronous.work import owner_of
from aubier.rest.exchange import Answer, Call
from aubier.rest.operations.standard import check_parameters, only
from aubier.rest.outcome import said

NDJSON = "application/fhir+ndjson"
_number = re.compile(r"[1-9][0-9]{0,8}").fullmatch


async def answer_job(call: Call, view: View) -> Answer:
    """The answer below `PLACE`."""
    if call.method not in ("GET", "HEAD", "DELETE"):
        raise only(call.method, "GET", "HEAD", "DELETE")
    check_parameters(call.query)
    match call.method, call.path[1:]:
        case ("DELETE", (job,)):
            return await _cancel(view, job)
        case (("GET" | "HEAD"), (job,)):
            return await _status(view, job)
        case (("GET" | "HEAD"), (job, number)) if _number(number):
            return await _file(view, job, int(number))
    raise not_found("/".join(call.path)[:200])


async def _own(view: View, job: str) -> Mapping[str, Any]:
    found = await view.run("asynchronous.one", job, owner_of(view), milliseconds(view.now))
    if not found:
        raise not_found(f"{PLACE}/{job[:64]}")
    return found[0]


async def _status(view: View, job: str) -> Answer:
    row = await _own(view, job)
    if row["state"] == "running":
        return Answer(202, b"", {"X-Progress": row["progress"] or "waiting", "Retry-After": "2"})
    found = await view.run("asynchronous.file", job, 0)
    if not found:
        raise not_found(f"{PLACE}/{job[:64]}")  # deleted since by its owner, or past its time
    told = json.loads(row["answer"])
    ends = format_datetime(moment_of(row["ends"]), usegmt=True)
    headers = {**told["headers"], "Expires": ends}
    return Answer(told["status"], zstandard.decompress(found[0]["body"]), headers, told["media_type"])


async def _file(view: View, job: str, number: int) -> Answer:
    await _own(view, job)
    found = await view.run("asynchronous.file", job, number)
    if not found:
        raise not_found(f"{PLACE}/{job[:64]}/{number}")
    return Answer(200, zstandard.decompress(found[0]["body"]), {}, NDJSON)


async def _cancel(view: View, job: str) -> Answer:
    if not await view.run("asynchronous.delete", job, owner_of(view)):
        raise not_found(f"{PLACE}/{job[:64]}")
    await view.run("asynchronous.orphans", SWEPT)  # more than that within a minute
    told = said(
        "The request, its answer and its files are gone",
        "La demande, sa réponse et ses fichiers sont effacés",
    )
    return Answer(202, fhir_json.dumps(told))
