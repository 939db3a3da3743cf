"""Time as an argument: nobody calls `datetime.now()` outside this file."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], datetime]
"""Gives the present instant, timezone-aware, in UTC."""


def system_clock() -> datetime:
    """The machine's clock, UTC, to the millisecond (the precision FHIR instants are written with)."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def instant(moment: datetime) -> str:
    """A FHIR instant in UTC with milliseconds: `2026-11-22T03:29:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def milliseconds(moment: datetime) -> int:
    """Milliseconds of the epoch: how instants are kept."""
    return round(moment.timestamp() * 1000)


def moment_of(milliseconds: int) -> datetime:
    """The UTC instant of so many milliseconds of the epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _HOUR, _MINUTE = 86_400_000, 3_600_000, 60_000
_TWO = tuple(f"{n:02d}" for n in range(60))
_THREE = tuple(f"{n:03d}" for n in range(1000))


def instant_of(milliseconds: int) -> str:
    """The FHIR instant of so many milliseconds of the epoch. Each version that is read asks for one."""
    day, rest = divmod(milliseconds, _DAY)
    hour, rest = divmod(rest, _HOUR)
    minute, rest = divmod(rest, _MINUTE)
    second, rest = divmod(rest, 1000)
    return f"{_day(day)}{_TWO[hour]}:{_TWO[minute]}:{_TWO[second]}.{_THREE[rest]}Z"


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    """How the instants of a day of the epoch begin."""
    return moment_of(number * _DAY).strftime("%Y-%m-%dT")


def commit_ticks() -> int:
    """Microseconds of the machine's clock, for commit order only: ignores the sandbox clock."""
    return time.time_ns() // 1000
