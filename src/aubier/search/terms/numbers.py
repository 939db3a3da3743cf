"""Numbers with the range that their digits imply: 5.40 is 5.395 to 5.405.

Rule: HL7 FHIR R4 4.0.1, search, 3.1.1.4.7 number.
"""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException
from functools import lru_cache
from typing import Any

from aubier.search.model import MAX_NUMBER, MIN_NUMBER

Implied = tuple[Decimal, Decimal, Decimal]
"""A value, and the lowest (included) and highest (excluded) that its digits allow."""

MAX_DIGITS = 40
"""Numbers of more digits, or beyond `MIN_NUMBER` and `MAX_NUMBER`, are not searched."""
_EXACT = Context(prec=2 * MAX_DIGITS)
_HALF = {exponent: Decimal((0, (5,), exponent - 1)) for exponent in range(-12, 13)}


def implied(number: Any) -> Implied | None:
    """The implied range of an int or Decimal (not a bool); None when it is none or too large to search.

    Half a unit of the last digit written lies on each side: 100 is 99.5 to 100.5, 1e2 is 50 to 150.
    """
    if number.__class__ is int:
        return _whole(number) if -_FEW <= number <= _FEW else _implied(Decimal(number))
    return _implied(number) if number.__class__ is Decimal and number.is_finite() else None


_FEW = 10_000
"""Whole numbers up to it are measured again and again."""


@lru_cache(maxsize=4096)
def _whole(number: int) -> Implied | None:
    return _implied(Decimal(number))


def _implied(value: Decimal) -> Implied | None:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > MAX_DIGITS or not -MAX_DIGITS <= exponent <= MAX_DIGITS:
        return None
    half = _HALF.get(exponent) or Decimal((0, (5,), exponent - 1))
    return value, _EXACT.subtract(value, half), _EXACT.add(value, half)


def with_comparator(range: Implied, comparator: Any) -> Implied:
    """The range of a Quantity with its comparator: `<5` reaches from the lowest number to 5."""
    value, low, high = range
    if comparator in ("<", "<="):
        return value, MIN_NUMBER, value if comparator == "<" else high
    if comparator in (">", ">="):
        return value, value if comparator == ">" else low, MAX_NUMBER
    return range


def number_written(text: str) -> Implied | None:
    """The implied range of a number in a query; None when it is no FHIR decimal or too large."""
    if len(text) > MAX_DIGITS + 6 or not text.isascii() or any(c in text for c in "_ nNiI"):
        return None
    try:
        return implied(Decimal(text))
    except DecimalException:
        return None
