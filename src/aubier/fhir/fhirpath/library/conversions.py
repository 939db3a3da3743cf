"""Conversions. Rule: FHIRPath N1 2.0.0, section 5.5: `toX` gives nothing for what does not convert."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from aubier.fhir import ucum
from aubier.fhir.fhirpath.evaluation.run import Items, Run, Triple
from aubier.fhir.fhirpath.library.arguments import INTEGERS, boolean_in, of, one, text_in
from aubier.fhir.fhirpath.types import plain
from aubier.fhir.fhirpath.values import quantities
from aubier.fhir.fhirpath.values.moments import moment
from aubier.fhir.fhirpath.values.quantities import CALENDAR, Amount

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_QUANTITY = re.compile(r"([+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?)\s*(?:'([^']{1,120})'|([a-z]+))?")

Converter = Callable[[Triple], Any]


def written(item: Triple) -> str:
    """A value of FHIRPath's own types as text."""
    value, kind = item[0], plain(item[2])
    if kind == "Boolean":
        return "true" if value else "false"
    if kind == "Quantity":
        return quantities.text(value) if quantities.amount(value) else ""
    return f"{Decimal(value):f}" if kind in ("Integer", "Decimal") else str(value)


def _boolean(item: Triple) -> bool | None:
    value, kind = item[0], plain(item[2])
    if kind == "Boolean":
        return bool(value)
    if kind in ("Integer", "Decimal"):
        return {0: False, 1: True}.get(value)
    if kind == "String" and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    return None


def _integer(item: Triple) -> int | None:
    value, kind = item[0], plain(item[2])
    if kind == "Integer":
        return int(value)
    if kind == "Boolean":
        return int(value)
    if kind == "String" and _INTEGER.fullmatch(value) and int(value) in INTEGERS:
        return int(value)
    return None


def _decimal(item: Triple) -> Decimal | None:
    value, kind = item[0], plain(item[2])
    if kind in ("Integer", "Decimal", "Boolean"):
        return Decimal(value)
    return Decimal(value) if kind == "String" and _DECIMAL.fullmatch(value) else None


def _date(item: Triple) -> str | None:
    value, kind = item[0], plain(item[2])
    found = moment(value) if kind in ("String", "Date", "DateTime") else None
    if found is None or found.clock or (kind == "String" and len(found.parts) > 3):
        return None
    return value[:10]  # type: ignore[no-any-return]


def _date_time(item: Triple) -> str | None:
    value, kind = item[0], plain(item[2])
    found = moment(value) if kind in ("String", "Date", "DateTime") else None
    return None if found is None or found.clock else value


def _time(item: Triple) -> str | None:
    value, kind = item[0], plain(item[2])
    found = moment(value) if kind in ("String", "Time") else None
    return value.removeprefix("T") if found is not None and found.clock else None


def _quantity(item: Triple) -> dict[str, Any] | None:
    value, kind = item[0], plain(item[2])
    if kind == "Quantity":
        found = quantities.amount(value)
        return None if found is None else quantities.written(found)
    if kind in ("Integer", "Decimal", "Boolean"):
        return quantities.written(Amount(Decimal(value), "1"))
    match = _QUANTITY.fullmatch(value) if kind == "String" else None
    if match is None or (match[3] and match[3] not in CALENDAR):
        return None
    if match[3]:
        return quantities.written(Amount(Decimal(match[1]), CALENDAR[match[3]], calendar=True))
    return quantities.written(Amount(Decimal(match[1]), match[2] or "1"))


def _string(item: Triple) -> str | None:
    return written(item) if plain(item[2]) else None


_CONVERTERS: dict[str, Converter] = {
    "Boolean": _boolean,
    "Integer": _integer,
    "Decimal": _decimal,
    "Date": _date,
    "DateTime": _date_time,
    "Time": _time,
    "String": _string,
}


def _converted(items: Items, type: str) -> Items:
    item = one(items)
    if item is None or item[0] is None:
        return []
    try:
        return of(_CONVERTERS[type](item), type)
    except (InvalidOperation, ValueError):
        return []


Conversion = Callable[[Run, Items], Items]


def _conversions(type: str, name: str) -> tuple[Conversion, Conversion]:
    """`toType()` and `convertsToType()`, under the names that generated code calls them by."""

    def to(run: Run, items: Items) -> Items:
        return _converted(items, type)

    def converts(run: Run, items: Items) -> Items:
        return of(bool(_converted(items, type)), "Boolean") if one(items) else []

    to.__name__, converts.__name__ = f"to_{name}", f"converts_to_{name}"
    return to, converts


to_boolean, converts_to_boolean = _conversions("Boolean", "boolean")
to_integer, converts_to_integer = _conversions("Integer", "integer")
to_decimal, converts_to_decimal = _conversions("Decimal", "decimal")
to_date, converts_to_date = _conversions("Date", "date")
to_date_time, converts_to_date_time = _conversions("DateTime", "date_time")
to_time, converts_to_time = _conversions("Time", "time")
to_string, converts_to_string = _conversions("String", "string")


def to_quantity(run: Run, items: Items, unit: Items | None = None) -> Items:
    """`toQuantity([unit])`: in that unit when one is asked for; nothing when it cannot be."""
    item = one(items)
    found = None if item is None or item[0] is None else _quantity(item)
    wanted = text_in(unit) if unit is not None else None
    if found is None or wanted is None:
        return of(found, "Quantity")
    have, into = quantities.amount(found), _unit(wanted)
    if have is None or into is None or quantities.measured(have)[0] != quantities.measured(into)[0]:
        return []
    read = ucum.unit(into.unit)
    if read is None:
        ratio = quantities.measured(have)[1] / quantities.measured(into)[1]
    else:
        ratio = read.of(quantities.measured(have)[1])
    made = Amount(quantities.decimal(ratio), into.unit, into.calendar)
    return of(quantities.written(made), "Quantity")


def _unit(text: str) -> Amount | None:
    """One of a unit, as a word of the calendar or a UCUM code."""
    if text in CALENDAR:
        return Amount(Decimal(1), CALENDAR[text], calendar=True)
    return Amount(Decimal(1), text) if ucum.unit(text) else None


def converts_to_quantity(run: Run, items: Items, unit: Items | None = None) -> Items:
    """`convertsToQuantity([unit])`."""
    return of(bool(to_quantity(run, items, unit)), "Boolean") if one(items) else []


def condition(items: Items) -> bool:
    """The criterion of `iif()`: nothing counts as false, and only a Boolean will do."""
    return boolean_in(items) is True
