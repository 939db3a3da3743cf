"""A FHIR request and its answer, between HTTP and the interactions."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from urllib.parse import parse_qsl

from aubier.fhir import json as fhir_json
from aubier.ground.chance import random_ids
from aubier.ground.clock import moment_of
from aubier.ground.memory import remembered
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.formats.conversion import received, written
from aubier.rest.formats.negotiation import MEDIA_TYPES, Format, quality, wanted_format
from aubier.rest.formats.parts import refuse_null
from aubier.rest.outcome import outcome, status_of
from aubier.store.aside import by_size
from aubier.store.reading import Row

_log = logging.getLogger("aubier.rest")

_MAX_QUERY = 64_000
_BARE = re.compile(rb"[\x80-\xff]")
_OFFERS = 50
"""Languages that are looked at: every answer asks which, and nobody speaks more."""
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Limits:
    """Paging bounds: the default page and the largest one, entries."""

    page: int = 20
    largest: int = 1000
    bundle: int = 20_000


@dataclass(frozen=True, slots=True)
class Call:
    """A FHIR request. `path` holds the segments after the base; header names are lower case."""

    method: str
    path: tuple[str, ...]
    query: str
    headers: Mapping[str, str]
    body: bytes
    base: str
    read: Resource | Problem | None = None
    """What the body was found to be, where it was read before."""

    @property
    def prefer(self) -> dict[str, str]:
        """The Prefer header: `return`, `handling`... Of what stands twice the first counts (RFC 7240 §2)."""
        found: dict[str, str] = {}
        sent = self.headers.get("prefer")
        for part in re.split(r"[,;]", sent) if sent else ():
            name, _, value = part.partition("=")
            if name := name.strip().lower():
                found.setdefault(name, value.strip().strip('"'))
        return found

    @property
    def lenient(self) -> bool:
        """Whether the client asked that unknown parameters be left out."""
        return self.prefer.get("handling") == "lenient"

    @property
    def strict(self) -> bool:
        """Whether the client asked that what it writes be held to the profiles it declares."""
        return self.prefer.get("handling") == "strict"

    @property
    def pretty(self) -> bool:
        """Whether the answer is for somebody to read: JSON is set out in lines then."""
        return "_pretty" in self.query and ("_pretty", "true") in self.pairs()

    @property
    def language(self) -> str:
        """`fr` when the client prefers it, `en` otherwise."""
        return language_of(self.headers, "en")

    def pairs(self) -> list[tuple[str, str]]:
        """The decoded parameters of the query string."""
        return decoded(self.query)

    def resource(self) -> Resource:
        """The body as a resource. Problem: media-type, structure."""
        if isinstance(self.read, Problem):
            raise self.read
        return self.read if self.read is not None else received(self.headers, self.body)

    @property
    def format(self) -> Format:
        """The format of the answer. Problem: not-acceptable."""
        return wanted_format(self.headers, self.query, self.body)


@dataclass(slots=True)
class Answer:
    """What goes back: status, body bytes (already FHIR JSON unless `media_type` says otherwise), headers.

    `packed` is the body by gzip where it was kept ready.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = MEDIA_TYPES["json"]
    packed: bytes = b""


def language_of(headers: Mapping[str, str], default: str) -> str:
    """`fr` or `en`, whichever Accept-Language gives more weight, the first of equals; else `default`."""
    best, weight = default, 0.0
    asked = headers.get("accept-language")
    for offer in asked.split(",", _OFFERS)[:_OFFERS] if asked else ():
        spoken, _, said = offer.partition(";")
        language = spoken.strip().lower().partition("-")[0]
        offered = quality(said.partition("=")[2].strip() or "1")
        if language in ("fr", "en") and offered > weight:
            best, weight = language, offered
    return best


def decoded(text: str) -> list[tuple[str, str]]:
    """(name, value) pairs of a query string or form. Problem when it is too long, not UTF-8, or has a NUL."""
    if len(text) > _MAX_QUERY:
        raise problem(
            "too-long",
            "The query is too long; ask for less at once",
            "La requête est trop longue ; demandez-en moins à la fois",
            at="http.query",
        )
    return list(_decoded(text))


@remembered(2_000_000, lambda found, text: 2 * len(text) + 200 * len(found) + 200)
def _decoded(text: str) -> tuple[tuple[str, str], ...]:
    # Several ask the same of one request.
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except (UnicodeDecodeError, ValueError) as error:
        raise problem(
            "invalid",
            "The query string cannot be read: percent-encode it in UTF-8, at most 1,000 parameters",
            "La requête est illisible : encodez-la en UTF-8, 1 000 paramètres au plus",
            at="http.query",
        ) from error
    for name, value in pairs:
        refuse_null(name, "http.query")
        refuse_null(value, f"http.{name[:100]}")
    return tuple(pairs)


def decoded_bytes(data: bytes, place: str) -> list[tuple[str, str]]:
    """The same of what came as bytes at `place`. Problem when it is not UTF-8, percent-encoded or not."""
    try:
        return decoded(data.decode())
    except UnicodeDecodeError as error:
        raise problem(
            "invalid", "Percent-encode names and values", "Encodez noms et valeurs (%XX)", at=place
        ) from error


def percent_encoded(raw: bytes) -> str:
    """A query string, or the criteria of a header: typed at a terminal, `name=Gaël` comes as bare UTF-8."""
    return (raw if raw.isascii() else _BARE.sub(lambda m: b"%%%02X" % m[0][0], raw)).decode("ascii")


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
        "Last-Modified": _http_date(row.updated // 1000),
    }


@lru_cache(maxsize=4096)
def _http_date(second: int) -> str:
    return format_datetime(moment_of(second * 1000), usegmt=True)


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
    except (TypeError, ValueError, OverflowError):
        return False


def failed(refusal: Problem, language: str) -> Answer:
    """The answer that tells a Problem."""
    return Answer(status_of(refusal), fhir_json.dumps(outcome(refusal, language)), dict(refusal.headers))


async def rendered(answer: Answer, call: Call) -> Answer:
    """The answer in the format that the client takes; in JSON when it takes none that there is.

    Others are served while a long one is turned into XML or set out in lines.
    """
    if answer.media_type != MEDIA_TYPES["json"] or not answer.body:
        return answer
    try:
        format = call.format
        if format == "json" and not call.pretty:
            return answer
        # What is kept ready is asked by everyone, so its other forms are remembered.
        turned = _turned if answer.packed else _turned.call
        answer.body = await by_size(len(answer.body), turned, answer.body, format)
    except Problem as refusal:
        return answer if answer.status >= 400 else failed(refusal, call.language)
    answer.media_type, answer.packed = MEDIA_TYPES[format], b""
    return answer


@remembered(32_000_000, lambda turned, body, format: len(turned) + len(body) + 200)
def _turned(body: bytes, format: Format) -> bytes:
    return fhir_json.indented(body) if format == "json" else written(body, format)


def unforeseen(method: str, path: str) -> Problem:
    """An unforeseen fault, from within its handler: the log has the trace, the client a reference only."""
    reference = random_ids()[:12]
    _log.exception("unforeseen fault %s in %s %r", reference, method, path[:200])
    return problem(
        "exception",
        f"Something unforeseen happened; give the reference {reference} to support",
        f"Un imprévu est survenu ; donnez la référence {reference} à l'assistance",
    )
