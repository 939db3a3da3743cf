"""From times and counts to figures: percentiles of what was answered well, and what several runs say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

PARTS = (50, 95, 99)


def percentile(times: Sequence[float], part: float) -> float:
    """The time that `part` percent of sorted `times` do not pass, by nearest rank; 0 of none."""
    if not times:
        return 0.0
    rank = -(-len(times) * part // 100)
    return times[max(0, min(len(times), int(rank)) - 1)]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run gave. Latencies in ms, of the answered ones only.

    `refused` had a status that was not expected, `broken` no answer at all. `client_s` are processor seconds
    of the client.
    """

    requests: int
    seconds: float
    bytes: int
    p50: float
    p95: float
    p99: float
    refused: int
    broken: int
    client: str = "wrk"
    client_s: float = 0.0
    raw: str = ""

    @property
    def rate(self) -> float:
        """Well-answered requests per second."""
        return (self.requests - self.refused) / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For the saved results."""
        return {**asdict(self), "rate": self.rate}


@dataclass(slots=True)
class Tally:
    """What is counted while a run goes on. `add` a request; `figures` when it is over."""

    times: list[float]
    refused: int = 0
    broken: int = 0
    bytes: int = 0
    told: str = ""

    @classmethod
    def empty(cls) -> Tally:
        """Nothing yet."""
        return cls([])

    def add(self, seconds: float, *, ok: bool, size: int = 0, said: str = "") -> None:
        """One answer; only good ones have a latency. The first bad one is remembered in its words."""
        self.bytes += size
        if ok:
            self.times.append(seconds)
        else:
            self.refused += 1
            self.told = self.told or said

    def lose(self, said: str) -> None:
        """A request that was never answered."""
        self.broken += 1
        self.told = self.told or said

    def figures(self, seconds: float, *, client_s: float = 0.0) -> Figures:
        """All of it."""
        times = sorted(self.times)
        parts = [percentile(times, p) * 1000 for p in PARTS]
        made = len(times) + self.refused
        counts = {"refused": self.refused, "broken": self.broken, "client_s": client_s, "raw": self.told}
        return Figures(made, seconds, self.bytes, *parts, client="own", **counts)


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the most of several runs."""

    least: float
    middle: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(min(values), median(values), max(values))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The rise of y per unit of x by least squares; 0 of fewer than two points."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
