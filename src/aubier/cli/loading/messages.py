"""What a load and its processes say to each other."""

from __future__ import annotations

import asyncio
import pickle
import struct
from dataclasses import dataclass
from typing import Any

from aubier.settings import Settings

_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Begin:
    """The first thing a process is told: whose instance, where its database is."""

    settings: Settings
    dsn: str


def framed(message: Any) -> bytes:
    """A message as it is sent: its length, then itself. Only ever between a program and its own processes."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


async def received(stream: asyncio.StreamReader) -> Any:
    """The next message. asyncio.IncompleteReadError: the other side is gone."""
    (size,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return pickle.loads(await stream.readexactly(size))  # noqa: S301 - written by this very program
