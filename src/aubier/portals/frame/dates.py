"""Dates as people say them: `hier, 17 h 40`, `18 novembre`, `mars 2024`, `encore 12 jours`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from aubier.portals.frame.texts import Texts, sentence

PARIS = ZoneInfo("Europe/Paris")
"""The time zone in which hours are said."""

_FIXED = "\u00a0"


@dataclass(frozen=True, slots=True)
class Partial:
    """A FHIR date or dateTime that may stop at the year, the month or the day (local to `PARIS`)."""

    year: int
    month: int = 0
    day: int = 0
    at: datetime | None = None

    @property
    def first(self) -> date:
        """The first day it may mean: used to sort and to count."""
        return date(self.year, self.month or 1, self.day or 1)


def partial(text: str) -> Partial | None:
    """Reads a FHIR date, dateTime or instant; None when empty or not a date."""
    try:
        if "T" in text:
            at = datetime.fromisoformat(text).astimezone(PARIS)
            return Partial(at.year, at.month, at.day, at)
        parts = [int(p) for p in text.split("-")]
        year, month, day = [*parts, 0, 0][:3]
        return Partial(year, month, day) if 1 <= len(parts) <= 3 and _exists(parts) else None
    except ValueError:
        return None


def _exists(parts: list[int]) -> bool:
    year, month, day = [*parts, 1, 1][:3]
    date(year, month, day)
    return True


def today(now: datetime) -> date:
    """The day it is in `PARIS`."""
    return now.astimezone(PARIS).date()


def say_day(text: str, now: datetime, texts: Texts, *, short: bool = False) -> str:
    """A FHIR date as one says it: `hier`, `18 novembre`, `mars 2024`, `2021`; empty if none."""
    found = partial(text)
    if found is None:
        return ""
    if not found.month:
        return str(found.year)
    month = texts.items("date.short_months" if short else "date.months")[found.month - 1]
    if not found.day:
        return f"{month}{_FIXED}{found.year}"
    ago = (today(now) - found.first).days
    near = {0: "date.today", 1: "date.yesterday", -1: "date.tomorrow"}.get(ago)
    if near:
        return texts(near)
    year = "" if found.year == today(now).year else f"{_FIXED}{found.year}"
    return f"{_ordinal(found.day, texts)}{_FIXED}{month}{year}"


def placed(kind: str, text: str, now: datetime, texts: Texts, *, short: bool = False) -> str:
    """A date after its preposition: `on` gives `le 18 novembre` or `hier`; `since`, `until` likewise."""
    found = partial(text)
    if found is None:
        return ""
    near = not found.day or abs((today(now) - found.first).days) < 2
    return texts(f"date.{kind}.{'near' if near else 'day'}", day=say_day(text, now, texts, short=short))


def say_hour(at: datetime, texts: Texts) -> str:
    """`17 h 40` in French, `5:40 pm` in English."""
    if texts.language == "fr":
        return f"{at.hour}{_FIXED}h" + (f"{_FIXED}{at.minute:02d}" if at.minute else "")
    return f"{(at.hour - 1) % 12 + 1}:{at.minute:02d}{_FIXED}{'am' if at.hour < 12 else 'pm'}"


def say_weekday(now: datetime, texts: Texts) -> str:
    """`dimanche 22 novembre`."""
    here = today(now)
    name = texts.items("date.weekdays")[here.weekday()]
    month = texts.items("date.months")[here.month - 1]
    return f"{name} {_ordinal(here.day, texts)}{_FIXED}{month}"


def say_month(text: str, texts: Texts) -> str:
    """`Novembre 2026`, the heading of a month; the year alone when the month is unknown."""
    found = partial(text)
    if found is None:
        return texts("date.unknown")
    if not found.month:
        return str(found.year)
    return sentence(f"{texts.items('date.months')[found.month - 1]} {found.year}")


def say_numeric(text: str) -> str:
    """`04/03/1955`: a birth date as identity papers write it."""
    return "/".join(reversed(text[:10].split("-")))


def days_until(text: str, now: datetime) -> int | None:
    """Whole days from today to a FHIR date, negative when past; None when there is no full date."""
    found = partial(text)
    return (found.first - today(now)).days if found and found.day else None


def say_age(birth: str, now: datetime, texts: Texts) -> str:
    """`71 ans`, `14 mois`, `9 jours`; empty when the birth date is not known."""
    found = partial(birth)
    if found is None:
        return ""
    here, born = today(now), found.first
    months = (here.year - born.year) * 12 + here.month - born.month - (here.day < born.day)
    if months < 1 and found.day:
        return texts.many("age.days", (here - born).days)
    return texts.many("age.months", months) if months < 24 else texts.many("age.years", months // 12)


def _ordinal(day: int, texts: Texts) -> str:
    return "1er" if day == 1 and texts.language == "fr" else str(day)
