"""Equality of dates and times of unequal precision and zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MOMENT = re.compile(
    r"(?:(\d{4})(?:-(\d\d)(?:-(\d\d))?)?)?(?:T?(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?(Z|[+-]\d\d:\d\d)?)?"
)


def same_moment(left: str, right: str) -> bool | None:
    """Whether two FHIR dates, dateTimes or times are the same moment.

    None when they agree as far as both are precise and one goes further, or when only one has a zone.
    """
    first, second = _parts(left), _parts(right)
    if first is None or second is None:
        return left == right
    (a, zoned), (b, other_zoned) = first, second
    if zoned != other_zoned and min(len(a), len(b)) > 3:
        return None
    shared = min(len(a), len(b))
    if a[:shared] != b[:shared]:
        return False
    return True if len(a) == len(b) else None


def _parts(text: str) -> tuple[tuple[int, ...], bool] | None:
    """Year to second (with its fraction) as far as written, in UTC when a zone is given; whether one is."""
    match = _MOMENT.fullmatch(text)
    if match is None or not text:
        return None
    *numbers, fraction, zone = match.groups()
    written = tuple(int(n) for n in numbers if n is not None)
    if zone and numbers[0] and len(written) >= 5:
        moved = _in_utc(written, zone)
        if moved is None:
            return None
        written = moved
    if numbers[5] is not None:  # seconds and their fraction are one precision
        written = (*written, int((fraction or "0").ljust(9, "0")[:9]))
    return written, bool(zone)


def _in_utc(written: tuple[int, ...], zone: str) -> tuple[int, ...] | None:
    offset = timedelta() if zone == "Z" else timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    year, month, day, hour, minute, *seconds = written
    try:
        there = datetime(year, month, day, hour, minute, tzinfo=UTC)
        here = there + offset if zone[0] == "-" else there - offset
    except (ValueError, OverflowError):
        return None
    return (here.year, here.month, here.day, here.hour, here.minute, *seconds)
