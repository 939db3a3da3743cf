"""Where the lines of an import come from: a file of another host, a Binary, the body of the request."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aubier.access.view import View
from aubier.ground.problem import problem
from aubier.rest.asynchronous.work import Job
from aubier.rest.importing.remote import Allowed, Remote, unreached

BODY = "body"
"""The url of what came with the request itself."""
_WITHIN = 300.0
"""Seconds within which a part arrives, however slowly a host sends."""
PATIENCE = 7200.0
"""Seconds of waiting that a whole file is given: else one that trickles would never end."""
_BREATH = 100


@dataclass(slots=True)
class Lines:
    """The lines of a source from a byte on. `read()` gives the next bytes, none at the end.

    `number` is the input it belongs to, `offset` the byte after the last line had, `waited` how many seconds
    the host was waited for.
    """

    number: int
    offset: int
    read: Callable[[], Awaitable[bytes]]
    remote: Remote | None = None
    pending: bytearray = field(default_factory=bytearray)
    ended: bool = False
    waited: float = 0.0

    @property
    def etag(self) -> str:
        """What names the version of the file, if something does."""
        return self.remote.etag if self.remote else ""

    async def take(self, most: int, size: int, longest: int) -> list[bytes]:
        """The next lines: at most so many, of so many bytes together; none at the end.

        Problem: a line is longer than the longest, or the host takes too long over the whole file.
        """
        until, found, taken = monotonic() + _WITHIN, list[bytes](), 0
        while len(found) < most and taken < size:
            line = await self._line(longest, until)
            if line is None:
                break
            found.append(line)
            taken += len(line)
            if len(found) % _BREATH == 0:
                await asyncio.sleep(0)
        self.offset += taken
        return found

    async def _more(self, until: float) -> None:
        begun = monotonic()
        if begun > until:
            raise unreached("The host")
        if self.waited > PATIENCE:
            raise problem(
                "too-costly",
                f"The host took more than {PATIENCE / 3600:.0f} hours over the file; split it",
                f"L'hôte a pris plus de {PATIENCE / 3600:.0f} heures pour le fichier ; découpez-le",
            )
        piece = await self.read()
        self.waited += monotonic() - begun
        self.ended = not piece
        self.pending += piece

    async def _line(self, longest: int, until: float) -> bytes | None:
        searched = 0
        while (end := self.pending.find(b"\n", searched)) < 0 and not self.ended:
            searched = len(self.pending)
            if searched > longest:
                break
            await self._more(until)
        size = end + 1 if end >= 0 else len(self.pending)
        if size > longest:
            raise problem(
                "too-long",
                f"A line is longer than {longest} bytes; the lines after it are not read",
                f"Une ligne dépasse {longest} octets ; celles qui suivent ne sont pas lues",
            )
        line = bytes(self.pending[:size])
        del self.pending[:size]
        return line or None

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self.remote is not None:
            self.remote.close()


async def opened(view: View, job: Job, place: dict[str, Any]) -> Lines:
    """The lines of the input that is next, from the place on. Problem: it cannot be opened."""
    number, offset = place["input"], place["offset"]
    if isinstance(job.held, Lines):
        if (job.held.number, job.held.offset) == (number, offset):
            return job.held
        job.held.close()
    told = job.asked["inputs"][number]
    if told["url"] == BODY:
        lines = _of_bytes(number, offset, job.body)
    elif told["url"].startswith("Binary/"):
        lines = _of_bytes(number, offset, await _binary(view, told["url"].removeprefix("Binary/")))
    else:
        settings = view.access.settings
        etag = place["etag"] or told["etag"]
        remote = Remote(told["url"], Allowed.of(settings), offset, etag, settings.import_file_bytes)
        lines = Lines(number, offset, remote.read, remote, waited=place["waited"])
    job.held = lines
    return lines


async def _nothing() -> bytes:
    return b""


def _of_bytes(number: int, offset: int, data: bytes) -> Lines:
    lines = Lines(number, offset, _nothing, ended=True)
    lines.pending += memoryview(data)[offset:]
    return lines


async def _binary(view: View, logical: str) -> bytes:
    resource = await view.read("Binary", logical)
    try:
        return b64decode(str(resource.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        raise problem(
            "value", "The data of the Binary is not base64", "Le data du Binary n'est pas du base64"
        ) from None
