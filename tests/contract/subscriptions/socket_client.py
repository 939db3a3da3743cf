"""A WebSocket client of our own, byte by byte. Rule: RFC 6455."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Socket:
    """An open socket. `closed` is the code it was closed with, 0 while it is open."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    closed: int = 0

    async def send(self, text: str) -> None:
        """Sends a text, masked as a client must."""
        data, mask = text.encode(), os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        masked = bytes(b ^ mask[n % 4] for n, b in enumerate(data))
        self.writer.write(b"\x81" + length + mask + masked)
        await self.writer.drain()

    async def receive(self, within: float = 10) -> str:
        """The next text; empty when it was closed."""
        async with asyncio.timeout(within):
            while True:
                first, second = await self.reader.readexactly(2)
                size = second & 0x7F
                if size >= 126:
                    size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
                data = await self.reader.readexactly(size)
                if first & 0x0F == 8:
                    self.closed = int.from_bytes(data[:2], "big")
                    return ""
                if first & 0x0F == 1:
                    return data.decode()


@asynccontextmanager
async def opened(port: int, path: str, token: str = "") -> AsyncIterator[Socket]:
    """A socket to `path` of this machine. ConnectionError with the status line where there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    try:
        if " 101 " not in head.split("\r\n")[0]:
            raise ConnectionError(head.split("\r\n")[0])
        yield Socket(reader, writer)
    finally:
        writer.close()
