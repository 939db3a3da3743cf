"""Time as an argument: nobody calls `datetime.now()` outside this file."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present instant, timezone-aware, in UTC."""


def system_clock() -> datetime:
    """The machine's clock, UTC, to the millisecond (the precision FHIR instants are written with)."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def instant(moment: datetime) -> str:
    """A FHIR instant in UTC with milliseconds: `2026-11-22T03:29:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def commit_ticks() -> int:
    """Microseconds of the machine's clock, for commit order only: ignores the sandbox clock."""
    return time.time_ns() // 1000
