"""One HTTP/1.1 connection kept open, as little as a client can be: it answers whole messages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LIMIT = 1 << 26
"""The longest line or head that a server may send."""


class Lost(Exception):
    """The connection ended before its answer did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by lower-case name, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Connection:
    """A connection to 127.0.0.1, opened when first asked and opened again after a loss.

    `base` is where the server's FHIR begins: `/fhir`.
    """

    port: int
    token: str = ""
    base: str = ""
    _reader: asyncio.StreamReader | None = field(default=None, repr=False)
    _writer: asyncio.StreamWriter | None = field(default=None, repr=False)

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request and its answer. A path without a slash before it is below the base, none is the base.

        Lost when the server closes before the answer is whole.
        """
        return await self.send(message(method, below(self.base, path), body, self.token, headers))

    async def send(self, whole: bytes) -> Answer:
        """The same for a message that is ready."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=_LIMIT)
        assert self._reader
        try:
            self._writer.write(whole)
            return await self._read(self._reader)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            raise Lost(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Closes; the next question opens again."""
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None

    async def _read(self, reader: asyncio.StreamReader) -> Answer:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = await _chunks(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(first.split(" ", 2)[1]), headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


def below(base: str, path: str) -> str:
    """The path that is sent: `Patient/1` stands below the base, `/health` where it says."""
    return path if path.startswith("/") else f"{base}/{path}" if path else base


def path_of(link: str) -> str:
    """The path and query of a link that a server gave, absolute or not."""
    return urlsplit(link)._replace(scheme="", netloc="").geturl()


def message(method: str, path: str, body: bytes, token: str, headers: dict[str, str] | None = None) -> bytes:
    """The bytes of a request. A header's name is written with underscores for hyphens."""
    headers = {"Accept": "application/fhir+json"} | (headers or {})
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(body)}"] if body else []
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
