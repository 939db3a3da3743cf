"""The shipped definitions: complete, exact, quick to read."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest

from aubier.fhir.definitions import Definitions, TypeRef, definitions

PUBLISHED = definitions()


def test_the_file_is_small_and_says_where_it_comes_from() -> None:
    data = files("aubier.fhir").joinpath("definitions.bin").read_bytes()
    assert len(data) <= 2_000_000
    assert PUBLISHED.source["licence"] == "CC0-1.0"
    assert PUBLISHED.source["source"] == "hl7.fhir.r4.core#4.0.1"
    assert PUBLISHED.source["sha256"] == "b090bf929e1f665cf2c91583720849695bc38d2892a7c5037c56cb00817fb091"


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="not a definitions file"):
        Definitions(b"something\n{}\n")


def test_counts_of_the_specification() -> None:
    assert len(PUBLISHED.resource_types) == 146
    assert len(PUBLISHED.types) == 209
    assert {"Resource", "DomainResource"} <= PUBLISHED.types - PUBLISHED.resource_types
    assert len(PUBLISHED.search_parameters) == 1390
    assert len(PUBLISHED.operations) == 46
    assert len(PUBLISHED.value_sets) == 1316
    assert len(PUBLISHED.code_system_urls) == 1062
    assert len(PUBLISHED.profiles) == 439


def test_reading_takes_little_time_in_a_new_process() -> None:
    code = (
        "import time, aubier.fhir.definitions as d; a = time.process_time();"
        "d.definitions().type('Patient'); print(time.process_time() - a)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.15


def test_every_type_builds_and_every_element_type_exists() -> None:
    for name in PUBLISHED.types:
        kind = PUBLISHED.type(name)
        assert kind.name == name
        for element in kind.elements.values():
            assert all(t.code in PUBLISHED.types for t in element.types), element.path


def test_choice_types_become_properties() -> None:
    observation = PUBLISHED.type("Observation")
    value = observation.elements["value[x]"]
    assert value.choice and not value.many and len(value.types) == 11
    assert observation.properties["valueQuantity"].type.code == "Quantity"
    assert observation.properties["valueDateTime"].element is value
    assert "value" not in observation.properties and "value[x]" not in observation.properties


def test_backbone_elements_nest_and_content_references_share() -> None:
    questionnaire = PUBLISHED.type("Questionnaire")
    item, inner = questionnaire.find("item"), questionnaire.find("item.item")
    assert item is not None and inner is not None
    assert inner.content == "Questionnaire.item" and inner.children["linkId"] is item.children["linkId"]
    assert questionnaire.find("item.item.item.answerOption.value[x]") is not None
    assert questionnaire.find("item.nothing") is None
    bundle = PUBLISHED.type("Bundle").find("entry.link")
    assert bundle is not None and set(bundle.properties) >= {"relation", "url"}


def test_cardinalities_flags_and_bindings() -> None:
    patient = PUBLISHED.type("Patient")
    gender = patient.elements["gender"]
    assert (gender.min, gender.max, gender.summary, gender.modifier) == (0, 1, True, False)
    assert gender.binding is not None and gender.binding.strength == "required"
    assert gender.binding.value_set == "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert patient.elements["name"].max is None and patient.elements["active"].modifier
    assert patient.elements["link"].children["other"].min == 1
    assert patient.properties["id"].type == TypeRef("id")
    assert PUBLISHED.type("HumanName").properties["id"].type == TypeRef("string")
    practitioner = patient.elements["generalPractitioner"].types[0]
    assert practitioner.targets == ("Organization", "Practitioner", "PractitionerRole")


def test_invariants_come_from_the_type_and_its_bases() -> None:
    keys = [i.key for i in PUBLISHED.type("Observation").invariants]
    assert keys == ["obs-6", "obs-7", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6"]
    contact = PUBLISHED.type("Patient").elements["contact"].invariants
    assert [(i.key, i.severity) for i in contact] == [("pat-1", "error")]
    assert contact[0].expression.startswith("name.exists()")
    assert PUBLISHED.type("Patient").bases == ("DomainResource", "Resource")


def test_value_sets_of_required_bindings() -> None:
    genders = PUBLISHED.value_set("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1")
    system = "http://hl7.org/fhir/administrative-gender"
    assert genders == {(system, code) for code in ("male", "female", "other", "unknown")}
    assert PUBLISHED.value_set("http://hl7.org/fhir/ValueSet/ucum-units") is None
    assert PUBLISHED.value_set("http://example.org/none") is None
    units = PUBLISHED.value_set("http://hl7.org/fhir/ValueSet/units-of-time")
    assert units is not None and ("http://unitsofmeasure.org", "wk") in units


def test_only_known_value_sets_of_required_bindings_cannot_be_listed() -> None:
    missing = set()
    for name in PUBLISHED.types:
        pending = list(PUBLISHED.type(name).elements.values())
        while pending:
            element = pending.pop()
            pending += [] if element.content else element.children.values()
            binding = element.binding
            if binding and binding.strength == "required" and PUBLISHED.value_set(binding.value_set) is None:
                missing.add(binding.value_set.rpartition("/")[2])
    assert missing == {"mimetypes", "currencies", "ucum-units", "LL379-9"}


def test_code_systems_keep_their_hierarchy() -> None:
    acts = PUBLISHED.code_system("http://terminology.hl7.org/CodeSystem/v3-ActCode")
    assert acts is not None and acts.content == "complete"
    assert acts.concepts["AUTOPOL"].parents == ("_ActInsurancePolicyCode", "_ActInsuranceTypeCode")
    assert acts.concepts["AMB"].display == "ambulatory"
    assert PUBLISHED.code_system("http://example.org/none") is None


def test_compartments() -> None:
    patient = PUBLISHED.compartment("Patient")
    assert patient["Observation"] == ("subject", "performer")
    assert "Practitioner" not in patient
    with pytest.raises(KeyError):
        PUBLISHED.compartment("Organization")


def test_search_parameters_and_operations() -> None:
    by_url = {p.url: p for p in PUBLISHED.search_parameters}
    subject = by_url["http://hl7.org/fhir/SearchParameter/Observation-subject"]
    assert (subject.code, subject.type, subject.bases) == ("subject", "reference", ("Observation",))
    assert set(subject.targets) == {"Group", "Device", "Patient", "Location"}
    pair = by_url["http://hl7.org/fhir/SearchParameter/Observation-code-value-quantity"]
    assert [expression for _, expression in pair.components] == ["code", "value.as(Quantity)"]
    everything = next(o for o in PUBLISHED.operations if o.url.endswith("/Patient-everything"))
    assert everything.resources == ("Patient",) and everything.type and everything.instance
    assert {p.name for p in everything.parameters if p.use == "in"} >= {"start", "end", "_since", "_type"}


def test_sections_are_compact_json() -> None:
    header = json.loads(files("aubier.fhir").joinpath("definitions.bin").read_bytes().split(b"\n", 2)[1])
    names = [
        "types",
        "profiles",
        "search",
        "bindings",
        "valuesets",
        "codesystems",
        "operations",
        "compartments",
    ]
    assert list(header["sections"]) == names
