"""Audit lines as AuditEvents that our own validator accepts, whatever the line says."""

from base64 import b64decode
from typing import Any

import pytest

from aubier.access.trace import audit_event
from aubier.validation import validate

LINE: dict[str, Any] = {
    "pat": 12,
    "aid": 34,
    "at": 1_795_000_000_123,
    "actor": "Practitioner/p1",
    "name": "Dr Anne Morvan",
    "org": "1290000017 CHU de Brest",
    "client": "aubier",
    "purpose": "TREAT",
    "basis": "treating-doctor",
    "action": "read",
    "what": "Observation/o1",
    "hits": 1,
    "outcome": "ok",
}


def told(**changes: Any) -> dict[str, Any]:
    event = audit_event({**LINE, **changes})
    assert validate(event) == []
    return event


def test_who_from_where_why_and_when() -> None:
    event = told()
    person, place = event["agent"]
    assert person["who"] == {"display": "Dr Anne Morvan", "reference": "Practitioner/p1"}
    assert person["requestor"] is True and place["requestor"] is False
    assert person["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert person["purposeOfUse"][0]["text"] == "treating-doctor"
    assert place["who"]["identifier"]["value"] == "1290000017"
    assert place["who"]["display"] == "CHU de Brest"
    assert event["recorded"] == "2026-11-18T11:06:40.123Z"
    assert event["entity"] == [{"what": {"reference": "Observation/o1"}}]


@pytest.mark.parametrize(
    ("action", "letter"),
    [
        ("create", "C"),
        ("update", "U"),
        ("patch", "U"),
        ("delete", "D"),
        ("read", "R"),
        ("vread", "R"),
        ("search", "R"),
        ("history", "R"),
        ("include", "R"),
        ("transaction", "E"),
        ("grant", "E"),
        ("revoke", "E"),
        ("share", "R"),
    ],
)
def test_what_was_done(action: str, letter: str) -> None:
    event = told(action=action)
    assert event["action"] == letter
    assert event["subtype"][0]["code"] == action


@pytest.mark.parametrize("outcome", ["not-found", "forbidden", "deleted", "login", "precondition"])
def test_a_refusal_is_told_as_one(outcome: str) -> None:
    event = told(outcome=outcome)
    assert event["outcome"] == "4"
    assert event["outcomeDesc"] == outcome
    assert "outcomeDesc" not in told()


@pytest.mark.parametrize(
    "what",
    ["Observation?code=29463-7&_count=2", "Observation", "Patient?name=Le Goff", "*", "", "a b", "$find"],
)
def test_a_search_is_told_with_its_words_and_hits(what: str) -> None:
    (entity,) = told(what=what, hits=7)["entity"]
    assert b64decode(entity["query"]).decode() == (what or "*")
    assert entity["detail"] == [{"type": "hits", "valueString": "7"}]


@pytest.mark.parametrize(
    "what",
    ["*/_history", "Observation/_history", "Patient?identifier=urn:oid:1.2/3", "GET Patient/x", "a/b, c/d"],
)
def test_what_names_no_resource_is_told_as_a_question(what: str) -> None:
    (entity,) = told(what=what)["entity"]
    assert b64decode(entity["query"]).decode() == what


def test_several_resources_are_told_one_by_one() -> None:
    event = told(what="Patient/a, Observation/b/_history/2, Encounter/c/_history", action="transaction")
    assert [e["what"]["reference"] for e in event["entity"]] == [
        "Patient/a",
        "Observation/b/_history/2",
        "Encounter/c",
    ]


def test_nobodys_line_and_an_unknown_place() -> None:
    event = told(actor="anonymous", name="anonymous", org="", purpose="", hits=None, what="Patient")
    (agent,) = event["agent"]
    assert agent["who"] == {"display": "anonymous"}
    assert "detail" not in event["entity"][0]
