"""Profiles that an Observation must follow by its code, and the worlds in which invariants are evaluated."""

from typing import Any

import pytest

from aubier.validation.walks import walked
from tests.unit.validation.test_profiles import library, places
from tests.unit.validation.test_snapshots import profile, row

UCUM = "http://unitsofmeasure.org"
CATEGORY = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    ]
}


def measured(code: str, unit: str = "kg", **more: Any) -> dict[str, Any]:
    """A measure as the profile of vital signs wants it."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [CATEGORY],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-11-22T08:00:00+01:00",
        "valueQuantity": {"value": 70, "unit": unit, "system": UCUM, "code": unit},
        **more,
    }


def errors(resource: dict[str, Any], *, vital: bool = True) -> list[tuple[str, str]]:
    """Places and kinds of what is refused."""
    return places([i for i in walked(resource, [], library(), vital=vital).issues if i.severity == "error"])


def test_the_code_of_a_vital_sign_asks_for_its_profile() -> None:
    assert errors(measured("29463-7")) == []
    bare = {k: v for k, v in measured("29463-7").items() if k != "category"}
    assert ("Observation.category", "required") in errors(bare)
    # Writes are held to what is declared; so is a code that is no vital sign, or of another system.
    assert errors(bare, vital=False) == []
    assert errors({**bare, "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}}) == []
    assert errors({**bare, "code": {"coding": [{"system": "urn:x:y", "code": "29463-7"}]}}) == []
    assert errors({**bare, "code": {"text": "29463-7"}}) == []


def test_vital_signs_in_entries_and_contained_are_held_too() -> None:
    bare = {k: v for k, v in measured("8867-4", "/min").items() if k != "category"}
    bundle = {"resourceType": "Bundle", "type": "collection"}
    entry = {"fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "resource": bare}
    assert ("Bundle.entry[0].resource.category", "required") in errors({**bundle, "entry": [entry]})


def test_the_unit_of_a_component_is_extensible() -> None:
    flow = {"code": {"text": "O2"}, "valueQuantity": {"value": 2, "system": UCUM, "code": "L/min"}}
    found = walked(measured("2708-6", "%", component=[flow]), [], library(), vital=True)
    asked = [q.strength for q in found.questions if q.value_set.endswith("ucum-vitals-common|4.0.1")]
    assert asked == ["extensible"]


def ruled(expression: str, path: str) -> dict[str, Any]:
    """A profile with one invariant at a path."""
    rule = {"key": "mine-1", "severity": "error", "human": "x", "expression": expression}
    return profile(path.partition(".")[0], row(path, constraint=[rule]))


PATIENT_IN = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
            "resource": {"resourceType": "Patient", "active": True},
        }
    ],
}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("%resource.type().name = 'Bundle' and %context.type().name = 'Patient'", True),
        ("%rootResource is Bundle", True),
        ("%resource is Patient", True),
        ("%resource is Observation", False),
        ("active.not()", False),
    ],
)
def test_a_resource_as_an_element_of_another(expression: str, holds: bool) -> None:
    definition = ruled(expression, "Bundle.entry.resource")
    found = walked(PATIENT_IN, [definition["url"]], library(definition)).issues
    assert [i.at[0] for i in found if i.severity == "error"] == (
        [] if holds else ["Bundle.entry[0].resource"]
    )


def test_a_profile_speaks_of_its_own_resource() -> None:
    definition = ruled("%resource is Bundle", "Patient")
    entry = {**PATIENT_IN["entry"][0], "resource": {"resourceType": "Patient"}}
    entry["resource"]["meta"] = {"profile": [definition["url"]]}
    found = walked({**PATIENT_IN, "entry": [entry]}, [], library(definition)).issues
    assert [i.at[0] for i in found if i.severity == "error"] == ["Bundle.entry[0].resource"]


XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    ("shown", "lost"),
    [
        ('<img src="#scan" alt="s"/>', False),
        ("<img src='#scan' alt='s'/>", False),
        ('<img src="#sc" alt=""/>', True),
    ],
)
def test_what_a_narrative_shows_is_not_lost(shown: str, lost: bool) -> None:
    image = {"resourceType": "Binary", "id": "scan", "contentType": "image/png", "data": "AA=="}
    text = {"status": "additional", "div": f"<div {XHTML}>{shown}</div>"}
    patient = {"resourceType": "Patient", "contained": [image], "text": text}
    assert errors(patient) == ([("Patient.contained[0]", "invariant")] if lost else [])
    other = {"resourceType": "Patient", "contained": [image, {**image, "id": "left"}], "text": text}
    assert errors(other)[-1:] == [("Patient.contained[1]", "invariant")]
    assert len(errors(other)) == 1 + lost
