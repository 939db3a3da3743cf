"""What is checked of every resource: addresses, codes of known systems, where extensions stand, edges."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aubier.ground.problem import Issue
from aubier.validation.profiles import AtHand
from aubier.validation.walks import validated, walked
from aubier.validation.walks.around import invariants
from tests.unit.validation.test_profiles import library, observation, patient, places
from tests.unit.validation.test_snapshots import MINE, profile, row

TOLD = "http://hl7.org/fhir/StructureDefinition/"
UCUM = "http://unitsofmeasure.org"
NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)


def errors(resource: dict[str, Any], *definitions: dict[str, Any]) -> list[tuple[str, str]]:
    """Place and kind of each error of a resource by itself."""
    found = walked(resource, [], library(*definitions)).issues
    assert all(i.fr for i in found)
    return places([i for i in found if i.severity == "error"])


def value_set(**more: Any) -> dict[str, Any]:
    """A value set."""
    return {"resourceType": "ValueSet", "status": "active", "url": "https://example.org/vs", **more}


@pytest.mark.parametrize(
    ("resource", "wrong"),
    [
        (value_set(), []),
        (value_set(url="ValueSet/mine"), ["ValueSet.url"]),
        (value_set(url="urn:uuid:6F6B4C3E-0f9d-4a75-9b6e-8a37b0b0a2a1"), []),
        (value_set(url="urn:uuid:6f6b4c3e-0f9d"), ["ValueSet.url"]),
        (value_set(url="urn:uuid:6f6b4c3e-0f9d-4a75-9b6e-8a37b0b0a2a1#part-2"), []),
        (value_set(url="urn:oid:1.2.250.1"), []),
        (value_set(url="urn:oid:1.02"), ["ValueSet.url"]),
        (value_set(compose={"include": [{"valueSet": ["urn:oid:1.2.250.1|2"]}]}), []),
        (
            value_set(compose={"include": [{"valueSet": ["other"]}]}),
            ["ValueSet.compose.include[0].valueSet[0]"],
        ),
        (value_set(compose={"include": [{"valueSet": ["#inside"]}]}), []),
        (value_set(compose={"include": [{"system": "#inside"}]}), ["ValueSet.compose.include[0].system"]),
        (
            value_set(identifier=[{"system": "urn:ietf:rfc:3986", "value": "2.16.840.1"}]),
            ["ValueSet.identifier[0].value"],
        ),
        (value_set(identifier=[{"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.16.840.1"}]), []),
        (value_set(identifier=[{"system": "urn:ietf:rfc:3986"}]), []),
    ],
    ids=[
        "good",
        "relative",
        "uuid",
        "no-uuid",
        "part-of-uuid",
        "an-oid",
        "no-oid",
        "oid-with-version",
        "canonical",
        "contained",
        "contained-system",
        "bare-oid",
        "oid",
        "no-value",
    ],
)
def test_what_names_something_is_absolute(resource: dict[str, Any], wrong: list[str]) -> None:
    assert errors(resource) == [(place, "value") for place in wrong]


COLOURS = {
    "resourceType": "CodeSystem",
    "url": "urn:colours",
    "content": "complete",
    "concept": [{"code": "red", "concept": [{"code": "crimson"}]}],
}


@pytest.mark.parametrize(
    ("coding", "wrong"),
    [
        ({"system": "urn:colours", "code": "crimson"}, False),
        ({"system": "urn:colours", "code": "blue"}, True),
        ({"system": "urn:colours", "version": "2", "code": "blue"}, False),
        ({"system": "urn:unknown", "code": "blue"}, False),
        ({"system": "http://hl7.org/fhir/contract-legalstate", "code": "amended"}, False),
        ({"system": "http://hl7.org/fhir/contract-legalstate", "code": "lost"}, True),
        ({"code": "blue"}, False),
    ],
    ids=["nested", "unknown", "another-version", "not-here", "shipped", "shipped-unknown", "no-system"],
)
async def test_a_code_is_one_of_its_system(coding: dict[str, Any], wrong: bool) -> None:
    answers = AtHand({"urn:colours": COLOURS}.get)
    issues: list[Issue] = await validated(patient(maritalStatus={"coding": [coding]}), [], library(), answers)
    told = places([i for i in issues if i.severity == "error"])
    assert told == ([("Patient.maritalStatus.coding[0].code", "code-invalid")] if wrong else [])


@pytest.mark.parametrize(
    ("quantity", "wrong"),
    [
        ({"value": 1, "system": UCUM, "code": "mg/dL"}, []),
        ({"value": 1, "system": UCUM, "code": "{score}"}, []),
        ({"value": 1, "unit": "years"}, []),
        ({"value": 1, "system": UCUM, "code": "years"}, [("error", "code-invalid")]),
        ({"value": 1, "system": "urn:colours", "code": "blue"}, [("error", "code-invalid")]),
        ({"value": 1, "system": "urn:colours", "code": "red"}, []),
        ({"value": 1, "system": "ucum", "code": "mg"}, [("warning", "value")]),
    ],
)
async def test_a_unit_is_one_of_its_system(quantity: dict[str, Any], wrong: list[tuple[str, str]]) -> None:
    told = await validated(
        observation(valueQuantity=quantity), [], library(), AtHand({"urn:colours": COLOURS}.get)
    )
    assert [(i.severity, i.kind) for i in told if i.rule != "dom-6"] == wrong
    shown = next((i.text for i in told if i.kind == "code-invalid"), "")
    assert ("a for years" in shown) == (quantity.get("code") == "years")


def extension(*contexts: tuple[str, str], **more: Any) -> dict[str, Any]:
    """The definition of an extension that holds a boolean."""
    rows = [
        row("Extension.url", fixedUri=MINE + "mine"),
        row("Extension.value[x]", type=[{"code": "boolean"}]),
    ]
    said = [{"type": kind, "expression": expression} for kind, expression in contexts]
    return profile("Extension", *rows, context=said, **more)


HOME = "Patient.address.where(use = 'home')"
USED = {"url": MINE + "mine", "valueBoolean": True}


@pytest.mark.parametrize(
    ("context", "resource", "good"),
    [
        (("element", "DomainResource.text"), {"text": "ext"}, True),
        (("element", "DomainResource.text"), {"address": [{"extension": [USED]}]}, False),
        (
            ("fhirpath", HOME),
            {"address": [{"use": "home", "extension": [USED]}]},
            True,
        ),
        (
            ("fhirpath", HOME),
            {"address": [{"use": "work", "extension": [USED]}]},
            False,
        ),
        (("fhirpath", "Patient.address.where("), {"address": [{"extension": [USED]}]}, True),
        (("fhirpath", "Patient.active"), {"active": True, "_active": {"extension": [USED]}}, True),
        (("fhirpath", "Patient.gender"), {"active": True, "_active": {"extension": [USED]}}, False),
        (("extension", "urn:other"), {"extension": [{"url": "urn:other", "extension": [USED]}]}, True),
        (
            ("extension", "urn:other"),
            {
                "extension": [
                    {"url": "urn:other", "valueBoolean": True, "_valueBoolean": {"extension": [USED]}}
                ]
            },
            True,
        ),
        (("extension", "urn:other"), {"extension": [USED]}, False),
    ],
    ids=["above", "elsewhere", "home", "work", "unread", "active", "gender", "inside", "on-value", "beside"],
)
def test_an_extension_stands_where_its_context_says(
    context: tuple[str, str], resource: dict[str, Any], good: bool
) -> None:
    if resource.get("text") == "ext":
        div = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
        resource = {"text": {"status": "generated", "div": div, "extension": [USED]}}
    found = [kind for _, kind in errors(patient(**resource), extension(context))]
    assert found == ([] if good else ["structure"])


def test_where_extensions_stand_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    evaluate = invariants._evaluate
    monkeypatch.setattr(invariants, "_evaluate", lambda *asked: looked.append(asked) or evaluate(*asked))
    home = [{"use": "home", "extension": [USED]}] * 20
    context = extension(("fhirpath", HOME))
    assert errors(patient(address=[*home, {"use": "work", "extension": [USED]}]), context) == [
        ("Patient.address[20].extension[0]", "structure")
    ]
    assert looked.count((HOME, "Patient")) == 1


def test_what_a_context_demands_holds_there() -> None:
    asleep = extension(("element", "Patient"), contextInvariant=["Patient.active.not()"])
    assert errors(patient(active=False, extension=[USED]), asleep) == []
    assert [kind for _, kind in errors(patient(active=True, extension=[USED]), asleep)] == ["structure"]
    unread = extension(("element", "Patient"), contextInvariant=["%extension.value = true"])
    assert errors(patient(active=True, extension=[USED]), unread) == []


def test_the_types_of_a_snapshot_may_be_said_as_the_specification_says_them() -> None:
    said = {"url": TOLD + "structuredefinition-fhir-type", "valueUrl": "string"}
    type = {"extension": [said], "code": "http://hl7.org/fhirpath/System.String"}
    definition = profile(
        "Patient",
        row("Patient", id="Patient"),
        row("Patient.id", id="Patient.id", type=[type]),
        status="active",
        abstract=False,
    )
    assert errors({**definition, "name": "Sleeper", "kind": "resource"}) == []


@pytest.mark.parametrize(("value", "wrong"), [(-1, True), (1, False), (11_000, True), (2_000, False)])
def test_edges_of_quantities_are_compared_across_units(value: int, wrong: bool) -> None:
    def kilograms(much: int) -> dict[str, Any]:
        return {"value": Decimal(much), "system": "http://unitsofmeasure.org", "code": "kg"}

    edges = row("Observation.value[x]", type=[{"code": "Quantity"}])
    edges |= {"minValueQuantity": kilograms(0), "maxValueQuantity": kilograms(10)}
    grams = {"value": value, "system": "http://unitsofmeasure.org", "code": "g"}
    light = profile("Observation", edges)
    found = walked(observation(valueQuantity=grams), [light["url"]], library(light)).issues
    assert [i.kind for i in found if i.severity == "error"] == (["value"] if wrong else [])


@pytest.mark.parametrize(
    ("born", "wrong"),
    [
        ("1924-02-28", ["value"]),
        ("1924-03-02", []),
        ("1923", ["value"]),
        ("1924", []),
        ("2025-02-27", []),
        ("2025-03-02", ["value"]),
    ],
)
def test_the_edges_of_a_date_may_be_told_from_now(born: str, wrong: list[str]) -> None:
    edges = row("Patient.birthDate")
    edges |= {"minValueQuantity": {"value": 100, "system": UCUM, "code": "a"}}
    edges |= {"maxValueQuantity": {"value": 12, "system": UCUM, "code": "mo"}}
    lately = profile("Patient", edges)
    found = walked(patient(birthDate=born), [lately["url"]], library(lately), now=NOW).issues
    assert [i.kind for i in found if i.severity == "error"] == wrong
    timeless = walked(patient(birthDate=born), [lately["url"]], library(lately)).issues
    assert [i for i in timeless if i.severity == "error"] == []


def test_a_contained_resource_has_an_id_and_needs_no_narrative() -> None:
    inside = {"resourceType": "Organization", "name": "x", "partOf": {"display": "y"}}
    found = walked(patient(contained=[inside]), [], library()).issues
    assert ("Patient.contained[0].id", "required") in places(found)
    named = patient(contained=[{**inside, "id": "o"}], managingOrganization={"reference": "#o"})
    assert [(i.rule, *i.at) for i in walked(named, [], library()).issues] == [("dom-6", "Patient")]


def asked(**item: Any) -> dict[str, Any]:
    """A Questionnaire of one question."""
    only = {"linkId": "a", "type": "string", **item}
    return {"resourceType": "Questionnaire", "status": "active", "item": [only]}


def between(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """An Observation of a range."""
    return observation(valueRange={"low": low, "high": high})


MILLIGRAM = {"value": 1, "unit": "mg", "system": UCUM, "code": "mg"}


@pytest.mark.parametrize(
    ("resource", "wrong"),
    [
        (asked(initial=[{"valueString": "a"}, {"valueString": "b"}]), ["Questionnaire.item[0]"]),
        (asked(initial=[{"valueString": "a"}, {"valueString": "b"}], repeats=True), []),
        (asked(initial=[{"valueString": "a"}]), []),
        (between(MILLIGRAM, {"value": 2, "unit": "mg", "system": UCUM, "code": "g"}), []),
        (between({"value": 1, "unit": "year"}, {"value": 2, "unit": "year"}), []),
        (between(MILLIGRAM, {"value": 2, "unit": "mL", "system": UCUM, "code": "mL"}), ["Observation.value"]),
        (between(MILLIGRAM, {"unit": "mg"}), ["Observation.value"]),
    ],
    ids=["twice", "repeats", "once", "other-unit", "same-word", "other-measure", "no-number"],
)
def test_what_the_specification_demands_is_true_or_broken(resource: dict[str, Any], wrong: list[str]) -> None:
    assert [place.removesuffix(".ofType(Range)") for place, _ in errors(resource)] == wrong


def test_what_a_rule_speaks_of_may_be_absent() -> None:
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    assert errors({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}) == []
    same_day = {"authoredOn": "2024-02-29", "lastModified": "2024-02-29T12:00:00Z"}
    assert errors({"resourceType": "Task", "status": "draft", "intent": "order", **same_day}) == []


def test_each_version_of_a_history_has_an_address() -> None:
    told = {"request": {"method": "PUT", "url": "Patient/1"}, "response": {"status": "200"}}
    held, gone = (
        {**told, "resource": patient(id="1")},
        {**told, "request": {"method": "DELETE", "url": "Patient/1"}},
    )
    history = {"resourceType": "Bundle", "type": "history", "entry": [held, gone]}
    assert errors(history) == [("Bundle.entry[0].fullUrl", "required")]
    held["fullUrl"] = "https://example.org/Patient/1"
    assert errors(history) == []


def test_two_conditions_of_a_question_say_whether_one_is_enough() -> None:
    on = {"question": "a", "operator": "exists", "answerBoolean": True}
    item = {"linkId": "b", "type": "string", "enableWhen": [on, on]}
    asked = {
        "resourceType": "Questionnaire",
        "status": "active",
        "item": [{"linkId": "a", "type": "string"}, item],
    }
    assert errors(asked) == [("Questionnaire.item[1]", "invariant")]
    item["enableBehavior"] = "any"
    assert errors(asked) == []


def test_nothing_stands_for_a_code_of_a_required_value_set() -> None:
    def without(url: str) -> list[tuple[str, str]]:
        return errors(patient(_gender={"extension": [{"url": url, "valueCode": "unknown"}]}))

    assert without(TOLD + "data-absent-reason") == [("Patient.gender", "code-invalid")]
    # The code that another version of FHIR has here, which this one cannot say.
    assert without("http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.gender") == []
    reasons = [{"url": TOLD + "data-absent-reason", "valueCode": "unknown"}]
    assert errors(patient(_birthDate={"extension": reasons})) == []


DOSED = {
    "resourceType": "MedicationDispense",
    "status": "completed",
    "medicationCodeableConcept": {"text": "x"},
}
LESS = {"value": 1, "comparator": "<"}


@pytest.mark.parametrize(
    ("resource", "wrong"),
    [
        ({**DOSED, "quantity": LESS, "daysSupply": {"value": 1}}, ["quantity"]),
        (
            {**DOSED, "dosageInstruction": [{"doseAndRate": [{"doseQuantity": LESS}]}]},
            ["dosageInstruction[0].doseAndRate[0].dose.ofType(Quantity)"],
        ),
        (observation(valueQuantity=LESS), []),
        (observation(referenceRange=[{"low": LESS}, {"high": {"value": 1}}]), ["referenceRange[0].low"]),
    ],
)  # fmt: skip
def test_no_comparator_stands_where_a_quantity_is_a_simple_one(
    resource: dict[str, Any], wrong: list[str]
) -> None:
    assert errors(resource) == [(f"{resource['resourceType']}.{place}", "invariant") for place in wrong]


@pytest.mark.parametrize(
    ("stated", "wrong"),
    [
        ("Patient", False),
        ("foo", True),
        ("patient", True),
        ("https://example.org/mine", True),
        (TOLD + "Patient", True),
    ],
)
def test_the_type_of_a_target_is_one_of_fhir(stated: str, wrong: bool) -> None:
    subject = {"type": stated, "identifier": {"system": "urn:a", "value": "1"}}
    found = errors(observation(subject=subject))
    assert found == ([("Observation.subject", "value")] if wrong else [])


def test_a_misspelt_type_of_a_target_is_told_the_nearest_one() -> None:
    found = walked(observation(subject={"type": "Patiant", "display": "x"}), [], library()).issues
    assert ["did you mean Patient?" in i.text for i in found if i.kind == "value"] == [True]


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({"size": 3, "hash": "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="}, []),
        ({"size": 4}, ["size"]),
        ({"hash": "rZk+NkcGgWq6PiVxeFDCbJzQ2J0="}, ["hash"]),
        ({"hash": "YTk5OTNlMzY0NzA2ODE2YWJhM2UyNTcxNzg1MGMyNmM5Y2QwZDg5ZA=="}, ["hash"]),
    ],
    ids=["right", "size", "another", "in-hexadecimal"],
)
def test_size_and_hash_of_an_attachment_are_those_of_its_data(told: dict[str, Any], wrong: list[str]) -> None:
    photo = {"contentType": "image/png", "data": "YW\nJj", **told}
    assert errors(patient(photo=[photo])) == [(f"Patient.photo[0].{name}", "value") for name in wrong]
    assert (
        errors(patient(photo=[{"url": "https://example.org/a.png", "hash": told.get("hash", "YQ==")}])) == []
    )


async def test_units_that_the_specification_lists_for_a_vital_sign_are_known() -> None:
    def of(code: str) -> dict[str, Any]:
        temperature = {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]}
        measured = {"value": 37, "unit": code, "system": UCUM, "code": code}
        return observation(code=temperature, valueQuantity=measured)

    profiles = [TOLD + "bodytemp"]
    for code, wrong in (("Cel", False), ("%", True)):
        told = await validated(of(code), profiles, library(), AtHand())
        units = [i for i in told if i.at[0].startswith("Observation.value")]
        assert [i.kind for i in units] == (["code-invalid"] if wrong else [])


def test_an_address_that_is_a_urn_is_one() -> None:
    def at(url: str) -> list[tuple[str, str]]:
        return errors(patient(photo=[{"url": url}]))

    assert at("urn:uuid:abc") == [("Patient.photo[0].url", "value")]
    assert at("photo.png") == []
