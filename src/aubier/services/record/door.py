"""The PDSm door as a row: what is read and searched at `/pdsm`, and what else each path does."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping

from aubier.access.actor import Context
from aubier.fhir import json as fhir_json
from aubier.fhir.patch import Change
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Door, Method, Request, Resource, Response, Way
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
from aubier.services.record.mhd import MHD, PDSM
from aubier.services.record.mhd.find import OFFERS
from aubier.services.record.mhd.patch import fhirpath_patch, json_patch

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


# -- contents -------------------------------------------------------------------------------------------


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


def _patch(request: Request) -> Change:
    kind = _body_type(request, "application/json-patch+json", *_JSON)
    if kind == "application/json-patch+json":
        return json_patch(fhir_json.parse_list(request.body))
    body = fhir_json.parse(request.body)
    if body.get("resourceType") != "Parameters":
        text, fr = "Send a JSON Patch or a Parameters", "Envoyez un JSON Patch ou un Parameters"
        raise problem("structure", text, fr, at="$this")
    return fhirpath_patch(body)


def _version(request: Request) -> int | None:
    """The version that If-Match names; `*` names any. Problem: it cannot be read, so it would not be held."""
    told = _header(request, "if-match").strip()
    if told in ("", "*"):
        return None
    tag = _ETAG.fullmatch(told)
    if tag is None:
        text, fr = 'If-Match must be like W/"3"', 'If-Match doit être de la forme W/"3"'
        raise problem("invalid", text, fr, at="http.If-Match")
    return int(tag[1])


async def _change(ctx: Context, request: Request, logical: str) -> Response:
    changed = await change_document(ctx, logical, _patch(request), _version(request))
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


# -- the row --------------------------------------------------------------------------------------------


def _way(method: Method, path: str, run: Callable[..., Awaitable[Response]], is_: str = "") -> Way:
    kind, _, interaction = is_.rpartition(".")
    holds = ("if-match",) if method == "PATCH" else ()
    return Way(method, re.compile(path), run, kind, interaction, holds)


_LOGICAL = r"([A-Za-z0-9.-]{1,64})"
_WAYS = (
    _way("POST", r"/", _provide, ".transaction"),
    _way("POST", r"/cda", _deposit),
    _way("POST", r"/DocumentReference", _publish, "DocumentReference.create"),
    _way("PATCH", r"/DocumentReference", _change_found),
    _way("PATCH", rf"/DocumentReference/{_LOGICAL}", _change, "DocumentReference.patch"),
    _way("GET", rf"/Binary/{_LOGICAL}", _content, "Binary.read"),
)
"""What the door does beside reading and searching. `POST /cda` is ours: a CDA R2 document as such."""

DOOR = Door(
    "pdsm",
    BASE,
    {
        "fr": "Partage de documents de santé (PDSm, DMP)",
        "en": "Health document sharing (PDSm, DMP)",
    },
    "PDSm 3.1.1; IHE MHD 4.2.4; PDSm4DMP 0.1.0",
    OFFERS,
    _WAYS,
    controls=("_count", "_sort", "_summary", "_total"),
    patch_formats=("application/json-patch+json", _FHIR),
    follows=(
        f"{PDSM}/CapabilityStatement/PDSm-GestionnaireDePartageDeDocuments",
        f"{MHD}/CapabilityStatement/IHE.MHD.DocumentResponder",
    ),
    about="Document sharing: ITI-65, ITI-66, ITI-67, ITI-68, ITI-105, and metadata update",
)
"""The door as a row."""
