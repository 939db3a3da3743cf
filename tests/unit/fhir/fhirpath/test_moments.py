"""Dates, times and how precise they are: arithmetic with the calendar, bounds, precision."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.fhir.fhirpath.values.moments import bounded, compared, key, moment, moved, same_moment
from tests.unit.fhir.fhirpath.asking import ask, refused

EMPTY = []


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("birthDate + 1 year", "1981-02-28"),
        ("birthDate + 48 months", "1984-02-29"),
        ("birthDate - 1 day", "1980-02-28"),
        ("birthDate + 1 week", "1980-03-07"),
        ("birthDate + 1.9 days", "1980-03-01"),
        ("birthDate + 36 hours", "1980-03-01"),
        ("birthDate + 1 'd'", "1980-03-01"),
        ("birthDate + 1 'wk'", "1980-03-07"),
        ("birthDate + 1 'month'", "1980-03-29"),
        ("@2014 + 24 months", "2016"),
        ("@2014 + 23 months", "2015"),
        ("@2014 + 730 days", "2016"),
        ("@2014-01 + 40 days", "2014-02"),
        ("@2016-02-29 - 1 year", "2015-02-28"),
        ("@2019-12-31T23:59:59Z + 1 second", "2020-01-01T00:00:00Z"),
        ("@2019-12-31T23:59:59+01:00 + 1.5 's'", "2020-01-01T00:00:00.500+01:00"),
        ("@2019-12-31T23:59:59.9 + 100 milliseconds", "2020-01-01T00:00:00.0"),
        ("@2019-12-31T23 + 61 minutes", "2020-01-01T00"),
        ("@2019-12-31T23:30 - 1 hour", "2019-12-31T22:30"),
        ("@T23:30 + 1 hour", "00:30"),
        ("@T00:30:00 - 1 hour", "23:30:00"),
        ("@T10 + 59 minutes", "10"),
        ("@9999-12-31 + 1 day", None),
        ("@0001 - 1 year", None),
        ("@9999 + 99999999 years", None),
        ("birthDate + {}", None),
        ("@2014-01-01 + 999999999999999 days", None),
    ],
)
def test_arithmetic(expression, found):
    assert ask(expression) == ([] if found is None else [found])


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("birthDate + 1 'mo'", "'mo' is no duration of the calendar"),
        ("birthDate + 1 'a'", "'a' is no duration of the calendar"),
        ("birthDate + 1 'cm'", "'cm' is no duration of the calendar"),
        ("birthDate + 1 'm'", "'m' is no duration of the calendar"),
        ("birthDate + birthDate", "date + date has no meaning"),
        ("@T10:00 + 1 day", "System.Time + System.Quantity has no meaning"),
        ("1 day + birthDate", "System.Quantity + date has no meaning"),
    ],
)
def test_what_does_not_add(expression, words):
    assert words in str(refused(expression))


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("1.587.lowBoundary()", "1.58650000"),
        ("1.587.highBoundary(2)", "1.59"),
        ("(-1.587).lowBoundary(0)", "-2"),
        ("1.lowBoundary()", "0.50000000"),
        ("120.highBoundary(1)", "120.5"),
        ("0.0034.highBoundary(1)", "0.1"),
        ("1.587.lowBoundary(-1)", None),
        ("1.587.lowBoundary(29)", None),
        ("(1.5 'cm').highBoundary(2).value", "1.55"),
        ("@2014.lowBoundary(6)", "2014-01"),
        ("@2016-02.highBoundary()", "2016-02-29"),
        ("@2014.highBoundary(17)", None),
        ("@2014T.highBoundary()", "2014-12-31T23:59:59.999-12:00"),
        ("@2014-01-01T08.lowBoundary()", "2014-01-01T08:00:00.000+14:00"),
        ("@2014-01-01T08:05Z.highBoundary()", "2014-01-01T08:05:59.999Z"),
        ("@2014-01-01T08:05:10.5Z.highBoundary()", "2014-01-01T08:05:10.500Z"),
        ("@2014-01-01T08:05.lowBoundary(8)", "2014-01-01"),
        ("@2014.lowBoundary(5)", None),
        ("@T10.highBoundary()", "10:59:59.999"),
        ("@T10:30.lowBoundary(2)", "10"),
        ("{}.lowBoundary()", None),
        ("1.5870.precision()", "4"),
        ("5.precision()", "0"),
        ("@2014.precision()", "4"),
        ("@2014-01-05T10:30:00.000.precision()", "17"),
        ("@T10:30.precision()", "4"),
    ],
)
def test_bounds_and_precision(expression, found):
    values = ask(expression)
    assert [str(v) for v in values] == ([] if found is None else [found])


def test_bounds_of_what_has_none():
    assert "a number, an amount, a date or a time is due" in str(refused("'a'.lowBoundary()"))
    assert "date or a time is due" in str(refused("'a'.precision()"))


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("(1 'cm').comparable(1 '[in_i]')", [True]),
        ("(1 'cm').comparable(1 's')", [False]),
        ("(1 'nonsense').comparable(1 'nonsense')", [False]),
        ("(1 'cm').comparable({})", []),
        ("'a'.comparable(1 'cm')", []),
    ],
)
def test_comparable(expression, found):
    assert ask(expression) == found


_TEXTS = st.one_of(
    st.dates().map(str),
    st.dates().map(lambda d: str(d)[:7]),
    st.dates().map(lambda d: str(d)[:4]),
    st.datetimes().map(lambda d: d.isoformat(timespec="seconds")),
    st.datetimes().map(lambda d: d.isoformat(timespec="milliseconds") + "Z"),
    st.tuples(st.datetimes(), st.integers(-12, 14)).map(
        lambda p: p[0].isoformat(timespec="minutes") + f"{p[1]:+03d}:00"
    ),
)


@settings(max_examples=200)
@given(_TEXTS, _TEXTS)
def test_order_is_one_thing_seen_from_two_sides(left, right):
    a, b = moment(left), moment(right)
    assert a is not None and b is not None
    order, back = compared(a, b), compared(b, a)
    assert back == (None if order is None else -order)
    assert same_moment(left, right) is (None if order is None else order == 0)
    assert (key(left) == key(right)) is (order == 0)
    assert compared(a, a) == 0


@settings(max_examples=200)
@given(_TEXTS)
def test_a_moment_lies_between_its_bounds(text):
    of = moment(text)
    low, high = bounded(of, 17, high=False), bounded(of, 17, high=True)
    assert compared(low, high) in (-1, 0)
    assert compared(low, of) != 1
    assert compared(high, of) != -1
    assert str(moment(str(of))) == str(of)


@settings(max_examples=200)
@given(st.dates(), st.integers(-5000, 5000))
def test_days_come_and_go(day, count):
    start = moment(str(day))
    there = moved(start, count, "day")
    if there is not None:
        assert moved(there, -count, "day") == start


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_not(text):
    found = moment(text)
    assert found is None or moment(str(found)) is not None
    assert same_moment(text, text) is True
