"""The parts of a request that are neither resource nor query: texts, cookies, pieces of a body."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aubier.ground.problem import problem


def refuse_null(text: str, at: str) -> None:
    """Refuses a text with a null character, which no FHIR text has and the database cannot hold."""
    if "\0" in text:
        raise problem("invalid", "A null character is no text", "Un caractère nul n'est pas du texte", at=at)


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request. Escapes in quotes stay: ours have none, undoing them can take for ever."""
    pairs = (part.partition("=") for part in headers.get("cookie", "").split(";"))
    return {name.strip(): _unquoted(value.strip()) for name, mark, value in pairs if mark}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


async def next_part(receive: Any, patience: float) -> Any:
    """The next part of a body; a client that sends none for `patience` seconds is not waited for."""
    try:
        async with asyncio.timeout(patience):
            return await receive()
    except TimeoutError:
        raise problem(
            "invalid",
            "The body did not come: send it at once, of the length announced",
            "Le corps n'est pas venu : envoyez-le d'un trait, de la longueur annoncée",
            at="http.body",
        ) from None
