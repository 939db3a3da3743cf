"""From what was sent to a resource, and from an answer in JSON to the one that was asked for."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Mapping
from typing import cast

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.rest.formats.negotiation import MEDIA_TYPES, Format, sent_format
from aubier.rest.outcome import placed


def received(headers: Mapping[str, str], body: bytes) -> Resource:
    """The body as a resource. Problem: media-type, structure; one without a place is about the body."""
    read = fhir_xml.parse if sent_format(headers) == "xml" else fhir_json.parse
    # A mark of byte order says nothing in UTF-8, and some systems cannot write without. RFC 8259 §8.1.
    try:
        return read(body.removeprefix(codecs.BOM_UTF8))
    except Problem as refusal:
        raise placed(refusal, "http.body") from None


LONG = 100_000
"""Bytes of XML from which on others are served while they are read."""


async def read_between(headers: Mapping[str, str], body: bytes) -> Resource | Problem | None:
    """What `received` gives or raises, of a long body in XML; others are served between its parts.

    None for any other body: what reads JSON does it in one go, a hundred times as fast.
    """
    if len(body) < LONG or not _is_xml(headers):
        return None
    try:
        steps = fhir_xml.parsing(body.removeprefix(codecs.BOM_UTF8))
        while True:
            next(steps)
            await asyncio.sleep(0)
    except StopIteration as ended:
        return cast(Resource, ended.value)
    except Problem as refusal:
        return placed(refusal, "http.body")


def long_to_read(headers: Mapping[str, str]) -> bool:
    """Whether a body may be XML of `LONG` bytes: it does not say that it is shorter, or is packed."""
    told = headers.get("content-length", "")
    short = told.isdigit() and len(told) < 10 and int(told) < LONG and "content-encoding" not in headers
    return not short and _is_xml(headers)


def _is_xml(headers: Mapping[str, str]) -> bool:
    try:
        return sent_format(headers) == "xml"
    except Problem:
        return False


def written(body: bytes, format: Format) -> bytes:
    """FHIR JSON of ours in the format that was asked. Problem: XML cannot hold what is in it."""
    return fhir_xml.dumps(fhir_json.parse(body, _OURS)) if format == "xml" and body else body


def media_type(format: Format) -> str:
    """The Content-Type of an answer in this format."""
    return MEDIA_TYPES[format]


_OURS = fhir_json.Limits(size=1 << 31, string=1 << 31, depth=96, values=200_000_000)
"""What we made ourselves: a page of large resources may be larger than any of them."""
