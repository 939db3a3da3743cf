"""WebSockets for rooms: the ASGI messages turned into texts that come and go. Rule: RFC 6455; ASGI 3."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aubier.ground.problem import Problem, problem

_LONGEST = 8192
_ATTEMPTS, _MOMENT = 10, 0.02
"""How often a close is tried, and the seconds between."""
NOWHERE = 4404
"""What a socket at an unknown address is closed with."""


@dataclass(slots=True)
class AsgiLine:
    """An accepted socket. Sending takes turns: whoever tells may be several.

    `patience`: seconds that the other end may take to take a text in. One that takes nothing any more would
    otherwise hold whoever tells it, and with them everybody who is told after it.
    """

    take: Any
    give: Any
    patience: float = 10.0
    ended: bool = False
    pending: asyncio.Future[Any] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def receive(self) -> str | None:
        """The next text; None when the other end is gone. Problem for one that is too long."""
        while not self.ended:
            self.pending = asyncio.ensure_future(self.take())
            try:
                message = await self.pending
            except asyncio.CancelledError:
                if not self.ended:
                    raise
                break
            finally:
                self.pending.cancel()
            if message["type"] == "websocket.disconnect":
                self.ended = True
                break
            text = message.get("text")
            if text is None:
                text = (message.get("bytes") or b"").decode("utf-8", "replace")
            if len(text) > _LONGEST:
                raise problem("too-long", "This text is too long", "Ce texte est trop long")
            return str(text)
        return None

    async def send(self, text: str) -> None:
        """Sends a text; Problem (transient) when the other end is gone, or takes nothing in."""
        async with self.turn:
            if self.ended:
                raise _gone()
            try:
                async with asyncio.timeout(self.patience):
                    await self.give({"type": "websocket.send", "text": text})
            except (OSError, RuntimeError, TimeoutError) as error:
                self.ended = True
                if self.pending is not None:
                    # Whoever waits for what comes next leaves, and the server lets go of the connection.
                    self.pending.cancel()
                raise _gone() from error

    async def close(self, code: int = 1000) -> None:
        """Ends it."""
        async with self.turn:
            if not self.ended:
                self.ended = True
                if self.pending is not None:
                    # A server that is asked for the next message does not take a close.
                    self.pending.cancel()
                    await asyncio.wait([self.pending])
                await self._say_why(code)

    async def _say_why(self, code: int) -> None:
        for _ in range(_ATTEMPTS):
            try:
                await self.give({"type": "websocket.close", "code": code})
            except OSError:
                return
            except RuntimeError:
                # The server may not have let go of the message that was waited for.
                await asyncio.sleep(_MOMENT)
            else:
                return

    async def settled(self) -> None:
        """Waits until a close that is under way was told: a socket left before closes without its code."""
        async with self.turn:
            return


def _gone() -> Problem:
    return problem("transient", "The other end is gone", "L'autre bout est parti")
