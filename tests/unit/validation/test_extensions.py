"""Extensions that change the meaning of what holds them, and those that do not, each in its place."""

from typing import Any

import pytest

from aubier.validation.walks import walked
from tests.unit.validation.test_profiles import library, patient
from tests.unit.validation.test_snapshots import BASE, MINE, profile, row

OTHER = "http://hl7.org/fhir/{}/StructureDefinition/extension-{}"
STANDS = [{"type": "element", "expression": "Patient"}]


def told(resource: dict[str, Any], *definitions: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What is said of the extensions: place, kind, severity."""
    issues = walked(resource, [], library(*definitions)).issues
    assert all(i.text and i.fr for i in issues)
    places = [(i.at[0].partition(".")[2], i.kind, i.severity) for i in issues if i.at]
    return [one for one in places if "xtension" in one[0]]


def own(*, modifier: bool) -> dict[str, Any]:
    """A definition of our own."""
    root = row("Extension", isModifier=modifier, isModifierReason="it reverses what is said")
    return profile("Extension", root, row("Extension.value[x]", type=[{"code": "boolean"}]), context=STANDS)


@pytest.mark.parametrize("modifier", [True, False])
@pytest.mark.parametrize("name", ["extension", "modifierExtension"])
def test_a_definition_says_whether_it_changes_the_meaning(name: str, modifier: bool) -> None:
    said = told(patient(**{name: [{"url": MINE + "mine", "valueBoolean": True}]}), own(modifier=modifier))
    right = (name == "modifierExtension") is modifier
    assert said == ([] if right else [(f"{name}[0]", "structure", "error")])


def test_one_of_the_specification() -> None:
    order: dict[str, Any] = {"resourceType": "NutritionOrder", "status": "active", "intent": "order"}
    order |= {
        "patient": {"reference": "Patient/a"},
        "dateTime": "2026",
        "oralDiet": {"type": [{"text": "a"}]},
    }
    said = {"url": BASE + "request-doNotPerform", "valueBoolean": True}
    assert ("extension[0]", "structure", "error") in told(order | {"extension": [said]})
    assert told(order | {"modifierExtension": [said]}) == []


@pytest.mark.parametrize(
    ("version", "path", "modifier"),
    [
        ("1.0", "Patient.animal", True),
        ("3.0", "Patient.animal", True),
        ("5.0", "Patient.animal", False),
        ("1.0", "MedicationStatement.wasNotTaken", True),
        ("5.0", "Task.doNotPerform", True),
        ("5.0", "Patient.contact.role", False),
    ],
)
def test_an_element_of_another_version(version: str, path: str, modifier: bool) -> None:
    said = [{"url": OTHER.format(version, path), "valueBoolean": True}]
    unknown = ("not-found", "information")
    plain = [("extension[0]", "structure", "error")] if modifier else []
    assert told(patient(extension=said)) == [*plain, ("extension[0]", *unknown)]
    # What is known to change the meaning is understood so far; what is not known at all is refused.
    level = "information" if modifier else "error"
    assert told(patient(modifierExtension=said)) == [("modifierExtension[0]", "not-found", level)]


def test_those_of_definitions_stand_where_guides_put_them() -> None:
    shall = {"extension": [{"url": f"{BASE}capabilitystatement-expectation", "valueCode": "SHALL"}]}
    capable: dict[str, Any] = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026",
        "kind": "requirements",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "_format": [shall],
        "rest": [{"mode": "server", "resource": [{"type": "Patient", **shall}]}],
    }
    assert told(capable) == []
    normative = {"url": f"{BASE}structuredefinition-normative-version", "valueCode": "4.0.0"}
    one = profile("Patient", row("Patient", extension=[normative]))
    assert [at for at, *_ in told(one | {"name": "A", "status": "draft"})] == []
    assert told(patient(extension=[normative])) == [("extension[0]", "structure", "error")]
    assert told(patient(**shall)) == [("extension[0]", "structure", "error")]
