"""A process of a load: reads and stores the parts that it is given, over connections of its own.

`crew` starts it and talks with it over its standard input and output. It ends, and what it had not committed
with it, as soon as whoever started it does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from typing import Any, BinaryIO

from aubier.app import build
from aubier.cli.loading.messages import Begin, framed, received
from aubier.cli.loading.storing import Storing
from aubier.ground.problem import Problem
from aubier.store.bulk import uncollected

_CONNECTIONS = 4


async def _work(inbox: asyncio.Queue[Any], out: BinaryIO) -> None:
    """Reads a part, says what it touches, stores it when told so, says what came of it; again and again."""
    begin: Begin = await inbox.get()
    house = await build(replace(begin.settings, pool_size=_CONNECTIONS), begin.dsn)
    try:
        storing = Storing(house, beside=True)
        while True:
            part = await inbox.get()
            with uncollected():
                _say(out, storing.read(part))
                await inbox.get()
                _say(out, await storing.store())
    except Problem as refusal:
        _say(out, refusal)
    finally:
        await house.stop()


def _say(out: BinaryIO, message: Any) -> None:
    out.write(framed(message))
    out.flush()


async def _listen(inbox: asyncio.Queue[Any]) -> None:
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), sys.stdin.buffer
    )
    try:
        while True:
            inbox.put_nowait(await received(stream))
    except asyncio.IncompleteReadError:
        return


async def _live(out: BinaryIO) -> None:
    """Works until there is nobody to work for."""
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    working, listening = asyncio.create_task(_work(inbox, out)), asyncio.create_task(_listen(inbox))
    await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
    ended = working.done()
    for task in (working, listening):
        task.cancel()
    await asyncio.gather(working, listening, return_exceptions=True)
    if ended:
        working.result()


def main() -> None:
    """Runs a process of a load. What it says goes over a pipe of its own: anything printed goes elsewhere."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        asyncio.run(_live(out))


if __name__ == "__main__":
    main()
