import re

import pytest

from aubier.ground.chance import seeded_ids
from aubier.sandbox.batch import Batch
from aubier.sandbox.stories.cast import STRANGER
from aubier.sandbox.tour import STEPS, Step, facts
from aubier.validation.resource import validate
from tests.unit.sandbox.conftest import TODAY

CAPTURED = {"content": "Binary/1", "letter": "DocumentReference/2", "apixaban": "3"}


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    return facts("tests", TODAY, seeded_ids(1))


def test_facts_agree_with_the_territory(known: dict[str, str], batches: list[Batch]) -> None:
    accounts = {a.login: a for b in batches for a in b.accounts}
    assert accounts["yann"].reference == f"Patient/{known['yann']}"
    for login in ("dr.morvan", "pharmacie.port", STRANGER):
        assert accounts[login].reference == f"Practitioner/{known[f'{login}.id']}"
        assert accounts[login].idnps == known[f"{login}.idnps"]
        assert accounts[login].organization == known[f"{login}.idnst"]


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s.actor}-{s.method}")
def test_every_step_is_played_by_someone_who_can_log_in(step: Step, batches: list[Batch]) -> None:
    assert step.actor in {a.login for b in batches for a in b.accounts}
    assert step.intention["fr"] and step.intention["en"]


def test_every_name_is_known_before_it_is_used(known: dict[str, str]) -> None:
    so_far = dict(known)
    for step in STEPS:
        assert set(re.findall(r"{(\w+)}", step.path)) <= set(so_far)
        body = step.body(so_far)
        if body is not None and body["resourceType"] != "Parameters":
            assert validate(body) == [], step.intention["en"]
        so_far |= {name: CAPTURED[name] for name in step.capture}


def check(english: str) -> Step:
    return next(s for s in STEPS if s.intention["en"] == english)


def test_the_strip_is_checked(known: dict[str, str]) -> None:
    step = check("Find Yann by his INS number")
    strip = {"resourceType": "Patient", "id": known["yann"]}
    assert step.check({"entry": [{"resource": strip}]}, known) == ""
    assert "address" in step.check({"entry": [{"resource": {**strip, "address": []}}]}, known)
    assert step.check({"total": 0}, known)


def test_a_leak_to_the_stranger_is_seen(known: dict[str, str]) -> None:
    step = check("Search for Yann's documents")
    assert step.check({"resourceType": "Bundle", "total": 0}, known) == ""
    assert step.check({"resourceType": "Bundle", "total": 3}, known)


def test_the_letter_is_captured_and_recognised(known: dict[str, str]) -> None:
    answer = {
        "entry": [
            {"response": {"location": "http://h/fhir/Binary/1/_history/1"}},
            {"response": {"location": "DocumentReference/2/_history/1"}},
        ]
    }
    filed = check("File the discharge letter")
    taken = {name: take(answer) for name, take in filed.capture.items()}
    assert taken == {"content": "Binary/1", "letter": "DocumentReference/2"}
    seen = check("See what is new in my record")
    found = {"entry": [{"resource": {"resourceType": "DocumentReference", "id": "2"}}]}
    assert seen.check(found, {**known, **taken}) == ""
    assert seen.check({}, {**known, **taken})
