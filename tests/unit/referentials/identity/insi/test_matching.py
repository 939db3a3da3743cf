"""Traits against the national base."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.referentials.identity.insi import matching
from aubier.referentials.identity.patient import Traits
from tests.unit.referentials.identity.people import ODETTE, person

LOUISE = Traits("ÉVRARD-NOËL", "MARIE-CLAIRE ANNE D'ARC", "MARIE-CLAIRE", "female", "1990-05-04", "75056")


@pytest.mark.parametrize(
    ("birth_date", "key"),
    [
        ("1950-03-07", "1950-03-07"),
        ("1950-03", "1950-03-01"),
        ("1950-03-00", "1950-03-01"),
        ("1950-00-07", "1950-01-07"),
        ("1950", "1950-12-31"),
        ("1950-00-00", "1950-12-31"),
    ],
)
def test_incomplete_dates_are_read_as_rniv_says(birth_date: str, key: str) -> None:
    assert matching.birth_key(birth_date) == key


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ("MARIE-CLAIRE", True),
        ("Marie Claire", True),
        ("marie-claire anne", True),
        ("Marie-Claire Anne d’Arc", True),
        ("Marie Claire Anne D Arc", True),
        ("Marie", False),
        ("Anne", False),
        ("Marie-Claire D'Arc", False),
        ("Marie-Claire Anne D'Arc Jeanne", False),
        ("", False),
    ],
)
def test_given_names_are_the_first_ones_in_order(asked: str, match: bool) -> None:
    assert matching.given_match(asked, LOUISE) is match


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, ()),
        ({"birth_name": "evrard noel"}, ()),
        ({"birth_name": "EVRARDNOEL"}, ("birth-name",)),
        ({"given_names": "Anne"}, ("given-names",)),
        ({"given_names": "", "first_given": "Marie Claire"}, ()),
        ({"sex": "male"}, ("sex",)),
        ({"birth_date": "1990-04-05"}, ("birth-date",)),
        ({"birth_place": ""}, ()),
        ({"birth_place": "29019"}, ("birth-place",)),
        ({"birth_name": "X", "sex": "male", "birth_place": "2a004"}, ("birth-name", "sex", "birth-place")),
    ],
)
def test_which_traits_differ(change: dict[str, str], names: tuple[str, ...]) -> None:
    assert matching.differences(replace(LOUISE, **change), LOUISE) == names


def test_the_three_outcomes() -> None:
    odette, louise = person(), person(LOUISE)
    twin = person(order=13)
    assert matching.find(ODETTE, [odette, louise]) == matching.Found("00", odette)
    assert matching.find(ODETTE, [louise]) == matching.Found("01")
    assert matching.find(ODETTE, []) == matching.Found("01")
    assert matching.find(ODETTE, [odette, twin]) == matching.Found("02")
    assert matching.find(ODETTE, [odette, odette]).code == "00"


def test_a_birth_place_or_more_given_names_tell_homonyms_apart() -> None:
    here = person(ODETTE)
    there = person(replace(ODETTE, birth_place="35238", given_names="ODETTE JEANNE"), order=2)
    vague = replace(ODETTE, birth_place="", given_names="Odette")
    assert matching.find(vague, [here, there]).code == "02"
    assert matching.find(replace(vague, birth_place="35238"), [here, there]).person == there
    assert matching.find(replace(vague, given_names="Odette Marie-Claire"), [here, there]).person == here


def test_a_merged_number_is_not_found_and_a_dead_person_is() -> None:
    merged = person(order=5, life="merged", replaced_by=person().ins.value)
    assert matching.find(ODETTE, [merged]).code == "01"
    assert matching.find(ODETTE, [merged, person()]).person == person()
    assert matching.find(ODETTE, [person(life="dead")]).code == "00"


def test_verification_tells_what_differs() -> None:
    assert matching.verify(ODETTE, person()) == ()
    assert matching.verify(ODETTE, None) == ("ins",)
    assert matching.verify(ODETTE, person(life="merged")) == ("ins-replaced",)
    assert matching.verify(replace(ODETTE, sex="male"), person()) == ("sex",)


words = st.lists(
    st.text("ABCÉÏ-'", min_size=1, max_size=6).filter(lambda w: w.strip("-'")), min_size=1, max_size=4
)


@given(words, st.data())
def test_any_beginning_of_the_list_matches_whatever_the_spelling(
    names: list[str], data: st.DataObject
) -> None:
    known = Traits(given_names=" ".join(names), first_given=names[0])
    first = data.draw(st.integers(1, len(names)))
    asked = " ".join(names[:first]).lower().replace("-", " ").replace("é", "e")
    assert matching.given_match(asked, known)
