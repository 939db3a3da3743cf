"""From what was sent to a resource, and from an answer in JSON to the one that was asked for."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.rest.formats.negotiation import FORMATS, MEDIA_TYPES, Format, media_type_of, sent_format
from aubier.rest.outcome import placed
from aubier.store.aside import LONG, by_size


def received(headers: Mapping[str, str], body: bytes) -> Resource:
    """The body as a resource. Problem: media-type, structure; one without a place is about the body."""
    read = fhir_xml.parse if sent_format(headers) == "xml" else fhir_json.parse
    # A mark of byte order says nothing in UTF-8, and some systems cannot write without. RFC 8259 §8.1.
    try:
        return read(body.removeprefix(codecs.BOM_UTF8))
    except Problem as refusal:
        raise placed(refusal, "http.body") from None


async def read_aside(headers: Mapping[str, str], body: bytes) -> Resource | Problem | None:
    """What `received` gives or raises, of a long body that is a resource; others are served meanwhile.

    None for any other body.
    """
    if len(body) < LONG or media_type_of(headers) not in FORMATS:
        return None
    try:
        return await by_size(len(body), received, headers, body)
    except Problem as refusal:
        return refusal


def says_long(headers: Mapping[str, str]) -> bool:
    """Whether a body says that it is long: where it is refused in haste, it would be read once more."""
    told = headers.get("content-length", "")
    return told.isdigit() and (len(told) > 9 or int(told) >= LONG)


def written(body: bytes, format: Format) -> bytes:
    """FHIR JSON of ours in the format that was asked. Problem: XML cannot hold what is in it."""
    return fhir_xml.dumps(fhir_json.parse(body, _OURS)) if format == "xml" and body else body


def media_type(format: Format) -> str:
    """The Content-Type of an answer in this format."""
    return MEDIA_TYPES[format]


_OURS = fhir_json.Limits(size=1 << 31, string=1 << 31, depth=96, values=200_000_000)
"""What we made ourselves: a page of large resources may be larger than any of them."""
