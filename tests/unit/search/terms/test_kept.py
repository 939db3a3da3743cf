"""What is found under another parameter's key."""

from __future__ import annotations

import pytest

from aubier.search.extract import extract
from aubier.search.parameters import registry
from aubier.search.terms.kept import elsewhere, kept, link, typed, unions
from aubier.store.keys import type_numbers


def test_the_parameters_that_unite_others_are_those_of_observation() -> None:
    assert {kind: dict(unions(kind)) for kind in type_numbers() if unions(kind)} == {
        "Observation": {
            "combo-code": ("code", "component-code"),
            "combo-data-absent-reason": ("component-data-absent-reason", "data-absent-reason"),
            "combo-value-concept": ("component-value-concept", "value-concept"),
            "combo-value-quantity": ("component-value-quantity", "value-quantity"),
        }
    }


@pytest.mark.parametrize(
    ("kind", "code", "under"),
    [
        ("Observation", "combo-code", ("code", "component-code")),
        ("Observation", "combo-code:text", ("code:text", "component-code:text")),
        ("Observation", "code", ("code",)),
        ("Observation", "combo-code#7", ("combo-code#7",)),
        ("Condition", "combo-code", ("combo-code",)),
    ],
)
def test_a_union_is_kept_under_its_parts(kind: str, code: str, under: tuple[str, ...]) -> None:
    assert kept(kind, code) == under


@pytest.mark.parametrize(
    ("kind", "code", "target", "under"),
    [
        ("Observation", "patient", "Patient", "subject"),
        ("Observation", "patient", "Group", "patient"),
        ("Observation", "subject", "Patient", "subject"),
        ("Task", "patient", "Patient", "subject"),
        ("Appointment", "practitioner", "Practitioner", "actor"),
        ("Immunization", "patient", "Patient", "patient"),
    ],
)
def test_what_names_one_type_is_kept_with_what_names_any(
    kind: str, code: str, target: str, under: str
) -> None:
    assert link(kind, code, target) == under
    assert elsewhere(kind, code, f"{target}/1") is (under != code)
    assert not elsewhere(kind, code, f"http://other/{target}/1")


def test_what_is_kept_elsewhere_is_kept_there() -> None:
    for kind in type_numbers():
        for code, (of, target) in typed(kind).items():
            parameter = registry().get(kind, of)
            assert parameter is not None and target in parameter.targets, (kind, code)
            assert of not in typed(kind) and of not in unions(kind)


def test_what_has_a_part_has_the_union() -> None:
    code = {"coding": [{"code": "x"}]}
    whole = extract({"resourceType": "Observation", "code": code}).present
    below = extract({"resourceType": "Observation", "component": [{"code": code}]}).present
    assert {"code", "combo-code"} <= whole and "component-code" not in whole
    assert {"component-code", "combo-code"} <= below and "code" not in below
    assert "combo-code" not in extract({"resourceType": "Observation", "status": "final"}).present
