"""What functions take and give: the one value of a collection, and the types of FHIRPath's own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aubier.fhir.fhirpath.evaluation.run import Fault, Items, Triple, fault
from aubier.fhir.fhirpath.types import plain
from aubier.fhir.fhirpath.values.equality import named

INTEGERS = range(-(2**31), 2**31)
"""What an Integer may be. Rule: FHIRPath N1 2.0.0, section 4.1 (Integer)."""


def one(items: Items) -> Triple | None:
    """The one item, or None for an empty collection."""
    if len(items) > 1:
        raise fault(
            f"{len(items)} values where one is due; choose one with first() or where()",
            f"{len(items)} valeurs là où il en faut une ; choisissez-en une par first() ou where()",
        )
    return items[0] if items else None


def wrong(item: Triple, wanted: str, fr: str) -> Fault:
    """The refusal of a value of another type."""
    return fault(f"{named(item)} where {wanted} is due", f"{named(item)} là où il faut {fr}")


def text_in(items: Items) -> str | None:
    """The one text."""
    item = one(items)
    if item is None or item[0] is None:
        return None
    if plain(item[2]) != "String":
        raise wrong(item, "a text", "un texte")
    return str(item[0])


def integer_in(items: Items) -> int | None:
    """The one whole number."""
    item = one(items)
    if item is None or item[0] is None:
        return None
    if plain(item[2]) != "Integer":
        raise wrong(item, "a whole number", "un nombre entier")
    return int(item[0])


def number_in(items: Items) -> tuple[Decimal, bool] | None:
    """The one number, and whether it is an Integer."""
    item = one(items)
    if item is None or item[0] is None:
        return None
    kind = plain(item[2])
    if kind not in ("Integer", "Decimal"):
        raise wrong(item, "a number", "un nombre")
    return Decimal(item[0]), kind == "Integer"


def boolean_in(items: Items) -> bool | None:
    """The one Boolean, which nothing else stands for."""
    item = one(items)
    if item is None or item[0] is None:
        return None
    if item[0].__class__ is not bool:
        raise wrong(item, "true or false", "vrai ou faux")
    return bool(item[0])


def of(value: Any, type: str) -> Items:
    """A collection of one value of FHIRPath's own `type`, or an empty one for None."""
    return [] if value is None else [(value, None, f"System.{type}")]


def integer(value: int) -> Items:
    """An Integer, or nothing when it is too large to be one."""
    return of(value, "Integer") if value in INTEGERS else []
