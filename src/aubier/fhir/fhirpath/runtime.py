"""What the generated code calls when the data decides: types, references, equality, siblings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from aubier.fhir.fhirpath.moments import same_moment
from aubier.fhir.fhirpath.types import is_a, is_resource, is_time, json_class, steps
from aubier.ground.problem import problem

Triple = tuple[Any, Any, str]
"""A value, its sibling (`id` and extensions of a primitive) or None, and its type."""

NUMBERS = (int, Decimal)
_CLASSES: dict[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "number": NUMBERS, "dict": (dict,)}


def kind_of(value: Any) -> str:
    """The type a resource says it has; empty when it is none of R4."""
    kind = value.get("resourceType")
    return kind if kind.__class__ is str and is_resource(kind) else ""


def pairs(values: Any, siblings: Any) -> Iterable[tuple[Any, Any]]:
    """The values of a repeating primitive, each with its sibling; places with neither are left out."""
    values = values if values.__class__ is list else ()
    siblings = siblings if siblings.__class__ is list else ()
    if not siblings:
        return ((v, None) for v in values if v is not None)
    return (p for p in zip_longest(values, siblings) if p[0] is not None or p[1].__class__ is dict)


def pair(value: Any, sibling: Any) -> tuple[tuple[Any, Any], ...]:
    """A primitive that does not repeat, with its sibling, or nothing."""
    return ((value, sibling),) if value is not None or sibling.__class__ is dict else ()


def children(value: Any, sibling: Any, kind: str, name: str) -> Iterator[Triple]:
    """What a step finds below a value whose type only the data tells."""
    step = steps(kind).get(name)
    if step is None:
        return
    parent = value if json_class(kind) == "dict" else sibling
    if parent.__class__ is not dict:
        return
    here = {key.removeprefix("_") for key in parent}
    for key, type in step.keys:
        if key not in here:
            continue  # nearly always: `value[x]` of an extension may be of fifty types
        found, beside = parent.get(key), parent.get("_" + key)
        for each, extra in pairs(found, beside) if step.many else pair(found, beside):
            if each is None or each.__class__ in _CLASSES[json_class(type)]:
                yield (
                    each,
                    extra,
                    (kind_of(each) if json_class(type) == "dict" and is_resource(type) else type),
                )


def union(items: list[Triple]) -> list[Triple]:
    """The items without repetition, in order."""
    kept: list[Triple] = []
    for item in items:
        if not any(_same(item, other) for other in kept):
            kept.append(item)
    return kept


def truth(items: list[Triple]) -> bool | None:
    """A collection where a truth value is due: empty is None, one item that is no boolean is True.

    Several items: Problem `invalid`.
    """
    if len(items) > 1:
        raise problem(
            "invalid",
            f"FHIRPath: {len(items)} values where one truth value is due",
            f"FHIRPath : {len(items)} valeurs là où il faut une valeur de vérité",
        )
    return truth_or_none(items)


def truth_or_none(items: list[Triple]) -> bool | None:
    """As `truth`, but several items are None."""
    if len(items) != 1:
        return None
    value = items[0][0]
    return value if value.__class__ is bool else True


def text_of(items: list[Triple]) -> str | None:
    """The one text of a collection, or None."""
    value = items[0][0] if len(items) == 1 else None
    return value if isinstance(value, str) else None


def both(left: bool | None, right: bool | None) -> bool | None:
    """`and` of three-valued logic."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: bool | None, right: bool | None) -> bool | None:
    """`or` of three-valued logic."""
    if left or right:
        return True
    return None if left is None or right is None else False


def one_of_two(left: bool | None, right: bool | None) -> bool | None:
    """`xor`: empty when either is."""
    return None if left is None or right is None else left is not right


def implied(left: bool | None, right: bool | None) -> bool | None:
    """`implies` of three-valued logic."""
    return either(negated(left), right)


def negated(value: bool | None) -> bool | None:
    """`not()`: empty stays empty."""
    return None if value is None else not value


def equal(left: list[Triple], right: list[Triple]) -> bool | None:
    """`=`: empty when a side is, or when dates differ only in precision; otherwise item by item, in order."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    verdicts = [_equal(a, b) for a, b in zip(left, right, strict=True)]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def is_type(items: list[Triple], type: str) -> bool | None:
    """`is`: empty for nothing; the type or a descendant. Several items: Problem `invalid`."""
    if len(items) > 1:
        return truth(items)
    return is_a(items[0][2], type) if items else None


def at(items: list[Triple], index: list[Triple]) -> list[Triple]:
    """`[index]`: the item at a place counted from 0, or nothing."""
    place = index[0][0] if len(index) == 1 else None
    if not isinstance(place, int) or place < 0:
        return []
    return items[place : place + 1]


def _equal(left: Triple, right: Triple) -> bool | None:
    (a, _, kind), (b, _, other) = left, right
    if a.__class__ is bool or b.__class__ is bool:
        return a is b
    if _is_moment(kind) and _is_moment(other):
        return same_moment(a, b) if a.__class__ is str and b.__class__ is str else False
    if _is_moment(kind) != _is_moment(other):
        return False
    return bool(a == b)


def _same(left: Triple, right: Triple) -> bool:
    return left[1] == right[1] and _equal(left, right) is True


def _is_moment(kind: str) -> bool:
    return is_time(kind) or kind in {"System.Date", "System.DateTime", "System.Time"}


def target_type(root: Any, reference: Any) -> str:
    """The type of the resource that a Reference (or the text of one) names, empty when nothing tells.

    A contained resource is looked up in `root`; otherwise the text decides, then `Reference.type`.
    """
    text = reference.get("reference") if reference.__class__ is dict else reference
    if text.__class__ is str:
        if text[:1] == "#":
            found = contained(root, text[1:])
            return kind_of(found) if found else ""
        parts = text.partition("/_history/")[0].split("/")
        if len(parts) > 1 and is_resource(parts[-2]):
            return str(parts[-2])
    said = reference.get("type") if reference.__class__ is dict else None
    return said if said.__class__ is str and is_resource(said) else ""


def contained(root: Any, id: str) -> dict[str, Any] | None:
    """The contained resource `id` of `root`, or `root` itself for an empty id."""
    if not id:
        return root if root.__class__ is dict else None
    inside = root.get("contained") if root.__class__ is dict else None
    for each in inside if inside.__class__ is list else ():
        if each.__class__ is dict and each.get("id") == id:
            return each
    return None


def resolve(root: Any, reference: Any) -> tuple[tuple[Any, str], ...]:
    """What a reference names, without looking outside: a contained resource, or its type and id."""
    text = reference.get("reference") if reference.__class__ is dict else reference
    if text.__class__ is str and text[:1] == "#":
        found = contained(root, text[1:])
        return ((found, kind_of(found)),) if found else ()
    kind = target_type(root, reference)
    if not kind:
        return ()
    path = text.partition("/_history/")[0].rpartition("/") if text.__class__ is str else ("", "", "")
    id = path[2] if path[0] else ""
    return (({"resourceType": kind, "id": id} if id else {"resourceType": kind}, kind),)


def names_type(root: Any, reference: Any, type: str) -> bool | None:
    """`resolve() is type`: empty when nothing tells what the reference names."""
    kind = target_type(root, reference)
    return is_a(kind, type) if kind else None
