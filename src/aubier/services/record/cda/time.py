"""HL7 v3 timestamps of every precision, as FHIR dateTimes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from aubier.ground.problem import Problem, problem

_TS = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d{2})(?:(?P<day>\d{2})(?:(?P<hour>\d{2})(?:(?P<minute>\d{2})"
    r"(?:(?P<second>\d{2})(?P<fraction>\.\d{1,9})?)?)?)?)?)?(?P<zone>[+-]\d{1,4}|Z)?",
    re.ASCII,
)


def _bad(value: str, at: str) -> Problem:
    return problem(
        "value",
        f"`{value[:40]}` is not an HL7 timestamp (YYYYMMDDHHMMSS+ZZZZ)",
        f"« {value[:40]} » n'est pas un horodatage HL7 (AAAAMMJJHHMMSS+ZZZZ)",
        at=at,
        rule="HL7 v3 data types, TS",
    )


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def paris_offset(local: datetime) -> str:
    """The offset of mainland France at a local time (naive): `+02:00` in summer, else `+01:00`.

    Rule: directive 2000/84/EC: summer time from the last Sunday of March to that of October, 01:00 UTC.
    """
    begins, ends = (_last_sunday(local.year, month) + timedelta(hours=1) for month in (3, 10))
    summer = begins <= local.replace(tzinfo=UTC) < ends
    return "+02:00" if summer else "+01:00"


def _zone(zone: str | None, moment: datetime, at: str) -> str:
    """The offset as FHIR writes it; a time without one is taken as mainland France's.

    The CDA schema lets an offset have one to four digits (`+1`, `+100`): hours, then minutes.
    """
    if zone is None:
        return paris_offset(moment)
    if zone == "Z":
        return "Z"
    digits = zone[1:]
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    if hours > 14 or minutes > 59:
        raise _bad(zone, at)
    return f"{zone[0]}{hours:02d}:{minutes:02d}"


def fhir_time(value: str | None, at: str = "TS") -> str:
    """A FHIR date or dateTime of the same precision as the timestamp; empty for None or empty.

    `202107291117+0100` gives `2021-07-29T11:17:00+01:00` (FHIR wants seconds), `1979` gives `1979`.
    Errors: Problem `value` at `at` for what is no timestamp or no date of the calendar.
    """
    if not value:
        return ""
    match = _TS.fullmatch(value.strip())
    if not match:
        raise _bad(value, at)
    part = match.groupdict()
    numbers = [int(part[k] or d) for k, d in (("year", 1), ("month", 1), ("day", 1))]
    clock = [int(part[k] or 0) for k in ("hour", "minute", "second")]
    try:
        moment = datetime(numbers[0], numbers[1], numbers[2], clock[0], clock[1], min(clock[2], 59))
    except ValueError:
        raise _bad(value, at) from None
    if clock[2] > 60:
        raise _bad(value, at)
    date = "-".join(part[k] for k in ("year", "month", "day") if part[k])
    if not part["hour"]:
        return date
    time = f"{clock[0]:02d}:{clock[1]:02d}:{clock[2]:02d}{part['fraction'] or ''}"
    return f"{date}T{time}{_zone(part['zone'], moment, at)}"


_MONTHS = {
    "fr": (
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}


def plain_time(value: str, language: str = "fr") -> str:
    """A FHIR date or dateTime in words: `29 juillet 2021 à 11 h 17`, `29 July 2021 at 11:17`."""
    if not value:
        return ""
    french = language == "fr"
    date, _, time = value.partition("T")
    year, *rest = date.split("-")
    words = f"{_MONTHS[language][int(rest[0]) - 1]} {year}" if rest else year
    if len(rest) > 1:
        words = f"{'1er' if french and rest[1] == '01' else int(rest[1])} {words}"
    if not time:
        return words
    return words + (f" à {int(time[:2])}\u00a0h\u00a0{time[3:5]}" if french else f" at {time[:5]}")
