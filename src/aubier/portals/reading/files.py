"""A deposited file as an answer."""

from __future__ import annotations

from aubier.ground.rows import Response
from aubier.portals.frame.house import Content


def file_response(content: Content) -> Response:
    """A deposited file as it came, under the record room's headers; kept by no cache, as the pages are."""
    headers = {**content.headers, "Cache-Control": "no-store"}
    return Response(200, content.data, content.media_type, headers)
