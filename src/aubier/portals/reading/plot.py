"""A small curve drawn by the server: direct labels, target band, a table twin and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from aubier.ground.rows import Resource
from aubier.portals.frame.dates import partial, say_day
from aubier.portals.frame.texts import Texts
from aubier.portals.reading.concepts import concept_words

WIDTH, HEIGHT = 260, 112
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 252, 18, 92
_LABEL = 52
"""How far the label of the newest value reaches to the left of it."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A curve ready to draw in a box of `WIDTH` x `HEIGHT`: places in box units, words as read."""

    title: str
    sentence: str
    line: str
    dots: tuple[tuple[str, str], ...]
    band: tuple[str, str] | None
    band_text: str
    first: str
    last: str
    last_at: tuple[str, str]
    last_text: str
    last_anchor: str
    rows: tuple[tuple[str, str], ...]


def plot(observations: Sequence[Resource], now: datetime, texts: Texts) -> Plot | None:
    """The curve of Observations of one kind (valueQuantity, one unit); None with fewer than two points.

    Points of another unit than the newest are left out of the curve: they cannot share an axis.
    """
    dated = sorted(((_when(o), o) for o in observations if _value(o) is not None), key=lambda p: p[0])
    if not dated:
        return None
    unit = _unit(dated[-1][1])
    points = [(when, o) for when, o in dated if _unit(o) == unit]
    if len(points) < 2:
        return None
    return _draw(points, unit, now, texts)


def _draw(points: list[tuple[str, Resource]], unit: str, now: datetime, texts: Texts) -> Plot:
    values = [_value(o) or Decimal(0) for _, o in points]
    target = _target(points[-1][1])
    y = _scale(values, target)
    days = [_day(when) for when, _ in points]
    places = [(f"{_x(d, days[0], days[-1]):.0f}", f"{y(v):.0f}") for d, v in zip(days, values, strict=True)]
    said = [f"{texts.number(v)}\u00a0{unit}".strip() for v in values]
    band = (f"{y(target[1]):.0f}", f"{y(target[0]) - y(target[1]):.0f}") if target else None
    return Plot(
        title=concept_words(points[-1][1].get("code", {})),
        sentence=_sentence(said, values, (days[-1] - days[0]).days, texts)
        + _aim(values[-1], target, unit, texts),
        line=" ".join(f"{a},{b}" for a, b in places),
        dots=tuple(places),
        band=band,
        band_text=texts("plot.target", range=_range(target, unit, texts)) if target else "",
        first=say_day(points[0][0], now, texts, short=True),
        last=say_day(points[-1][0], now, texts, short=True),
        last_at=places[-1],
        last_text=said[-1],
        last_anchor=_above(places),
        rows=tuple((say_day(when, now, texts), words) for (when, _), words in zip(points, said, strict=True))[
            ::-1
        ],
    )


def _above(places: Sequence[tuple[str, str]]) -> str:
    """Where the label of the newest value stands: above every point that it would cover."""
    beneath = [float(b) for a, b in places if float(a) >= _RIGHT - _LABEL]
    return f"{max(14, min(beneath) - 9):.0f}"


def _sentence(said: Sequence[str], values: Sequence[Decimal], days: int, texts: Texts) -> str:
    change = "same" if values[0] == values[-1] else "up" if values[-1] > values[0] else "down"
    return texts.many(f"plot.{change}", max(days, 1), first=said[0], last=said[-1])


def _aim(last: Decimal, target: tuple[Decimal, Decimal] | None, unit: str, texts: Texts) -> str:
    if target is None:
        return ""
    place = "below" if last < target[0] else "above" if last > target[1] else "inside"
    return " " + texts(f"plot.{place}", range=_range(target, unit, texts))


def _range(target: tuple[Decimal, Decimal], unit: str, texts: Texts) -> str:
    return texts("plot.range", low=texts.number(target[0]), high=f"{texts.number(target[1])}\u00a0{unit}")


def _scale(values: Sequence[Decimal], target: tuple[Decimal, Decimal] | None) -> Callable[[Decimal], float]:
    low, high = min([*values, *(target or ())]), max([*values, *(target or ())])
    room = (high - low) / 10 or Decimal(1)
    low, high = low - room, high + room
    return lambda v: float(_BOTTOM - (v - low) / (high - low) * (_BOTTOM - _TOP))


def _x(day: date, first: date, last: date) -> float:
    return _LEFT + (day - first).days / ((last - first).days or 1) * (_RIGHT - _LEFT)


def _when(observation: Resource) -> str:
    period = observation.get("effectivePeriod", {})
    return str(observation.get("effectiveDateTime") or period.get("start") or observation.get("issued") or "")


def _day(when: str) -> date:
    found = partial(when)
    return found.first if found else date.min


def _value(observation: Resource) -> Decimal | None:
    value = observation.get("valueQuantity", {}).get("value")
    return Decimal(str(value)) if value is not None and partial(_when(observation)) else None


def _unit(observation: Resource) -> str:
    quantity = observation.get("valueQuantity", {})
    return str(quantity.get("unit") or quantity.get("code") or "")


def _target(observation: Resource) -> tuple[Decimal, Decimal] | None:
    for found in observation.get("referenceRange", []):
        low, high = found.get("low", {}).get("value"), found.get("high", {}).get("value")
        if low is not None and high is not None:
            return Decimal(str(low)), Decimal(str(high))
    return None
