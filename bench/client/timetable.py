"""The open loop: requests start when the timetable says, whether or not the server keeps up.

A latency counts from the moment a request was due, not from when a connection became free: a server that
stalls is charged with all who waited.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from bench.client.connection import Connection, Lost
from bench.figures import Figures, Tally

Errand = Callable[[Connection], Awaitable[tuple[bool, int, str]]]
"""One request: whether it was answered well, the bytes of its answer, and what was wrong."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """`rate` arrivals per second for `seconds`, at random moments (Poisson) of one seed."""

    rate: float
    seconds: float
    seed: int | str

    def moments(self) -> Iterator[float]:
        """When each request is due, in seconds from the start."""
        draw, at = random.Random(self.seed), 0.0
        while (at := at + draw.expovariate(self.rate)) < self.seconds:
            yield at


@dataclass(frozen=True, slots=True)
class Kept:
    """How a timetable was kept: the figures, how many were due, and the longest wait for a connection."""

    figures: Figures
    due: int
    late: float


async def keep(
    table: Timetable,
    errands: Callable[[random.Random], Errand],
    connect: Callable[[], Connection],
    *,
    lanes: int = 64,
) -> Kept:
    """Runs a timetable over at most `lanes` connections; what is due waits its turn, and its clock runs."""
    draw, tally = random.Random(f"{table.seed} errands"), Tally.empty()
    own, start = time.process_time(), time.perf_counter()
    waiting: asyncio.Queue[tuple[float, Errand] | None] = asyncio.Queue()
    late = 0.0
    due = 0

    async def serve() -> None:
        nonlocal late
        connection = connect()
        while (entry := await waiting.get()) is not None:
            moment, errand = entry
            late = max(late, time.perf_counter() - start - moment)
            try:
                ok, size, said = await errand(connection)
            except Lost as lost:
                tally.lose(str(lost))
                continue
            tally.add(time.perf_counter() - start - moment, ok=ok, size=size, said=said)
        connection.close()

    serving = [asyncio.create_task(serve()) for _ in range(lanes)]
    for moment in table.moments():
        if (rest := moment - (time.perf_counter() - start)) > 0:
            await asyncio.sleep(rest)
        waiting.put_nowait((moment, errands(draw)))
        due += 1
    for _ in serving:
        waiting.put_nowait(None)
    await asyncio.gather(*serving)
    took, own = time.perf_counter() - start, time.process_time() - own
    return Kept(tally.figures(took, client_s=own), due, late)
