"""One HTTP/1.1 request to an endpoint that somebody else named, and the status of its answer.

The name is looked up once and the address that was judged is the one connected to; redirects are not
followed, answers are not read beyond their head. Rule: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import lru_cache
from socket import SOCK_STREAM
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from aubier import __version__
from aubier.ground.problem import Problem, problem

_LONGEST_HEAD = 32_768
_MOST_INTERIM = 5


class Reach(Protocol):
    """Which addresses may be connected to."""

    def permits(self, host: str, address: str) -> bool:
        """Whether `address`, which the name `host` stands for, may be."""


async def send(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, reach: Reach, within: float
) -> int:
    """Sends the request; the status of the answer.

    Problem `forbidden` when the name stands for an address that `reach` does not permit (all of them must
    be), `transient` when there is no answer within `within` seconds, or none that is HTTP.
    """
    try:
        async with asyncio.timeout(within):
            return await _exchanged(urlsplit(url), _head(method, url, headers, len(body)) + body, reach)
    except TimeoutError:
        raise _silent("no answer in time", "pas de réponse à temps") from None
    except (
        OSError,
        ssl.SSLError,
        asyncio.LimitOverrunError,
        asyncio.IncompleteReadError,
        ValueError,
    ) as error:
        raise _silent(type(error).__name__, type(error).__name__) from error


def _head(method: str, url: str, headers: Mapping[str, str], length: int) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = {
        "Host": parts.netloc,
        "User-Agent": f"Aubier/{__version__}",
        "Connection": "close",
        "Accept": "*/*",
        **headers,
        "Content-Length": str(length),
    }
    if any(c in part for part in (method, target, *lines, *lines.values()) for c in "\r\n\0"):
        raise ValueError("a line break in a header")
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode("latin-1")


async def _exchanged(parts: SplitResult, request: bytes, reach: Reach) -> int:
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await _connected(host, port, reach, secure=secure)
    try:
        writer.write(request)
        await writer.drain()
        for _ in range(_MOST_INTERIM):
            status = _status(await reader.readuntil(b"\r\n\r\n"))
            if status >= 200:
                return status
        raise ValueError("interim answers only")
    finally:
        writer.transport.abort()


async def _connected(
    host: str, port: int, reach: Reach, *, secure: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    addresses = list(dict.fromkeys(str(place[4][0]) for place in found))
    for address in addresses:
        if not reach.permits(host, address.partition("%")[0]):
            raise problem(
                "forbidden",
                f"{host} stands for an address that nothing is sent to",
                f"{host} désigne une adresse à laquelle rien n'est envoyé",
                at="Subscription.channel.endpoint",
            )
    failed: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address,
                port,
                ssl=_trust() if secure else None,
                server_hostname=host if secure else None,
                limit=_LONGEST_HEAD,
            )
        except OSError as error:
            failed = error
    raise failed or OSError("no address")


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """The system's own authorities; names are checked."""
    return ssl.create_default_context()


def _status(head: bytes) -> int:
    """The status of a response head; ValueError when it is none."""
    version, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or not code.isdigit() or rest[3:4] not in (b"", b" "):
        raise ValueError("not an HTTP answer")
    return int(code)


def _silent(english: str, french: str) -> Problem:
    return problem(
        "transient",
        f"The endpoint did not answer: {english}",
        f"L'adresse n'a pas répondu : {french}",
        at="Subscription.channel.endpoint",
    )
