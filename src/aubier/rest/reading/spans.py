"""Dates and instants in parameters that are no search parameters."""

from __future__ import annotations

from aubier.ground.problem import Problem, problem
from aubier.search.model import Criterion, Value
from aubier.search.parameters import registry
from aubier.search.query import parse


def span(name: str, value: str) -> tuple[int, int]:
    """The first and the last millisecond (excluded) that a date of any precision means.

    Problem: it is no date, or has a prefix.
    """
    found = _read(value)
    if found is None or found.prefix != "eq":
        raise problem(
            "invalid",
            f"{name} must be a date or an instant",
            f"{name} doit être une date ou un instant",
            at=f"http.{name}",
        )
    return found.lo, found.hi


def _read(value: str) -> Value | None:
    try:
        criteria = parse("Patient", [("_lastUpdated", value)], registry=registry()).criteria
    except Problem:
        return None
    first = criteria[0] if criteria else None
    return first.values[0] if isinstance(first, Criterion) and len(first.values) == 1 else None
