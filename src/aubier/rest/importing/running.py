"""Loads the files of an import, part by part, and tells each fault with its line."""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import json
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from aubier.access.scopes import allows
from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.clock import instant, moment_of
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.asynchronous.asking import PLACE
from aubier.rest.asynchronous.receipts import JobReceipts
from aubier.rest.asynchronous.running import TRIES
from aubier.rest.asynchronous.work import File, Job, Step, Work
from aubier.rest.exchange import Answer
from aubier.rest.importing.criteria import as_found, asks, resolved
from aubier.rest.importing.sources import opened
from aubier.rest.outcome import outcome
from aubier.rest.reading.subsets import refuse_subset
from aubier.store.bulk import BulkReport, load_each
from aubier.store.keys import type_numbers

PART = 1000
"""Lines loaded at a time."""
_BYTES = 16 << 20
_ROUNDS = 10
"""How deep lines of a part may name each other by criteria: each depth asks again for what was not found."""
_COUNTS = ("created", "updated", "unchanged", "refused")
_LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"

_Placed = tuple[str, Resource]
_Fault = tuple[int, Problem]
_KNOWN: dict[str, Any] = {"input": 0, "offset": 0, "line": 0, "part": 0, "etag": "", "waited": 0.0}
_KNOWN |= {"counts": []}


async def step(view: View, job: Job) -> Step:
    """The next part of an import; when there is none, what came of it all."""
    place = {**_KNOWN, **job.place}
    if place["input"] == len(job.asked["inputs"]):
        return Step(answer=await _manifest(view, job, place))
    try:
        source = await opened(view, job, place)
        lines = await source.take(PART, _BYTES, view.access.settings.max_body_bytes)
    except Problem as refusal:
        if refusal.kind == "transient":
            raise
        return _left(job, place, refusal)
    if not lines:
        return _after(job, place, [], ended=True)
    report, faults = await _loaded(view, job, place, lines)
    counts = _counts(place)
    place |= {"counts": [*counts[:-1], _added(counts[-1], report)], "line": place["line"] + len(lines)}
    place |= {"offset": source.offset, "etag": source.etag, "waited": source.waited}
    return _after(job, place, faults, ended=False)


def _past(job: Job) -> Step | None:
    """Leaves out the rest of a file at which an import stopped too often, so that the others are loaded."""
    place = {**_KNOWN, **job.place}
    if place["input"] == len(job.asked["inputs"]):
        return None
    stopped = problem(
        "exception",
        f"It stopped {TRIES} times here: the rest of this file is not read; import it again",
        f"Arrêt {TRIES} fois ici : la suite de ce fichier n'est pas lue ; importez-le à nouveau",
    )
    return _left(job, place, stopped)


def _left(job: Job, place: dict[str, Any], refusal: Problem) -> Step:
    return _after(job, place, [(place["line"] + 1, refusal)], ended=True)


def _after(job: Job, place: dict[str, Any], faults: Sequence[_Fault], *, ended: bool) -> Step:
    """The place after a part, how far that is, and a file of the faults that it had."""
    counts = _counts(place)
    counts[-1] = {**counts[-1], "refused": counts[-1]["refused"] + len(faults)}
    place |= {"part": place["part"] + 1, "counts": counts}
    if ended:
        place |= {"input": place["input"] + 1, "offset": 0, "line": 0, "etag": "", "waited": 0.0}
    done = sum(c[name] for c in counts for name in _COUNTS)
    told = (
        f"{place['input']} of {len(job.asked['inputs'])} files, {done} lines,"
        f" {sum(c['refused'] for c in counts)} refused"
    )
    return Step(place, told, _files(len(counts) - 1, faults))


IMPORT = Work("import", 2, step, _past)
"""The kind of work that an import is."""


def _counts(place: dict[str, Any]) -> list[dict[str, int]]:
    """What came of each file so far, the present one last."""
    begun = len(place["counts"]) > place["input"]
    return [*place["counts"], *([] if begun else [dict.fromkeys(_COUNTS, 0)])]


def _added(counts: dict[str, int], report: BulkReport) -> dict[str, int]:
    more = {"created": report.created, "updated": report.updated, "unchanged": report.unchanged}
    return {name: counts[name] + more.get(name, 0) for name in _COUNTS}


def _files(number: int, faults: Sequence[_Fault]) -> tuple[File, ...]:
    if not faults:
        return ()
    told = b"".join(fhir_json.dumps(_fault(line, refusal)) + b"\n" for line, refusal in faults)
    return (File(str(number), len(faults), told),)


def _fault(line: int, refusal: Problem) -> Resource:
    """An OperationOutcome that tells the line in the standard's own extension."""
    told = outcome(refusal)
    extension = [{"url": _LINE, "valueInteger": line}]
    return {**told, "issue": [{"extension": extension, **issue} for issue in told["issue"]]}


async def _loaded(
    view: View, job: Job, place: dict[str, Any], lines: Sequence[bytes]
) -> tuple[BulkReport, list[_Fault]]:
    """What came of a part: what was loaded, now or before a breakdown; and the faults, line after line."""
    kind = job.asked["inputs"][place["input"]]["type"]
    first, chunk, faults = place["line"] + 1, list[_Placed](), list[_Fault]()
    for number, sent in enumerate(lines, first):
        # A mark of byte order says nothing in UTF-8, and some systems cannot write without. RFC 8259 §8.1.
        line = sent.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        try:
            chunk.append((str(number), _read(view, job, place["input"], number, line=line, kind=kind)))
        except Problem as refusal:
            faults.append((number, refusal))
        if number % 50 == 0:
            await asyncio.sleep(0)
    receipts = JobReceipts(view, job.id, job.holder).of(place["part"] + 1)
    before = {(w.type, w.id): w.status for w in await receipts.all_kept()}
    report = BulkReport(
        created=sum(status == "created" for status in before.values()),
        updated=sum(status == "updated" for status in before.values()),
    )
    rest = [(at, r) for at, r in _last_of_each(chunk) if (r["resourceType"], r["id"]) not in before]
    load = partial(load_each, partial(view.load, receipts=receipts))
    named = [row for row in rest if asks(row[1])]
    report.add(await load([row for row in rest if not asks(row[1])] if named else rest))
    lost: list[tuple[str, Problem]] = []
    for _ in range(_ROUNDS if named else 0):
        # What is named may stand in this part, and name something itself: each round finds some more.
        found, lost = await resolved(view, named)
        report.add(await load(found))
        still = {at for at, _ in lost}
        named = [row for row in named if row[0] in still]
        if not found or not lost:
            break
    report.refused += lost
    faults += [(int(at), refusal) for at, refusal in report.refused]
    return report, sorted(faults, key=lambda fault: fault[0])


def _last_of_each(chunk: Sequence[_Placed]) -> list[_Placed]:
    """Of the same resource twice in a part, the later line counts, as it would in two."""
    return list({(r["resourceType"], r["id"]): (at, r) for at, r in chunk}.values())


def _read(view: View, job: Job, number: int, at: int, *, line: bytes, kind: str | None) -> Resource:
    """The resource of a line, checked. Problem: what every write of it would be told."""
    resource = fhir_json.parse(line)
    found = str(resource.get("resourceType"))
    if found not in type_numbers() or (kind is not None and found != kind):
        raise problem(
            "value",
            f"The line is a {found[:64]}, not a {kind or 'resource of FHIR R4'}",
            f"La ligne est un {found[:64]}, pas un {kind or 'resource FHIR R4'}",
            at="resourceType",
        )
    refuse_subset(resource)
    if not all(allows(view.actor.scopes, found, each) for each in ("create", "update")):
        raise problem(
            "forbidden",
            f"Your token does not let you create and update {found}",
            f"Votre jeton ne permet pas de créer et de modifier {found}",
            at="resourceType",
        )
    if "id" not in resource:
        # Always the same for the same line: a part that is loaded again makes nothing twice.
        seed = hashlib.sha256(f"{job.id} {number} {at}".encode()).digest()
        resource["id"] = str(uuid.UUID(bytes=seed[:16], version=4))
    view.access.check(as_found(resource))
    return resource


async def _manifest(view: View, job: Job, place: dict[str, Any]) -> Answer:
    """What came of each file, and where its faults are told."""
    here, inputs = f"{job.base}/{PLACE}/{job.id}", job.asked["inputs"]
    output = [
        {
            **({"type": told["type"]} if told["type"] else {}),
            "inputUrl": told["url"],
            "count": counts["created"] + counts["updated"] + counts["unchanged"],
            "extension": counts,
        }
        for told, counts in zip(inputs, place["counts"], strict=True)
    ]
    files = await view.run("asynchronous.files", job.id)
    error = [
        {
            "type": "OperationOutcome",
            "inputUrl": inputs[int(f["kind"])]["url"],
            "count": f["hits"],
            "url": f"{here}/{f['no']}",
        }
        for f in files
    ]
    manifest = {
        "transactionTime": instant(moment_of(view.sight.now)),
        "request": job.request,
        "requiresAccessToken": True,
        **({"inputSource": job.asked["source"]} if job.asked["source"] else {}),
        "output": output,
        "error": error,
    }
    return Answer(200, json.dumps(manifest).encode(), {}, "application/json")
