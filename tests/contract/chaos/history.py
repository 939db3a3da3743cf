"""What clients saw, judged against what is stored: was there one order of all that agrees with everybody?

A register is one resource. Each write has a value of its own, and each answer tells the version it is about,
so the order of the writes is known: it remains to see that nobody was told of another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request on a register, from `begun` to `ended` (seconds of one clock).

    `kind` is write or read. `version` 0: it is not known whether it was done (no answer), or it was refused
    because the version was not `expected` (`refused`). `value` is what was written, or read.
    """

    register: str
    kind: str
    begun: float
    ended: float
    version: int = 0
    value: int = 0
    expected: int = 0
    refused: bool = False


Stored = Mapping[str, Sequence[int]]
"""The values of each register, in the order of its versions."""


def faults(seen: Iterable[Seen], stored: Stored) -> list[str]:
    """Everything that no single order of the requests can explain; nothing when all is well."""
    by_register: dict[str, list[Seen]] = {}
    for one in seen:
        by_register.setdefault(one.register, []).append(one)
    return [
        fault for name, part in by_register.items() for fault in _register(name, part, stored.get(name, ()))
    ]


def _register(name: str, seen: Sequence[Seen], values: Sequence[int]) -> list[str]:
    writes = {one.value: one for one in seen if one.kind == "write"}
    found = [
        f"{name}: the value {v} was written twice" for v in sorted({v for v in values if values.count(v) > 1})
    ]
    found += [f"{name}: nobody wrote {value}" for value in values if value not in writes]
    found += [
        f"{name}: {one} was refused and done" for v, one in writes.items() if one.refused and v in values
    ]
    found += _contents(name, seen, values)
    found += _order(name, [one for one in seen if one.version])
    known = [writes.get(value) for value in values]
    found += _foreseen(name, seen, known)
    return found + _refusals(name, seen, known)


def _contents(name: str, seen: Sequence[Seen], values: Sequence[int]) -> list[str]:
    """Every version that somebody was told of is there, with the value told; a condition was kept."""
    found = []
    for one in seen:
        if one.version and (one.version > len(values) or values[one.version - 1] != one.value):
            found.append(f"{name}: {one} is not what is stored")
        if one.version and one.expected and one.version != one.expected + 1:
            found.append(f"{name}: {one} passed over a version")
    return found


def _order(name: str, told: Sequence[Seen]) -> list[str]:
    """What begins after something has ended is not older; a write is newer."""
    ends = sorted(told, key=lambda one: one.ended)
    latest = list(accumulate((one.version for one in ends), max))
    times = [one.ended for one in ends]
    found = []
    for one in told:
        place = bisect_left(times, one.begun)
        before = latest[place - 1] if place else 0
        if one.version < before + (one.kind == "write"):
            found.append(f"{name}: {one} came after version {before}")
    return found


def _foreseen(name: str, seen: Sequence[Seen], writes: Sequence[Seen | None]) -> list[str]:
    """Nobody sees a version, or a later one, before its write was sent."""
    sent = [write.begun if write else 0.0 for write in writes]
    latest = list(accumulate(sent, max))
    return [
        f"{name}: {one} was seen before it was written"
        for one in seen
        if 0 < one.version <= len(latest) and one.ended < latest[one.version - 1]
    ]


def _refusals(name: str, seen: Sequence[Seen], writes: Sequence[Seen | None]) -> list[str]:
    """A condition is refused only when at some moment another version was the current one."""
    found = []
    for one in seen:
        if not one.refused or not one.expected or one.expected > len(writes):
            continue
        write, after = writes[one.expected - 1], (*writes, None)[one.expected]
        arrived = write.ended if write and write.version else FOREVER
        left = after.begun if after else FOREVER
        if arrived < one.begun and one.ended < left:
            found.append(f"{name}: {one} was refused, and it was the current version")
    return found


def torn(pairs: Iterable[tuple[str, str, int]], stored: Stored) -> list[str]:
    """Transactions (register, register, value) of which one half only is stored."""
    sets = {name: set(values) for name, values in stored.items()}
    return [
        f"{a} and {b}: {value} is in one only"
        for a, b, value in pairs
        if (value in sets.get(a, ())) != (value in sets.get(b, ()))
    ]
