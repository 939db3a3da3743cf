from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from aubier.referentials.directory.rules import is_finess, is_rpps, is_siret
from aubier.referentials.identity.api import TEST, check_ins
from aubier.sandbox.territory import numbers
from aubier.sandbox.territory.households import Registry

NUMBERS = st.integers(0, 9_999)


@given(NUMBERS)
def test_professional_and_place_numbers_pass_the_directory_rules(number: int) -> None:
    assert is_rpps(numbers.rpps(number * 100))
    assert is_finess(numbers.finess("29", number))
    assert is_siret(numbers.siret(number * 100))


def test_the_fictive_ranges_are_those_announced() -> None:
    assert numbers.rpps(7).startswith("9971")
    assert numbers.finess("35", 7).startswith("3599")
    assert numbers.siret(7).startswith("00")
    assert numbers.landline(1234) == "+33 1 99 00 12 34"
    assert numbers.mobile(98) == "+33 6 39 98 00 98"


@given(
    st.sampled_from("MF"),
    st.integers(1920, 2026),
    st.integers(1, 12),
    st.sampled_from(["2A004", "2B033", "29046"]),
)
def test_an_ins_has_the_right_key_everywhere(sex: str, year: int, month: int, place: str) -> None:
    number = numbers.ins(sex, year, month, place=place, order=17)
    assert check_ins(number, TEST, sandbox=True) == []
    assert number[0] == ("1" if sex == "M" else "2")
    assert number[5:10] == place


def test_orders_count_per_place_sex_month_and_two_digit_year() -> None:
    orders = numbers.Orders({"29046": 0}, {"29": 0})
    assert [orders.next("M", 1955, 3, place="29046") for _ in range(3)] == [1, 2, 3]
    assert orders.next("F", 1955, 3, place="29046") == 1
    assert orders.next("M", 1955, 4, place="29046") == 1
    assert orders.next("M", 2055, 3, place="29046") == 4, "1955 and 2055 write the same two digits"
    assert orders.next("M", 1955, 3, place="29999") == 1, "another commune of the department shares a counter"


def test_a_full_month_gives_no_order() -> None:
    orders = numbers.Orders({"29046": 0}, {})
    given_out = [orders.next("M", 2000, 1, place="29046") for _ in range(1001)]
    assert given_out[998:] == [999, 0, 0]


def test_a_reserved_number_is_never_given_again() -> None:
    registry = Registry()
    registry.reserve("155032904611767")
    assert registry.ins("M", date(1955, 3, 9), "29046")[10:13] == "118"


def test_mailboxes_lead_nowhere() -> None:
    assert numbers.mailbox("Thị-Mai", "N'Guyen", 3) == "thimai.nguyen3@example.org"
