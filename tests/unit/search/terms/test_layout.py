"""Where index values stand: which codes are posted, which never have a system, the bit of each parameter."""

import pytest

from aubier.search.parameters import registry
from aubier.search.terms.layout import MEASURED, POSTED, bits, is_plain, is_posted, there
from aubier.store.keys import family


def test_only_codes_of_records_are_posted() -> None:
    for kind, codes in POSTED.items():
        assert not family(kind)
        for code in codes:
            parameter = registry().get(kind, code)
            assert parameter and parameter.type == "token" and is_posted(parameter), kind
            assert not is_plain(parameter)


def test_numbers_stand_beside_posted_codes_alone() -> None:
    for kind, beside in MEASURED.items():
        assert set(beside) <= set(POSTED[kind])
        read = {code: registry().get(kind, code) for code in beside.values()}
        assert all(p and p.type in ("quantity", "composite") for p in read.values())


@pytest.mark.parametrize(
    ("kind", "code", "plain"),
    [
        ("Observation", "status", True),
        ("Patient", "active", True),
        ("Patient", "gender", True),
        ("Patient", "phone", True),
        ("Observation", "code", False),
        ("Encounter", "class", False),
        ("Patient", "identifier", False),
        ("Condition", "clinical-status", False),
    ],
)
def test_codes_that_never_have_a_system(kind: str, code: str, plain: bool) -> None:
    parameter = registry().get(kind, code)
    assert parameter and is_plain(parameter) is plain


def test_what_has_no_bit_is_told_apart() -> None:
    has, others = there("Patient", frozenset({"gender", "favourite-colour", "birthdate"}))
    assert has == bits("Patient")["gender"] | bits("Patient")["birthdate"]
    assert others == ("favourite-colour",)


def test_what_unites_posted_codes_is_found_by_their_postings() -> None:
    known = {code: registry().get("Observation", code) for code in ("combo-code", "category")}
    assert {code: is_posted(p) for code, p in known.items() if p} == {"combo-code": True, "category": False}
