"""Arithmetic and mathematics. Rule: FHIRPath N1 2.0.0, sections 5.7 and 6.6.

What cannot be computed (a division by zero, a root of a negative number, a result too large) is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)

from aubier.fhir.fhirpath.evaluation.run import Fault, Items, Run, Triple, fault
from aubier.fhir.fhirpath.library.arguments import integer, integer_in, number_in, of, one
from aubier.fhir.fhirpath.library.texts import plus_text
from aubier.fhir.fhirpath.types import plain
from aubier.fhir.fhirpath.values import quantities
from aubier.fhir.fhirpath.values.equality import measure, named
from aubier.fhir.fhirpath.values.moments import moment, moved
from aubier.fhir.fhirpath.values.quantities import AS_CALENDAR, CALENDAR, Amount

_DIGITS = 28
_CONTEXT = Context(prec=_DIGITS, Emin=-400, Emax=400, traps=[InvalidOperation, DivisionByZero, Overflow])
_FINER = Context(prec=_DIGITS + 12, Emin=-400, Emax=400, traps=[InvalidOperation, DivisionByZero, Overflow])
_MOMENTS = frozenset({"Date", "DateTime", "Time"})
_NUMBERS = frozenset({"Integer", "Decimal"})

Operation = Callable[[Decimal, Decimal], Decimal]


def plus(run: Run, left: Items, right: Items) -> Items:
    """`+`: numbers, texts, amounts, or a date or time and a duration."""
    a, b = _pair(left, right)
    if a is None or b is None:
        return []
    if plain(a[2]) == plain(b[2]) == "String":
        return plus_text(run, left, right)
    return _sum(a, b, 1)


def minus(run: Run, left: Items, right: Items) -> Items:
    """`-`: numbers, amounts, or a date or time and a duration."""
    a, b = _pair(left, right)
    return [] if a is None or b is None else _sum(a, b, -1)


def multiply(run: Run, left: Items, right: Items) -> Items:
    """`*`: numbers, or amounts with their units."""
    a, b = _pair(left, right)
    if a is None or b is None:
        return []
    if "Quantity" in (plain(a[2]), plain(b[2])):
        return _amounts(a, b, quantities.times, "*")
    return _computed(a, b, _CONTEXT.multiply, "*")


def divide(run: Run, left: Items, right: Items) -> Items:
    """`/`: always a Decimal; empty for a division by zero. Amounts with their units."""
    a, b = _pair(left, right)
    if a is None or b is None:
        return []
    if "Quantity" in (plain(a[2]), plain(b[2])):
        return _amounts(a, b, quantities.over, "/")
    found = _computed(a, b, _CONTEXT.divide, "/")
    return [(Decimal(v), s, "System.Decimal") for v, s, _ in found]


def div(run: Run, left: Items, right: Items) -> Items:
    """`div`: the whole part of a quotient."""
    a, b = _pair(left, right)
    if a is None or b is None:
        return []
    found = _computed(a, b, lambda x, y: _CONTEXT.divide_int(x, y), "div")
    return integer(int(found[0][0])) if found else []


def mod(run: Run, left: Items, right: Items) -> Items:
    """`mod`: what the whole quotient leaves."""
    a, b = _pair(left, right)
    if a is None or b is None:
        return []
    return _computed(a, b, lambda x, y: _CONTEXT.remainder(x, y), "mod")


def negative(run: Run, items: Items) -> Items:
    """`-value`: a number or an amount."""
    item = _signed(items)
    if item is None:
        return []
    if plain(item[2]) == "Quantity":
        of_ = measure(item)
        return [] if of_ is None else _amount(Amount(-of_.value, of_.unit, of_.calendar, of_.foreign))
    return [(-item[0], None, item[2])]


def positive(run: Run, items: Items) -> Items:
    """`+value`: the same number or amount."""
    item = _signed(items)
    return [] if item is None else [item]


def absolute(run: Run, items: Items) -> Items:
    """`abs()`: of a number or an amount."""
    item = _signed(items)
    if item is None:
        return []
    value = measure(item)
    return negative(run, items) if value is not None and value.value < 0 else [item]


def ceiling(run: Run, items: Items) -> Items:
    """`ceiling()`: the whole number from above."""
    return _whole(items, ROUND_CEILING)


def floor(run: Run, items: Items) -> Items:
    """`floor()`: the whole number from below."""
    return _whole(items, ROUND_FLOOR)


def truncate(run: Run, items: Items) -> Items:
    """`truncate()`: the whole part."""
    return _whole(items, ROUND_DOWN)


def round_(run: Run, items: Items, digits: Items | None = None) -> Items:
    """`round([digits])`: halves go away from zero. Problem `invalid` for fewer than no digits."""
    value, count = number_in(items), integer_in(digits) if digits is not None else 0
    if value is None or count is None:
        return []
    if not 0 <= count <= _DIGITS:
        raise fault(
            f"round() to {count} digits; give 0 to {_DIGITS}",
            f"round() à {count} chiffres ; de 0 à {_DIGITS}",
        )
    place = Decimal((0, (1,), -count))
    return _decimal(lambda: value[0].quantize(place, ROUND_HALF_UP, _FINER))


def exp(run: Run, items: Items) -> Items:
    """`exp()`: e to that power."""
    value = number_in(items)
    return [] if value is None else _decimal(lambda: _CONTEXT.exp(value[0]))


def ln(run: Run, items: Items) -> Items:
    """`ln()`: the natural logarithm."""
    value = number_in(items)
    return [] if value is None or value[0] <= 0 else _decimal(lambda: _CONTEXT.ln(value[0]))


def log(run: Run, items: Items, base: Items) -> Items:
    """`log(base)`: the logarithm to a base."""
    value, to = number_in(items), number_in(base)
    if value is None or to is None or value[0] <= 0 or to[0] <= 0:
        return []
    return _decimal(lambda: _CONTEXT.plus(_FINER.divide(_FINER.ln(value[0]), _FINER.ln(to[0]))))


def sqrt(run: Run, items: Items) -> Items:
    """`sqrt()`: the square root."""
    value = number_in(items)
    return [] if value is None or value[0] < 0 else _decimal(lambda: _CONTEXT.sqrt(value[0]))


def power(run: Run, items: Items, exponent: Items) -> Items:
    """`power(exponent)`: an Integer when both are and it is one."""
    value, to = number_in(items), number_in(exponent)
    if value is None or to is None:
        return []
    if not value[0] and not to[0]:
        return integer(1) if value[1] and to[1] else of(Decimal(1), "Decimal")
    found = _decimal(lambda: _CONTEXT.power(value[0], to[0]))
    if found and value[1] and to[1] and to[0] >= 0:
        return integer(int(found[0][0]))
    return found


def _pair(left: Items, right: Items) -> tuple[Triple | None, Triple | None]:
    a, b = one(left), one(right)
    nothing = a is None or b is None or a[0] is None or b[0] is None
    return (None, None) if nothing else (a, b)


def _sum(a: Triple, b: Triple, sign: int) -> Items:
    kinds = plain(a[2]), plain(b[2])
    if kinds[0] in _MOMENTS:
        return _moved(a, b, sign)
    if "Quantity" in kinds:
        return _amounts(a, b, lambda x, y: quantities.plus(x, y, sign), "+" if sign > 0 else "-")
    return _computed(a, b, _CONTEXT.add if sign > 0 else _CONTEXT.subtract, "+" if sign > 0 else "-")


def _computed(a: Triple, b: Triple, operation: Operation, sign: str) -> Items:
    """Two numbers: an Integer of Integers, otherwise a Decimal."""
    kinds = plain(a[2]), plain(b[2])
    if not _NUMBERS.issuperset(kinds):
        raise _senseless(a, b, sign)
    try:
        found = operation(Decimal(a[0]), Decimal(b[0]))
    except DecimalException:
        return []
    if kinds == ("Integer", "Integer") and sign != "/":
        return integer(int(found))
    return of(found, "Decimal")


def _amounts(a: Triple, b: Triple, operation: Callable[[Amount, Amount], Amount | None], sign: str) -> Items:
    first, second = measure(a), measure(b)
    if first is None or second is None:
        if plain(a[2]) == plain(b[2]) == "Quantity":
            return []
        raise _senseless(a, b, sign)
    try:
        with localcontext(_CONTEXT):
            return _amount(operation(first, second))
    except DecimalException:
        return []


def _amount(found: Amount | None) -> Items:
    return [] if found is None else of(quantities.written(found), "Quantity")


def _moved(a: Triple, b: Triple, sign: int) -> Items:
    """A date or time and a duration. Years and months are those of the calendar, in its own words."""
    start, by = moment(a[0]), measure(b)
    if plain(b[2]) != "Quantity" or by is None:
        raise _senseless(a, b, "+" if sign > 0 else "-")
    by = quantities.of_calendar(by)
    unit = by.unit if by.calendar else CALENDAR.get(by.unit) or AS_CALENDAR.get(by.unit, "")
    if not unit or (not by.calendar and by.unit in ("a", "mo")):
        raise fault(
            f"{by.unit!r} is no duration of the calendar; write it in years, months, weeks, days, hours...",
            f"{by.unit!r} n'est pas une durée du calendrier ; écrivez years, months, weeks, days, hours...",
        )
    if start is None:
        return []
    if start.clock and unit in ("year", "month", "week", "day"):
        raise _senseless(a, b, "+" if sign > 0 else "-")
    found = moved(start, sign * by.value, unit) if abs(by.value) < 10**12 else None
    return [] if found is None else of(str(found), plain(a[2]))


def _signed(items: Items) -> Triple | None:
    item = one(items)
    if item is None or item[0] is None:
        return None
    if plain(item[2]) not in {*_NUMBERS, "Quantity"}:
        raise fault(
            f"a sign before {named(item)}, which is no number",
            f"signe devant {named(item)}, qui n'est pas un nombre",
        )
    return item


def _whole(items: Items, rounding: str) -> Items:
    value = number_in(items)
    if value is None or value[0].adjusted() > _DIGITS:
        return []
    return integer(int(value[0].to_integral_value(rounding)))


def _decimal(compute: Callable[[], Decimal]) -> Items:
    try:
        return of(compute(), "Decimal")
    except DecimalException:
        return []


def _senseless(a: Triple, b: Triple, sign: str) -> Fault:
    return fault(
        f"{named(a)} {sign} {named(b)} has no meaning", f"{named(a)} {sign} {named(b)} n'a pas de sens"
    )
