"""What is said beside the test of a date, for the index to be entered by, leaves out nothing that matches."""

import re
import sqlite3
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.search.model import Value
from aubier.search.parameters import registry
from aubier.search.sql.criteria import _brief
from aubier.search.sql.frame import Args
from aubier.search.sql.values import LONGEST, date_test, instant_test, span_test

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "po")
_READER = sqlite3.connect(":memory:")
"""Reads conditions over whole numbers as PostgreSQL does."""
_TIMES = st.integers(-(10**13), 10**14)


def _holds(args: list[Any], test: str, lo: int, hi: int) -> bool:
    told = re.sub(r"\$(\d+)::bigint", lambda m: str(args[int(m[1]) - 1]), test)
    (found,) = _READER.execute(
        f"select {told.replace('{p}.lo', str(lo)).replace('{p}.hi', str(hi))}"
    ).fetchone()
    return bool(found)


def _frame() -> Any:
    return SimpleNamespace(args=Args(), now=datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize("prefix", PREFIXES)
@given(_TIMES, st.integers(1, LONGEST), _TIMES, st.integers(1, 2 * LONGEST))
def test_whatever_is_asked_of_it_matches_as_by_its_span(
    prefix: str, begin: int, length: int, asked: int, over: int
) -> None:
    value = Value(prefix=prefix, lo=asked, hi=asked + over)
    for each in (begin, asked, asked + over, asked - length, asked + over - length):
        for brief, long in ((True, 0), (False, 5 * LONGEST)):
            frame, span = _frame(), (each, each + length + long)
            found = _holds(frame.args, date_test(frame, value, brief=brief), *span)
            assert found == _holds(frame.args, span_test(frame, value), *span)


@pytest.mark.parametrize("prefix", PREFIXES)
@given(_TIMES, st.integers(1, LONGEST))
def test_a_moment_matches_as_the_millisecond_that_it_is(prefix: str, asked: int, over: int) -> None:
    value = Value(prefix=prefix, lo=asked, hi=asked + over)
    for edge in (asked, asked + over):
        for moment in (edge - 1, edge, edge + 1):
            frame, other = _frame(), _frame()
            found = _holds(frame.args, instant_test(frame, value, "{p}.lo"), moment, 0)
            span = span_test(other, value)
            assert found == _holds(other.args, span, moment, moment + 1)


@pytest.mark.parametrize(
    ("prefix", "entered"), [("ge", ".lo > "), ("gt", ".lo > "), ("le", ".lo < "), ("eb", ".lo < ")]
)
def test_an_index_by_the_beginning_is_entered_whatever_is_asked(prefix: str, entered: str) -> None:
    text = date_test(_frame(), Value(prefix=prefix, lo=0, hi=1), brief=True)
    assert entered in text.partition(" and (")[0]  # beside what may be one or the other


def test_what_may_last_is_not_taken_for_brief() -> None:
    known = {
        f"{p.base}.{p.code}": _brief(p) for kind in ("Patient", "Condition") for p in registry().of(kind)
    }
    assert known["Patient.birthdate"] and known["Patient.death-date"] and known["Condition.recorded-date"]
    assert not known["Condition.onset-date"] and not known["Condition.abatement-date"]
