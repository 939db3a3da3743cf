"""The files inside a CDA document, from our own address: what the page of a document links to."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote

from aubier.access.actor import Context
from aubier.ground.problem import not_found
from aubier.ground.rows import Request, Response, Route
from aubier.services.record.actions import Opened, is_cda, open_document
from aubier.services.record.cda.model import Part
from aubier.services.record.cda.parts import read_parts
from aubier.services.record.cda.xml import parse_document
from aubier.services.record.headers import safe_headers

_BASE = "/documents"
_LOGICAL = re.compile(r"[A-Za-z0-9.-]{1,64}")


def part_link(document: str, part: str) -> str:
    """The path of a file inside a document: `document` is a DocumentReference's id, `part` the file's."""
    return f"{_BASE}/{document}/parts/{quote(part, safe='')}"


def _parts(opened: Opened) -> tuple[Part, ...]:
    """The files of a CDA; a large one takes long enough to be read beside the others' requests."""
    return read_parts(parse_document(opened.content)) if is_cda(opened.media_type, opened.content) else ()


async def send_part(ctx: Context, request: Request) -> Response:
    """A file of a CDA document that this actor may read, under headers that keep it harmless.

    Errors: Problem `login`, `not-found` for a document or file that is not there for this actor.
    """
    logical, name = request.params["id"], request.params["part"]
    if not _LOGICAL.fullmatch(logical):
        raise not_found(part_link(logical[:64], name[:64]))
    document = await ctx.store.read("DocumentReference", logical)
    opened = await open_document(ctx, document)
    parts = await asyncio.to_thread(_parts, opened)
    part = next((p for p in parts if p.id == name), None)
    if part is None:
        raise not_found(part_link(logical, name))
    return Response(200, part.content, part.media_type, safe_headers(part.media_type, opened.title))


ROUTES = (
    Route("GET", f"{_BASE}/{{id}}/parts/{{part}}", send_part, "A file inside a document", "IHE MHD §2:3.68"),
)
"""The address of the files inside documents."""
