"""A subscriber's own HTTP server: it notes what it is sent and answers what the test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Sent:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")

    @property
    def status(self) -> dict[str, list[Any]]:
        """The SubscriptionStatus of a notification: values by name."""
        bundle = self.json
        if bundle["type"] == "message":
            bundle = bundle["entry"][1]["resource"]
        found: dict[str, list[Any]] = {}
        for row in bundle["entry"][0]["resource"]["parameter"]:
            value = next((v for k, v in row.items() if k.startswith("value")), row.get("part"))
            found.setdefault(row["name"], []).append(value)
        return found

    @property
    def kind(self) -> str:
        return str(self.status["type"][0])

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events it tells."""
        parts = [p for event in self.status.get("notification-event", []) for p in event]
        return [int(p["valueString"]) for p in parts if p["name"] == "event-number"]


@dataclass
class Endpoint:
    """Where it listens, what came, and how it answers: a status, or None to say nothing at all."""

    port: int = 0
    sent: list[Sent] = field(default_factory=list)
    answers: Callable[[Sent], int | None] = lambda sent: 200
    extra: bytes = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def events(self) -> list[Sent]:
        """The notifications that tell events."""
        return [s for s in self.sent if s.body and s.kind == "event-notification"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.sent.append(Sent(method, path, headers, body))
            status = self.answers(self.sent[-1])
            if status is None:
                await reader.read()
                return
            writer.write(f"HTTP/1.1 {status} X\r\n".encode() + self.extra + b"content-length: 0\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """A server on a port of its own, ended with the test."""
    made = Endpoint()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
