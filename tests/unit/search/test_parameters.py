"""The registry: published parameters by type, custom ones, compartments, the date a record is ordered by."""

import pytest
from msgspec.structs import replace

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Problem
from aubier.search.custom import with_custom
from aubier.search.parameters import (
    expression_for,
    is_clinical_date,
    is_indexed,
    naming_no_other,
    patient_compartment,
    primary_date,
    registry,
)

CUSTOM = {
    "resourceType": "SearchParameter",
    "url": "http://x.example/SearchParameter/birth-place",
    "code": "birth-place",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-birthPlace').value.city",
}


@pytest.mark.parametrize(
    ("expression", "type", "part"),
    [
        ("Patient.name | Practitioner.name", "Patient", "Patient.name"),
        ("Patient.name | Practitioner.name", "Person", ""),
        (
            "(Observation.value as Quantity) | (A.value as x)",
            "Observation",
            "(Observation.value as Quantity) | (A.value as x)",
        ),
        ("Resource.meta.tag", "Slot", "Resource.meta.tag"),
        ("DomainResource.text", "Slot", "DomainResource.text"),
        ("DomainResource.text", "Bundle", ""),
        ("Patient.where(a | b).c | Person.d", "Patient", "Patient.where(a | b).c"),
        ("Patient.a[0 | 1]|Person.d", "Person", "Person.d"),
        ("code | Patient.x", "Slot", "code"),
        ("Patient.x.where(y = 'a | b')", "Patient", "Patient.x.where(y = 'a | b')"),
    ],
)
def test_parts_of_an_expression(expression, type, part):
    assert expression_for(type, expression) == part


def test_every_type_has_the_common_ones():
    for type in definitions().resource_types:
        codes = {p.code for p in registry().of(type)}
        assert {"_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"} <= codes
        assert all(p.base == type for p in registry().of(type))


@pytest.mark.parametrize(
    ("type", "code", "kind", "expression", "targets"),
    [
        ("Patient", "family", "string", "Patient.name.family", ()),
        ("Patient", "birthdate", "date", "Patient.birthDate", ()),
        ("Observation", "code", "token", "Observation.code", ()),
        (
            "Observation",
            "patient",
            "reference",
            "Observation.subject.where(resolve() is Patient)",
            ("Patient",),
        ),
        ("Observation", "encounter", "reference", "Observation.encounter", ("Encounter",)),
        (
            "MedicationRequest",
            "medication",
            "reference",
            "(MedicationRequest.medication as Reference)",
            ("Medication",),
        ),
        ("Condition", "onset-date", "date", "Condition.onset.as(dateTime) | Condition.onset.as(Period)", ()),
        ("Appointment", "date", "date", "Appointment.start", ()),
        ("RiskAssessment", "probability", "number", "RiskAssessment.prediction.probability", ()),
        ("ValueSet", "url", "uri", "ValueSet.url", ()),
    ],
)
def test_published(type, code, kind, expression, targets):
    found = registry().get(type, code)
    assert (found.type, found.expression, found.targets) == (kind, expression, targets)


@pytest.mark.parametrize(
    ("type", "code"), [("Patient", "nothing"), ("Nobody", "_id"), ("Resource", "_id"), ("", "")]
)
def test_absent(type, code):
    assert registry().get(type, code) is None


def test_not_searched_yet():
    names = {p.code for p in registry().of("Patient") if not is_indexed(p)}
    assert names == {"phonetic"}
    assert is_indexed(registry().get("Location", "near"))


def test_every_composite_of_r4_is_searched():
    found = [p for t in definitions().resource_types for p in registry().of(t) if p.type == "composite"]
    assert len(found) > 60
    for parameter in found:
        assert is_indexed(parameter), parameter
        for group in parameter.groups:
            assert group.parts[0].parameter.type == "token"
            assert len(group.parts) == len(group.written) in (2, 3)


def test_composites_that_read_the_same_share_their_rows():
    combined = registry().get("Observation", "combo-code-value-quantity")
    ways = ("code-value-quantity", "component-code-value-quantity")
    apart = [registry().get("Observation", code).groups[0].name for code in ways]
    assert [g.name for g in combined.groups] == apart


def test_a_relationship_is_written_document_first():
    (group,) = registry().get("DocumentReference", "relationship").groups
    assert [p.parameter.code for p in group.parts] == ["relation", "relatesto"]
    assert [(p.parameter.code, p.expression) for p in group.written] == [
        ("relatesto", "target"),
        ("relation", "code"),
    ]


def test_references_name_resource_types():
    for type in definitions().resource_types:
        for parameter in registry().of(type):
            assert set(parameter.targets) <= definitions().resource_types
            assert not parameter.targets or parameter.type == "reference"


@pytest.mark.parametrize(
    ("type", "codes"),
    [
        ("Observation", ["subject", "performer"]),
        ("AllergyIntolerance", ["patient", "recorder", "asserter"]),
        ("Patient", ["link"]),
        ("Practitioner", []),
        ("Nobody", []),
    ],
)
def test_compartment(type, codes):
    assert [p.code for p in patient_compartment(type)] == codes


def test_compartment_is_made_of_references():
    for type in definitions().compartment("Patient"):
        found = patient_compartment(type)
        assert found
        assert {p.type for p in found} == {"reference"}


@pytest.mark.parametrize(
    ("type", "code"),
    [
        ("Observation", "date"),
        ("DocumentReference", "date"),
        ("Encounter", "date"),
        ("Condition", "onset-date"),
        ("MedicationRequest", "authoredon"),
        ("Immunization", "date"),
        ("Task", "authored-on"),
        ("Patient", None),
        ("Coverage", None),
        ("Nobody", None),
    ],
)
def test_primary_date(type, code):
    found = primary_date(type)
    assert (found and found.code) == code
    assert found is None or found.type == "date"


@pytest.mark.parametrize(
    ("type", "code", "is_it"),
    [
        ("Observation", "date", True),
        ("Condition", "onset-date", True),
        ("Goal", "start-date", True),
        ("Specimen", "collected", True),
        ("ValueSet", "date", True),
        ("Condition", "recorded-date", False),
        ("Observation", "value-date", False),
        ("Observation", "code", False),
        ("Patient", "birthdate", False),
    ],
)
def test_clinical_date(type, code, is_it):
    assert is_clinical_date(registry().get(type, code)) is is_it


def test_a_date_that_repeats_is_not_all_that_a_row_keeps():
    date = registry().get("Observation", "date")
    for expression in ("Observation.component.valueDateTime", "Observation.effective | Observation.issued"):
        assert not is_clinical_date(replace(date, expression=expression))


def test_parameters_that_name_no_other_patient():
    assert naming_no_other("Observation", {"subject", "performer"}) == {"subject", "patient", "performer"}
    assert naming_no_other("Condition", {"patient", "asserter"}) == {"subject", "patient", "asserter"}
    assert "focus" not in naming_no_other("Observation", {"subject"})


def test_custom():
    widened = with_custom(registry(), [CUSTOM])
    assert widened.get("Patient", "birth-place").type == "string"
    assert registry().get("Patient", "birth-place") is None
    assert widened.get("Patient", "family") == registry().get("Patient", "family")
    again = with_custom(widened, [CUSTOM | {"type": "token"}])
    assert again.get("Patient", "birth-place").type == "token"


def test_custom_on_every_type():
    widened = with_custom(
        registry(),
        [CUSTOM | {"code": "lang", "base": ["Resource"], "type": "token", "expression": "Resource.language"}],
    )
    assert all(widened.get(type, "lang") for type in definitions().resource_types)


@pytest.mark.parametrize(
    ("change", "kind", "at"),
    [
        ({"code": ""}, "required", "SearchParameter.code"),
        ({"expression": None}, "required", "SearchParameter.expression"),
        ({"code": "a.b"}, "value", "SearchParameter.code"),
        ({"code": "a:b"}, "value", "SearchParameter.code"),
        ({"base": ["Patients"]}, "value", "SearchParameter.base"),
        ({"type": "composite"}, "required", "SearchParameter.component"),
        ({"type": "dance"}, "not-supported", "SearchParameter.type"),
        ({"expression": "Patient.name("}, "invalid", "SearchParameter.expression"),
        ({"expression": "Patient.frob()"}, "not-supported", "SearchParameter.expression"),
        ({"expression": "Patient.gender.upper()"}, "not-supported", "SearchParameter.expression"),
        ({"code": "family"}, "duplicate", "SearchParameter.code"),
    ],
)
def test_custom_refused(change, kind, at):
    with pytest.raises(Problem) as refused:
        with_custom(registry(), [CUSTOM | change])
    assert [(i.kind, i.at) for i in refused.value.issues] == [(kind, (at,))]


def test_all_faults_at_once():
    with pytest.raises(Problem) as refused:
        with_custom(registry(), [{}, CUSTOM | {"code": "a b", "type": "dance"}])
    assert len(refused.value.issues) == 7
