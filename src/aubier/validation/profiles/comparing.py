"""Values held against what a profile says of them: the same, at least that, within edges."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from aubier.fhir.fhirpath.values import quantities
from aubier.fhir.fhirpath.values.moments import compared, moment, moved

_FARTHEST = 10**12
"""Units of time that a duration may be away from now."""


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


def from_now(said: dict[str, Any], now: datetime | None, sign: int) -> str | None:
    """The day and time that a duration away from now tells (`sign` -1 before, 1 after); None where none is.

    Rule: FHIR R4 4.0.1, elementdefinition-definitions.html#ElementDefinition.minValue[x], maxValue[x].
    """
    by = quantities.amount(said)
    unit = by and (quantities.CALENDAR.get(by.unit) or quantities.AS_CALENDAR.get(by.unit))
    start = moment(now.isoformat()) if now is not None else None
    if by is None or start is None or not unit or abs(by.value) > _FARTHEST:
        return None
    found = moved(start, sign * by.value, unit)
    return str(found) if found is not None else None


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
