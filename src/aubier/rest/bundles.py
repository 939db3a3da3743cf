"""Batch and transaction. Rule: HL7 FHIR R4, http.html#transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.clock import instant
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import Answer, Call, moment
from aubier.rest.interactions import Interactions
from aubier.rest.outcome import outcome, status_of
from aubier.store.intent import Intent, Written

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_PHRASES = {200: "200 OK", 201: "201 Created", 204: "204 No Content", 304: "304 Not Modified"}


@dataclass(frozen=True, slots=True)
class _Entry:
    place: int
    method: str
    path: tuple[str, ...]
    query: str
    resource: Resource | None
    headers: dict[str, str]
    full_url: str


async def run_bundle(server: Interactions, call: Call, view: View, settings: Any = None) -> Answer:
    """A batch: each entry on its own. A transaction: all or nothing, reads after the writes."""
    bundle = call.resource()
    kind = bundle.get("type")
    if bundle.get("resourceType") != "Bundle" or kind not in ("batch", "transaction"):
        raise problem(
            "value",
            "Send a Bundle of type batch or transaction",
            "Envoyez un Bundle de type batch ou transaction",
            at="Bundle.type",
        )
    entries = _entries(bundle, server.limits.bundle, call.base)
    if kind == "batch":
        answers = await _batch(server, call, view, entries, settings)
    else:
        answers = await _transaction(server, call, view, entries)
    body = fhir_json.dumps({"resourceType": "Bundle", "type": f"{kind}-response"})[:-1]
    return Answer(200, body + (b',"entry":[' + b",".join(answers) + b"]}" if answers else b"}"))


def _entries(bundle: Resource, most: int, base: str) -> list[_Entry]:
    listed = bundle.get("entry") or []
    if not isinstance(listed, list) or len(listed) > most:
        raise problem("too-costly", f"At most {most} entries", f"Au plus {most} entrées", at="Bundle.entry")
    found: list[_Entry] = []
    issues: list[Issue] = []
    for n, entry in enumerate(listed):
        try:
            found.append(_entry(n, entry, base))
        except Problem as refusal:
            issues += refusal.issues
    if issues:
        raise Problem(tuple(issues))
    return found


def _entry(place: int, entry: Any, base: str) -> _Entry:
    at = f"Bundle.entry[{place}]"
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        raise problem(
            "required",
            "Each entry needs request.method and request.url",
            "Chaque entrée doit avoir request.method et request.url",
            at=f"{at}.request",
        )
    method = request.get("method")
    if method not in _ORDER:
        raise problem(
            "code-invalid",
            f"request.method must be one of {', '.join(_ORDER)}",
            f"request.method doit être parmi {', '.join(_ORDER)}",
            at=f"{at}.request.method",
        )
    url = urlsplit(request["url"].removeprefix(base).lstrip("/"))
    resource = entry.get("resource")
    if method in ("POST", "PUT") and not isinstance(resource, dict):
        raise problem(
            "required", f"{method} needs a resource", f"{method} demande une ressource", at=f"{at}.resource"
        )
    names = ("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince")
    headers = {_header(n): str(request[n]) for n in names if n in request}
    path = tuple(p for p in url.path.split("/") if p)
    full_url = entry.get("fullUrl") or ""
    return _Entry(place, method, path, url.query, resource, headers, full_url)


def _header(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name)


def _sub_call(call: Call, entry: _Entry) -> Call:
    headers = {
        "content-type": "application/fhir+json",
        "prefer": call.headers.get("prefer", ""),
        "accept-language": call.headers.get("accept-language", ""),
        **entry.headers,
    }
    body = fhir_json.dumps(entry.resource) if entry.resource is not None else b""
    return Call(entry.method, entry.path, entry.query, headers, body, call.base)


async def _batch(
    server: Interactions, call: Call, view: View, entries: Sequence[_Entry], settings: Any
) -> list[bytes]:
    answers: dict[int, bytes] = {}
    for entry in sorted(entries, key=lambda e: _ORDER[e.method]):
        try:
            answer = await server.answer(_sub_call(call, entry), view, settings)
            answers[entry.place] = _from_answer(answer)
        except Problem as refusal:
            answers[entry.place] = _refused(refusal, call.language)
    return [answers[e.place] for e in entries]


def _from_answer(answer: Answer) -> bytes:
    response: Resource = {"status": _PHRASES.get(answer.status, str(answer.status))}
    if "Location" in answer.headers:
        response["location"] = answer.headers["Location"]
    if "ETag" in answer.headers:
        response["etag"] = answer.headers["ETag"]
    head = b'{"resource":' + answer.body + b"," if answer.body else b"{"
    return head + b'"response":' + fhir_json.dumps(response) + b"}"


def _refused(refusal: Problem, language: str) -> bytes:
    status = str(status_of(refusal))
    return fhir_json.dumps({"response": {"status": status, "outcome": outcome(refusal, language)}})


async def _transaction(
    server: Interactions, call: Call, view: View, entries: Sequence[_Entry]
) -> list[bytes]:
    writes = [e for e in entries if e.method not in ("GET", "HEAD")]
    writes.sort(key=lambda e: _ORDER[e.method])
    intents = _intents(server, writes)
    answers: dict[int, bytes] = {}
    if intents:
        for entry, written in zip(writes, await _all_or_nothing(view, writes, intents), strict=True):
            answers[entry.place] = _written(call, written)
    for entry in entries:
        if entry.method in ("GET", "HEAD"):
            answers[entry.place] = await _read(server, call, view, entry)
    return [answers[e.place] for e in entries]


async def _all_or_nothing(view: View, writes: Sequence[_Entry], intents: Sequence[Intent]) -> list[Written]:
    return await view.write(intents, action="transaction" if len(intents) > 1 else "")


async def _read(server: Interactions, call: Call, view: View, entry: _Entry) -> bytes:
    try:
        return _from_answer(await server.answer(_sub_call(call, entry), view))
    except Problem as refusal:
        return _refused(refusal, call.language)


def _intents(server: Interactions, writes: Sequence[_Entry]) -> list[Intent]:
    intents: list[Intent] = []
    issues: list[Issue] = []
    for entry in writes:
        try:
            intents.append(_intent(server, entry))
        except Problem as refusal:
            issues += [
                replace(i, at=tuple(f"Bundle.entry[{entry.place}]: {a}" for a in i.at))
                for i in refusal.issues
            ]
    issues += _twice(writes)
    if issues:
        raise Problem(tuple(issues))
    return intents


def _twice(writes: Sequence[_Entry]) -> list[Issue]:
    urls = [e.full_url for e in writes if e.full_url]
    return [
        Issue(
            "duplicate",
            f"The fullUrl {url[:200]} stands twice",
            f"Le fullUrl {url[:200]} figure deux fois",
            ("Bundle.entry.fullUrl",),
        )
        for url in dict.fromkeys(urls)
        if urls.count(url) > 1
    ]


def _intent(server: Interactions, entry: _Entry) -> Intent:
    if not entry.path:
        raise problem(
            "not-supported",
            "A transaction holds no batch or transaction of its own",
            "Une transaction ne contient ni lot ni transaction",
            at="request.url",
        )
    server.check_type(entry.path[0])
    if entry.method == "POST" and len(entry.path) == 1:
        intent = server.create_intent(
            entry.path[0], entry.resource or {}, entry.headers.get("if-none-exist", "")
        )
    elif entry.method == "PUT" and len(entry.path) <= 2:
        intent = server.update_intent(entry.path, entry.query, entry.resource or {}, entry.headers)
    elif entry.method == "DELETE" and len(entry.path) <= 2:
        intent = server.delete_intent(entry.path, entry.query, entry.headers)
    else:
        raise problem(
            "not-supported",
            f"{entry.method} {'/'.join(entry.path)[:200]} is not possible in a transaction",
            f"{entry.method} {'/'.join(entry.path)[:200]} n'est pas possible dans une transaction",
            at="request.url",
        )
    intent.full_url = entry.full_url
    return intent


def _written(call: Call, written: Written) -> bytes:
    status = {"created": 201, "deleted": 204, "nothing": 204}.get(written.status, 200)
    response: Resource = {"status": _PHRASES[status]}
    if written.version:
        response["etag"] = f'W/"{written.version}"'
        response["lastModified"] = instant(moment(written.updated))
    if status != 204:
        response["location"] = f"{written.type}/{written.id}/_history/{written.version}"
    wants = call.prefer.get("return") == "representation"
    head = b'{"resource":' + written.raw + b"," if wants and written.raw else b"{"
    return head + b'"response":' + fhir_json.dumps(response) + b"}"
