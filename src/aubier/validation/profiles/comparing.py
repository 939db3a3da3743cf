"""Values held against what a profile says of them: the same, at least that, within edges."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aubier.fhir.fhirpath.values import quantities
from aubier.fhir.fhirpath.values.moments import compared, moment


def same(value: Any, wanted: Any) -> bool:
    """Whether a value is exactly the wanted one; numbers by value, objects without order."""
    if value.__class__ is dict and wanted.__class__ is dict:
        return value.keys() == wanted.keys() and all(same(value[k], wanted[k]) for k in wanted)
    if value.__class__ is list and wanted.__class__ is list:
        return len(value) == len(wanted) and all(map(same, value, wanted))
    if value.__class__ is bool or wanted.__class__ is bool:
        return value is wanted
    return bool(value == wanted)


def fits(value: Any, pattern: Any) -> bool:
    """Whether a value holds at least what a pattern says."""
    if pattern.__class__ is dict:
        return value.__class__ is dict and all(k in value and fits(value[k], p) for k, p in pattern.items())
    if pattern.__class__ is list:
        return value.__class__ is list and all(any(fits(v, p) for v in value) for p in pattern)
    return same(value, pattern)


def edge(said: Any) -> Any:
    """An edge as a person reads it: of an amount, the number."""
    return said.get("value") if isinstance(said, dict) else said


def order(value: Any, said: Any) -> int:
    """A value against an edge: -1, 0 or 1; 0 where nobody can tell: other units, a day and an hour of it."""
    if isinstance(said, dict):
        measured, most = quantities.amount(value), quantities.amount(said)
        return (quantities.order(measured, most) or 0) if measured and most else 0
    numbers = (int, Decimal, float)
    if isinstance(value, numbers) and isinstance(said, numbers):
        a, b = Decimal(str(value)), Decimal(str(said))
        return (a > b) - (a < b)
    if isinstance(value, str) and isinstance(said, str):
        given, limit = moment(value), moment(said)
        return (compared(given, limit) or 0) if given and limit and given.clock == limit.clock else 0
    return 0
