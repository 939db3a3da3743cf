"""The open loop: a latency counts from the moment a request was due."""

import asyncio
import random

import pytest
from bench.client.connection import Connection, Lost
from bench.client.timetable import Errand, Timetable, keep

TABLE = Timetable(rate=400, seconds=0.05, seed="due")
DUE = list(TABLE.moments())


def test_arrivals_are_those_of_the_seed_at_the_rate_asked_for() -> None:
    assert list(TABLE.moments()) == DUE and sorted(DUE) == DUE
    assert DUE[0] > 0 and DUE[-1] < TABLE.seconds
    many = sum(1 for _ in Timetable(100, 100, "many").moments())
    assert many == pytest.approx(10_000, rel=0.05)


async def test_who_waits_behind_a_stall_is_charged_with_it() -> None:
    """One connection: the first answer comes only when the last request is due."""
    everybody = asyncio.Event()
    asked: list[float] = []
    loop = asyncio.get_running_loop()

    def errands(draw: random.Random) -> Errand:
        asked.append(loop.time())
        if len(asked) == len(DUE):
            everybody.set()

        async def go(connection: Connection) -> tuple[bool, int, str]:
            await everybody.wait()
            return True, 1, ""

        return go

    kept = await keep(TABLE, errands, lambda: Connection(0), lanes=1)
    assert kept.due == kept.figures.requests == len(DUE) > 5
    assert not kept.figures.refused and not kept.figures.broken
    # Each was answered after the last was due: its latency is at least the time between.
    assert kept.figures.p50 >= 1000 * (DUE[-1] - DUE[len(DUE) // 2])
    assert kept.late >= DUE[-1] - DUE[1]


async def test_what_was_refused_or_lost_is_counted_apart() -> None:
    turn = iter(range(1000))

    def errands(draw: random.Random) -> Errand:
        number = next(turn)

        async def go(connection: Connection) -> tuple[bool, int, str]:
            if number == 0:
                raise Lost("closed")
            return number != 1, 1, "" if number != 1 else "status 503"

        return go

    kept = await keep(TABLE, errands, lambda: Connection(0), lanes=4)
    assert (kept.figures.broken, kept.figures.refused) == (1, 1)
    assert kept.figures.requests == kept.due - 1
