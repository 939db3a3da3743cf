"""A deposited file as an answer."""

from __future__ import annotations

from aubier.ground.rows import Response

SHOWN = ("application/pdf", "image/png", "image/jpeg", "text/plain")
"""Types a browser may show by itself; any other is offered to be saved."""


def file_response(media_type: str, data: bytes, name: str) -> Response:
    """A deposited file: shown when its type is harmless, else saved; scripts in it never run."""
    shown = media_type.split(";")[0] in SHOWN
    return Response(
        200,
        data,
        media_type if shown else "application/octet-stream",
        {
            "Content-Disposition": f'{"inline" if shown else "attachment"}; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )
