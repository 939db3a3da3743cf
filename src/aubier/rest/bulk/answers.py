"""How far an export is, its manifest, its files, and its end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any

import zstandard

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.clock import instant, milliseconds, moment_of
from aubier.ground.problem import Problem, not_found, problem
from aubier.rest.bulk.asking import PLACE, owner_of
from aubier.rest.exchange import Answer, Call
from aubier.rest.outcome import said

NDJSON = "application/fhir+ndjson"
_number = re.compile(r"[1-9][0-9]{0,8}").fullmatch


async def answer_export(call: Call, view: View) -> Answer:
    """The answer below `_export`. An export of somebody else's is not there."""
    match call.method, call.path[1:]:
        case ("GET", (export,)):
            return await _status(call, view, export)
        case ("GET", (export, number)) if _number(number):
            return await _file(view, export, int(number))
        case ("DELETE", (export,)):
            return await _cancel(view, export)
        case (("GET" | "DELETE"), _):
            raise not_found("/".join(call.path)[:200])
    refusal = problem("method", "Use GET or DELETE", "Utilisez GET ou DELETE", at="http.method")
    raise Problem(refusal.issues, headers={"Allow": "GET, DELETE"})


async def _own(view: View, export: str) -> Mapping[str, Any]:
    found = await view.run("bulk.one", export, owner_of(view), milliseconds(view.now))
    if not found:
        raise not_found(f"{PLACE}/{export[:64]}")
    return found[0]


async def _status(call: Call, view: View, export: str) -> Answer:
    row = await _own(view, export)
    if row["state"] == "running":
        told = f"{row['kind_no']} of {len(row['kinds'])} types, {row['parts']} files"
        return Answer(202, b"", {"X-Progress": told, "Retry-After": "2"})
    if row["state"] == "failed":
        raise problem(
            "processing",
            f"The export was ended: {row['error']}",
            f"L'export s'est arrêté : {row['error']}",
            at="http.path",
        )
    files = await view.run("bulk.parts", export)
    here = f"{call.base}/{PLACE}/{export}"
    manifest = {
        "transactionTime": instant(moment_of(row["at"])),
        "request": row["request"],
        "requiresAccessToken": True,
        "output": [{"type": f["kind"], "url": f"{here}/{f['no']}", "count": f["hits"]} for f in files],
        "error": [],
    }
    ends = format_datetime(moment_of(row["ends"]), usegmt=True)
    return Answer(200, json.dumps(manifest).encode(), {"Expires": ends}, "application/json")


async def _file(view: View, export: str, number: int) -> Answer:
    await _own(view, export)
    found = await view.run("bulk.file", export, number)
    if not found:
        raise not_found(f"{PLACE}/{export[:64]}/{number}")
    return Answer(200, zstandard.decompress(found[0]["body"]), {}, NDJSON)


async def _cancel(view: View, export: str) -> Answer:
    if not await view.run("bulk.delete", export, owner_of(view)):
        raise not_found(f"{PLACE}/{export[:64]}")
    told = said("The export and its files are gone", "L'export et ses fichiers sont effacés")
    return Answer(202, fhir_json.dumps(told))
