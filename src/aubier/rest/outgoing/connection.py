"""The one road out: an HTTP/1.1 request to a host that somebody else named, and its answer piece by piece.

The name is looked up once, every address it has must be permitted, and one of those is connected to: no
later answer of a name server leads elsewhere. Certificates are checked against the name. No redirect is
followed, no proxy used. How long it may take is the caller's to say, around everything (`asyncio.timeout`).
Rule: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import lru_cache
from socket import SOCK_STREAM
from typing import Any, Protocol
from urllib.parse import urlsplit

import h11

from aubier import __version__

_LONGEST_HEAD = 32_768
_MOST_INTERIM = 5
_HEAD_PIECE, _PIECE = 1 << 12, 1 << 18

FAULTS = (OSError, ValueError, h11.ProtocolError)
"""What an exchange ends with when the other end is silent, cut short or speaks no HTTP."""


class Reach(Protocol):
    """Which addresses may be connected to."""

    def permits(self, host: str, address: str) -> bool:
        """Whether `address`, which the name `host` stands for, may be."""
        ...


class NotPermitted(Exception):
    """The name stands for an address that may not be connected to."""


class Reply:
    """An answer whose head came: its status, and its headers by their names in small letters."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._over = False
        self._kept = b""
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def read(self) -> bytes:
        """The next bytes of the body; none at its end. One of FAULTS when it is cut short."""
        if self._kept:
            data, self._kept = self._kept, b""
            return data
        while not self._over:
            event = await self._event()
            if not isinstance(event, h11.Data):
                self._over = True
            elif event.data:
                return bytes(event.data)
        return b""

    def keep(self, data: bytes) -> None:
        """Gives back the end of what was read: it is read first then."""
        self._kept = data

    def close(self) -> None:
        """Ends the connection at once."""
        self._writer.transport.abort()

    async def ask(self, request: h11.Request, body: bytes) -> None:
        """Sends a request and awaits the head of its answer; a few interim ones are passed over."""
        sent = [self._h11.send(event) for event in (request, h11.Data(body), h11.EndOfMessage())]
        self._writer.write(b"".join(part for part in sent if part))
        await self._writer.drain()
        for _ in range(_MOST_INTERIM):
            event = await self._event()
            if isinstance(event, h11.Response):
                self.status = event.status_code
                self.headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in event.headers}
                return
        raise ValueError("interim answers only")

    async def _event(self) -> Any:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            # Little by little until the head is there: what is longer than it may be is seen on the way.
            self._h11.receive_data(await self._reader.read(_PIECE if self.status else _HEAD_PIECE))
        return event


async def asked(
    method: str, url: str, headers: Mapping[str, str], body: bytes = b"", *, reach: Reach
) -> Reply:
    """The answer to a request, to be closed by the caller. NotPermitted; one of FAULTS."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    lines = {
        "Host": parts.netloc,
        "User-Agent": f"Aubier/{__version__}",
        "Connection": "close",
        "Accept": "*/*",
        **headers,
        **({"Content-Length": str(len(body))} if body or method not in ("GET", "DELETE") else {}),
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = h11.Request(method=method, target=target, headers=list(lines.items()))
    reply = Reply(*await _connected(host, parts.port or (443 if secure else 80), reach, secure=secure))
    try:
        await reply.ask(request, body)
    except BaseException:
        reply.close()
        raise
    return reply


async def judged(host: str, port: int, reach: Reach) -> list[str]:
    """The addresses that a name stands for, looked up once. NotPermitted unless every one is permitted."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    addresses = list(dict.fromkeys(str(place[4][0]) for place in found))
    if not all(reach.permits(host, address.partition("%")[0]) for address in addresses):
        raise NotPermitted(host)
    return addresses


async def _connected(
    host: str, port: int, reach: Reach, *, secure: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    failed: OSError | None = None
    for address in await judged(host, port, reach):
        try:
            return await asyncio.open_connection(
                address, port, ssl=_trust() if secure else None, server_hostname=host if secure else None
            )
        except OSError as error:
            failed = error
    raise failed or OSError("no address")


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """The system's own authorities; names are checked."""
    return ssl.create_default_context()
