"""Implied ranges of numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.search.model import MAX_NUMBER, MIN_NUMBER
from aubier.search.terms.numbers import implied, number_written, with_comparator

D = Decimal


@pytest.mark.parametrize(
    ("number", "low", "high"),
    [
        (D("5.40"), "5.395", "5.405"),
        (D("5.4"), "5.35", "5.45"),
        (5, "4.5", "5.5"),
        (D("100"), "99.5", "100.5"),
        (D("100.00"), "99.995", "100.005"),
        (D("1e2"), "50", "150"),
        (D("1E+3"), "500", "1500"),
        (D("-5.4"), "-5.45", "-5.35"),
        (0, "-0.5", "0.5"),
        (D("0.00"), "-0.005", "0.005"),
        (D("1e-30"), "0.5e-30", "1.5e-30"),
    ],
)
def test_implied(number, low, high):
    assert implied(number) == (D(number), D(low), D(high))


@pytest.mark.parametrize(
    "number",
    [True, False, None, "5", 5.4, [], D("NaN"), D("Infinity"), D("1e99"), D("1e-99"), D("1" * 41), 10**41],
)
def test_not_a_number(number):
    assert implied(number) is None


@pytest.mark.parametrize(
    ("comparator", "low", "high"),
    [
        ("<", MIN_NUMBER, D(5)),
        ("<=", MIN_NUMBER, D("5.5")),
        (">", D(5), MAX_NUMBER),
        (">=", D("4.5"), MAX_NUMBER),
        ("ad", D("4.5"), D("5.5")),
        (None, D("4.5"), D("5.5")),
        ({}, D("4.5"), D("5.5")),
    ],
)
def test_comparator(comparator, low, high):
    assert with_comparator((D(5), D("4.5"), D("5.5")), comparator) == (D(5), low, high)


@pytest.mark.parametrize("text", ["5", "5.40", "-5", "+5", "1e2", "1E-2", "0.1", ".5"])
def test_written(text):
    assert number_written(text) == implied(D(text))


@pytest.mark.parametrize(
    "text",
    ["", "x", "NaN", "inf", "-Infinity", "sNaN",
     "1_000", "1 000", " 1", "٥", "1e999999999", "5,4", "0x10", "1" * 60],
)  # fmt: skip
def test_not_written(text):
    assert number_written(text) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_is_in_the_middle_of_its_range(number):
    value, low, high = implied(number)
    assert low < value < high
    assert value - low == high - value
