"""The world as an argument: references, value sets, profiles, the time. Without it, a plain refusal."""

from datetime import UTC, datetime

import pytest

from aubier.fhir.fhirpath import Environment, compile
from tests.unit.fhir.fhirpath.asking import PATIENT, ask, refused

NOW = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
    "subject": {"reference": "Patient/p"},
    "text": {"status": "generated", "div": "<div>x</div>"},
    "contained": [{"resourceType": "Patient", "id": "inside"}],
    "performer": [{"reference": "#inside"}, {"reference": "Organization/none"}],
}


def of(expression, **world):
    return ask(expression, Environment(**world), OBSERVATION)


def test_time_is_given():
    assert ask("now()", Environment(now=NOW)) == ["2026-03-04T05:06:07.089Z"]
    assert ask("today()", Environment(now=NOW)) == ["2026-03-04"]
    assert ask("timeOfDay()", Environment(now=NOW)) == ["05:06:07.089"]
    assert ask("birthDate < today() and now() > birthDate", Environment(now=NOW)) == [True]
    assert refused("now()").kind == "not-supported"


def test_references_are_resolved_by_the_caller():
    asked = []

    def resolve(reference):
        asked.append(reference["reference"])
        return PATIENT if asked[-1] == "Patient/p" else None

    assert of("subject.resolve().name.family", resolve=resolve) == ["Kervella", "Abgrall"]
    assert of("performer.resolve().id", resolve=resolve) == ["inside"]
    assert of("subject.resolve().gender & '!'", resolve=resolve) == ["female!"]
    assert asked == ["Patient/p", "Organization/none", "Patient/p"]
    assert of("subject.resolve().id") == ["p"]


def test_what_is_contained_is_found_from_any_part_of_its_resource():
    of_contained = {"resourceType": "Observation", "subject": {"reference": "#inside"}}
    environment = Environment(resource=of_contained, root_resource=OBSERVATION)
    for type, data in (("Reference", of_contained["subject"]), ("Observation", of_contained)):
        path = "$this" if type == "Reference" else "subject"
        assert compile(f"{path}.resolve().id", type)(data, environment) == ["inside"]
        assert compile(f"{path}.where(resolve() is Patient).exists()", type)(data, environment) == [True]


def test_the_type_of_what_is_named_is_that_of_what_is_found():
    entry = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    data = {"resourceType": "Observation", "performer": [{"reference": entry}, {"reference": "Patient/far"}]}
    organisation = {"resourceType": "Organization"}
    world = Environment(resolve=lambda named: organisation if named["reference"] == entry else None)
    assert ask("performer.where(resolve() is Organization).reference", world, data) == [entry]
    assert ask("performer.where(resolve() is Patient).reference", world, data) == ["Patient/far"]
    assert ask("performer.where(resolve() is Organization)", data=data) == []


def test_a_circle_of_references_ends():
    ring = {f"Organization/{n}": (n + 1) % 5 for n in range(5)}

    def resolve(reference):
        named = reference["reference"]
        next_one = {"reference": f"Organization/{ring[named]}"}
        return {"resourceType": "Organization", "id": named[-1], "partOf": next_one}

    data = {"resourceType": "Organization", "partOf": {"reference": "Organization/0"}}
    found = ask("repeat(partOf.resolve()).id", Environment(resolve=resolve), data)
    assert found == ["0", "1", "2", "3", "4"]


def test_membership():
    url = "http://hl7.org/fhir/ValueSet/observation-status"
    assert of(f"status.memberOf('{url}')") == [True]
    assert of("status.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')") == [False]
    assert of(f"code.memberOf('{url}')") == [False]
    assert of("code.coding.memberOf('http://x')", member_of=lambda coding, _: coding["code"] == "8480-6") == [
        True
    ]
    assert of("{}.memberOf('http://x')") == []
    unknown = refused("gender.memberOf('http://x')")
    assert unknown.kind == "not-supported" and "the value set http://x" in str(unknown)


def test_subsumption():
    below = {("a", "b"), ("a", "8480-6")}

    def subsumes(above, under):
        return (above["code"], under["code"]) in below

    constants = {"other": {"system": "http://loinc.org", "code": "a"}}
    environment = Environment(subsumes=subsumes, constants=constants)
    find = compile("code.coding.subsumedBy(%other)", "Observation", constants=frozenset({"other"}))
    assert find(OBSERVATION, environment) == [True]
    find = compile("code.subsumes(%other)", "Observation", constants=frozenset({"other"}))
    assert find(OBSERVATION, environment) == [False]
    assert of("code.subsumes(code)") == [True]
    assert of("status.subsumes('final')") == [True]


def test_profiles():
    base = "http://hl7.org/fhir/StructureDefinition/"
    assert of(f"conformsTo('{base}Observation')") == [True]
    assert of(f"conformsTo('{base}Patient')") == [False]
    assert of(f"conformsTo('{base}Observation')", conforms_to=lambda *_: False) == [False]
    assert of("conformsTo('http://x')", conforms_to=lambda resource, url: url == "http://x") == [True]
    assert refused("conformsTo('http://x')").kind == "not-supported"
    named = of(
        "performer.slice('http://x', 'a').reference", in_slice=lambda item, *_: "#" in item["reference"]
    )
    assert named == ["#inside"]
    assert refused("name.slice('http://x', 'a')").kind == "not-supported"
    assert of("text.`div`.htmlChecks()", html_checks=lambda text: text.startswith("<div")) == [True]
    assert refused("text.`div`.htmlChecks()", data=OBSERVATION).kind == "not-supported"


def test_modifiers():
    data = {**OBSERVATION, "modifierExtension": [{"url": "http://x/not"}]}
    assert ask("checkModifiers('http://x/not').status", data=data) == ["final"]
    assert "http://x/not is not known" in str(refused("checkModifiers('http://x/other')", data=data))


def test_constants():
    find = compile("%age + %ages.count()", "Patient", constants=frozenset({"age", "ages"}))
    assert find(PATIENT, Environment(constants={"age": 4, "ages": [1, 2]})) == [6]
    assert refused("%age").kind == "not-supported"
    with pytest.raises(Exception, match="%age was not given a value"):
        find(PATIENT)


def test_resource_and_root_resource():
    whole = {**OBSERVATION}
    inside = OBSERVATION["contained"][0]
    environment = Environment(resource=inside, root_resource=whole)
    coding = {"system": "s"}
    found = compile("%resource.id | %rootResource.status | %context.system", "Coding")
    assert found(coding, environment) == ["inside", "final", "s"]
    assert found(coding) == ["s"]


def test_the_names_of_the_specification():
    assert ask("%sct & %loinc & %ucum") == ["http://snomed.info/scthttp://loinc.orghttp://unitsofmeasure.org"]
    assert ask("%`vs-x` & %'ext-y'") == [
        "http://hl7.org/fhir/ValueSet/xhttp://hl7.org/fhir/StructureDefinition/y"
    ]


def test_traces_are_shown():
    seen = []
    world = Environment(trace=lambda name, values: seen.append((name, values)))
    assert ask("name.trace('n', given).count()", world) == [3]
    assert ask("gender.trace('g')", world) == ["female"]
    assert seen == [("n", ["Maëlle", "Anne", "Mael", "Maëlle"]), ("g", ["female"])]
