"""Which format a body is in, and which one the answer shall have. Rule: FHIR R4, http.html#mime-type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import parse_qsl

from aubier.ground.memory import remembered
from aubier.ground.problem import problem
from aubier.rest.formats.parts import refuse_twice

Format = Literal["json", "xml"]

FORM = "application/x-www-form-urlencoded"
MEDIA_TYPES: Mapping[Format, str] = {
    "json": "application/fhir+json; charset=utf-8",
    "xml": "application/fhir+xml; charset=utf-8",
}
FORMATS: Mapping[str, Format] = {
    "application/fhir+json": "json",
    "application/json+fhir": "json",
    "application/json": "json",
    "text/json": "json",
    "json": "json",
    "application/fhir+xml": "xml",
    "application/xml+fhir": "xml",
    "application/xml": "xml",
    "text/xml": "xml",
    "xml": "xml",
}
_SPELT = re.compile("%(?:5F|6[156DF]|7[0249])", re.IGNORECASE)
"""A letter of `_format` or `_pretty`, percent-encoded: a name may be written so."""
_ANY = {"", "*/*", "application/*", "text/html", "html"}
"""What leaves us the choice. Who asks for a page is shown JSON: there is none here."""


def sent_format(headers: Mapping[str, str]) -> Format:
    """The format of a body. Problem (media-type) unless it is FHIR R4, in UTF-8."""
    kind, parameters = _taken_apart(headers.get("content-type", ""))
    found = FORMATS.get(kind)
    if found is None or parameters.get("charset", "utf-8") not in ("utf-8", "utf8") or _other(parameters):
        said = headers.get("content-type", "")[:80]
        raise problem(
            "media-type",
            "Send application/fhir+json or application/fhir+xml, of FHIR 4.0 and in UTF-8,"
            f" not '{said or 'nothing'}'",
            "Envoyez application/fhir+json ou application/fhir+xml, de FHIR 4.0 et en UTF-8,"
            f" pas « {said or 'rien'} »",
            at="http.Content-Type",
        )
    return found


def media_type_of(headers: Mapping[str, str]) -> str:
    """The media type of a body, without parameters."""
    return _taken_apart(headers.get("content-type", ""))[0]


def wanted_format(headers: Mapping[str, str], query: str, body: bytes = b"") -> Format:
    """The format of the answer: `_format` (of a form too) comes before Accept; JSON where both are welcome.

    Problem: not-acceptable when the client takes neither; invalid when `_format` or `_pretty` says nothing.
    """
    asked = _asked(query)
    if body and headers.get("content-type", "").startswith(FORM):
        asked += _asked(body.decode("latin-1"))
    named = ""
    if asked:
        _check_said(asked)
        named = _named(asked)
    best = _best(named or headers.get("accept", ""))
    if best is None:
        raise problem(
            "not-acceptable",
            "Only application/fhir+json and application/fhir+xml of FHIR 4.0 can be answered here",
            "Ici, seuls application/fhir+json et application/fhir+xml de FHIR 4.0 peuvent être rendus",
            at="http._format" if named else "http.Accept",
        )
    return best


def takes_fhir(headers: Mapping[str, str], query: str) -> bool:
    """Whether FHIR can be answered at all."""
    return _best(_named(_asked(query)) or headers.get("accept", "")) is not None


@remembered(200_000, lambda found, accept: len(accept) + 200)
def _best(accept: str) -> Format | None:
    """The format that weighs most; few headers are in use, and every request brings one."""
    best: Format | None = None
    weight = 0.0
    for kind, parameters in _offers(accept):
        found: Format | None = "json" if kind in _ANY else FORMATS.get(kind)
        offered = quality(parameters.get("q", "1"))
        if found and not _other(parameters) and offered > weight:
            best, weight = found, offered
    return best


def _asked(query: str) -> list[tuple[str, str]]:
    """What a query says of the form of its answer: `_format` and `_pretty`."""
    if "_format" not in query and "_pretty" not in query and not _SPELT.search(query):
        return []
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    return [(name, value) for name, value in pairs if name in ("_format", "_pretty")]


def _check_said(asked: list[tuple[str, str]]) -> None:
    """Problem for what stands twice, one of which would be left out in silence, and for a `_pretty` that is
    neither true nor false."""
    refuse_twice([name for name, _ in asked])
    for name, value in asked:
        if name == "_pretty" and value not in ("true", "false"):
            raise problem(
                "invalid",
                f"_pretty is true or false, not '{value[:40]}'",
                f"_pretty vaut true ou false, pas « {value[:40]} »",
                at="http._pretty",
            )


def _named(asked: list[tuple[str, str]]) -> str:
    """The format that a query names, or nothing."""
    # A plus that nobody encoded has become a space: application/fhir+xml is written so everywhere.
    return dict(asked).get("_format", "").strip().replace(" ", "+")


def _offers(accept: str) -> Iterator[tuple[str, dict[str, str]]]:
    return (_taken_apart(offer) for offer in accept.split(","))


def _taken_apart(media_type: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, all in lower case, unquoted."""
    kind, *rest = media_type.lower().split(";")
    pairs = (part.partition("=") for part in rest)
    said = {name.strip(): value.strip('" ') for name, _, value in pairs}
    return kind.strip(), {name: value for name, value in said.items() if value}


def _other(parameters: Mapping[str, str]) -> bool:
    """Whether another version of FHIR is meant."""
    return parameters.get("fhirversion", "4.0") not in ("4.0", "4.0.1")


def quality(text: str) -> float:
    """The weight of an offer of a header; what cannot be read weighs nothing."""
    return float(text) if text.replace(".", "", 1).isdecimal() and text.isascii() and len(text) < 6 else 0.0
