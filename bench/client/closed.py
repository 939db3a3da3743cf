"""The closed loop: each connection asks again as soon as it was answered. By wrk, or by ourselves."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.client.connection import Connection, Lost, message
from bench.figures import Figures, Tally

_SCRIPT = Path(__file__).with_name("drive.lua")

Lane = Callable[[Connection, random.Random, Tally, float], Awaitable[None]]
"""What one connection does until a moment of `time.perf_counter`, telling the tally."""


@dataclass(frozen=True, slots=True)
class Drive:
    """How to ask: `requests` is a file of lines `METHOD PATH[ BODY]`, `base` that of a lane's connections."""

    port: int
    requests: Path
    token: str
    connections: int
    seconds: float
    seed: int
    base: str = ""


def drive(how: Drive, *, own: bool = False) -> Figures:
    """One run of the lines of a file, in an order of each connection's own."""
    wrk = None if own else shutil.which("wrk")
    return _by_wrk(wrk, how) if wrk else asyncio.run(_by_ourselves(how))


def _by_wrk(wrk: str, how: Drive) -> Figures:
    # wrk takes whole seconds; the shortest run is one.
    lasting = f"{max(1, round(how.seconds))}s"
    address = f"http://127.0.0.1:{how.port}"
    command = [wrk, "-t1", f"-c{how.connections}", f"-d{lasting}", "--timeout", "60s", "-s", str(_SCRIPT)]
    arguments = [address, "--", str(how.requests), str(how.seed), how.token]
    before = _children()
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    spent = _children() - before
    told = [line for line in done.stdout.splitlines() if line.startswith("FIGURES ")]
    if done.returncode or not told:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    facts = json.loads(told[0].removeprefix("FIGURES "))
    return Figures(**facts, client_s=spent, raw=done.stdout.partition("\nFIGURES")[0])


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _by_ourselves(how: Drive) -> Figures:
    lines = how.requests.read_text("utf-8").splitlines()
    asked = [message(*_parts(line), how.token) for line in lines]

    async def lane(connection: Connection, draw: random.Random, tally: Tally, until: float) -> None:
        while (begun := time.perf_counter()) < until:
            try:
                answer = await connection.send(draw.choice(asked))
            except Lost as lost:
                tally.lose(str(lost))
                continue
            told = answer.body[:200].decode("utf-8", "replace") if answer.status >= 400 else ""
            took, size = time.perf_counter() - begun, len(answer.body)
            tally.add(took, ok=answer.status < 400, size=size, said=told)

    return await run_lanes(lane, how)


def _parts(line: str) -> tuple[str, str, bytes]:
    method, path, *body = line.split(" ", 2)
    return method, path, body[0].encode() if body else b""


async def run_lanes(lane: Lane, how: Drive) -> Figures:
    """`how.connections` lanes at once until `how.seconds` are over; what has begun is finished."""
    tally, begun, own = Tally.empty(), time.perf_counter(), time.process_time()
    until = begun + how.seconds
    lines = [Connection(how.port, how.token, how.base) for _ in range(how.connections)]
    draws = [random.Random(f"{how.seed} {n}") for n in range(how.connections)]
    await asyncio.gather(*(lane(c, draw, tally, until) for c, draw in zip(lines, draws, strict=True)))
    for connection in lines:
        connection.close()
    took, own = time.perf_counter() - begun, time.process_time() - own
    return tally.figures(took, client_s=own)
