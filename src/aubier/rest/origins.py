"""Requests from pages of other origins: a vendor's application in a browser calls the API with its token.

Every origin is welcome because nothing here believes a cookie: without a token one is nobody, from wherever.
Rule: SMART App Launch 2.2, which asks it of the FHIR endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping

from aubier.rest.exchange import Answer

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_ASKED = (
    "Authorization, Content-Type, Accept, Accept-Language, Prefer, If-Match, If-None-Match, If-None-Exist"
)
_ASKED += ", If-Modified-Since, Content-Encoding, X-Security-Context, X-Provenance"
_SHOWN = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Location, Content-Location, Last-Modified, WWW-Authenticate,"
    " X-Progress, Retry-After, Expires, Preference-Applied, Allow, Accept-Patch",
}


def preflight(method: str, headers: Mapping[str, str], key: str = "") -> Answer | None:
    """The answer to a browser that asks what it may send; None for any other request.

    `key` is the header of an application's key, where one is taken.
    """
    if method != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
        return None
    allowed = {
        "access-control-allow-methods": _METHODS,
        "access-control-allow-headers": f"{_ASKED}, {key}" if key else _ASKED,
        "access-control-max-age": "7200",
    }
    return Answer(204, b"", allowed, "")


def shown_to(headers: Mapping[str, str]) -> Mapping[str, str]:
    """What an answer says to a browser so that a page of another origin may read it."""
    return _SHOWN if "origin" in headers else {}
