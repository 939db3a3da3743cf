"""The applications that granian serves in a bench: hello-world, and the house as people run it."""

from __future__ import annotations

from typing import Any

BODY = b'{"hello":"world"}'


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """The least that this HTTP stack can do."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})
