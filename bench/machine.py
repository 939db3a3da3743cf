"""What the machine is, what it can do, and the processor time that processes took."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def described() -> dict[str, Any]:
    """The machine in a few facts."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next(
        (int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0
    )
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / (1 << 20), 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def load() -> float:
    """How many processes wanted to run over the last minute."""
    return round(os.getloadavg()[0], 2)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class _Seen:
    parent: int
    seconds: float
    resident: int


def _processes() -> dict[int, _Seen]:
    found: dict[int, _Seen] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            facts = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            # utime, stime, and those of children that have ended
            spent = sum(int(facts[n]) for n in (11, 12, 13, 14)) / _TICK
            found[int(entry.name)] = _Seen(int(facts[1]), spent, int(facts[21]) * _PAGE)
    return found


def _tree(of: int) -> list[_Seen]:
    """A process, its children, and theirs."""
    found = _processes()
    return [found[n] for n in _members(of, found)]


def _members(of: int, found: dict[int, _Seen]) -> set[int]:
    members, grown = {of} & found.keys(), True
    while grown:
        more = {n for n, seen in found.items() if seen.parent in members} - members
        grown = bool(more)
        members |= more
    return members


def tree_seconds(of: int) -> float:
    """User and system seconds of a process and of all below it, those that have ended included."""
    return sum(seen.seconds for seen in _tree(of))


def tree_resident(of: int) -> int:
    """Bytes of memory that a process and all below it hold; what they share counts for each."""
    return sum(seen.resident for seen in _tree(of))


def tree_private(of: int) -> dict[str, int]:
    """Bytes that a process and each below it hold for themselves alone, by name and number."""
    found: dict[str, int] = {}
    for number in _members(of, _processes()):
        with suppress(KeyError, ValueError):
            facts = dict(line.split(":", 1) for line in _lines(f"/proc/{number}/status"))
            found[f"{facts['Name'].strip()} {number}"] = int(facts["RssAnon"].split()[0]) << 10
    return found


def fsync_seconds(folder: Path, lasting: float) -> float:
    """The median time of writing 8 kB and making sure of it, as the database's log does."""
    place, block, times = folder / "fsync.probe", os.urandom(8192), []
    handle = os.open(place, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.posix_fallocate(handle, 0, 1 << 20)
        os.fsync(handle)
        until = time.perf_counter() + lasting
        while (begun := time.perf_counter()) < until:
            os.pwrite(handle, block, len(times) % 128 * 8192)
            os.fdatasync(handle)
            times.append(time.perf_counter() - begun)
    finally:
        os.close(handle)
        place.unlink()
    return median(times)
