"""What is refused, where, and in which words: one small resource per fault."""

from copy import deepcopy
from decimal import Decimal
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.fhir.definitions import definitions
from aubier.fhir.json import dumps, parse
from aubier.ground.problem import Problem
from aubier.validation import check, validate
from tests.fuzz.work import seconds

Json = dict[str, Any]

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
EXTENSION = {"url": "http://example.org/e", "valueString": "x"}


def patient(**more: Any) -> Json:
    """A Patient with these properties."""
    return {"resourceType": "Patient", **more}


def observation(**more: Any) -> Json:
    """A right Observation, changed; None takes a property away."""
    base = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}} | more
    return {k: v for k, v in base.items() if v is not None}


def text(div: str) -> Json:
    """A Patient with this narrative."""
    return patient(text={"status": "generated", "div": div})


def div(inside: str) -> Json:
    """A Patient whose narrative holds this."""
    return text(f"<div {XHTML}>{inside}</div>")


_ORGANIZATION: Json = {"resourceType": "Organization", "id": "o", "name": "x"}


def bundle(resource: Any, **more: Any) -> Json:
    """A Bundle of one entry."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}], **more}


ABSENT: Json = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}

FAULTS: dict[str, tuple[Any, str, str, str]] = {
    # structure
    "no type": ({"id": "1"}, "required", "$this.resourceType", "resourceType is missing"),
    "unknown type": (
        {"resourceType": "Patent"},
        "structure",
        "$this.resourceType",
        '"Patent" is not a resource type of FHIR R4; did you mean Patient?',
    ),
    "abstract type": (
        {"resourceType": "DomainResource"},
        "structure",
        "$this.resourceType",
        "not a resource",
    ),
    "type not a text": ({"resourceType": ["Patient"]}, "structure", "$this.resourceType", "not a resource"),
    "not an object": ([], "structure", "$this", "one value here"),
    "number for a text": (
        patient(maritalStatus={"text": 5}),
        "value",
        "Patient.maritalStatus.text",
        "put it in quotes",
    ),
    "code of a short list": (
        patient(gender="femme"),
        "code-invalid",
        "Patient.gender",
        "use one of female, male, other, unknown",
    ),
    "unknown element": (patient(foo=1), "structure", "Patient.foo", "Unknown element foo"),
    "near miss": (patient(birthdate="2000"), "structure", "Patient.birthdate", "did you mean birthDate?"),
    "R4 name": (patient(animal={}), "structure", "Patient.animal", "Unknown element"),
    "comments": (patient(fhir_comments=["x"]), "structure", "Patient.fhir_comments", "Unknown element"),
    "resourceType inside": (
        patient(name=[{"resourceType": "HumanName"}]),
        "structure",
        "Patient.name[0].resourceType",
        "Unknown",
    ),
    "extension of an id": (patient(id="a", _id=ABSENT), "structure", "Patient.id", "id has neither id nor"),
    "extension of an element's id": (
        patient(name=[{"id": "a", "_id": ABSENT}]),
        "structure",
        "Patient.name[0].id",
        "id has neither",
    ),
    "extension of an extension's url": (
        patient(extension=[{"url": "http://example.org/x", "_url": ABSENT, "valueCode": "a"}]),
        "structure",
        "Patient.extension[0].url",
        "url has neither",
    ),
    "unknown sibling": (patient(_name=[{"id": "a"}]), "structure", "Patient.name", "Unknown element _name"),
    "one for many": (patient(name={"family": "A"}), "structure", "Patient.name", "write it as an array"),
    "one text for many": (
        patient(name=[{"given": "A"}]),
        "structure",
        "Patient.name[0].given",
        "as an array",
    ),
    "many for one": (patient(birthDate=["2000"]), "structure", "Patient.birthDate", "not an array"),
    "many objects for one": (
        patient(maritalStatus=[{"text": "a"}]),
        "structure",
        "Patient.maritalStatus",
        "not an array",
    ),
    "text for object": (patient(name=["A"]), "structure", "Patient.name[0]", "an object { } belongs here"),
    "object for text": (
        patient(birthDate={"value": "2000"}),
        "value",
        "Patient.birthDate",
        "{...} is not a date",
    ),
    "empty object": (patient(maritalStatus={}), "structure", "Patient.maritalStatus", "Empty object"),
    "empty array": (patient(name=[]), "structure", "Patient.name", "Empty array"),
    "empty text": (patient(id=""), "structure", "Patient.id", "Empty text"),
    "empty text in array": (
        patient(name=[{"given": ["A", ""]}]),
        "structure",
        "Patient.name[0].given[1]",
        "Empty text",
    ),
    "null": (patient(birthDate=None), "structure", "Patient.birthDate", "null is not allowed"),
    "null object": (patient(maritalStatus=None), "structure", "Patient.maritalStatus", "null is not allowed"),
    "null array": (patient(name=None), "structure", "Patient.name", "null is not allowed"),
    "null in objects": (patient(name=[None]), "structure", "Patient.name[0]", "null is not allowed"),
    "lone null": (patient(name=[{"given": ["A", None]}]), "structure", "Patient.name[0].given[1]", "sibling"),
    # siblings
    "null without sibling there": (
        patient(name=[{"given": ["A", None], "_given": [{"extension": [EXTENSION]}, None]}]),
        "structure",
        "Patient.name[0].given[1]",
        "sibling",
    ),
    "lengths differ": (
        patient(name=[{"given": ["A", "B"], "_given": [{"id": "a"}]}]),
        "structure",
        "Patient.name[0].given",
        "2 items and its sibling with _ has 1",
    ),
    "only nulls": (
        patient(name=[{"given": ["A"], "_given": [None]}]),
        "structure",
        "Patient.name[0].given",
        "Only null",
    ),
    "sibling alone with null": (
        patient(name=[{"_given": [{"extension": [EXTENSION]}, None]}]),
        "structure",
        "Patient.name[0].given[1]",
        "null",
    ),
    "sibling not an object": (patient(_birthDate="x"), "structure", "Patient.birthDate", "an object"),
    "sibling empty": (patient(_birthDate={}), "structure", "Patient.birthDate", "Empty object"),
    "sibling unknown": (
        patient(_birthDate={"value": "x"}),
        "structure",
        "Patient.birthDate.value",
        "Unknown",
    ),
    "sibling of many as one": (
        patient(name=[{"_given": {"id": "a"}}]),
        "structure",
        "Patient.name[0].given",
        "array",
    ),
    # cardinality and choices
    "missing": (observation(status=None), "required", "Observation.status", "status is missing"),
    "missing object": (observation(code=None), "required", "Observation.code", "mandatory"),
    "missing inside": (
        patient(link=[{"type": "seealso"}]),
        "required",
        "Patient.link[0].other",
        "other is missing",
    ),
    "missing choice": (
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/1"},
        },
        "required",
        "MedicationRequest.medication",
        "medication[x] is missing",
    ),
    "two choices": (
        observation(valueString="a", valueBoolean=True),
        "structure",
        "Observation.value",
        "Only one of",
    ),
    "choice and other sibling": (
        observation(valueString="a", _valueInteger={"extension": [EXTENSION]}),
        "structure",
        "Observation.value",
        "Only one of",
    ),
    "unknown choice type": (
        observation(valueUri="a:b"),
        "structure",
        "Observation.valueUri",
        "Unknown element valueUri",
    ),
    "bare choice": (observation(value="a"), "structure", "Observation.value", "Unknown element value"),
    "extension without url": (
        patient(extension=[{"valueString": "a"}]),
        "required",
        "Patient.extension[0].url",
        "url",
    ),
    # lexical forms
    "date form": (
        patient(birthDate="22/11/2026"),
        "value",
        "Patient.birthDate",
        "is not a date of the calendar",
    ),
    "date not in calendar": (
        patient(birthDate="2026-02-30"),
        "value",
        "Patient.birthDate",
        '"2026-02-30" is not',
    ),
    "dateTime without zone": (
        patient(deceasedDateTime="2026-11-22T10:00:00"),
        "value",
        "Patient.deceased.ofType(dateTime)",
        "time zone",
    ),
    "boolean as text": (patient(active="true"), "value", "Patient.active", "true or false, without quotes"),
    "integer as text": (
        patient(multipleBirthInteger="1"),
        "value",
        "Patient.multipleBirth.ofType(integer)",
        "quotes",
    ),
    "integer with point": (
        patient(multipleBirthInteger=Decimal("1.0")),
        "value",
        "Patient.multipleBirth.ofType(integer)",
        "1.0 is not a whole",
    ),
    "integer too large": (
        patient(multipleBirthInteger=2**31),
        "value",
        "Patient.multipleBirth.ofType(integer)",
        "32 bits",
    ),
    "positiveInt zero": (patient(telecom=[{"rank": 0}]), "value", "Patient.telecom[0].rank", "from 1"),
    "unsignedInt negative": (bundle(patient(id="1"), total=-1), "value", "Bundle.total", "from 0"),
    "decimal as text": (
        observation(valueQuantity={"value": "1.5"}),
        "value",
        "Observation.value.ofType(Quantity).value",
        "a number, without quotes",
    ),
    "float": (
        observation(valueQuantity={"value": 1.5}),
        "value",
        "Observation.value.ofType(Quantity).value",
        "number",
    ),
    "id": (patient(id="a_b"), "value", "Patient.id", "is not an id"),
    "uri": (patient(implicitRules="a b"), "value", "Patient.implicitRules", "is not a URI"),
    "code": (patient(gender="male "), "value", "Patient.gender", "no spaces at its ends"),
    "string form feed": (patient(name=[{"family": "a\x0cb"}]), "value", "Patient.name[0].family", "FF"),
    "base64": (patient(photo=[{"data": "A=AA"}]), "value", "Patient.photo[0].data", "is not base64"),
    "instant": (
        patient(meta={"lastUpdated": "2026-11-22"}),
        "value",
        "Patient.meta.lastUpdated",
        "date and time",
    ),
    "time": (observation(valueTime="10:00"), "value", "Observation.value.ofType(time)", "HH:MM:SS"),
    "number for text": (
        patient(name=[{"family": 12}]),
        "value",
        "Patient.name[0].family",
        "12 is not a text",
    ),
    # bindings
    "binding of a code": (patient(gender="m"), "code-invalid", "Patient.gender", "value set"),
    "binding of a code inside": (
        patient(name=[{"use": "best"}]),
        "code-invalid",
        "Patient.name[0].use",
        "name-use",
    ),
    "binding of a concept": (
        {
            "resourceType": "Condition",
            "subject": {"reference": "Patient/1"},
            "clinicalStatus": {"coding": [{"system": "http://example.org", "code": "active"}]},
        },
        "code-invalid",
        "Condition.clinicalStatus",
        "http://example.org|active is not in",
    ),
    "binding of a concept with text only": (
        {"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": {"text": "active"}},
        "code-invalid",
        "Condition.clinicalStatus",
        "A text alone",
    ),
    "binding without system": (
        {
            "resourceType": "AllergyIntolerance",
            "patient": {"display": "x"},
            "verificationStatus": {"coding": [{"code": "confirmed"}]},
        },
        "code-invalid",
        "AllergyIntolerance.verificationStatus",
        "|confirmed",
    ),
    "binding of many codes": (
        {"resourceType": "AllergyIntolerance", "patient": {"display": "x"}, "category": ["food", "drink"]},
        "code-invalid",
        "AllergyIntolerance.category[1]",
        "drink",
    ),
    "media type": (
        patient(photo=[{"contentType": "jpeg"}]),
        "code-invalid",
        "Patient.photo[0].contentType",
        "jpeg",
    ),
    "currency": (
        observation(extension=[{"url": "http://example.org/e", "valueMoney": {"currency": "eur"}}]),
        "code-invalid",
        "Observation.extension[0].value.ofType(Money).currency",
        "eur",
    ),
    # references
    "reference form": (
        patient(managingOrganization={"reference": "1"}),
        "value",
        "Patient.managingOrganization.reference",
        "not a reference",
    ),
    "reference to a type of another release": (
        patient(managingOrganization={"reference": "Organisation/1"}),
        "value",
        "Patient.managingOrganization.reference",
        '"Organisation" is not a resource type of FHIR R4; did you mean Organization?',
    ),
    "reference type": (
        patient(managingOrganization={"reference": "Patient/1"}),
        "value",
        "Patient.managingOrganization.reference",
        "allowed: Organization",
    ),
    "absolute reference type": (
        patient(managingOrganization={"reference": "https://a/b/Patient/1"}),
        "value",
        "Patient.managingOrganization.reference",
        "allowed: Organization",
    ),
    "stated type": (
        patient(managingOrganization={"type": "Patient"}),
        "value",
        "Patient.managingOrganization.reference",
        "allowed",
    ),
    "type disagrees": (
        patient(generalPractitioner=[{"reference": "Practitioner/1", "type": "Organization"}]),
        "value",
        "Patient.generalPractitioner[0].type",
        "make them agree",
    ),
    "reference to no UUID": (
        observation(subject={"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f4323952g"}),
        "value",
        "Observation.subject.reference",
        "556f4323952g is no UUID",
    ),
    "reference to no OID": (
        observation(subject={"reference": "urn:oid:3.1"}),
        "value",
        "Observation.subject.reference",
        "urn:oid:3.1 is no OID",
    ),
    "R5 type": (
        observation(subject={"reference": "ActorDefinition/1"}),
        "value",
        "Observation.subject.reference",
        '"ActorDefinition" is not a resource type',
    ),
    "fragment": (
        observation(subject={"reference": "#p"}),
        "not-found",
        "Observation.subject.reference",
        "No contained",
    ),
    "fragment of the wrong type": (
        observation(subject={"reference": "#p"}, contained=[{"resourceType": "Practitioner", "id": "p"}]),
        "value",
        "Observation.subject.reference",
        "Practitioner may not stand here",
    ),
    "conditional outside a transaction": (
        bundle(observation(subject={"reference": "Patient?identifier=a"})),
        "value",
        "Bundle.entry[0].resource.subject.reference",
        "not a reference",
    ),
    "reference in an extension": (
        patient(extension=[{"url": "http://example.org/e", "valueReference": {"reference": "x"}}]),
        "value",
        "Patient.extension[0].value.ofType(Reference).reference",
        "not a reference",
    ),
    "relative extension url": (
        patient(extension=[{"url": "e", "valueCode": "a"}]),
        "value",
        "Patient.extension[0].url",
        "absolute",
    ),
    "relative url on a primitive": (
        patient(_birthDate={"extension": [{"url": "e", "valueCode": "a"}]}),
        "value",
        "Patient.birthDate.extension[0].url",
        "absolute",
    ),
    # below other resources
    "contained": (
        patient(contained=[{"resourceType": "Organization", "id": "o", "active": 1}]),
        "value",
        "Patient.contained[0].active",
        "true or false",
    ),
    "contained without type": (
        patient(contained=[{"id": "o"}]),
        "required",
        "Patient.contained[0].resourceType",
        "missing",
    ),
    "contained in what is contained": (
        patient(contained=[{**_ORGANIZATION, "contained": [{"resourceType": "Patient", "id": "q"}]}]),
        "invariant",
        "Patient.contained[0].contained",
        "contains no other",
    ),
    "container of another type": (
        observation(
            subject={"reference": "#p"},
            contained=[patient(id="p", link=[{"other": {"reference": "#"}, "type": "refer"}])],
        ),
        "value",
        "Observation.contained[0].link[0].other.reference",
        "Observation may not stand here",
    ),
    "contained twice": (
        patient(contained=[_ORGANIZATION, {**_ORGANIZATION, "active": True}]),
        "value",
        "Patient.contained[1].id",
        "have the id o",
    ),
    "entry": (bundle(patient(gender="m")), "code-invalid", "Bundle.entry[0].resource.gender", "value set"),
    "entry not a resource": (bundle("x"), "structure", "Bundle.entry[0].resource", "an object"),
    "fragment of the Bundle": (
        {
            **bundle(observation(subject={"reference": "#p"})),
            "entry": [{"resource": observation(subject={"reference": "#p"})}, {"resource": patient(id="p")}],
        },
        "not-found",
        "Bundle.entry[0].resource.subject.reference",
        "No contained",
    ),
    "parameter": (
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "a", "part": [{"name": "b", "resource": patient(active=0)}]}],
        },
        "value",
        "Parameters.parameter[0].part[0].resource.active",
        "0 is not true or false",
    ),
    "parameter without name": (
        {"resourceType": "Parameters", "parameter": [{"valueString": "a"}]},
        "required",
        "Parameters.parameter[0].name",
        "name is missing",
    ),
    "shared element": (
        {
            "resourceType": "Questionnaire",
            "status": "draft",
            "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "mot"}]}],
        },
        "code-invalid",
        "Questionnaire.item[0].item[0].type",
        "mot",
    ),
    # narratives
    "not well-formed": (div("<p>"), "invalid", "Patient.text.div", "not well-formed"),
    "named entity": (div("&nbsp;"), "invalid", "Patient.text.div", "; write &#160;"),
    "wrong root": (text(f"<p {XHTML}>a</p>"), "invalid", "Patient.text.div", "root must be"),
    "no namespace": (text("<div>a</div>"), "invalid", "Patient.text.div", "root must be"),
    "doctype": (text(f"<!DOCTYPE div><div {XHTML}>a</div>"), "invalid", "Patient.text.div", "DOCTYPE"),
    "entity bomb": (
        text(f'<!DOCTYPE d [<!ENTITY a "b">]><div {XHTML}>&a;</div>'),
        "invalid",
        "Patient.text.div",
        "entity",
    ),
    "CDATA": (div("<![CDATA[ > <script>1</script> ]]>"), "invalid", "Patient.text.div", "CDATA"),
    "HTML comment": (
        div("<!--> <script>1</script> -->a"),
        "invalid",
        "Patient.text.div",
        "HTML ends earlier",
    ),
    "instruction": (div("<?php a ?>a"), "invalid", "Patient.text.div", "instruction"),
    "script": (div("<script>1</script>"), "invalid", "Patient.text.div", "<script> is not allowed"),
    "form": (div("<form/>a"), "invalid", "Patient.text.div", "<form>"),
    "iframe": (div('<iframe src="http://a"/>a'), "invalid", "Patient.text.div", "<iframe>"),
    "svg": (div('<svg xmlns="http://www.w3.org/2000/svg"/>a'), "invalid", "Patient.text.div", "svg"),
    "event": (div('<p onclick="a()">a</p>'), "invalid", "Patient.text.div", "attribute onclick"),
    "javascript link": (
        div('<a href=" JavaScript:a()">a</a>'),
        "invalid",
        "Patient.text.div",
        "attribute href",
    ),
    "html data": (div('<a href="data:text/html,a">a</a>'), "invalid", "Patient.text.div", "attribute href"),
    "svg image": (div('<img src="data:image/svg+xml,a"/>'), "invalid", "Patient.text.div", "attribute src"),
    "style with url": (
        div('<p style="background: url(http://a)">a</p>'),
        "invalid",
        "Patient.text.div",
        "style",
    ),
    "style that fetches a file beside and more": (
        div('<p style="background: url(a.png) url(http://a)">a</p>'),
        "invalid",
        "Patient.text.div",
        "style",
    ),
    "style with a script": (
        div('<p style="background-image: url(javascript:a.png)">a</p>'),
        "invalid",
        "Patient.text.div",
        "style",
    ),
    "style that leads up": (
        div('<p style="background: url(../a.png)">a</p>'),
        "invalid",
        "Patient.text.div",
        "style",
    ),
    "too long a narrative": (div("a " * 600_000), "value", "Patient.text.div", "of 1 MB at most"),
    "empty narrative": (div(" <br/> "), "invalid", "Patient.text.div", "narrative is empty"),
    "div missing": (patient(text={"status": "generated"}), "required", "Patient.text.div", "div is missing"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_gives_one_issue(name: str) -> None:
    resource, kind, place, words = FAULTS[name]
    before = deepcopy(resource)
    issues = validate(resource)
    assert [(i.kind, i.at) for i in issues] == [(kind, (place,))]
    assert words in issues[0].text and issues[0].fr and issues[0].fr != issues[0].text
    assert resource == before


RIGHT: dict[str, Json] = {
    "smallest": patient(),
    "extension instead of value": observation(status=None, _status={"extension": [EXTENSION]}),
    "extension instead of mandatory choice": {
        "resourceType": "ConceptMap",
        "status": "draft",
        "group": [{"element": [{"target": [{"equivalence": "equal"}]}]}],
    },
    "choice with its own sibling": observation(valueString="a", _valueString={"id": "x"}),
    "siblings aligned": patient(name=[{"given": ["A", None], "_given": [None, {"extension": [EXTENSION]}]}]),
    "siblings alone": patient(name=[{"_given": [{"extension": [EXTENSION]}]}]),
    "one coding of the binding is enough": {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "clinicalStatus": {
            "coding": [
                {"system": "http://example.org", "code": "a"},
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"},
            ]
        },
    },
    "nested extension with a relative url": patient(
        extension=[{"url": "http://example.org/e", "extension": [{"url": "a", "valueCode": "b"}]}]
    ),
    "fragments": observation(
        hasMember=[{"reference": "#o"}],
        contained=[observation(id="o", derivedFrom=[{"reference": "#"}])],
    ),
    "logical reference": observation(subject={"type": "Patient", "identifier": {"value": "1"}}),
    "urn reference": observation(subject={"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}),
    "conditional in a transaction": bundle(
        observation(subject={"reference": "Patient?identifier=a|b"}), type="transaction"
    ),
    "decimals": observation(valueQuantity={"value": Decimal("1.10"), "unit": "g"}),
    "narrative": div(
        '<h1 class="a" style="color: red">é &lt; &#160;</h1><!-- c --><table border="1"><tr>'
        '<td colspan="2">a</td></tr></table><a href="https://a/b">x</a><a href="#p">y</a><a name="z"/>'
        '<img src="data:image/png;base64,AA==" alt=""/>'
    ),
    "background beside or within": div(
        '<td style="color: red; background-image: url(tree1.png)">a</td>'
        "<p style=\"background: url('data:image/png;base64,iVBORw0=')\">a</p>"
    ),
    "media type with parameters": patient(photo=[{"contentType": "text/plain; charset=UTF-8"}]),
    "currency": observation(extension=[{"url": "http://example.org/e", "valueMoney": {"currency": "EUR"}}]),
    "image only": div('<img src="#p" alt="x"/>'),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_resources_give_no_issue(name: str) -> None:
    assert validate(RIGHT[name]) == []


def test_every_error_comes_at_once() -> None:
    wrong = patient(
        active="yes",
        birthDate="2026-02-30",
        foo=1,
        name=[{"given": ["A", ""]}, {"use": "best"}],
        contact=[{"name": {"given": ["", "B"]}, "gender": 3}],
    )
    assert [i.at[0] for i in validate(wrong)] == [
        "Patient.active",
        "Patient.birthDate",
        "Patient.foo",
        "Patient.name[0].given[1]",
        "Patient.name[1].use",
        "Patient.contact[0].name.given[0]",
        "Patient.contact[0].gender",
    ]


def test_check_raises_them_all_as_one_problem() -> None:
    with pytest.raises(Problem) as caught:
        check(patient(active="yes", birthDate="x"))
    assert len(caught.value.issues) == 2 and caught.value.kind == "value"
    check(patient(active=True))


def test_expected_type() -> None:
    assert validate(patient(), expected_type="Patient") == []
    found = validate(patient(), expected_type="Observation")
    assert [(i.kind, i.at) for i in found] == [("structure", ("Patient.resourceType",))]
    assert "Observation belongs here" in found[0].text


@pytest.mark.parametrize(
    "inside",
    [
        "<p " + " ".join(f'a{n}="1"' for n in range(50_000)) + ">a</p>",
        "<p " + " ".join(f"a{n} = '>'" for n in range(50_000)) + ">a</p>",
        "<p>" * 100_000,
        "<q1/>" * 100_000,
        "<p>a</p>" * 50_000 + "<br>",
        '<a href="' + "a" * 900_000 + ':">a</a>',
        '<p style="' + "url " * 200_000 + 'url(">a</p>',
    ],
)
def test_hostile_narratives_take_little_time(inside: str) -> None:
    issues: list[Any] = []
    assert seconds(lambda: issues.extend(validate(div(inside)))) < 1.0
    assert issues and len(issues) <= 201


def test_a_flood_of_errors_is_cut() -> None:
    issues: list[Any] = validate(patient(name=[{"family": ""}] * 5000))
    assert len(issues) == 201 and issues[-1].kind == "too-costly"
    assert len(validate(patient(**{f"x{n}": 1 for n in range(5000)}))) == 201
    near = patient(**{f"birthDat{n}": 1 for n in range(100_000)})
    empty = patient(name=[{"_given": [None] * 1_000_000}])
    for flood in (near, empty):
        assert seconds(lambda flood=flood: issues.extend(validate(flood))) < 1.0


def test_long_values_are_cut_in_messages() -> None:
    [issue] = validate(patient(birthDate="x" * 10_000))
    assert len(issue.text) < 200 and "..." in issue.text
    [issue] = validate(patient(**{"x" * 10_000: 1}))
    assert len(issue.text) < 200 and len(issue.at[0]) < 100


@pytest.mark.parametrize("name", sorted(definitions().resource_types))
def test_every_type_compiles_and_knows_its_mandatory_elements(name: str) -> None:
    issues = validate({"resourceType": name, "id": "1"})
    elements = definitions().type(name).elements.values()
    mandatory = {f"{name}.{e.name.removesuffix('[x]')}" for e in elements if e.min}
    assert {i.at[0] for i in issues} == mandatory and all(i.kind == "required" for i in issues)


def test_a_patient_takes_microseconds() -> None:
    name = {
        "use": "official",
        "family": "Le Goff",
        "given": ["Anne", "Marie"],
        "period": {"start": "2001-05-06"},
    }
    resource = parse(dumps(patient(name=[name] * 25, gender="female", birthDate="1980-01-01")))
    assert validate(resource) == []
    assert min(_cost(resource) for _ in range(20)) < 0.001


def _cost(resource: Json) -> float:
    started = process_time()
    for _ in range(10):
        validate(resource)
    return (process_time() - started) / 10


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(allow_nan=True)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted(definitions().type("Patient").properties))
            | st.sampled_from(
                ["resourceType", "_birthDate", "_given", "given", "coding", "system", "code", "reference"]
            )
            | st.sampled_from(
                ["url", "div", "valueReference", "entry", "resource", "parameter", "status", "link", "other"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(st.sampled_from(["Patient", "Bundle", "Observation", "Parameters", "Questionnaire"]), anything)
def test_any_value_gives_issues_never_an_exception(type: str, value: Any) -> None:
    resource = {**value, "resourceType": type} if isinstance(value, dict) else value
    for issue in validate(resource):
        assert issue.text and issue.fr and len(issue.at) == 1
