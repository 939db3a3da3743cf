"""The client: wrk when it is installed, else a small one of our own on raw sockets."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("drive.lua")


@dataclass(frozen=True, slots=True)
class Drive:
    """How to ask: `requests` is a file of lines `METHOD PATH[ BODY]`."""

    port: int
    requests: Path
    token: str
    connections: int
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run gave. Latencies in ms; `refused` had a status of 400 or more, `broken` no answer."""

    requests: int
    seconds: float
    bytes: int
    p50: float
    p95: float
    p99: float
    refused: int
    broken: int
    client: str = "wrk"
    raw: str = ""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    def as_dict(self) -> dict[str, Any]:
        """For the saved results."""
        return asdict(self)


def drive(how: Drive) -> Figures:
    """One run."""
    wrk = shutil.which("wrk")
    return _by_wrk(wrk, how) if wrk else asyncio.run(_by_ourselves(how))


def _by_wrk(wrk: str, how: Drive) -> Figures:
    # wrk takes whole seconds; the shortest run is one.
    lasting = f"{max(1, round(how.seconds))}s"
    address = f"http://127.0.0.1:{how.port}"
    command = [wrk, "-t1", f"-c{how.connections}", f"-d{lasting}", "--timeout", "10s", "-s", str(_SCRIPT)]
    arguments = [address, "--", str(how.requests), str(how.seed), how.token]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    told = [line for line in done.stdout.splitlines() if line.startswith("FIGURES ")]
    if done.returncode or not told:
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    return Figures(**json.loads(told[0].removeprefix("FIGURES ")), raw=done.stdout.partition("\nFIGURES")[0])


async def _by_ourselves(how: Drive) -> Figures:
    asked = [_message(line, how.token) for line in how.requests.read_text("utf-8").splitlines()]
    until = time.perf_counter() + how.seconds
    begun = time.perf_counter()
    lanes = (_lane(how.port, asked, random.Random(how.seed + n), until) for n in range(how.connections))
    found = await asyncio.gather(*lanes)
    took = time.perf_counter() - begun
    times = sorted(t for lane in found for t in lane[0])
    counted = (sum(lane[1] for lane in found), sum(lane[2] for lane in found))
    parts = [_percentile(times, p) for p in (50, 95, 99)]
    return Figures(len(times), took, counted[1], *parts, refused=counted[0], broken=0, client="own")


def _message(line: str, token: str) -> bytes:
    method, path, *body = line.split(" ", 2)
    data = body[0].encode() if body else b""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/fhir+json"]
    head += ["Content-Type: application/fhir+json", f"Content-Length: {len(data)}"] if data else []
    head += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*head, "", ""]).encode() + data


async def _lane(
    port: int, asked: Sequence[bytes], draw: random.Random, until: float
) -> tuple[list[float], int, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times: list[float] = []
    refused = size = 0
    while (begun := time.perf_counter()) < until:
        writer.write(draw.choice(asked))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - begun)
        refused += head[9:12] >= b"400"
        size += len(head) + length
    writer.close()
    return times, refused, size


def _percentile(times: Sequence[float], part: int) -> float:
    return times[min(len(times) - 1, len(times) * part // 100)] * 1000 if times else 0.0
