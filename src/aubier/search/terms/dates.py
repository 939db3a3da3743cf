"""Dates and times as ranges of milliseconds.

A FHIR date stands for all of its duration: `2020-05` is the month. What is written without a zone (a
year, a month, a day; in a query also an hour without zone) is taken in UTC: days begin at midnight UTC.
Rule: HL7 FHIR R4 4.0.1, search, 3.1.1.4.8 date.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from aubier.search.model import MAX_MS, MIN_MS

Range = tuple[int, int]
"""Milliseconds of the epoch, the first included and the last excluded."""

_DAY = 86_400_000
_EPOCH_DAY = 719_163
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?"
)


def date_range(text: Any) -> Range | None:
    """The range of a FHIR date, dateTime or instant (or of a query value); None when it is none of these.

    A zone is respected; without one, UTC. `:60` is the first second of the next minute.
    """
    if text.__class__ is not str:
        return None
    try:
        size = len(text)
        if size == 10 and text[4] == text[7] == "-":
            start = (date.fromisoformat(text).toordinal() - _EPOCH_DAY) * _DAY
            return start, start + _DAY
        return _time_range(text) if size > 10 else _partial_range(text)
    except (ValueError, OverflowError):
        return None


def period_range(period: Any) -> Range | None:
    """The range of a Period; a missing end is open. None when it has neither, or they are reversed."""
    start, end = date_range(period.get("start")), date_range(period.get("end"))
    if start is None and end is None:
        return None
    lo, hi = start[0] if start else MIN_MS, end[1] if end else MAX_MS
    return (lo, hi) if lo < hi else None


def timing_range(timing: Any) -> Range | None:
    """The outer limits of a Timing: its events and the Period that bounds it; None without either."""
    events, repeat = timing.get("event"), timing.get("repeat")
    found = [r for e in events if (r := date_range(e))] if events.__class__ is list else []
    bounds = repeat.get("boundsPeriod") if repeat.__class__ is dict else None
    if bounds.__class__ is dict and (limits := period_range(bounds)):
        found.append(limits)
    return (min(r[0] for r in found), max(r[1] for r in found)) if found else None


def _partial_range(text: str) -> Range | None:
    """A year or a month."""
    if not text.isascii() or not text.replace("-", "", 1).isdigit():
        return None
    if len(text) == 4:
        year = int(text)
        return _midnight(year, 1), _midnight(year + 1, 1)
    if len(text) == 7 and text[4] == "-":
        year, month = int(text[:4]), int(text[5:])
        return _midnight(year, month), _midnight(year + month // 12, month % 12 + 1)
    return None


def _midnight(year: int, month: int) -> int:
    if year == 10_000 and month == 1:
        return MAX_MS
    return (date(year, month, 1).toordinal() - _EPOCH_DAY) * _DAY


def _time_range(text: str) -> Range | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, hour, minute, second, fraction, zone = match.groups()
    whole = int(second or 0)
    if int(hour) > 23 or int(minute) > 59 or whole > 60:
        return None
    start = (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * _DAY
    start += (int(hour) * 60 + int(minute)) * 60_000 + whole * 1000 - _offset(zone)
    if second is None:
        return start, start + 60_000
    if fraction is None:
        return start, start + 1000
    start += int(fraction[:3].ljust(3, "0"))
    return start, start + max(1, 10 ** (3 - len(fraction)) if len(fraction) < 3 else 1)


def _offset(zone: str | None) -> int:
    """Milliseconds ahead of UTC."""
    if zone is None or zone == "Z":
        return 0
    ahead = (int(zone[1:3]) * 60 + int(zone[4:6])) * 60_000
    return -ahead if zone[0] == "-" else ahead
