"""What the number beside a posted code leaves out: never what matches."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from aubier.search.model import MAX_NUMBER, MIN_NUMBER
from aubier.search.terms.layout import FLOAT_DIGITS
from aubier.search.terms.numbers import number_written

_NUMBERS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=None
)


def _short(number: Decimal) -> bool:
    return len(number.as_tuple().digits) <= FLOAT_DIGITS


@given(_NUMBERS.filter(_short), _NUMBERS.filter(_short))
def test_numbers_of_few_digits_stand_to_each_other_as_their_floats_do(one: Decimal, other: Decimal) -> None:
    assert (one < other) == (float(one) < float(other))
    assert (one == other) == (float(one) == float(other))


@given(_NUMBERS, _NUMBERS)
def test_floats_never_stand_the_other_way_round(one: Decimal, other: Decimal) -> None:
    assert not (one < other and float(one) > float(other))


def test_every_number_that_is_searched_is_a_float() -> None:
    longest = number_written("9" * 40)
    assert longest and all(MIN_NUMBER < number < MAX_NUMBER for number in longest)
    assert float("-inf") < float(MIN_NUMBER) < float(MAX_NUMBER) < float("inf")
