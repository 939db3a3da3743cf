"""Days and hours as FHIR writes them, in French legal time, without a time-zone database."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache


@lru_cache(maxsize=256)
def _summer(year: int) -> tuple[date, date]:
    march, october = date(year, 3, 31), date(year, 10, 31)
    return (
        march - timedelta(days=(march.weekday() + 1) % 7),
        october - timedelta(days=(october.weekday() + 1) % 7),
    )


def at(day: date, hour: int = 9, minute: int = 0, second: int = 0) -> str:
    """A FHIR dateTime in French legal time: `2026-11-18T10:30:00+01:00`."""
    start, end = _summer(day.year)
    zone = "+02:00" if start <= day < end else "+01:00"
    return f"{day.isoformat()}T{hour:02d}:{minute:02d}:{second:02d}{zone}"


def age(birth: date, today: date) -> int:
    """Whole years lived on that day; someone born on 29 February turns older on 1 March."""
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def french(day: date) -> str:
    """A day as one says it: `18 novembre 2026`, `1er mars 2027`."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
