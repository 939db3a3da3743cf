"""Instants as FHIR writes them, of moments and of milliseconds alike."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.clock import instant, instant_of, milliseconds, moment_of

LAST = milliseconds(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))


@given(st.integers(milliseconds(datetime(1000, 1, 1, tzinfo=UTC)), LAST))
def test_milliseconds_are_written_as_their_moment_is(number: int) -> None:
    assert instant_of(number) == instant(moment_of(number))
    assert milliseconds(datetime.fromisoformat(instant_of(number))) == number


def test_the_ends_of_a_minute() -> None:
    assert instant_of(-1) == "1969-12-31T23:59:59.999Z"
    assert [instant_of(n) for n in (0, 59_999, 60_000)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:59.999Z",
        "1970-01-01T00:01:00.000Z",
    ]
