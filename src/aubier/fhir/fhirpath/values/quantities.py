"""Amounts with a unit: read from FHIR Quantities and FHIRPath's own, compared, computed with.

Rule: FHIRPath N1 2.0.0, sections 4.1, 6.1, 6.2 and 6.6 (quantities, calendar durations); FHIR R4 4.0.1,
fhirpath.html#quantity. FHIRPath's own quantity is kept as a Quantity of FHIR: a calendar duration has a
`unit` alone, any other has the UCUM `code` too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from aubier.fhir import ucum

UCUM = "http://unitsofmeasure.org"
_WORDS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
CALENDAR = {word + plural: word for word in _WORDS for plural in ("", "s")}
"""The words of calendar durations, plural to singular."""
_AS_UCUM = {
    "year": "a",
    "month": "mo",
    "week": "wk",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
}
AS_CALENDAR = {code: word for word, code in _AS_UCUM.items()}
"""The UCUM codes of durations to the words of the calendar."""
_EXPONENT = 400
"""Beyond ten to that power nothing is measured: exact arithmetic would cost too much."""
_MONTHS = {"year": 12, "month": 1}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of a unit: a UCUM code, a calendar word in the singular (`calendar`), or another's unit.

    `told`: a Quantity of FHIR told it, whose years and months may be those of the calendar.
    """

    value: Decimal
    unit: str
    calendar: bool = False
    foreign: str = ""
    told: bool = False


def amount(quantity: Any) -> Amount | None:
    """What a Quantity measures; None without a number, or with a comparator, which makes it a range."""
    if quantity.__class__ is not dict or "comparator" in quantity:
        return None
    value = quantity.get("value")
    if value.__class__ is not Decimal and value.__class__ is not int:
        return None
    number, system = Decimal(value), quantity.get("system")
    if abs(number.adjusted()) > _EXPONENT:
        return None
    code, unit = quantity.get("code"), quantity.get("unit")
    if code.__class__ is str and system == UCUM:
        return Amount(number, code)
    if system.__class__ is str:
        return Amount(number, str(code), foreign=system)
    if unit.__class__ is str and unit in CALENDAR:
        return Amount(number, CALENDAR[unit], calendar=True)
    return Amount(number, str(unit), foreign="unit") if unit.__class__ is str else Amount(number, "1")


def written(of: Amount) -> dict[str, Any]:
    """An amount as the JSON of a Quantity."""
    if of.calendar:
        return {"value": of.value, "unit": of.unit if of.value == 1 else of.unit + "s"}
    if of.foreign:
        return {"value": of.value, "system": of.foreign, "code": of.unit}
    return {"value": of.value, "unit": of.unit, "system": UCUM, "code": of.unit}


def text(quantity: Any) -> str:
    """As a literal of FHIRPath: `4.5 'mg'`, `1 week`."""
    value, unit = f"{Decimal(quantity['value']):f}", quantity.get("code") or quantity.get("unit")
    if "code" not in quantity and unit in CALENDAR:
        return f"{value} {unit}"
    return value if unit is None else f"{value} '{unit}'"


def measured(of: Amount, *, loosely: bool = False) -> tuple[object, Fraction]:
    """What is measured, and how much in its base unit. Two amounts compare when the first agree.

    Years and months of the calendar have no fixed length: they compare with each other only, unless
    `loosely`, where they are those of UCUM. An unknown unit compares with itself only.
    """
    value = Fraction(of.value)
    if of.foreign:
        return (of.foreign, of.unit), value
    if of.calendar and of.unit in _MONTHS and not loosely:
        return "calendar", value * _MONTHS[of.unit]
    found = ucum.unit(_AS_UCUM[of.unit] if of.calendar else of.unit)
    if found is None:
        return ("unknown", of.unit), value
    return found.dimensions, found.base(value)


def comparable(left: Amount, right: Amount) -> bool:
    """Whether the units are known and measure the same thing."""
    (what, _), (other, _) = measured(left, loosely=True), measured(right, loosely=True)
    return what == other and not (what.__class__ is tuple and what[:1] == ("unknown",))


def of_calendar(of: Amount, other: Amount | None = None) -> Amount:
    """An amount as one of the calendar, where it may be one and `other` is.

    Rule: FHIR R4 4.0.1, fhirpath.html#quantity: 1 'a' of a Quantity is 1 year.
    """
    if of.told and of.unit in ("a", "mo") and (other is None or other.calendar):
        return replace(of, unit=AS_CALENDAR[of.unit], calendar=True)
    return of


def order(left: Amount, right: Amount) -> int | None:
    """-1, 0 or 1; None when they do not measure the same thing."""
    left, right = of_calendar(left, right), of_calendar(right, left)
    (what, much), (other, more) = measured(left), measured(right)
    if what != other:
        return None
    return (much > more) - (much < more)


def equivalent(left: Amount, right: Amount) -> bool:
    """Whether they are the same to the precision of the coarser, in the unit of the left."""
    (what, _), (other, more) = measured(left, loosely=True), measured(right, loosely=True)
    if what != other:
        return False
    there = more
    if not left.foreign and (found := ucum.unit(_AS_UCUM.get(left.unit, left.unit))) is not None:
        there = found.of(more)
    digits = min(decimals(left.value), decimals(decimal(there)))
    return bool(round(Fraction(left.value), digits) == round(there, digits))


def plus(left: Amount, right: Amount, sign: int) -> Amount | None:
    """A sum or difference in the finer of both units; None when they do not measure the same thing."""
    left, right = of_calendar(left, right), of_calendar(right, left)
    (what, much), (other, more) = measured(left), measured(right)
    if what != other:
        return None
    if left.unit == right.unit:
        return replace(left, value=left.value + sign * right.value)
    fine = min((left, right), key=lambda of: measured(replace(of, value=Decimal(1)))[1])
    one, zero = (measured(replace(fine, value=Decimal(n)))[1] for n in (1, 0))
    if zero or measured(replace(left, value=Decimal(0)))[1]:
        return None  # degrees of a scale with a zero of its own do not add
    return replace(fine, value=decimal((much + sign * more) / one))


def times(left: Amount, right: Amount) -> Amount | None:
    """A product, its unit written from both."""
    units = _ucum(left), _ucum(right)
    joined = [u for u in units if u != "1"]
    if ucum.unit(units[0]) is None or ucum.unit(units[1]) is None:
        return None
    unit = "1" if not joined else ".".join(_grouped(u) for u in joined) if len(joined) > 1 else joined[0]
    return Amount(left.value * right.value, unit) if ucum.unit(unit) else None


def over(left: Amount, right: Amount) -> Amount | None:
    """A quotient, its unit written from both; None when `right` is nothing."""
    first, second = _ucum(left), _ucum(right)
    if not right.value or ucum.unit(first) is None or ucum.unit(second) is None:
        return None
    if first == second:
        return Amount(left.value / right.value, "1")
    unit = first if second == "1" else f"{'' if first == '1' else first}/{_grouped(second)}"
    return Amount(left.value / right.value, unit) if ucum.unit(unit) else None


def decimal(of: Fraction) -> Decimal:
    """A fraction with the digits that the present context of decimals keeps."""
    return Decimal(of.numerator) / Decimal(of.denominator)


def _ucum(of: Amount) -> str:
    return _AS_UCUM[of.unit] if of.calendar else of.unit


def _grouped(unit: str) -> str:
    return f"({unit})" if "." in unit or "/" in unit else unit


def decimals(value: Decimal) -> int:
    """The digits after the point, without those that add nothing."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
