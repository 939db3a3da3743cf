"""Equal, equivalent, before and after: what two values are to each other.

Rule: FHIRPath N1 2.0.0, sections 6.1 (equality) and 6.2 (comparison).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cmp_to_key
from typing import Any

from aubier.fhir.fhirpath.evaluation.run import Items, Run, Triple, fault
from aubier.fhir.fhirpath.types import plain
from aubier.fhir.fhirpath.values import quantities
from aubier.fhir.fhirpath.values.moments import compared, moment, same_moment
from aubier.fhir.fhirpath.values.moments import key as moment_key
from aubier.fhir.fhirpath.values.quantities import Amount

_MOMENTS = frozenset({"Date", "DateTime", "Time"})
_NUMBERS = frozenset({"Integer", "Decimal"})


def equal(run: Run | None, left: Items, right: Items) -> bool | None:
    """`=`: empty when a side is, or when nobody can tell; otherwise item by item, in order.

    Counted by the size of what is compared, but while indexing.
    """
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    if run is not None:
        run.charge(_weight(left) + _weight(right))
    verdicts = [same(a, b) for a, b in zip(left, right, strict=True)]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def same(left: Triple, right: Triple) -> bool | None:
    """`=` of two items."""
    a, b = plain(left[2]), plain(right[2])
    if a in _MOMENTS or b in _MOMENTS:
        if a not in _MOMENTS or b not in _MOMENTS:
            return False
        alike = left[0].__class__ is str and right[0].__class__ is str
        return same_moment(left[0], right[0]) if alike else left[0] is right[0] and left[1] == right[1]
    if a == "Quantity" or b == "Quantity":
        first, second = measure(left), measure(right)
        if first is not None and second is not None:
            order = quantities.order(first, second)
            return None if order is None else order == 0
    return key(left) == key(right)


def measure(item: Triple) -> Amount | None:
    """The amount that an item is: a quantity, or a number without a unit."""
    kind = plain(item[2])
    if kind in _NUMBERS and item[0] is not None:
        return Amount(Decimal(item[0]), "1")
    found = quantities.amount(item[0]) if kind == "Quantity" else None
    return found if found is None or item[2] == "System.Quantity" else replace(found, told=True)


def key(item: Triple) -> object:
    """Something hashable that is equal for equal items, different for those that differ or may differ."""
    value, sibling, type = item
    kind = plain(type)
    if value is None:
        return "nothing", frozen(sibling)
    if kind in _MOMENTS and value.__class__ is str:
        return "moment", moment_key(value)
    if kind == "Quantity" and (of := quantities.amount(value)) is not None:
        return "quantity", quantities.measured(of)
    return frozen(value)


def keyed(run: Run, items: Items) -> list[object]:
    """The keys of items, counted by their size."""
    run.charge(_weight(items))
    return [key(item) for item in items]


def _weight(items: Items) -> int:
    """What looking at items whole costs: texts by their length, elements by what they are made of."""
    weight = 0
    for value, _, _ in items:
        if value.__class__ is dict:
            weight += size(value)
        elif value.__class__ is str:
            weight += len(value) >> 6
    return weight


def size(value: Any) -> int:
    """How many values a JSON value is made of."""
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        count += 1
        if each.__class__ is dict:
            waiting.extend(each.values())
        elif each.__class__ is list:
            waiting.extend(each)
    return count


def frozen(value: Any) -> object:
    """JSON as something hashable: `true` is not 1, and 1.0 is 1."""
    if value.__class__ is dict:
        return "{", frozenset((name, frozen(v)) for name, v in value.items())
    if value.__class__ is list:
        return "[", tuple(frozen(v) for v in value)
    return ("?", value) if value.__class__ is bool else value


def equivalent(run: Run, left: Items, right: Items) -> bool:
    """`~`: as many items, each alike one of the other side in any order."""
    if len(left) != len(right):
        return False
    rest = Counter(keyed(run, right))
    unmatched = [item for item, k in zip(left, keyed(run, left), strict=True) if not _taken(rest, k)]
    waiting = [item for item, k in zip(right, keyed(run, right), strict=True) if _taken(rest, k)]
    for item in unmatched:
        run.charge(len(waiting) * (1 + _weight([item])))
        found = next((n for n, other in enumerate(waiting) if alike(item, other)), None)
        if found is None:
            return False
        del waiting[found]
    return True


def _taken(rest: Counter[object], wanted: object) -> bool:
    if rest[wanted] <= 0:
        return False
    rest[wanted] -= 1
    return True


def alike(left: Triple, right: Triple) -> bool:
    """`~` of two items: texts whatever their case and spaces, numbers to the precision of the coarser."""
    a, b = plain(left[2]), plain(right[2])
    if left[0] is None or right[0] is None:
        return left[0] is right[0] and bool(left[1] == right[1])
    if a in _NUMBERS and b in _NUMBERS:
        return _alike_json(left[0], right[0])
    if a in _MOMENTS and b in _MOMENTS:
        return same_moment(left[0], right[0]) is True
    if "Quantity" in (a, b):
        first, second = measure(left), measure(right)
        if first is not None and second is not None:
            return quantities.equivalent(first, second)
    return a == b and _alike_json(left[0], right[0])


def _alike_json(left: Any, right: Any) -> bool:
    if left.__class__ is dict and right.__class__ is dict:
        mine, theirs = ({k: v for k, v in each.items() if k != "id"} for each in (left, right))
        return mine.keys() == theirs.keys() and all(_alike_json(mine[k], theirs[k]) for k in mine)
    if left.__class__ is list and right.__class__ is list:
        return len(left) == len(right) and all(map(_alike_json, left, right))
    if left.__class__ is str and right.__class__ is str:
        return " ".join(left.casefold().split()) == " ".join(right.casefold().split())
    numbers = (int, Decimal)
    if left.__class__ in numbers and right.__class__ in numbers:
        return _rounded_alike(Decimal(left), Decimal(right))
    return left.__class__ is right.__class__ and bool(left == right)


def _rounded_alike(left: Decimal, right: Decimal) -> bool:
    # As fractions: a decimal is rounded to no more digits than its context keeps, and refuses beyond.
    digits = min(quantities.decimals(left), quantities.decimals(right))
    return bool(round(Fraction(left), digits) == round(Fraction(right), digits))


def before(left: Items, right: Items) -> int | None:
    """-1, 0 or 1 for `<`, the same, `>`; None (empty) when a side is empty or nobody can tell."""
    if len(left) > 1 or len(right) > 1:
        raise fault(
            "several values where one is to be compared", "plusieurs valeurs là où il en faut une à comparer"
        )
    return ordered(left[0], right[0]) if left and right else None


def ordered(left: Triple, right: Triple) -> int | None:
    """As `before`, of two items. Problem `invalid` for what has no order with the other."""
    a, b = plain(left[2]), plain(right[2])
    x, y = left[0], right[0]
    if x is None or y is None:
        return None
    if (a in _NUMBERS and b in _NUMBERS) or a == b == "String":
        return int(x > y) - int(x < y)
    if a in _MOMENTS and b in _MOMENTS and (a == "Time") == (b == "Time"):
        first, second = moment(x), moment(y)
        return None if first is None or second is None else compared(first, second)
    if "Quantity" in (a, b):
        one, other = measure(left), measure(right)
        if one is not None and other is not None:
            return quantities.order(one, other)
        if a == b:
            return None
    raise fault(
        f"{named(left)} and {named(right)} have no order; compare values of one type",
        f"{named(left)} et {named(right)} n'ont pas d'ordre ; comparez des valeurs d'un même type",
    )


def named(item: Triple) -> str:
    """The type of an item, as a person reads it."""
    return item[2] or "a value of unknown type"


def sort(run: Run, rows: list[tuple[Triple, list[Items]]], descending: tuple[bool, ...]) -> Items:
    """`sort()`: items with the values of each criterion; what has none comes first."""
    run.charge(len(rows) * len(rows).bit_length())
    compare: Callable[[Any, Any], int] = lambda a, b: _by(a[1], b[1], descending)  # noqa: E731
    return [item for item, _ in sorted(rows, key=cmp_to_key(compare))]


def _by(left: list[Items], right: list[Items], descending: tuple[bool, ...]) -> int:
    for a, b, down in zip(left, right, descending, strict=True):
        if not a or not b:
            if bool(a) != bool(b):
                return 1 if a else -1
            continue
        if found := before(a, b):
            return -found if down else found
    return 0
