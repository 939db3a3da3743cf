"""Batch and transaction. Rule: HL7 FHIR R4, http.html#transaction."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import islice
from typing import Any
from urllib.parse import SplitResult, urlsplit

from aubier.access.actor import Withdrawn
from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.clock import instant_of
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.bundles.resolving import (
    Link,
    Made,
    check_alone,
    check_links,
    elsewhere_made,
    in_entry,
    linked,
    may_link,
    name_absolutely,
    resolve,
)
from aubier.rest.exchange import Answer, Call, unforeseen
from aubier.rest.formats.parts import refuse_override
from aubier.rest.interactions import Interactions, path_of, stored
from aubier.rest.operations.standard import check_parameters
from aubier.rest.outcome import outcome, placed, status_of
from aubier.rest.writing.patches import binary, in_its_entry, patch_of
from aubier.rest.writing.preconditions import refuse_conditions
from aubier.rest.writing.provenance import refuse_provenance
from aubier.store.aside import by_size
from aubier.store.intent import Intent, Written
from aubier.store.proof.standing import Unproven
from aubier.validation import check, validate
from aubier.validation.drafts import LIMIT

_ORDER = {"": 0, "DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_READS = frozenset({"GET", "HEAD"})
_AT_ONCE = 32
"""Reads of a batch that are asked together: what is asked of the store at once shares its statements."""
_WRITES = frozenset({"PUT", "PATCH", "DELETE", "POST"})
_OWN_URL = "urn:uuid:00000000-0000-4000-8000-{:012d}"
"""The name of an entry that has none, for what refers to it by criteria."""
_TOLD = 100
"""Faults of one kind that one answer tells."""
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
    refusal: Problem | None = None


async def run_bundle(server: Interactions, call: Call, view: View, settings: Any = None) -> Answer:
    """A batch: each entry on its own. A transaction: all or nothing, reads after the writes."""
    refuse_override(call.headers)
    check_parameters(call.query)
    refuse_provenance(call)
    refuse_conditions(call.headers)
    kind, entries = await by_size(len(call.body), _asked, call, server.limits.bundle)
    if call.strict:
        view = replace(view, strict=True)
    if view.sight.stands is not None and (kind == "batch" or any(_asks(server, e) for e in entries)):
        raise Unproven  # several questions, of which one may be made before another is refused
    if kind == "batch":
        answers = await _batch(server, call, view, entries, settings)
    else:
        entries, links = await by_size(len(call.body), _joined, call, entries)
        if not await view.written_before():
            written = [_made(e) for e in entries if e.method in ("POST", "PUT")]
            gone = frozenset("/".join(e.path) for e in entries if e.method == "DELETE")
            await resolve(server, view, links, written, gone)
        answers = await _transaction(server, (call, settings), view, entries)
    body = fhir_json.dumps({"resourceType": "Bundle", "type": f"{kind}-response"})[:-1]
    return Answer(200, body + (b',"entry":[' + b",".join(answers) + b"]}" if answers else b"}"))


def _asked(call: Call, most: int) -> tuple[str, list[_Entry]]:
    """The type of the Bundle and its requests. Problem: it is none, or none of these types."""
    bundle = call.resource()
    kind = bundle.get("type")
    if bundle.get("resourceType") != "Bundle" or kind not in ("batch", "transaction"):
        raise problem(
            "value",
            "Send a Bundle of type batch or transaction",
            "Envoyez un Bundle de type batch ou transaction",
            at="Bundle.type",
        )
    _check_envelope(bundle, most)
    return str(kind), _entries(bundle, call.base, alone=kind == "batch")


def _joined(call: Call, entries: list[_Entry]) -> tuple[list[_Entry], list[Link]]:
    """The entries of a transaction, named where they may be referred to, and the references between them."""
    resources = [(e.place, e.resource) for e in entries if e.resource is not None]
    if b"?" in call.body or not call.body.startswith(b"{"):
        entries = [replace(e, full_url=e.full_url or _OWN_URL.format(e.place)) for e in entries]
    made = _elsewhere(entries)
    links = linked(resources) if made or may_link(call.body) else []
    name_absolutely(links, {e.place: e.full_url for e in entries}, made)
    check_links(links, [e.full_url for e in entries])
    return entries, links


def _elsewhere(entries: Sequence[_Entry]) -> frozenset[str]:
    return elsewhere_made((e.full_url, e.method == "POST" or bool(e.query)) for e in entries)


def _check_envelope(bundle: Resource, most: int) -> None:
    """Problem when the Bundle itself, whatever its resources are, is not one of FHIR R4."""
    listed = bundle.get("entry", [])
    if isinstance(listed, list) and len(listed) > most:
        raise problem(
            "too-costly",
            f"At most {most} entries; send several Bundles",
            f"Au plus {most} entrées ; envoyez plusieurs Bundles",
            at="Bundle.entry",
        )
    if isinstance(listed, list) and listed:
        bundle = {**bundle, "entry": [_without_resource(entry) for entry in listed]}
    check(bundle)
    _refuse_answers(bundle)


def _refuse_answers(bundle: Resource) -> None:
    """Problem for what only the answer to a search or to requests has. Rule: FHIR R4, bdl-1, bdl-2, bdl-4."""
    strange = ["Bundle.total"] if "total" in bundle else []
    for place, entry in enumerate(bundle.get("entry", [])):
        strange += [f"Bundle.entry[{place}].{name}" for name in ("search", "response") if name in entry]
    if strange:
        text = "Only an answer has this; leave it out of a request"
        fr = "Seule une réponse a cela ; retirez-le d'une demande"
        raise Problem(tuple(Issue("invariant", text, fr, (at,)) for at in strange[:_TOLD]))


def _without_resource(entry: Any) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
        return entry
    return {k: v for k, v in entry.items() if k != "resource"} or {"fullUrl": "urn:none"}


def _entries(bundle: Resource, base: str, *, alone: bool) -> list[_Entry]:
    """The entries as requests. Problem for those that are none, unless each stands `alone`: it bears its own.

    Rule: FHIR R4, http.html#brules: no entry of a batch changes what comes of another.
    """
    found: list[_Entry] = []
    issues: list[Issue] = []
    for n, entry in enumerate(bundle.get("entry", [])):
        try:
            found.append(_entry(n, entry, base))
        except Problem as refusal:
            issues += refusal.issues
            found.append(_Entry(n, "", (), "", None, {}, "", refusal))
    if issues and not alone:
        raise Problem(tuple(issues))
    return found


def _entry(place: int, entry: Resource, base: str) -> _Entry:
    at = f"Bundle.entry[{place}]"
    request = entry.get("request")
    if request is None:
        raise problem(
            "required",
            "Each entry needs request.method and request.url",
            "Chaque entrée doit avoir request.method et request.url",
            at=f"{at}.request",
        )
    method = request["method"]
    url = _parts(request["url"].removeprefix(base).lstrip("/"))
    if url is None or url.scheme or url.netloc:
        raise problem(
            "value",
            f"request.url must be relative to {base}",
            f"request.url doit être relatif à {base}",
            at=f"{at}.request.url",
        )
    resource = entry.get("resource")
    path = path_of(url.path)
    asks = method == "POST" and path[-1:] and path[-1].startswith(("$", "_"))
    if method in ("POST", "PUT", "PATCH") and resource is None and not asks:
        raise problem(
            "required", f"{method} needs a resource", f"{method} demande une ressource", at=f"{at}.resource"
        )
    names = ("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince")
    headers = {_header(n): str(request[n]) for n in names if n in request}
    if since := headers.get("if-modified-since"):
        headers["if-modified-since"] = _http_date(since, f"{at}.request.ifModifiedSince")
    full_url = entry.get("fullUrl", "")
    return _Entry(place, method, path, url.query, resource, headers, full_url)


def _parts(url: str) -> SplitResult | None:
    """The parts of an address; nothing where its brackets hold no host."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _header(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name)


def _http_date(moment: str, at: str) -> str:
    """An instant, as it stands in a Bundle, as the date of a header. Problem: no calendar has it."""
    try:
        return format_datetime(datetime.fromisoformat(moment).astimezone(UTC), usegmt=True)
    except (ValueError, OverflowError):
        raise problem(
            "value",
            "This instant cannot be told in UTC",
            "Cet instant ne peut pas être exprimé en UTC",
            at=at,
        ) from None


def _sub_call(call: Call, entry: _Entry) -> Call:
    headers = {
        "content-type": "application/fhir+json",
        "prefer": call.headers.get("prefer", ""),
        "accept-language": call.headers.get("accept-language", ""),
        **entry.headers,
    }
    body = fhir_json.dumps(entry.resource) if entry.resource is not None else b""
    if entry.method == "PATCH" and entry.resource and entry.resource["resourceType"] == "Binary":
        headers["content-type"], body = binary(entry.resource)
    return Call(entry.method, entry.path, entry.query, headers, body, call.base)


async def _batch(
    server: Interactions, call: Call, view: View, entries: Sequence[_Entry], settings: Any
) -> list[bytes]:
    answers: dict[int, bytes] = {}
    made = frozenset(
        e.full_url for e in entries if e.method in ("POST", "PUT") and e.full_url.startswith("urn:")
    ) | _elsewhere(entries)
    for some in _in_turn(sorted(entries, key=lambda e: _ORDER[e.method])):
        if view.receipts is not None:
            await view.receipts.stands()
        asked = (_one(server, call, view, entry, (made, settings)) for entry in some)
        told = await asyncio.gather(*asked, return_exceptions=True)
        for entry, answer in zip(some, told, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            answers[entry.place] = answer
    return [answers[e.place] for e in entries]


def _in_turn(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """What changes something one after the other; what only reads, at the end, so many at once."""
    reads = [e for e in entries if e.method in _READS]
    yield from ([e] for e in entries if e.method not in _READS)
    yield from (reads[n : n + _AT_ONCE] for n in range(0, len(reads), _AT_ONCE))


async def _one(
    server: Interactions, call: Call, view: View, entry: _Entry, asked: tuple[frozenset[str], Any]
) -> bytes:
    """The answer to an entry of a batch, which may be a refusal. Withdrawn: nobody may ask it any more."""
    made, settings = asked
    try:
        if entry.refusal is not None:
            raise entry.refusal
        if not entry.path and entry.method == "POST":
            raise _nested()
        criteria = {"http.query": entry.query, "http.If-None-Exist": entry.headers.get("if-none-exist", "")}
        check_alone(entry.place, entry.resource, entry.full_url, criteria, made)
        answer = await server.answer(_sub_call(call, entry), view.entry(entry.place), settings)
        return _from_answer(answer, entry, call)
    except Problem as refusal:
        return _refused(placed(refusal, "http.path"), call.language)
    except Withdrawn:
        raise
    except Exception:
        # Others of the batch are written: their answers must not be lost with this one.
        return _refused(unforeseen(entry.method, "/".join(entry.path)), call.language)


def _from_answer(answer: Answer, entry: _Entry, call: Call) -> bytes:
    response: Resource = {"status": _PHRASES.get(answer.status, str(answer.status))}
    if "Location" in answer.headers:
        response["location"] = answer.headers["Location"]
    if "ETag" in answer.headers:
        response["etag"] = answer.headers["ETag"]
    body = b"" if entry.method == "HEAD" else answer.body
    writes = entry.method in _WRITES and not entry.path[-1].startswith(("$", "_"))
    if body and writes and _wants(call, "OperationOutcome"):
        # What was asked is how it went, not what is there now.
        response["outcome"], body = fhir_json.parse(body), b""
    head = b'{"resource":' + body + b"," if body else b"{"
    return head + b'"response":' + fhir_json.dumps(response) + b"}"


def _wants(call: Call, what: str) -> bool:
    """Whether the client prefers `what` in the answers to its writes."""
    return call.prefer.get("return") == what


def _refused(refusal: Problem, language: str) -> bytes:
    status = str(status_of(refusal))
    return fhir_json.dumps({"response": {"status": status, "outcome": outcome(refusal, language)}})


async def _transaction(
    server: Interactions, asked: tuple[Call, Any], view: View, entries: Sequence[_Entry]
) -> list[bytes]:
    """The writes together, then what only asks: of what they left."""
    call, settings = asked
    writes = [e for e in entries if not _asks(server, e)]
    writes.sort(key=lambda e: _ORDER[e.method])
    intents = await by_size(len(call.body), _intents, server, writes, call.base)
    answers: dict[int, bytes] = {}
    if intents:
        wanted = call.prefer.get("return", "")
        done = await _all_or_nothing(view, writes, intents, len(call.body))
        for entry, written in zip(writes, done, strict=True):
            answers[entry.place] = _written(wanted, written)
    for entry in entries:
        if entry.place not in answers:
            answers[entry.place] = await _read(server, (call, settings), view, entry)
    return [answers[e.place] for e in entries]


def _made(entry: _Entry) -> Made:
    criteria = entry.query or entry.headers.get("if-none-exist", "").partition("?")[2]
    criteria = criteria or entry.headers.get("if-none-exist", "")
    by_id = entry.method == "PUT" and len(entry.path) == 2
    return Made(entry.resource or {}, criteria, "/".join(entry.path) if by_id else entry.full_url)


def _asks(server: Interactions, entry: _Entry) -> bool:
    """Whether an entry changes nothing: a read, a search by POST, an operation that only reads."""
    if entry.method in _READS:
        return True
    last = entry.path[-1] if entry.path and entry.method == "POST" else ""
    searches = last == "_search" and entry.resource is None
    return searches or (last.startswith("$") and server.only_reads(entry.path))


async def _all_or_nothing(
    view: View, writes: Sequence[_Entry], intents: Sequence[Intent], size: int
) -> list[Written]:
    try:
        return await view.write(intents, action="transaction" if len(intents) > 1 else "")
    except Problem as refusal:
        # The store tells of the first entry that it refuses; what is wrong with the resources is told of all.
        # What is not here is named by the refusal itself, and stays a 404.
        issues = await by_size(size, _wrong, writes)
        told = (e.place for e, intent in zip(writes, intents, strict=True) if intent is refusal.about)
        place = next(told, None)
        if not issues and place is not None and refusal.kind != "not-found":
            issues = in_entry(refusal.issues, place)
        raise Problem(tuple(issues), refusal.headers) if issues else refusal from None


def _wrong(writes: Sequence[_Entry]) -> list[Issue]:
    """What is wrong with the resources: as many errors as are told, and one more."""
    every = (i for e in writes if e.resource for i in in_entry(validate(e.resource), e.place))
    return list(islice((i for i in every if i.severity == "error"), LIMIT + 1))


async def _read(server: Interactions, asked: tuple[Call, Any], view: View, entry: _Entry) -> bytes:
    call, settings = asked
    try:
        return _from_answer(await server.answer(_sub_call(call, entry), view, settings), entry, call)
    except Problem as refusal:
        return _refused(placed(refusal, "http.path"), call.language)


def _intents(server: Interactions, writes: Sequence[_Entry], base: str) -> list[Intent]:
    intents: list[Intent] = []
    issues: list[Issue] = []
    for entry in writes:
        try:
            intents.append(_intent(server, entry, base))
        except Problem as refusal:
            issues += in_entry(refusal.issues, entry.place)
    issues += _twice(writes)
    if issues:
        raise Problem(tuple(issues))
    return intents


def _twice(writes: Sequence[_Entry]) -> list[Issue]:
    times = Counter(e.full_url for e in writes if e.full_url)
    return [
        Issue(
            "duplicate",
            f"The fullUrl {url[:200]} stands twice; give each entry its own",
            f"Le fullUrl {url[:200]} figure deux fois ; donnez à chaque entrée le sien",
            ("Bundle.entry.fullUrl",),
        )
        for url, found in times.items()
        if found > 1
    ]


def _intent(server: Interactions, entry: _Entry, base: str) -> Intent:
    if not entry.path:
        raise _nested()
    server.check_type(entry.path[0])
    if entry.method == "POST" and len(entry.path) == 1:
        check_parameters(entry.query)
        intent = server.create_intent(entry.path[0], entry.resource or {}, entry.headers, base)
    elif entry.method == "PUT" and len(entry.path) <= 2:
        intent = server.update_intent(entry.path, entry.query, entry.resource or {}, entry.headers)
    elif entry.method == "PATCH" and len(entry.path) <= 2:
        change = in_its_entry(patch_of(entry.resource), entry.place)
        intent = server.patch_intent(entry.path, entry.query, change, entry.headers)
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


def _nested() -> Problem:
    return problem(
        "not-supported",
        "A Bundle of requests holds no batch or transaction of its own",
        "Un Bundle de requêtes ne contient ni lot ni transaction",
        at="request.url",
    )


def _written(wanted: str, written: Written) -> bytes:
    """The answer to a write, with what the client `wanted` returned."""
    status = {"created": 201, "deleted": 204, "nothing": 204}.get(written.status, 200)
    response: Resource = {"status": _PHRASES[status]}
    if written.version:
        response["etag"] = f'W/"{written.version}"'
        response["lastModified"] = instant_of(written.updated)
    if status != 204:
        response["location"] = f"{written.type}/{written.id}/_history/{written.version}"
    if wanted == "OperationOutcome":
        response["outcome"] = stored(written)
    head = b'{"resource":' + written.raw + b"," if wanted == "representation" and written.raw else b"{"
    return head + b'"response":' + fhir_json.dumps(response) + b"}"
