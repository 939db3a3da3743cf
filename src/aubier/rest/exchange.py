"""A FHIR request and its answer, between HTTP and the interactions."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import parse_qsl

from aubier.fhir import json as fhir_json
from aubier.ground.chance import random_ids
from aubier.ground.clock import moment_of
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.outcome import outcome, status_of
from aubier.store.reading import Row

_log = logging.getLogger("aubier.rest")

FHIR_JSON = "application/fhir+json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
_JSON = {"application/fhir+json", "application/json", "text/json", "application/json+fhir", "json"}
_ANY = {"", "*/*", "application/*"}
_MAX_QUERY = 64_000
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """A FHIR request. `path` holds the segments after the base; header names are lower case."""

    method: str
    path: tuple[str, ...]
    query: str
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def prefer(self) -> dict[str, str]:
        """The Prefer header: `return`, `handling`..."""
        found: dict[str, str] = {}
        for part in re.split(r"[,;]", self.headers.get("prefer", "")):
            name, _, value = part.strip().partition("=")
            if name:
                found[name.lower()] = value.strip('"')
        return found

    @property
    def lenient(self) -> bool:
        """Whether the client asked that unknown parameters be left out."""
        return self.prefer.get("handling") == "lenient"

    @property
    def language(self) -> str:
        """`fr` when the client prefers it, `en` otherwise."""
        return language_of(self.headers, "en")

    def pairs(self) -> list[tuple[str, str]]:
        """The decoded parameters of the query string."""
        return decoded(self.query)

    def resource(self) -> Resource:
        """The body as a resource. Problem: media-type, structure."""
        check_content_type(self.headers)
        return parsed(self.body)


@dataclass(slots=True)
class Answer:
    """What goes back: status, body bytes (already FHIR JSON unless `media_type` says otherwise), headers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = FHIR_JSON


def language_of(headers: Mapping[str, str], default: str) -> str:
    """`fr` or `en`, whichever comes first in Accept-Language; else `default`."""
    first = headers.get("accept-language", "").strip()[:2].lower()
    return first if first in ("fr", "en") else default


def parsed(body: bytes) -> Resource:
    """The JSON object of a body; a refusal without a place of its own says that it is about the body."""
    try:
        return fhir_json.parse(body)
    except Problem as refusal:
        raise placed(refusal, "http.body") from None


def placed(refusal: Problem, place: str) -> Problem:
    """The same refusal, in which every issue names a place: `place` where it named none."""
    return Problem(tuple(i if i.at else replace(i, at=(place,)) for i in refusal.issues), refusal.headers)


def decoded(text: str) -> list[tuple[str, str]]:
    """(name, value) pairs of a query string or form. Problem when it is too long or not UTF-8."""
    if len(text) > _MAX_QUERY:
        raise problem("too-long", "The query is too long", "La requête est trop longue", at="http.query")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except (UnicodeDecodeError, ValueError) as error:
        raise problem(
            "invalid",
            "The query string cannot be read: percent-encode it in UTF-8, at most 1,000 parameters",
            "La requête est illisible : encodez-la en UTF-8, 1 000 paramètres au plus",
            at="http.query",
        ) from error


def decoded_bytes(data: bytes, place: str) -> list[tuple[str, str]]:
    """The same of what came as bytes at `place`. Problem when it is not percent-encoded."""
    try:
        return decoded(data.decode("ascii"))
    except UnicodeDecodeError as error:
        raise problem(
            "invalid", "Percent-encode names and values", "Encodez noms et valeurs (%XX)", at=place
        ) from error


def check_content_type(headers: Mapping[str, str]) -> None:
    """Problem (media-type) unless the body says it is FHIR R4 JSON, uncompressed, in UTF-8."""
    kind, *rest = headers.get("content-type", "").lower().split(";")
    said = dict(part.strip().partition("=")[::2] for part in rest)
    charset, version = said.get("charset", "").strip('" '), said.get("fhirversion", "").strip('" ')
    if kind.strip() not in _JSON or charset not in ("", "utf-8", "utf8") or version not in ("", "4.0"):
        raise problem(
            "media-type",
            f"Send application/fhir+json in UTF-8, not '{headers.get('content-type', 'nothing')[:80]}'",
            f"Envoyez application/fhir+json en UTF-8, pas « {headers.get('content-type', 'rien')[:80]} »",
            at="http.Content-Type",
        )
    if headers.get("content-encoding", "identity") != "identity":
        raise problem(
            "media-type",
            "Send the body without Content-Encoding",
            "Envoyez le corps sans Content-Encoding",
            at="http.Content-Encoding",
        )


def check_accept(call: Call) -> None:
    """Problem (not-acceptable) when the client takes no FHIR JSON. `_format` comes before Accept."""
    asked = dict(parse_qsl(call.query, errors="replace")).get("_format")
    if not asked and call.headers.get("content-type", "").startswith(FORM):
        asked = dict(parse_qsl(call.body.decode("latin-1"), errors="replace")).get("_format")
    wanted = [asked] if asked else call.headers.get("accept", "").split(",")
    kinds = [w.partition(";")[0].strip().lower() for w in wanted]
    if not any(k in _JSON or k in _ANY or k == "text/html" for k in kinds):
        raise problem(
            "not-acceptable",
            "Only application/fhir+json can be answered here",
            "Ici, seul application/fhir+json peut être rendu",
            at="http._format" if asked else "http.Accept",
        )


def version_of(header: str, name: str) -> int | None:
    """The version in an If-Match header: `W/"3"`. Problem when it is not one of our ETags."""
    if not header:
        return None
    match = _ETAG.fullmatch(header.strip()) or re.fullmatch(r"([0-9]+)", header.strip())
    if match is None or not re.fullmatch(r"[0-9]{1,9}", match[1]):
        raise problem(
            "invalid", f'{name} must be like W/"3"', f'{name} doit être de la forme W/"3"', at=f"http.{name}"
        )
    return int(match[1])


def of_version(row: Row) -> dict[str, str]:
    """The headers that tell a version: ETag and Last-Modified."""
    return {
        "ETag": f'W/"{row.version}"',
        "Last-Modified": format_datetime(moment_of(row.updated), usegmt=True),
    }


def unchanged(call: Call, row: Row) -> bool:
    """Whether a conditional read may be answered 304 (If-None-Match first, then If-Modified-Since)."""
    tag = call.headers.get("if-none-match")
    if tag is not None:
        return str(row.version) in _ETAG.findall(tag) or tag.strip() == "*"
    since = call.headers.get("if-modified-since")
    if not since:
        return False
    try:
        return moment_of(row.updated).replace(microsecond=0) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False


def failed(refusal: Problem, language: str) -> Answer:
    """The answer that tells a Problem."""
    return Answer(status_of(refusal), fhir_json.dumps(outcome(refusal, language)), dict(refusal.headers))


def unforeseen(method: str, path: str) -> Problem:
    """An unforeseen fault, from within its handler: the log has the trace, the client a reference only."""
    reference = random_ids()[:12]
    _log.exception("unforeseen fault %s in %s %s", reference, method, path[:200])
    return problem(
        "exception",
        f"Something unforeseen happened; give the reference {reference} to support",
        f"Un imprévu est survenu ; donnez la référence {reference} à l'assistance",
    )
