"""Walks an export, part by part, under the rights that its actor has at that moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.fhir.outcome import outcome as outcome_of
from aubier.ground.clock import instant, moment_of
from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.rest.asynchronous.asking import PLACE
from aubier.rest.asynchronous.work import File, Job, Step, Work
from aubier.rest.exchange import Answer
from aubier.rest.reading.subsets import shaped, subset_of
from aubier.search.model import Query
from aubier.search.query import element_names, parse
from aubier.store.exporting.export import Slice
from aubier.store.reading import Row

PART, PART_BYTES = 1000, 16 << 20
"""Resources in a file at most, and their bytes without the last of them: what a process holds at a time."""
_DELETED, _ERROR = "deleted", "error"
"""What the files of deletions and of outcomes are called in the table, as their lists in the manifest are; a
resource type begins with a capital."""
_LISTED = {_DELETED: "Bundle", _ERROR: "OperationOutcome"}
"""What these hold."""


async def step(view: View, job: Job) -> Step:
    """The next part of an export; when there is none, its manifest."""
    asked, place = job.asked, {"kind_no": 0, "seq": 0, "rid": 0, "gone": False, **job.place}
    kinds = asked["kinds"]
    if place["kind_no"] == len(kinds):
        if place["gone"] or asked["since"] is None:
            return Step(answer=await _manifest(view, job))
        place |= {"kind_no": 0, "gone": True}
    kind = kinds[place["kind_no"]]
    slice_ = _slice(view, job, kind, place)
    rows, more = await view.export(slice_)
    seq, rid = more or (0, 0)
    after = {"kind_no": place["kind_no"] + (more is None), "seq": seq, "rid": rid}
    files = [_file(kind, rows, asked["elements"], gone=place["gone"])] if rows else []
    if not job.place and asked.get("left_out"):
        files.append(File(_ERROR, 1, fhir_json.dumps(_left_out(asked["left_out"])) + b"\n"))
    told = f"{after['kind_no']} of {len(kinds)} types" + (", deletions" if place["gone"] else "")
    return Step({**after, "gone": place["gone"]}, told, tuple(files))


EXPORT = Work("export", 10, step)
"""The kind of work that an export is."""


def _slice(view: View, job: Job, kind: str, place: Mapping[str, Any]) -> Slice:
    asked = job.asked
    members = None if asked["members"] is None else tuple(asked["members"])
    registry = view.access.store.registry
    filters = [[(name, value) for name, value in pairs] for pairs in asked["filters"].get(kind, ())]
    queries = tuple(parse(kind, pairs, registry=registry) for pairs in filters)
    return Slice(
        kind,
        job.mark,
        asked["since"],
        members,
        (place["seq"], place["rid"]),
        PART,
        PART_BYTES,
        until=asked["until"],
        queries=() if place["gone"] else queries,
        gone=place["gone"],
    )


def _file(kind: str, rows: Sequence[Row], elements: Sequence[str], *, gone: bool) -> File:
    if gone:
        return File(_DELETED, len(rows), fhir_json.dumps(_deletions(rows)) + b"\n")
    subset = _subset(kind, elements)
    return File(kind, len(rows), b"".join((shaped(r.raw, subset) if subset else r.raw) + b"\n" for r in rows))


def _subset(kind: str, elements: Sequence[str]) -> Query | None:
    """What `_elements` leaves of this type; None for all of it, when only other types are named."""
    named = [e for e in elements if "." not in e or e.startswith(f"{kind}.")]
    if not named:
        return None
    known = [e for e in named if e.rpartition(".")[2] in element_names(kind)]
    return subset_of(kind, [("_elements", ",".join(["id", *known]))])


def _left_out(kinds: Sequence[str]) -> Resource:
    listed = ", ".join(kinds)
    return outcome_of(
        [
            Issue(
                "not-supported",
                f"{listed}: in no record, so left out; ask [base]/$export for it",
                f"{listed} : dans aucun dossier, donc laissé de côté ; demandez-le à [base]/$export",
                ("http._type",),
                "warning",
            )
        ]
    )


def _deletions(rows: Sequence[Row]) -> dict[str, Any]:
    """A transaction that deletes these, as whoever keeps a copy will want it."""
    entries = [{"request": {"method": "DELETE", "url": f"{r.type}/{r.id}"}} for r in rows]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def _manifest(view: View, job: Job) -> Answer:
    files = await view.run("asynchronous.files", job.id)
    here = f"{job.base}/{PLACE}/{job.id}"
    told: dict[str, list[dict[str, Any]]] = {_DELETED: [], _ERROR: [], "output": []}
    for f in files:
        row = {"type": _LISTED.get(f["kind"], f["kind"]), "url": f"{here}/{f['no']}"}
        counted = {} if f["kind"] == _DELETED else {"count": f["hits"]}
        told[f["kind"] if f["kind"] in _LISTED else "output"].append(row | counted)
    manifest = {
        "transactionTime": instant(moment_of(job.at)),
        "request": job.request,
        "requiresAccessToken": True,
        "output": told["output"],
        **({"deleted": told[_DELETED]} if job.asked["since"] is not None else {}),
        "error": told[_ERROR],
    }
    return Answer(200, json.dumps(manifest).encode(), {}, "application/json")
