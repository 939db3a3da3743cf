"""A request that is answered later: which may be, and how it is answered then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.rest.asynchronous.asking import PLACE, begin
from aubier.rest.asynchronous.receipts import JobReceipts
from aubier.rest.asynchronous.work import Job, Step, Work
from aubier.rest.bundles import run_bundle
from aubier.rest.exchange import Answer, Call, failed
from aubier.rest.formats.negotiation import FORM, MEDIA_TYPES, media_type_of
from aubier.rest.interactions import Interactions, path_of
from aubier.rest.outcome import placed

_HEADERS = (
    *("accept", "accept-language", "content-type", "prefer", "if-match", "if-none-match"),
    *("if-modified-since", "if-unmodified-since", "if-none-exist", "x-provenance"),
)
"""What an answer depends on beside the address: a condition is held or refused later as it is at once."""
_MOST = 10
_KIND = "request"


async def answer_now(server: Interactions, call: Call, view: View, settings: Any) -> Answer:
    """The answer to a request of the FHIR base. Problem for every refusal."""
    if not call.path and call.method == "POST":
        return await run_bundle(server, call, view, settings)
    return await server.answer(call, view, settings)


async def deferred(server: Interactions, call: Call, view: View) -> Answer | None:
    """The answer that tells where to come back to; None for what is answered at once.

    At once is what nobody asked to be answered later, and what changes something without being a Bundle: a
    preference may be left aside (RFC 7240). Problem: a body that cannot be read.
    """
    if "prefer" not in call.headers or "respond-async" not in call.prefer or not _may_wait(server, call):
        return None
    if call.body and media_type_of(call.headers) != FORM:
        sent = call.resource()
        if not call.path and _calls_what_changes(server, sent):
            return None
    kept = {name: call.headers[name] for name in _HEADERS if name in call.headers}
    asked = {"method": call.method, "path": call.path, "query": call.query, "headers": kept}
    return await begin(call, view, _work(server), asked, call.body)


def works(server: Interactions) -> Mapping[str, Work]:
    """This kind of work, by its name."""
    return {_KIND: _work(server)}


def _work(server: Interactions) -> Work:
    return Work(_KIND, _MOST, partial(_answered, server))


def _may_wait(server: Interactions, call: Call) -> bool:
    path, method = call.path, call.method
    if path[:1] in ((PLACE,), ("metadata",)) or method not in ("GET", "POST"):
        return False
    if path and path[-1].startswith("$"):
        return server.only_reads(path)
    return method == "GET" or not path or path[-1] == "_search"


def _calls_what_changes(server: Interactions, bundle: Resource) -> bool:
    """Whether an entry of a Bundle calls an operation that may change something: its writes are its own."""
    entries = bundle.get("entry")
    requests = [e.get("request") for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    urls = [str(r.get("url", "")).partition("?")[0] for r in requests if isinstance(r, dict)]
    paths = [path_of(url) for url in urls if "$" in url or "%24" in url]
    return any(not path[-1].startswith("$") or not server.only_reads(path) for path in paths if path)


async def _answered(server: Interactions, view: View, job: Job) -> Step:
    """The whole of a request, under the rights of this moment; what it wrote before is not written again."""
    asked = job.asked
    call = Call(asked["method"], tuple(asked["path"]), asked["query"], asked["headers"], job.body, job.base)
    view = replace(view, language=call.language)
    view = replace(view, receipts=JobReceipts(view, job.id, job.holder))
    try:
        answer = await answer_now(server, call, view, view.access.settings)
    except Problem as refusal:
        if refusal.kind == "transient":
            raise
        answer = failed(placed(refusal, "http.path"), call.language)
    return Step(answer=Answer(200, _bundle(answer)))


def _bundle(answer: Answer) -> bytes:
    """The answer as the one entry of a batch-response."""
    status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    response: Resource = {"status": status}
    response |= {"etag": answer.headers["ETag"]} if "ETag" in answer.headers else {}
    refused = answer.status >= 400
    if refused:
        response["outcome"] = fhir_json.parse(answer.body)
    head = b'{"resourceType":"Bundle","type":"batch-response","entry":[{'
    fhir = answer.body and not refused and answer.media_type == MEDIA_TYPES["json"]
    body = b'"resource":' + answer.body + b"," if fhir else b""
    return head + body + b'"response":' + fhir_json.dumps(response) + b"}]}"
