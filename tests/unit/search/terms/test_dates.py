"""Dates as ranges: every precision, every zone, and what is no date."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.search.model import MAX_MS, MIN_MS
from aubier.search.terms.dates import date_range, period_range, timing_range


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [
        ("2020", ms(2020, 1, 1), ms(2021, 1, 1)),
        ("1899", ms(1899, 1, 1), ms(1900, 1, 1)),
        ("0001", MIN_MS, ms(2, 1, 1)),
        ("9999", ms(9999, 1, 1), MAX_MS),
        ("2020-02", ms(2020, 2, 1), ms(2020, 3, 1)),
        ("2020-12", ms(2020, 12, 1), ms(2021, 1, 1)),
        ("9999-12", ms(9999, 12, 1), MAX_MS),
        ("2020-02-29", ms(2020, 2, 29), ms(2020, 3, 1)),
        ("9999-12-31", ms(9999, 12, 31), MAX_MS),
        ("1969-12-31", ms(1969, 12, 31), 0),
        ("2020-05-31T10:00Z", ms(2020, 5, 31, 10), ms(2020, 5, 31, 10, 1)),
        ("2020-05-31T10:00", ms(2020, 5, 31, 10), ms(2020, 5, 31, 10, 1)),
        ("2020-05-31T10:00:00Z", ms(2020, 5, 31, 10), ms(2020, 5, 31, 10) + 1000),
        ("2020-05-31T10:00:00", ms(2020, 5, 31, 10), ms(2020, 5, 31, 10) + 1000),
        ("2020-05-31T10:00:00+02:00", ms(2020, 5, 31, 8), ms(2020, 5, 31, 8) + 1000),
        ("2020-05-31T23:30:00-05:30", ms(2020, 6, 1, 5), ms(2020, 6, 1, 5) + 1000),
        ("2020-01-01T00:00:00+14:00", ms(2019, 12, 31, 10), ms(2019, 12, 31, 10) + 1000),
        ("2020-05-31T10:00:00.5Z", ms(2020, 5, 31, 10) + 500, ms(2020, 5, 31, 10) + 600),
        ("2020-05-31T10:00:00.50Z", ms(2020, 5, 31, 10) + 500, ms(2020, 5, 31, 10) + 510),
        ("2020-05-31T10:00:00.500Z", ms(2020, 5, 31, 10) + 500, ms(2020, 5, 31, 10) + 501),
        ("2020-05-31T10:00:00.500999Z", ms(2020, 5, 31, 10) + 500, ms(2020, 5, 31, 10) + 501),
        ("2016-12-31T23:59:60Z", ms(2017, 1, 1), ms(2017, 1, 1) + 1000),
    ],
)
def test_range(text, lo, hi):
    assert date_range(text) == (lo, hi)


@pytest.mark.parametrize(
    "text",
    ["", "20", "202", "20200", "0000", "2020-", "2020-1", "2020-00", "2020-13", "2020-00-01", "2020-02-30",
     "2020-1-01", "20200101", "2020/01/01", "2020-W01-1", "2020-01-01T", "2020-01-01T10",
     "2020-01-01T24:00:00Z",
     "2020-01-01T10:60:00Z", "2020-01-01T10:00:61Z", "2020-01-01 10:00:00Z", "2020-01-01T10:00:00z",
     "2020-01-01T10:00:00+2:00", "2020-01-01T10:00:00+15:00", "2020-01-01T10:00:00.Z", " 2020", "2020 ",
     "２０２０", "٢٠٢٠", "²²²²", "now", "-2020", "2020-01-01\n", None, 2020, [], {}],
)  # fmt: skip
def test_no_date(text):
    assert date_range(text) is None


@pytest.mark.parametrize(
    ("period", "found"),
    [
        ({"start": "2020", "end": "2021"}, (ms(2020, 1, 1), ms(2022, 1, 1))),
        ({"start": "2020-05-01"}, (ms(2020, 5, 1), MAX_MS)),
        ({"end": "2020-05-01"}, (MIN_MS, ms(2020, 5, 2))),
        ({"start": "2020", "end": "nonsense"}, (ms(2020, 1, 1), MAX_MS)),
        ({"start": "2021", "end": "2020"}, None),
        ({"start": "2020-05-01", "end": "2020-05-01"}, (ms(2020, 5, 1), ms(2020, 5, 2))),
        ({"start": 3}, None),
        ({}, None),
    ],
)
def test_period(period, found):
    assert period_range(period) == found


@pytest.mark.parametrize(
    ("timing", "found"),
    [
        ({"event": ["2020-03-01", "2020-01-01", "bad"]}, (ms(2020, 1, 1), ms(2020, 3, 2))),
        ({"repeat": {"boundsPeriod": {"start": "2020"}}}, (ms(2020, 1, 1), MAX_MS)),
        ({"event": ["2019"], "repeat": {"boundsPeriod": {"start": "2020", "end": "2020"}}},
         (ms(2019, 1, 1), ms(2021, 1, 1))),
        ({"repeat": {"boundsDuration": {"value": 3}}}, None),
        ({"event": "2020", "repeat": []}, None),
        ({"code": {"text": "daily"}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_timing(timing, found):
    assert timing_range(timing) == found


@settings(max_examples=40)
@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.timezones()))
def test_any_moment_lies_in_the_ranges_that_write_it(moment):
    offset = moment.utcoffset()
    if offset is None or offset.total_seconds() % 60 or abs(offset.total_seconds()) > 14 * 3600:
        return
    lo, hi = date_range(moment.isoformat(timespec="milliseconds"))
    assert hi == lo + 1
    second_lo, second_hi = date_range(moment.isoformat(timespec="seconds"))
    assert second_lo <= lo < hi <= second_hi
    whole = moment.astimezone(UTC)
    day_lo, day_hi = date_range(f"{whole:%Y}".zfill(4) + f"-{whole:%m-%d}")
    assert day_lo <= lo < day_hi


@given(st.text(alphabet="0123456789-T:.Z+ ", max_size=30))
def test_any_text(text):
    found = date_range(text)
    assert found is None or MIN_MS - 86_400_000 <= found[0] < found[1] <= MAX_MS + 86_400_000
