"""The PDSm door: what each method and path of `/pdsm` does, and nothing else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aubier.access.actor import Context
from aubier.access.decide import unidentified
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Door, Request, Resource, Response
from aubier.services.record.actions import (
    Opened,
    change_document,
    deposit_cda,
    open_content,
    provide,
    publish,
)
from aubier.services.record.cda.document import MEDIA_TYPE
from aubier.services.record.headers import safe_headers
from aubier.services.record.mhd.capability import capability
from aubier.services.record.mhd.find import find_pairs, searchset
from aubier.services.record.mhd.patch import Patch, fhirpath_patch, json_patch

BASE = "/pdsm"
_FHIR = "application/fhir+json"
_JSON = (_FHIR, "application/json", "text/json")
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')


# -- answers --------------------------------------------------------------------------------------------


def _answer(resource: Resource, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, fhir_json.dumps(resource), f"{_FHIR}; charset=utf-8", headers or {})


def _of_version(resource: Resource) -> dict[str, str]:
    return {"ETag": f'W/"{resource["meta"]["versionId"]}"'}


def _header(request: Request, name: str) -> str:
    return next((v for k, v in request.headers.items() if k.lower() == name), "")


def _place(request: Request) -> str:
    return f"{request.base_url}{BASE}"


# -- entering -------------------------------------------------------------------------------------------


def _body_type(request: Request, *allowed: str) -> str:
    """The media type of the body. Errors: Problem `media-type` unless it is one of `allowed`."""
    told = _header(request, "content-type").partition(";")[0].strip().lower()
    if told not in allowed:
        raise problem(
            "media-type",
            f"Send {' or '.join(allowed)}",
            f"Envoyez {' ou '.join(allowed)}",
            at="http.Content-Type",
        )
    return told


def _resource(request: Request) -> Resource:
    _body_type(request, *_JSON)
    return fhir_json.parse(request.body)


def _accepts(header: str, media_type: str) -> bool:
    wanted = [w.partition(";")[0].strip().lower() for w in header.split(",")] if header.strip() else ["*/*"]
    kind = media_type.partition(";")[0].lower()
    return any(w in ("*/*", kind, f"{kind.partition('/')[0]}/*") for w in wanted)


async def _provide(ctx: Context, request: Request) -> Response:
    return _answer(await provide(ctx, _resource(request)))


async def _publish(ctx: Context, request: Request) -> Response:
    written = await publish(ctx, _resource(request))
    return await _created(ctx, request, written.id)


async def _created(ctx: Context, request: Request, document: str) -> Response:
    """The new document when its depositor may read it, its address in any case."""
    location = f"{_place(request)}/DocumentReference/{document}"
    try:
        stored = await ctx.store.read("DocumentReference", document)
    except Problem as refusal:
        if refusal.kind != "not-found":
            raise
        return Response(201, b"", headers={"Location": location})
    return _answer(stored, 201, {"Location": location} | _of_version(stored))


async def _deposit(ctx: Context, request: Request) -> Response:
    _body_type(request, MEDIA_TYPE, "text/xml")
    patient = request.one("patient").removeprefix("Patient/")
    if patient and not re.fullmatch(_LOGICAL, patient):
        text, fr = "patient is a logical id", "patient est un identifiant logique"
        raise problem("value", text, fr, at="http.patient")
    written = await deposit_cda(ctx, request.body, patient)
    return await _created(ctx, request, written.id)


# -- finding --------------------------------------------------------------------------------------------


async def _find(ctx: Context, request: Request, kind: str) -> Response:
    asked = (*request.query, *request.form)
    pairs = find_pairs(kind, asked)
    page = await ctx.store.search(kind, pairs)
    found = searchset(_place(request), kind, pairs, page.resources, total=page.total, cursor=page.next)
    return _answer(found)


async def _read(ctx: Context, request: Request, kind: str, logical: str) -> Response:
    resource = await ctx.store.read(kind, logical)
    return _answer(resource, headers=_of_version(resource))


async def _content(ctx: Context, request: Request, name: str) -> Response:
    opened = await open_content(ctx, name)
    accept = _header(request, "accept")
    etag = f'"{opened.hash}"'
    if etag in [t.strip() for t in _header(request, "if-none-match").split(",")]:
        return Response(304, b"", opened.media_type, {"ETag": etag})
    if _accepts(accept, opened.media_type):
        return Response(
            200,
            opened.content,
            opened.media_type,
            safe_headers(opened.media_type, opened.title) | {"ETag": etag},
        )
    if _accepts(accept, _FHIR):
        return _answer(_binary(opened), headers={"ETag": etag})
    raise problem(
        "not-acceptable",
        f"This content is {opened.media_type}",
        f"Ce contenu est de type {opened.media_type}",
        at="http.Accept",
        rule="IHE MHD 4.2.4 §2:3.68",
    )


def _binary(opened: Opened) -> Resource:
    return {
        "resourceType": "Binary",
        "id": opened.name,
        "contentType": opened.media_type,
        "securityContext": {"reference": f"DocumentReference/{opened.document}"},
        "data": base64.b64encode(opened.content).decode(),
    }


# -- changing -------------------------------------------------------------------------------------------


def _patch(request: Request) -> Patch:
    kind = _body_type(request, "application/json-patch+json", *_JSON)
    if kind == "application/json-patch+json":
        try:
            return json_patch(json.loads(request.body))
        except (ValueError, RecursionError):
            text, fr = "The body is not JSON", "Le corps n'est pas du JSON"
            raise problem("structure", text, fr, at="$this") from None
    body = fhir_json.parse(request.body)
    if body.get("resourceType") != "Parameters":
        text, fr = "Send a JSON Patch or a Parameters", "Envoyez un JSON Patch ou un Parameters"
        raise problem("structure", text, fr, at="$this")
    return fhirpath_patch(body)


async def _change(ctx: Context, request: Request, logical: str) -> Response:
    tag = _ETAG.fullmatch(_header(request, "if-match").strip())
    changed = await change_document(ctx, logical, _patch(request), int(tag[1]) if tag else None)
    return _answer(changed, headers=_of_version(changed))


async def _change_found(ctx: Context, request: Request) -> Response:
    """Conditional PATCH: the one current document of an identifier. Rule: PDSm 3.1.1 flows 3 and 4."""
    pairs = [
        (k, v) for k, v in request.query if k in ("identifier", "patient", "patient.identifier", "status")
    ]
    if len(pairs) != len(request.query) or not any(k == "identifier" and v for k, v in pairs):
        text = "Name the document by its identifier, and nothing but identifier, patient and status"
        fr = "Désignez le document par son identifier ; seuls identifier, patient et status sont acceptés"
        raise problem("required", text, fr, at="http.identifier")
    found = await ctx.store.search("DocumentReference", [*pairs, ("_count", "2")])
    if len(found.resources) > 1:
        text, fr = "Several documents have this identifier", "Plusieurs documents ont cet identifiant"
        raise problem("multiple-matches", text, fr, at="http.identifier")
    if not found.resources:
        raise not_found("DocumentReference")
    return await _change(ctx, request, found.resources[0]["id"])


# -- the table ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """One thing the door does: method, path pattern, what it is for the capability statement."""

    method: str
    path: re.Pattern[str]
    run: Callable[..., Awaitable[Response]]
    kind: str = ""
    interaction: str = ""


def _way(method: str, path: str, run: Callable[..., Awaitable[Response]], is_: str = "") -> Way:
    kind, _, interaction = is_.rpartition(".")
    return Way(method, re.compile(path), run, kind, interaction)


async def _metadata(ctx: Context, request: Request) -> Response:
    return _answer(statement(request.base_url))


_KIND = r"(DocumentReference|List)"
_LOGICAL = r"([A-Za-z0-9.-]{1,64})"
WAYS: tuple[Way, ...] = (
    _way("GET", r"/metadata", _metadata),
    _way("POST", r"/?", _provide, ".transaction"),
    _way("POST", r"/cda", _deposit),
    _way("POST", r"/DocumentReference", _publish, "DocumentReference.create"),
    _way("PATCH", r"/DocumentReference", _change_found),
    _way("PATCH", rf"/DocumentReference/{_LOGICAL}", _change, "DocumentReference.patch"),
    _way("GET", rf"/{_KIND}", _find, "DocumentReference.search-type"),
    _way("POST", rf"/{_KIND}/_search", _find, "List.search-type"),
    _way("GET", rf"/{_KIND}/{_LOGICAL}", _read, "DocumentReference.read"),
    _way("GET", rf"/{_KIND}/{_LOGICAL}", _read, "List.read"),
    _way("GET", rf"/Binary/{_LOGICAL}", _content, "Binary.read"),
)
"""Everything the door does. `POST /cda` is ours: a CDA R2 document as such."""


def statement(base_url: str) -> Resource:
    """The door's CapabilityStatement."""
    return capability(base_url, ((w.kind, w.interaction) for w in WAYS if w.interaction))


async def run(ctx: Context, request: Request) -> Response:
    """Answers a request below `/pdsm`.

    Errors: Problem `login` without a valid token, `not-found` for a path that is none, `method` (405, with
    Allow) for a method the path does not take, and those of each way.
    """
    path = request.path.removeprefix(BASE)
    if ctx.actor.kind == "anonymous" and path != "/metadata":
        raise unidentified()
    allowed = []
    for way in WAYS:
        match = way.path.fullmatch(path)
        if match and way.method == ("GET" if request.method == "HEAD" else request.method):
            return await way.run(ctx, request, *match.groups())
        allowed += [way.method] if match else []
    if not allowed:
        raise not_found(path[:100])
    refused = problem(
        "method",
        f"{request.method} is not taken here",
        f"{request.method} n'est pas accepté ici",
        at="http.method",
        rule="PDSm 3.1.1",
    )
    refused.headers["Allow"] = ", ".join(sorted(set(allowed)))
    raise refused


DOOR = Door(
    "pdsm",
    BASE,
    run,
    statement,
    {
        "fr": "Partage de documents de santé (PDSm, DMP)",
        "en": "Health document sharing (PDSm, DMP)",
    },
    "PDSm 3.1.1; IHE MHD 4.2.4; PDSm4DMP 0.1.0",
)
"""The door as a row."""
