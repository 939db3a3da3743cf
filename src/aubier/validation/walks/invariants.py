"""Invariants: FHIRPath compiled once for a type, evaluated on an item."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from aubier.fhir.fhirpath import typed
from aubier.ground.problem import Problem
from aubier.validation.profiles.items import Item

_AROUND = ("%resource", "%rootResource", "%context")


@lru_cache(maxsize=8192)
def _evaluate(expression: str, type: str) -> Callable[[Any], list[Any]] | None:
    """The compiled expression, or None when it does not compile here yet."""
    try:
        return typed(expression, type)
    except (Problem, RecursionError):
        return None


def holds(expression: str, item: Item) -> bool | None:
    """Whether an invariant holds on an item; None when it cannot be evaluated.

    An empty result holds: an invariant on what is absent (`fullUrl.contains(...)`) says nothing.
    """
    if item is not item.resource and any(name in expression for name in _AROUND):
        return None
    run = _evaluate(expression, item.type)
    if run is None:
        return None
    if item.value is None:
        return True
    try:
        found = run(item.value)
    except (Problem, ArithmeticError, ValueError, RecursionError):
        return None
    return not found or (len(found) == 1 and found[0][0] is not False)
