"""The content of a Binary as it is: read and written without the resource around it.

Rule: FHIR R4, binary.html#rest.
"""

from __future__ import annotations

import re
from base64 import b64encode

from aubier.fhir import json as fhir_json
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import Answer, Call, of_version
from aubier.rest.formats.negotiation import FORMATS, media_type_of, takes_fhir
from aubier.rest.writing.patches import binary
from aubier.store.reading import Row

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:;[ -~]{1,200})?")
_SAFE = {
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
"""A content is whatever somebody sent: a browser keeps it, and runs nothing of it."""


def asks_content(call: Call) -> bool:
    """Whether a Binary is read by who takes no form of FHIR: its content is meant, not the resource."""
    versioned = len(call.path) == 4 and call.path[2] == "_history"
    if call.path[:1] != ("Binary",) or not (len(call.path) == 2 or versioned):
        return False
    later = "respond-async" in call.prefer
    return call.method in ("GET", "HEAD") and not later and not takes_fhir(call.headers, call.query)


def content_of(row: Row, call: Call) -> Answer:
    """The content of a Binary. Problem: not-acceptable when it is of no type that the client takes."""
    kind, content = binary(fhir_json.parse(row.raw))
    offers = [offer.partition(";")[0].strip().lower() for offer in call.headers.get("accept", "").split(",")]
    bare = kind.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(kind) or not {bare, f"{bare.partition('/')[0]}/*"} & set(offers):
        raise problem(
            "not-acceptable",
            f"This content is {kind[:100] or 'of no known type'}; take that, or application/fhir+json",
            f"Ce contenu est de type {kind[:100] or 'inconnu'} ; acceptez-le, ou application/fhir+json",
            at="http.Accept",
        )
    return Answer(200, content, of_version(row) | _SAFE, kind)


def brings_content(call: Call) -> bool:
    """Whether the body is the content of a Binary, not a resource."""
    kind = media_type_of(call.headers)
    return call.path[:1] == ("Binary",) and kind != "" and kind not in FORMATS


def sent_content(call: Call) -> Resource:
    """The Binary around a content that was sent as it is. Problem (media-type): its type cannot be read.

    `X-Security-Context` names the resource whose rights it follows.
    """
    kind = call.headers["content-type"].strip()
    if not _MEDIA_TYPE.fullmatch(kind):
        raise problem(
            "media-type",
            "Say the type of the content, as application/pdf",
            "Dites le type du contenu, comme application/pdf",
            at="http.Content-Type",
        )
    resource: Resource = {"resourceType": "Binary", "contentType": kind}
    if len(call.path) == 2:
        resource["id"] = call.path[1]
    if about := call.headers.get("x-security-context", "").strip():
        resource["securityContext"] = {"reference": about}
    if call.body:
        resource["data"] = b64encode(call.body).decode()
    return resource
