"""Definitions held against themselves and against what they name."""

import asyncio
from typing import Any

import pytest

from aubier.validation.profiles import AtHand
from aubier.validation.walks import validated
from tests.unit.validation.test_profiles import PATIENT, found, library, places
from tests.unit.validation.test_snapshots import BASE, profile, row

OWN = "http://example.org/StructureDefinition/Visit"


def whole(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition with what every StructureDefinition must say."""
    return {"name": "Told", "status": "draft", "kind": "resource", "abstract": False, **definition}


def model(**more: Any) -> dict[str, Any]:
    """A logical model of two elements."""
    rows = [
        row("Visit", short="A visit", min=0, max="*", definition="A visit"),
        row("Visit.day", type=[{"code": "date"}], min=0, max="1", definition="When", short="When"),
    ]
    for each in rows:
        each["id"] = each["path"]
    said = {"kind": "logical", "derivation": "specialization", "url": OWN, "type": OWN}
    return whole(profile("Visit", *rows)) | said | {"baseDefinition": BASE + "Element"} | more


@pytest.mark.parametrize(
    ("definition", "wrong"),
    [
        (model(), []),
        (model(type="Visit"), ["StructureDefinition.type"]),
        (model(type=OWN, baseDefinition=OWN), ["StructureDefinition.type"]),
        (
            model(type="http://example.org/Stay"),
            [f"StructureDefinition.differential.element[{n}].path" for n in (0, 1)],
        ),
    ],
    ids=["good", "no address", "that of its base", "paths of another"],
)
def test_a_new_type_has_a_name_of_its_own(definition: dict[str, Any], wrong: list[str]) -> None:
    assert [at for at, _ in places(found(definition))] == wrong


@pytest.mark.parametrize(
    ("path", "by", "good"),
    [
        ("Patient.telecom", "system", True),
        ("Patient.telecom", "coding.system", False),
        ("Patient.extension", "url", True),
        ("Patient.extension", "value", True),
        ("Patient.extension", "type", False),
        ("Patient.contact", "relationship.coding.code", True),
        ("Patient.contact", "$this.resolve()", True),
        ("Observation.component", "value.ofType(Quantity)", True),
        ("Observation.component.value[x]", "anything", True),
    ],
)
def test_slices_are_told_apart_by_what_they_have(path: str, by: str, good: bool) -> None:
    kind = path.partition(".")[0]
    slicing = {"discriminator": [{"type": "value", "path": by}], "rules": "open"}
    rows = [row(kind), row(path, slicing=slicing)]
    for each in rows:
        each["id"] = each["path"]
    at = "StructureDefinition.differential.element[1].slicing.discriminator[0].path"
    assert [p for p in places(found(whole(profile(kind, *rows)))) if p[0] == at] == (
        [] if good else [(at, "value")]
    )


def test_a_map_takes_from_the_value_set_that_it_names() -> None:
    uses = "http://hl7.org/fhir/ValueSet/address-use"
    system = "http://hl7.org/fhir/address-use"
    rows = [{"code": code, "target": [{"code": "other", "equivalence": "equal"}]} for code in ("home", "hut")]
    group = {"source": system, "target": system, "element": rows}
    concept_map = {
        "resourceType": "ConceptMap",
        "status": "draft",
        "sourceCanonical": uses,
        "targetCanonical": uses,
        "group": [group],
    }
    told = asyncio.run(validated(concept_map, [], library(), AtHand()))
    assert [(i.at[0], i.severity) for i in told if i.kind == "code-invalid"] == [
        ("ConceptMap.group[0].element[0].target[0].code", "warning"),
        ("ConceptMap.group[0].element[1].code", "error"),
        ("ConceptMap.group[0].element[1].target[0].code", "warning"),
    ]


VALUE_SET = "http://hl7.org/fhir/ValueSet/administrative-gender"


def filtered(expression: str, language: str = "text/fhirpath", *, declares: str = "p-old") -> list[str]:
    """Where a value set is refused whose filter asks for what an expression gives."""
    held = {"language": language, "expression": expression}
    worked = {"url": BASE + "cqf-expression", "valueExpression": held}
    row = {"property": "inactive", "op": "=", "_value": {"extension": [worked]}}
    named = {"url": "name", "valueCode": declares}
    parameter = {"url": "http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter"}
    value_set = {
        "resourceType": "ValueSet",
        "status": "draft",
        "extension": [{**parameter, "extension": [named]}] if declares else [],
        "compose": {"include": [{"system": "http://example.org/codes", "filter": [row]}]},
    }
    if not declares:
        del value_set["extension"]
    at = "ValueSet.compose.include[0].filter[0].value.extension[0].value.ofType(Expression)."
    return [place.removeprefix(at) for place, _ in places(found(value_set))]


def test_what_a_filter_works_out_names_parameters_that_are_declared() -> None:
    assert filtered("%p-old") == [] and filtered("%p-old = 'x' and %resource.status.exists()") == []
    assert filtered("%p-older") == ["expression"]
    assert filtered("%anything", declares="") == []
    assert filtered("old", "text/cql") == ["language"]


def test_fhirpath_in_an_expression_can_be_read() -> None:
    assert filtered("%p-old and (") == ["expression"]
    assert filtered("`p") == ["expression"]
    assert filtered("'" + "x" * 5000 + "'") == []  # too long to be read here: not a fault


@pytest.mark.parametrize(
    ("expression", "good"),
    [("name.exists() implies birthDate.exists()", True), ("name.exists(", False), ("name = 'a", False)],
)
def test_a_constraint_can_be_read(expression: str, good: bool) -> None:
    rule = {"key": "own-1", "severity": "error", "human": "x", "expression": expression}
    rows = [row("Patient", constraint=[rule]), row("Patient.name", min=1)]
    for each in rows:
        each["id"] = each["path"]
    at = "StructureDefinition.differential.element[0].constraint[0].expression"
    assert places(found(whole(profile("Patient", *rows)))) == ([] if good else [(at, "invalid")])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"content": "complete", "count": 2}, []),
        ({"content": "complete", "count": 3}, ["CodeSystem.count"]),
        ({"content": "complete", "count": 3, "compositional": True}, []),
        ({"content": "fragment", "count": 3}, []),
        ({"content": "not-present"}, ["CodeSystem.content"]),
    ],
)
def test_a_code_system_holds_the_concepts_that_it_says(said: dict[str, Any], expected: list[str]) -> None:
    concepts = [{"code": "a", "concept": [{"code": "b"}]}]
    system = {"resourceType": "CodeSystem", "status": "draft", "concept": concepts, **said}
    assert [place for place, _ in places(found(system))] == expected


def test_a_profile_does_not_say_what_an_absent_value_means() -> None:
    def refused(kind: str, **said: Any) -> list[str]:
        one = profile(kind, row(kind, **said))
        one["differential"]["element"][0]["id"] = kind
        return [place.rpartition(".")[2] for place, _ in places(found(whole(one)))]

    assert refused("Patient", meaningWhenMissing="none") == ["meaningWhenMissing"]
    assert "meaningWhenMissing" not in refused("Extension", meaningWhenMissing="none")
    assert refused("Patient", short="none") == []


@pytest.mark.parametrize(
    ("system", "good"), [("http://example.org/ValueSet/codes", True), (VALUE_SET, False), ("#here", False)]
)
def test_a_value_set_takes_from_code_systems(system: str, good: bool) -> None:
    value_set = {
        "resourceType": "ValueSet",
        "status": "draft",
        "compose": {"include": [{"system": system}]},
    }
    at = "ValueSet.compose.include[0].system"
    assert places(found(value_set)) == ([] if good else [(at, "value")])


@pytest.mark.parametrize(("end", "good"), [("", True), ("|1", True), ("|", False)])
def test_a_canonical_that_announces_a_version_says_it(end: str, good: bool) -> None:
    named = {**PATIENT, "meta": {"profile": [BASE + "Patient" + end]}}
    assert places(found(named)) == ([] if good else [("Patient.meta.profile[0]", "value")])
