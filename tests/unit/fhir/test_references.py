"""References: reading, finding, replacing."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.fhir.references import Reference, iter_references, replace_references

UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"


@pytest.mark.parametrize(
    ("text", "form", "type", "id", "version", "base"),
    [
        ("Patient/1", "relative", "Patient", "1", "", ""),
        ("Patient/1/_history/2", "relative", "Patient", "1", "2", ""),
        ("https://a.b/fhir/Patient/1", "absolute", "Patient", "1", "", "https://a.b/fhir/"),
        ("http://a/Patient/x.y-z/_history/1", "absolute", "Patient", "x.y-z", "1", "http://a/"),
        (UUID, "urn", "", "", "", ""),
        (UUID.upper().replace("URN:UUID", "urn:uuid"), "urn", "", "", "", ""),
        ("urn:oid:1.2.3", "urn", "", "", "", ""),
        ("#p1", "fragment", "", "p1", "", ""),
        ("#", "fragment", "", "", "", ""),
        ("Patient?identifier=a|b", "conditional", "Patient", "", "", ""),
        ("https://a.b/whatever?x=1", "url", "", "", "", ""),
        ("Patient", "invalid", "", "", "", ""),
        ("Patient/", "invalid", "", "", "", ""),
        ("Patient/a b", "invalid", "", "", "", ""),
        ("Nothing/1", "invalid", "", "", "", ""),
        ("/Patient/1", "invalid", "", "", "", ""),
        ("Patient/1#x", "invalid", "", "", "", ""),
        ("Patient/" + "x" * 65, "invalid", "", "", "", ""),
        ("urn:uuid:123", "invalid", "", "", "", ""),
        ("urn:oid:9.1", "invalid", "", "", "", ""),
        ("#a b", "invalid", "", "", "", ""),
        ("Nothing?a=b", "invalid", "", "", "", ""),
        ("", "invalid", "", "", "", ""),
    ],
)
def test_reading(text: str, form: str, type: str, id: str, version: str, base: str) -> None:
    found = Reference.parse(text)
    assert (found.form, found.type, found.id, found.version, found.base) == (form, type, id, version, base)
    assert found.local == (f"{type}/{id}" if type and id else "")


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert Reference.parse(text).text == text


RESOURCE: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "meta": {"profile": ["http://example.org/profile|1"]},
    "text": {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{UUID}">x</a>'
        f"<img src='{UUID}#p'/></div>",
    },
    "contained": [{"resourceType": "Practitioner", "id": "p", "photo": [{"url": UUID}]}],
    "extension": [{"url": "http://example.org/e", "valueReference": {"reference": UUID}}],
    "_status": {"extension": [{"url": "http://example.org/s", "valueUri": UUID}]},
    "subject": {"reference": UUID, "identifier": {"assigner": {"reference": UUID}}},
    "author": [{"reference": "#p"}, {"display": "nobody"}, {"reference": UUID + "#x"}],
    "content": [{"attachment": {"url": UUID}}],
    "context": {"encounter": [{"reference": "Encounter/1"}]},
}


def test_every_reference_is_found_with_its_path_and_targets() -> None:
    found = {p.path: p.text for p in iter_references(RESOURCE)}
    assert found == {
        "DocumentReference.extension[0].valueReference": UUID,
        "DocumentReference.subject": UUID,
        "DocumentReference.subject.identifier.assigner": UUID,
        "DocumentReference.author[0]": "#p",
        "DocumentReference.author[1]": "",
        "DocumentReference.author[2]": UUID + "#x",
        "DocumentReference.context.encounter[0]": "Encounter/1",
    }
    targets = {p.path: p.targets for p in iter_references(RESOURCE)}
    assert targets["DocumentReference.context.encounter[0]"] == ("Encounter", "EpisodeOfCare")


def test_replacing_reaches_every_place_and_leaves_the_original() -> None:
    before = deepcopy(RESOURCE)
    made = replace_references(RESOURCE, {UUID: "Patient/9"})
    assert before == RESOURCE
    assert UUID not in str(made)
    assert made["subject"] == {
        "reference": "Patient/9",
        "identifier": {"assigner": {"reference": "Patient/9"}},
    }
    assert made["author"][2] == {"reference": "Patient/9#x"}
    assert made["_status"]["extension"][0]["valueUri"] == "Patient/9"
    assert 'href="Patient/9"' in made["text"]["div"] and "src='Patient/9#p'" in made["text"]["div"]
    assert made["context"] is RESOURCE["context"]


def test_a_canonical_stays() -> None:
    """Rule: FHIR R4 4.0.1, http.html#trules."""
    answered = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": UUID,
        "extension": [{"url": "http://example.org/c", "valueCanonical": UUID}],
    }
    assert replace_references(answered, {UUID: "Questionnaire/9"}) is answered


def test_any_version_of_what_is_named_so_is_replaced() -> None:
    named = {"https://other.example/Patient/1/_history/": "Patient/9/_history/1"}
    before = {
        "resourceType": "Basic",
        "subject": {"reference": "https://other.example/Patient/1/_history/7"},
        "author": {"reference": "https://other.example/Patient/2/_history/7"},
    }
    made = replace_references(before, named)
    assert made["subject"] == {"reference": "Patient/9/_history/1"} and made["author"] is before["author"]


def test_nothing_to_replace_gives_the_same_object() -> None:
    assert replace_references(RESOURCE, {}) is RESOURCE
    assert replace_references(RESOURCE, {"urn:uuid:other": "Patient/9"}) is RESOURCE


def test_texts_that_only_look_like_references_stay() -> None:
    note = {"resourceType": "Basic", "code": {"text": UUID}, "identifier": [{"value": UUID}]}
    assert replace_references(note, {UUID: "Patient/9"}) is note


def test_bundles_and_parameters_are_entered() -> None:
    patient = {"resourceType": "Patient", "managingOrganization": {"reference": UUID}}
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": UUID, "resource": patient}]}
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "a", "resource": bundle}]}
    assert [p.path for p in iter_references(wrapped)] == [
        "Parameters.parameter[0].resource.entry[0].resource.managingOrganization"
    ]
    made = replace_references(wrapped, {UUID: "Organization/1"})
    assert UUID not in str(made)


@pytest.mark.parametrize(
    "odd", [{"resourceType": "Nothing", "subject": {"reference": UUID}}, {}, {"resourceType": ["Patient"]}]
)
def test_unknown_types_are_left_alone(odd: dict[str, Any]) -> None:
    assert list(iter_references(odd)) == [] and replace_references(odd, {UUID: "a"}) is odd


def test_recursive_elements_are_followed() -> None:
    leaf = {"linkId": "3", "answer": [{"valueReference": {"reference": "Patient/1"}}]}
    item = {"linkId": "1", "answer": [{"valueBoolean": True, "item": [leaf]}]}
    response = {"resourceType": "QuestionnaireResponse", "item": [item]}
    assert [p.path for p in iter_references(response)] == [
        "QuestionnaireResponse.item[0].answer[0].item[0].answer[0].valueReference"
    ]
