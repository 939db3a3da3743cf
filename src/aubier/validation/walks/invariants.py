"""Invariants: FHIRPath compiled once for a type, evaluated on an item."""

from __future__ import annotations

from functools import lru_cache

from aubier.fhir.fhirpath import Environment, TypedFinder, typed
from aubier.ground.problem import Problem
from aubier.validation.profiles.items import Item


@lru_cache(maxsize=8192)
def _finder(expression: str, type: str) -> TypedFinder | None:
    """The compiled expression, or None when it does not compile."""
    try:
        return typed(expression, type)
    except (Problem, RecursionError):
        return None


def holds(expression: str, item: Item) -> bool | None:
    """Whether an invariant holds on an item; None when it cannot be evaluated.

    An empty result holds: an invariant on what is absent (`fullUrl.contains(...)`) says nothing.
    """
    find = _finder(expression, item.type)
    if find is None:
        return None
    if item.value is None:
        return True
    try:
        found = find(item.value, _around(item))
    except (Problem, ArithmeticError, ValueError, RecursionError):
        return None
    values = [value for value, _, _ in found]
    return not values or (len(values) == 1 and values[0] is not False)


def _around(item: Item) -> Environment:
    """`%resource` and `%rootResource`: of what is contained, the resource that contains it."""
    own = whole = item.resource
    while whole is not None and whole.name == "contained" and whole.parent is not None:
        whole = whole.parent.resource
    return Environment(resource=own.value if own else None, root_resource=whole.value if whole else None)
