"""Problems as OperationOutcomes that our own validator accepts, and their HTTP status."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Issue, Kind, Problem, not_found, problem
from aubier.rest.outcome import STATUS, outcome, said, status_of
from aubier.validation import validate


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_is_told_validly_and_has_a_status(kind: Kind) -> None:
    refusal = problem(kind, "English", "Français", at="Patient.name[0]", rule="RNIV 1 §3")
    told = outcome(refusal, "fr")
    assert validate(told) == []
    (issue,) = told["issue"]
    assert issue["details"]["text"] == "Français"
    assert issue["diagnostics"] == "Français [RNIV 1 §3]"
    assert issue["expression"] == ["Patient.name[0]"]
    if kind != "informational":
        assert 400 <= status_of(refusal) <= 503
        assert kind in STATUS


def test_french_is_set_with_spaces_that_do_not_break() -> None:
    (issue,) = outcome(problem("value", "no code: 'a ; b'", "pas un code : « a » ; écrivez %x"), "fr")[
        "issue"
    ]
    assert issue["details"]["text"] == "pas un code\u00a0: «\u202fa\u202f»\u202f; écrivez %x"
    (alone,) = outcome(problem("value", "a ; b"), "fr")["issue"]
    assert alone["details"]["text"] == "a ; b"


def test_the_other_language_stands_beside() -> None:
    for language, first, second, code in (
        ("fr", "Français", "English", "en"),
        ("en", "English", "Français", "fr"),
    ):
        details = outcome(problem("invalid", "English", "Français"), language)["issue"][0]["details"]
        assert details["text"] == first
        parts = details["_text"]["extension"][0]["extension"]
        assert {p["url"]: p.get("valueCode") or p.get("valueString") for p in parts} == {
            "lang": code,
            "content": second,
        }


def test_the_first_issue_decides() -> None:
    issues = (Issue("forbidden", "a"), Issue("not-found", "b"))
    assert status_of(Problem(issues)) == 403
    assert len(outcome(Problem(issues))["issue"]) == 2


def test_a_missing_address_is_404_and_a_missing_part_of_a_body_422() -> None:
    assert status_of(not_found("Patient/1")) == 404
    assert status_of(problem("not-found", "x", at="http.path")) == 404
    assert status_of(problem("not-found", "x", at="Patient.contained")) == 422


@given(st.text(), st.text(), st.text())
def test_whatever_is_quoted_stays_valid(text: str, fr: str, at: str) -> None:
    told = outcome(Problem((Issue("invalid", f"x {text} x", f"y {fr} y", (f"http.{at}x",)),)))
    assert validate(told) == []


def test_good_news_is_an_outcome_too() -> None:
    told = said("Stored", "Enregistré")
    assert validate(told) == []
    assert told["issue"][0]["severity"] == "information"
