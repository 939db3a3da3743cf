"""Bounds and precision of values as they are written. Rule: FHIRPath 3.0.0, for trial use."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from aubier.fhir.fhirpath.evaluation.run import Items, Run
from aubier.fhir.fhirpath.library.arguments import integer_in, of, one, wrong
from aubier.fhir.fhirpath.types import plain
from aubier.fhir.fhirpath.values import quantities
from aubier.fhir.fhirpath.values.equality import measure
from aubier.fhir.fhirpath.values.moments import bounded, moment

_MOST_DIGITS = 28
_CONTEXT = Context(prec=80, Emin=-400, Emax=400)
_FINEST = {"Date": 8, "DateTime": 17, "Time": 9}


def low_boundary(run: Run, items: Items, digits: Items | None = None) -> Items:
    """`lowBoundary([precision])`: the least that a value, written as it is, may mean."""
    return _boundary(items, digits, high=False)


def high_boundary(run: Run, items: Items, digits: Items | None = None) -> Items:
    """`highBoundary([precision])`: the most that a value, written as it is, may mean."""
    return _boundary(items, digits, high=True)


def precision(run: Run, items: Items) -> Items:
    """`precision()`: a number's digits after the point; of a date or time, the digits to its last part."""
    item = one(items)
    if item is None or item[0] is None:
        return []
    kind = plain(item[2])
    if kind in ("Integer", "Decimal"):
        exponent = Decimal(item[0]).as_tuple().exponent
        return of(max(0, -exponent) if isinstance(exponent, int) else 0, "Integer")
    if kind in _FINEST:
        found = moment(item[0])
        return [] if found is None else of(found.precision, "Integer")
    raise wrong(item, "a number, a date or a time", "un nombre, une date ou une heure")


def comparable(run: Run, items: Items, other: Items) -> Items:
    """`comparable(quantity)`: whether two amounts measure the same thing, in units that are known."""
    left, right = one(items), one(other)
    if left is None or right is None:
        return []
    first, second = measure(left), measure(right)
    if first is None or second is None:
        return []
    return of(quantities.comparable(first, second), "Boolean")


def _boundary(items: Items, digits: Items | None, *, high: bool) -> Items:
    item = one(items)
    count = integer_in(digits) if digits is not None else None
    if item is None or item[0] is None or (digits is not None and count is None):
        return []
    kind = plain(item[2])
    if kind in _FINEST:
        start = moment(item[0])
        wanted = _FINEST[kind] if count is None else count
        if start is None or wanted > _FINEST[kind]:
            return []
        found = bounded(start, wanted, high=high)
        return [] if found is None else of(str(found), kind)
    amount = measure(item)
    if amount is None:
        raise wrong(
            item, "a number, an amount, a date or a time", "un nombre, une mesure, une date ou une heure"
        )
    bound = _decimal_bound(amount.value, 8 if count is None else count, high=high)
    if bound is None:
        return []
    if kind == "Quantity":
        return of(quantities.written(replace(amount, value=bound)), "Quantity")
    return of(bound, "Decimal")


def _decimal_bound(value: Decimal, digits: int, *, high: bool) -> Decimal | None:
    """Half a unit of the last digit away, then to so many digits without coming nearer."""
    exponent = value.as_tuple().exponent
    if not 0 <= digits <= _MOST_DIGITS or not isinstance(exponent, int) or value.adjusted() > _MOST_DIGITS:
        return None
    half = Decimal((0, (5,), min(exponent, 0) - 1))
    moved = _CONTEXT.add(value, half) if high else _CONTEXT.subtract(value, half)
    return moved.quantize(Decimal((0, (1,), -digits)), ROUND_CEILING if high else ROUND_FLOOR, _CONTEXT)
