"""The INS number: shape, key, authorities, numbers for invented people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.referentials.identity import number
from aubier.referentials.identity.number import DEMO, NIA, NIR, TEST

VECTORS = [
    ("1370476243484", "15"),
    ("2620875032039", "77"),
    ("2061275111005", "64"),
    ("1891275125012", "82"),
]

places = st.one_of(
    st.builds("{:02d}{:03d}".format, st.integers(1, 95), st.integers(1, 990)),
    st.builds("2{}{:03d}".format, st.sampled_from("AB"), st.integers(1, 360)),
    st.builds("97{}{:02d}".format, st.integers(1, 8), st.integers(1, 90)),
    st.builds("99{:03d}".format, st.integers(100, 516)),
)
dates = st.dates().map(str)
numbers = st.builds(
    lambda sex, day, place, order: number.synthetic(sex=sex, birth_date=day, birth_place=place, order=order),
    st.sampled_from(["male", "female"]),
    dates,
    places,
    st.integers(1, 999),
)


@pytest.mark.parametrize(("body", "key"), VECTORS)
def test_the_four_published_vectors(body: str, key: str) -> None:
    assert number.key(body) == key
    assert number.parse(body).value == body + key
    assert number.parse(body + key).right


def test_corsica_counts_as_19_and_18() -> None:
    # 97 - (1550419004001 mod 97) and 97 - (1550418004001 mod 97), worked out by hand from the rule.
    assert number.key("155042A004001") == f"{97 - 1550419004001 % 97:02d}"
    assert number.key("155042B004001") == f"{97 - 1550418004001 % 97:02d}"
    assert number.parse("155042A004001").place == "2A004"


@pytest.mark.parametrize(
    ("body", "sex", "month", "provisional", "abroad", "overseas"),
    [
        ("1800197411001", "male", 1, False, False, True),
        ("2800199139001", "female", 1, False, True, False),
        ("2802029019001", "female", 0, False, False, False),
        ("1803129019001", "male", 0, False, False, False),
        ("1805029019001", "male", 0, False, False, False),
        ("1809929019001", "male", 0, False, False, False),
        ("3800129019001", "male", 1, True, False, False),
        ("4800129019001", "female", 1, True, False, False),
        ("7800129019001", "male", 1, True, False, False),
        ("8800129019001", "female", 1, True, False, False),
    ],
)
def test_special_numbers(
    body: str, sex: str, month: int, provisional: bool, abroad: bool, overseas: bool
) -> None:
    found = number.parse(body)
    assert (found.sex, found.month, found.provisional) == (sex, month, provisional)
    assert (found.abroad, found.overseas) == (abroad, overseas)
    assert found.given == "" and not found.right


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "1",
        "12345678901234",
        "0800129019001",  # sex 0
        "5800129019001",  # sex 5
        "1801329019001",  # month 13
        "1800029019001",  # month 00
        "1804329019001",  # month 43
        "1800100019001",  # department 00
        "180012C019001",  # Corsica has A and B only
        "1800129019000",  # order 000
        "18001290190O1",  # letter O
        "١٨٠٠١٢٩٠١٩٠٠١",  # digits of another script
        "2 62 08 75 032 039 77",
        "1" * 400,
    ],
)
def test_what_is_no_number_is_refused_without_echo(bad: str) -> None:
    with pytest.raises(Problem) as refused:
        number.parse(bad)
    issue = refused.value.issues[0]
    assert issue.kind == "value" and issue.rule == number.SHAPE_RULE
    assert issue.text and issue.fr and issue.text != issue.fr
    if len(bad) > 3:
        assert bad not in issue.text


@given(numbers)
def test_an_invented_number_is_right_and_reads_back(value: str) -> None:
    found = number.parse(value)
    assert found.right and found.value == value and not found.provisional
    assert number.check(value, TEST, sandbox=True) == []


@given(numbers, st.integers(0, 14), st.sampled_from("0123456789"))
def test_one_wrong_digit_is_always_seen(value: str, place: int, digit: str) -> None:
    if value[place] == digit:
        return
    changed = value[:place] + digit + value[place + 1 :]
    # Two Corsican letters aside, one digit changed moves the number by less than 97 times a power of ten.
    assert number.check(changed, TEST, sandbox=True) != []


@given(st.text(max_size=20))
def test_any_text_is_answered_with_a_problem_or_a_number(text: str) -> None:
    try:
        found = number.parse(text)
    except Problem as refused:
        assert refused.issues
    else:
        assert found.body == text[:13]


@pytest.mark.parametrize(
    ("system", "sandbox", "kinds"),
    [
        (TEST, True, []),
        (DEMO, True, []),
        (NIR, True, ["business-rule"]),
        (NIA, True, ["business-rule"]),
        (TEST, False, ["business-rule"]),
        (DEMO, False, ["business-rule"]),
        (NIR, False, []),
        (NIA, False, []),
        ("1.2.250.1.213.1.4.10", True, []),
        ("1.2.250.1.213.1.4.2", True, ["code-invalid"]),
        ("", True, ["code-invalid"]),
    ],
)
def test_authorities_by_realm(system: str, sandbox: bool, kinds: list[str]) -> None:
    assert [i.kind for i in number.check("262087503203977", system, sandbox=sandbox)] == kinds


@pytest.mark.parametrize(
    ("value", "word"),
    [("262087503203978", "false"), ("2620875032039", "without its key"), ("123456789012345", "do not fit")],
)
def test_false_absent_and_malformed_keys_are_told_apart(value: str, word: str) -> None:
    issues = number.check(value, TEST, sandbox=True)
    assert len(issues) == 1 and word in issues[0].text
    assert issues[0].at == ("Patient.identifier.value",)


@pytest.mark.parametrize(
    ("sex", "date", "place", "differ"),
    [
        ("female", "1962-08-14", "75032", ()),
        ("male", "1962-08-14", "75032", ("sex",)),
        ("female", "1963-08-14", "75032", ("birth-date",)),
        ("female", "1962-09-14", "75032", ("birth-date",)),
        ("female", "1962-08-14", "29019", ("birth-place",)),
        ("unknown", "1962-08-14", "", ()),
    ],
)
def test_number_and_traits_may_disagree(sex: str, date: str, place: str, differ: tuple[str, ...]) -> None:
    found = number.parse("2620875032039")
    assert number.disagreements(found, sex=sex, birth_date=date, birth_place=place) == differ


def test_unknown_month_gives_month_20_and_agrees() -> None:
    value = number.synthetic(sex="male", birth_date="1931-00-00", birth_place="99352", order=7)
    assert value[3:5] == "20"
    found = number.parse(value)
    assert number.disagreements(found, sex="male", birth_date="1931-00-00", birth_place="99352") == ()


@pytest.mark.parametrize("order", [0, 1000])
def test_an_order_outside_the_register_is_refused(order: int) -> None:
    with pytest.raises(Problem):
        number.synthetic(sex="male", birth_date="1990-05-05", birth_place="29019", order=order)
