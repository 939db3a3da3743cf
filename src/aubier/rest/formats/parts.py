"""The parts of a request that are neither resource nor query: texts, cookies, what packs a body."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from aubier.ground.problem import Problem, problem


def refuse_null(text: str, at: str) -> None:
    """Refuses a text with a null character, which no FHIR text has and the database cannot hold."""
    if "\0" in text:
        raise problem(
            "invalid",
            "A null character is no text; leave it out",
            "Un caractère nul n'est pas du texte ; retirez-le",
            at=at,
        )


def refuse_twice(names: Sequence[str]) -> None:
    """Problem for a name that comes again."""
    for name in names:
        if names.count(name) > 1:
            raise problem(
                "invalid",
                f"'{name[:64]}' stands twice; say it once",
                f"« {name[:64]} » figure deux fois ; dites-le une fois",
                at=f"http.{name[:64]}",
            )


_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")


def refuse_override(headers: Mapping[str, str]) -> None:
    """Refuses a method that stands in a header. Rule: FHIR R4, http.html: the method is the request's own.

    Passed over, it would make of an update that nobody let through a second resource.
    """
    if name := next((name for name in _OVERRIDES if name in headers), ""):
        raise problem(
            "invalid",
            f"{name} is not taken: send the request with that method itself",
            f"{name} n'est pas accepté : envoyez la requête avec cette méthode même",
            at=f"http.{name}",
        )


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request. Escapes in quotes stay: ours have none, undoing them can take for ever."""
    pairs = (part.partition("=") for part in headers.get("cookie", "").split(";"))
    return {name.strip(): _unquoted(value.strip()) for name, mark, value in pairs if mark}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


_GZIP = 16 + zlib.MAX_WBITS


def unpacked(headers: Mapping[str, str], body: bytes, most: int) -> bytes:
    """The body without its Content-Encoding: gzip, or none. Never more than `most` bytes are made of it.

    Problem: media-type, structure, too-long. Rule: RFC 9110 §8.4, §15.5.16.
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return body
    if coding not in ("gzip", "x-gzip"):
        refusal = problem(
            "media-type",
            "Send the body as it is, or compressed by gzip",
            "Envoyez le corps tel quel, ou compressé par gzip",
            at="http.Content-Encoding",
        )
        refusal.headers["Accept-Encoding"] = "gzip"
        raise refusal
    reader = zlib.decompressobj(_GZIP)
    try:
        plain = reader.decompress(body, most + 1)
    except zlib.error:
        raise _no_gzip() from None
    if len(plain) > most:
        raise too_long(most)
    if not reader.eof or reader.unused_data:
        raise _no_gzip()
    return plain


def _no_gzip() -> Problem:
    return problem(
        "structure",
        "The body is not one whole gzip stream, as Content-Encoding says",
        "Le corps n'est pas un flux gzip entier, comme le dit Content-Encoding",
        at="http.body",
    )


def too_long(most: int) -> Problem:
    """The refusal of a body of more than `most` bytes."""
    size, en, fr = (most >> 20, "MiB", "Mio") if most >> 20 else (most >> 10, "KiB", "Kio")
    return problem(
        "too-long",
        f"The body is larger than {size} {en}; split it",
        f"Le corps dépasse {size} {fr} ; découpez-le",
        at="http.body",
    )
