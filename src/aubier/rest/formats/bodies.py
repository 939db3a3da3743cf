"""Bodies as they come in: bounded in size, in time, and in what all of them hold together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self

from aubier.ground.problem import Problem, problem
from aubier.rest.formats.parts import too_long, unpacked
from aubier.store.aside import LONGER

ALWAYS = 1 << 16
"""Bytes of a body that are taken of anyone, however many others are being read."""

_TOGETHER = 8
"""Of how many bodies of the largest size a serving process holds the bytes at once."""

_AT_ONCE = 2
"""Long bodies that are answered at once: what is made of one takes ten times its bytes, and more."""

_SLOWEST = 1024
"""Bytes a second that a body must bring in the long run: one that trickles would be waited for all day."""


def brings_body(headers: Mapping[str, str]) -> bool:
    """Whether a request announces a body."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def announced(headers: Mapping[str, str]) -> int | None:
    """The bytes that a request says its body has; None: it does not say, as one that comes in chunks."""
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() and "transfer-encoding" not in headers else None


@dataclass(slots=True)
class Bodies:
    """The bodies of one process: at most `most` bytes of each, `patience` seconds for its next part.

    `held` counts the bytes of those that are being read or answered. Of `LONGER` bytes and more, a few are
    answered at once, each in its turn.
    """

    most: int
    patience: float = 30.0
    held: int = 0
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def coming(self, headers: Mapping[str, str], receive: Any, *, most: int = 0) -> Body:
        """The body of a request, of at most `most` bytes where that is given."""
        return Body(self, headers, receive, most or self.most)


@dataclass(slots=True)
class Body:
    """The body of a request, read once, let go at the end of `with`. Problem: as it was the first time."""

    bodies: Bodies
    headers: Mapping[str, str]
    receive: Any
    most: int
    came: bytes | Problem | None = None
    size: int = 0
    in_turn: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bodies.held -= self.size
        if self.in_turn:
            self.bodies.turns.release()

    async def read(self) -> bytes:
        """The bytes, without their Content-Encoding, in their turn. Problem: too-long, transient, invalid,
        media-type.
        """
        if self.came is None:
            try:
                self._check_announced()
                packed = await self._parts()
                self.came = unpacked(self.headers, packed, self.most)
                self._hold(len(self.came) - len(packed))
                if self.size >= LONGER:
                    self.in_turn = await self.bodies.turns.acquire()
            except Problem as refusal:
                self.came = refusal
        if isinstance(self.came, Problem):
            raise self.came
        return self.came

    def _check_announced(self) -> None:
        if (announced(self.headers) or 0) > self.most:
            raise too_long(self.most)
        # Rule: RFC 9112 section 6.1: a coding that is not undone would be taken for what was meant.
        if self.headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
            raise problem(
                "invalid",
                "The only Transfer-Encoding taken is chunked; compress by Content-Encoding: gzip",
                "Le seul Transfer-Encoding accepté est chunked ; compressez par Content-Encoding: gzip",
                at="http.Transfer-Encoding",
            )

    async def _parts(self) -> bytes:
        parts, begun, patience = [], monotonic(), self.bodies.patience
        while True:
            left = 2 * patience + self.size / _SLOWEST - (monotonic() - begun)
            message = await _next_part(self.receive, min(patience, left))
            if message["type"] == "http.disconnect":
                raise problem(
                    "invalid",
                    "The body was cut short: send all of it, of the length or in the chunks announced",
                    "Le corps est incomplet : envoyez-le entier, de la longueur ou en blocs comme annoncé",
                    at="http.body",
                )
            part = message.get("body", b"")
            self._hold(len(part))
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)

    def _hold(self, more: int) -> None:
        """Counts `more` bytes. Problem when that is too much of one body, or of all of them."""
        self.size += more
        self.bodies.held += more
        if self.size > self.most:
            raise too_long(self.most)
        if self.size > ALWAYS and self.bodies.held > _TOGETHER * self.bodies.most:
            refusal = problem(
                "transient",
                "Too many large bodies come at once; send yours again in a moment",
                "Trop de corps volumineux arrivent à la fois ; renvoyez le vôtre dans un instant",
                at="http.body",
            )
            refusal.headers["Retry-After"] = "5"
            raise refusal


async def _next_part(receive: Any, patience: float) -> Any:
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
