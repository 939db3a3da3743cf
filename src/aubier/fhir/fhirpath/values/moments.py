"""Dates and times of any precision: read, compared without guessing, moved by durations, bounded.

Rule: FHIRPath N1 2.0.0, sections 4.1 (literals), 6.1 and 6.2 (comparison), 6.7 (arithmetic).
A moment is the span of nanoseconds that it may mean; two spans that overlap without being the same
moment do not compare.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache

_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T(?:([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?)?)"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?T?"
)
_TIME = re.compile(r"T?([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?)?")

_MAX_LENGTH = 64
"""The longest text that is read as a moment: more would only be digits of the second."""
_SECOND = 1_000_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3_600 * _SECOND, 86_400 * _SECOND
_WIDTHS = (_HOUR, _MINUTE, 0)
_EAST, _WEST = 14 * _HOUR, 12 * _HOUR
"""How far a time without a zone may be from UTC."""
NANOSECONDS = {
    "week": 7 * _DAY,
    "day": _DAY,
    "hour": _HOUR,
    "minute": _MINUTE,
    "second": _SECOND,
    "millisecond": 1_000_000,
}
"""The durations of fixed length."""
_DIGITS = (4, 6, 8, 10, 12, 14, 17)
_CLOCK_DIGITS = (2, 4, 6, 9)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, dateTime or time: its numbers from the coarsest as far as written.

    `fraction` is the digits after the second, `zone` the minutes east of UTC; `clock` tells a time of day.
    """

    parts: tuple[int, ...]
    fraction: str = ""
    zone: int | None = None
    clock: bool = False

    @property
    def precision(self) -> int:
        """How many digits are written, to the fraction of the second: 4 for a year, 17 with milliseconds."""
        digits = (2 if self.clock else 4) + 2 * (len(self.parts) - 1)
        return digits + len(self.fraction)

    def __str__(self) -> str:
        """As FHIR writes it."""
        day = "" if self.clock else f"{self.parts[0]:04}" + "".join(f"-{n:02}" for n in self.parts[1:3])
        hours = self.parts if self.clock else self.parts[3:]
        time = ":".join(f"{n:02}" for n in hours) + (f".{self.fraction}" if self.fraction else "")
        return day + ("T" if day and time else "") + time + _zone_text(self.zone)


def moment(text: str) -> Moment | None:
    """The moment that a FHIR date, dateTime, instant or time writes; None when it writes none."""
    return _read(text) if len(text) <= _MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _read(text: str) -> Moment | None:
    if found := _TIME.fullmatch(text):
        return _checked(Moment(_numbers(found.groups()[:3]), found[4] or "", clock=True))
    if (found := _DATE.fullmatch(text)) is None:
        return None
    return _checked(Moment(_numbers(found.groups()[:6]), found[7] or "", _zone(found[8])))


def compared(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1 for before, the same, after; None when the spans overlap.

    Both are of a day or both of the clock.
    """
    (low, high), (other_low, other_high) = _span(left), _span(right)
    if (left.zone is None) != (right.zone is None):
        if left.zone is None:
            low, high = low - _EAST, high + _WEST
        else:
            other_low, other_high = other_low - _EAST, other_high + _WEST
    if high < other_low:
        return -1
    if other_high < low:
        return 1
    same = (low, high, len(left.parts)) == (other_low, other_high, len(right.parts))
    return 0 if same else None


def same_moment(left: str, right: str) -> bool | None:
    """Whether two FHIR dates, dateTimes or times are the same moment; None when nobody can tell.

    That is when they agree as far as both are precise and one goes further, or when only one has a zone.
    """
    first, second = moment(left), moment(right)
    if first is None or second is None:
        return left == right
    if first.clock != second.clock:
        return False
    order = compared(first, second)
    return None if order is None else order == 0


def key(text: str) -> tuple[object, ...]:
    """Equal for texts that `same_moment` finds the same, different for the others."""
    found = moment(text)
    if found is None:
        return ("unread", text)
    return (found.clock, len(found.parts), found.zone is None, *_span(found))


def moved(start: Moment, amount: Decimal, unit: str) -> Moment | None:
    """`start` later by `amount` of a calendar `unit` (`year` to `millisecond`); None outside years 1 to 9999.

    What is smaller than the precision of `start` is dropped; only seconds have fractions. A day that the
    month has not becomes its last. None too for a unit of days or more on a time of day.
    """
    if unit not in ("second", "millisecond"):
        amount = Decimal(int(amount))
    if unit in ("year", "month"):
        return None if start.clock else _months_later(start, int(amount) * (12 if unit == "year" else 1))
    later = int(amount * NANOSECONDS[unit])
    if start.clock:
        return None if unit in ("week", "day") else _clock_later(start, later)
    if len(start.parts) < 3:
        days = _whole(later, _DAY)
        return _months_later(start, 12 * _whole(days, 365) if len(start.parts) == 1 else _whole(days, 30))
    return _later(start, later)


def bounded(of: Moment, digits: int, *, high: bool) -> Moment | None:
    """The earliest or latest moment of `digits` that `of` may mean; None when there is no such precision.

    A time of day or date is only bounded within its kind; a time that gets no zone gets the outermost.
    """
    allowed = _CLOCK_DIGITS if of.clock else _DIGITS
    if digits not in allowed:
        return None
    count = min(allowed.index(digits) + 1, 3 if of.clock else 6)
    parts = of.parts[:count]
    while len(parts) < count:
        parts = (*parts, _filling(parts, of.clock, high=high))
    fraction = of.fraction[:3].ljust(3, "9" if high else "0") if digits == allowed[-1] else ""
    if of.fraction and fraction:
        fraction = of.fraction[:3].ljust(3, "0")
    zone = of.zone
    if zone is None and not of.clock and count > 3:
        zone = -720 if high else 840
    return Moment(parts, fraction, zone if count > 3 else None, of.clock)


def _filling(parts: tuple[int, ...], clock: bool, *, high: bool) -> int:
    """The first or last value of the next number after `parts`."""
    place = len(parts) + (3 if clock else 0)
    if place == 2:
        return monthrange(parts[0], parts[1])[1] if high else 1
    return (0, 12, 0, 23, 59, 59)[place] if high else (0, 1, 0, 0, 0, 0)[place]


def _numbers(written: tuple[str | None, ...]) -> tuple[int, ...]:
    return tuple(int(n) for n in written if n is not None)


def _zone(text: str | None) -> int | None:
    if not text:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    if zone == 0:
        return "Z"
    return f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}"


def _checked(found: Moment) -> Moment | None:
    """The moment, if the calendar and the clock have it. A second may be the 60th."""
    day, hours = ((), found.parts) if found.clock else (found.parts[:3], found.parts[3:])
    if any(n > most for n, most in zip(hours, (23, 59, 60), strict=False)):
        return None
    if abs(found.zone or 0) > 14 * 60:
        return None
    try:
        if day:
            date(*(*day, 1, 1)[:3])
    except ValueError:
        return None
    return found


def _span(of: Moment) -> tuple[int, int]:
    """The first and last nanosecond it may mean, in UTC when it has a zone, else where it was written."""
    if of.clock:
        return _clock_span(of.parts, of.fraction)
    year, month, day = (*of.parts, 1, 1)[:3]
    start = date(year, month, day).toordinal() * _DAY
    if len(of.parts) > 3:
        low, high = _clock_span(of.parts[3:], of.fraction)
        shift = start - (of.zone or 0) * _MINUTE
        return shift + low, shift + high
    days = (1, monthrange(year, month)[1], 366 if monthrange(year, 2)[1] == 29 else 365)[3 - len(of.parts)]
    return start, start + days * _DAY - 1


def _clock_span(parts: tuple[int, ...], fraction: str) -> tuple[int, int]:
    hour, minute, second = (*parts, 0, 0)[:3]
    low = hour * _HOUR + minute * _MINUTE + second * _SECOND + int(fraction.ljust(9, "0")[:9])
    width = _WIDTHS[len(parts) - 1]
    return low, low + max(width - 1, 0)


def _whole(amount: int, unit: int) -> int:
    """How many whole units, towards zero."""
    return abs(amount) // unit * (1 if amount >= 0 else -1)


def _months_later(start: Moment, months: int) -> Moment | None:
    year, month, *rest = (*start.parts, 1)[: max(len(start.parts), 2)]
    count = year * 12 + month - 1 + months
    year, month = divmod(count, 12)
    if not 1 <= year <= 9999:
        return None
    if rest:
        rest[0] = min(rest[0], monthrange(year, month + 1)[1])
    return replace(start, parts=(year, month + 1, *rest)[: len(start.parts)])


def _later(start: Moment, later: int) -> Moment | None:
    """A full date, with a time or not, so many nanoseconds later, whole in its own precision."""
    precision = len(start.parts)
    if precision < 6:
        unit = (_DAY, _HOUR, _MINUTE)[precision - 3]
        later = _whole(later, unit) * unit
    low, _ = _span(replace(start, zone=None))
    days, rest = divmod(low + later, _DAY)
    if not 1 <= days <= date.max.toordinal():
        return None
    there = date.fromordinal(days)
    clock, fraction = _clock_parts(rest, start.fraction)
    parts = (there.year, there.month, there.day, *clock)[:precision]
    return replace(start, parts=parts, fraction=fraction if precision == 6 else "")


def _clock_later(start: Moment, later: int) -> Moment:
    """A time of day so many nanoseconds later, around the clock."""
    precision = len(start.parts)
    if precision < 3:
        unit = _WIDTHS[precision - 1]
        later = _whole(later, unit) * unit
    low, _ = _clock_span(start.parts, start.fraction)
    clock, fraction = _clock_parts((low + later) % _DAY, start.fraction)
    return replace(start, parts=clock[:precision], fraction=fraction if precision == 3 else "")


def _clock_parts(rest: int, fraction: str) -> tuple[tuple[int, int, int], str]:
    """Hour, minute, second and the digits after it, as many as were written or are needed."""
    seconds, nanoseconds = divmod(rest, _SECOND)
    needed = f"{nanoseconds:09}".rstrip("0")
    digits = max(len(fraction), len(needed))
    if not fraction and needed:
        digits = max(digits, 3)
    written = f"{nanoseconds:09}".ljust(digits, "0")[:digits]
    return (seconds // 3600, seconds // 60 % 60, seconds % 60), written
