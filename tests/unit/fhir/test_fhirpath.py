"""Compiled expressions: what they find, on published examples and on data made to be awkward."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath import compile, source, typed
from aubier.fhir.fhirpath.types import is_a, json_class, steps
from aubier.fhir.fhirpath.values.moments import same_moment
from aubier.ground.problem import Problem
from tests.where import SHARED

CORE = SHARED / "fixtures/fhir-r4-core-examples"
PATIENT = json.loads((CORE / "Patient-example.json").read_text(), parse_float=Decimal)

OBSERVATION = {
    "resourceType": "Observation",
    "contained": [{"resourceType": "Patient", "id": "p", "name": [{"family": "Inside"}]}],
    "subject": {"reference": "#p"},
    "performer": [
        {"reference": "Practitioner/1/_history/3"},
        {"reference": "http://elsewhere.example/fhir/Organization/2"},
        {"reference": "urn:uuid:6f1f2c2e-0000-4000-8000-000000000001", "type": "CareTeam"},
        {"reference": "urn:uuid:6f1f2c2e-0000-4000-8000-000000000002"},
        {"display": "somebody"},
    ],
    "valueQuantity": {"value": Decimal("5.40"), "code": "mg"},
    "effectivePeriod": {"start": "2020"},
    "component": [{"valueString": "one"}, {"valueCodeableConcept": {"text": "two"}}, {"valueInteger": 3}],
    "extension": [{"url": "http://x/1", "valueCode": "c"}, {"url": "http://x/2", "valueString": "s"}],
}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("Patient.name.given", ["Peter", "James", "Jim", "Peter", "James"]),
        ("name.family", ["Chalmers", "Windsor"]),
        ("Resource.id", ["example"]),
        ("DomainResource.id", ["example"]),
        ("Observation.id", []),
        ("nothing.like.it", []),
        ("name[0].given[1]", ["James"]),
        ("name[9]", []),
        ("name.first().family", ["Chalmers"]),
        ("name.last().given.last()", ["James"]),
        ("name.tail().given.first()", ["Jim"]),
        ("name.given.distinct()", ["Peter", "James", "Jim"]),
        ("name.given.count()", [5]),
        ("name.given | name.family", ["Peter", "James", "Jim", "Chalmers", "Windsor"]),
        ("name.where(use = 'maiden').family", ["Windsor"]),
        ("name.where(use = 'maiden' or use = 'official').family", ["Chalmers", "Windsor"]),
        ("name.where($index = 1).given", ["Jim"]),
        ("name.where(given.where($this = 'Jim').exists()).use", ["usual"]),
        ("name.select(given | family)", ["Peter", "James", "Chalmers", "Jim", "Peter", "James", "Windsor"]),
        ("name.exists()", [True]),
        ("photo.exists()", [False]),
        ("name.exists(use = 'nickname')", [False]),
        ("photo.empty()", [True]),
        ("active.not()", [False]),
        ("photo.not()", []),
        ("name.all(given.exists())", [True]),
        ("name.all(family.exists())", [False]),
        ("active", [True]),
        ("active and gender = 'male'", [True]),
        ("active and photo", []),
        ("photo and active.not()", [False]),
        ("photo or active", [True]),
        ("active xor active", [False]),
        ("photo implies active", [True]),
        ("deceased.exists() and deceased != false", [False]),
        ("gender = 'female'", [False]),
        ("gender != 'female'", [True]),
        ("gender = photo", []),
        ("name.given = name.given", [True]),
        ("name.given = 'Peter'", [False]),
        ("birthDate = @1974-12-25", [True]),
        ("birthDate = @1974-12", []),
        ("birthDate = @1975", [False]),
        ("birthDate = '1974-12-25'", [False]),
        ("birthDate.extension('http://hl7.org/fhir/StructureDefinition/patient-birthTime').value",
         ["1974-12-25T14:35:45-05:00"]),
        ("birthDate.hasExtension('http://hl7.org/fhir/StructureDefinition/patient-birthTime')", [True]),
        ("managingOrganization.resolve() is Organization", [True]),
        ("managingOrganization.where(resolve() is Patient)", []),
        ("$this is Patient", [True]),
        ("$this is DomainResource", [True]),
        ("Patient is Observation", [False]),
        ("active is boolean", [True]),
        ("active is Boolean", [False]),
        ("'x' is System.String", [True]),
        ("gender is string", [True]),
        ("%resource.id", ["example"]),
        ("%ucum", ["http://unitsofmeasure.org"]),
        ("%`vs-x`", ["http://hl7.org/fhir/ValueSet/x"]),
        ("{}", []),
        ("-1", [-1]),
        ("1.50", [Decimal("1.50")]),
        ("'a\"b\\'c\\\\' ", ["a\"b'c\\"]),
    ],
)  # fmt: skip
def test_patient(expression, found):
    assert compile(expression, "Patient")(PATIENT) == found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("Observation.value", [("Quantity", {"value": Decimal("5.40"), "code": "mg"})]),
        ("(Observation.value as Quantity).code", [("code", "mg")]),
        ("Observation.value.as(string)", []),
        ("value.ofType(Quantity).value", [("decimal", Decimal("5.40"))]),
        ("component.value", [("string", "one"), ("CodeableConcept", {"text": "two"}), ("integer", 3)]),
        ("(component.value as CodeableConcept).text", [("string", "two")]),
        ("component.value.ofType(string)", [("string", "one")]),
        ("effective.start", [("dateTime", "2020")]),
        ("extension.value", [("code", "c"), ("string", "s")]),
        ("extension.value as code", [("code", "c")]),
        ("extension.value as string", [("string", "s")]),
        ("extension('http://x/2').value", [("string", "s")]),
        ("contained.name.family", [("string", "Inside")]),
        ("contained.ofType(Patient).name.family", [("string", "Inside")]),
        ("contained.ofType(Observation)", []),
        ("subject.resolve().name.family", [("string", "Inside")]),
        ("subject.where(resolve() is Patient).reference", [("string", "#p")]),
        ("performer.where(resolve() is Practitioner).count()", [("System.Integer", 1)]),
        ("performer.where(resolve() is Organization).exists()", [("System.Boolean", True)]),
        ("performer.where(resolve() is CareTeam).type", [("uri", "CareTeam")]),
        ("performer.resolve().id", [("id", "1"), ("id", "2")]),
    ],
)  # fmt: skip
def test_types_of_values(expression, found):
    values = typed(expression, "Observation")(OBSERVATION)
    assert [(kind, value) for value, _, kind in values] == found


def test_primitive_siblings():
    data = {"resourceType": "Patient", "_gender": {"extension": [{"url": "u", "valueCode": "x"}]}}
    data["name"] = [{"given": ["A", None], "_given": [None, {"id": "g"}]}]
    assert compile("gender", "Patient")(data) == []
    assert compile("gender.exists()", "Patient")(data) == [True]
    assert compile("gender.extension.value", "Patient")(data) == ["x"]
    assert compile("name.given.id", "Patient")(data) == ["g"]
    assert typed("name.given", "Patient")(data) == [("A", None, "string"), (None, {"id": "g"}, "string")]


def test_elements_are_types_too():
    assert compile("system = 'phone'", "ContactPoint")({"system": "phone"}) == [True]
    assert compile("name.family", "Patient.contact")({"name": {"family": "X"}}) == ["X"]
    assert compile("$this = 'a'", "code")("a") == [True]


@pytest.mark.parametrize(
    "data",
    [None, [], "text", 1, {}, {"name": {"family": "no list"}}, {"name": [None, 1, "x", {"family": ["list"]}]},
     {"name": [{"given": "not a list"}]}, {"deceasedBoolean": "yes"}, {"contained": [{"resourceType": []}]}],
)  # fmt: skip
def test_wrong_shapes_find_nothing(data):
    for expression in ("name.family", "name.given", "deceased", "contained.id", "name.where(use = 'x')"):
        assert compile(expression, "Patient")(data) == []


@pytest.mark.parametrize(
    ("expression", "kind", "words"),
    [
        ("a.frobnicate()", "not-supported", "column 3: the function frobnicate()"),
        ("name.where()", "not-supported", "where() takes 1 to 1"),
        ("name.where(use, use)", "not-supported", "not 2"),
        ("name as Nonsense", "not-supported", "the type Nonsense is not known"),
        ("$total", "not-supported", "$total"),
        ("$index", "not-supported", "$index"),
        ("%secret", "not-supported", "%secret"),
        ("name(", "invalid", "unfinished"),
        ("a" + ".a" * 1900, "too-costly", "nested too deeply"),
        ("extension.value" + ".extension.value" * 3 + ".where(exists())" * 2, "", ""),
    ],
)
def test_refusals(expression, kind, words):
    if not kind:
        assert compile(expression, "Patient")(PATIENT) == []
        return
    with pytest.raises(Problem) as refused:
        compile(expression, "Patient")
    assert refused.value.kind == kind
    assert words in str(refused.value)


def test_unknown_starting_type():
    with pytest.raises(Problem, match="the type Nobody is not known"):
        compile("a", "Nobody")


def test_several_values_where_one_is_due():
    with pytest.raises(Problem, match="5 values where one truth value is due"):
        compile("name.given and true", "Patient")(PATIENT)


def test_text_enters_the_source_as_a_literal_only():
    trap = "x' + __import__(\\'os\\').getcwd() + '\\n\"\"\""
    expression = "name.where(use = '" + trap.replace("'", "\\'").replace("\\\\'", "\\'") + "')"
    code = source(expression, "Patient")
    assert "__import__" in code
    assert compile(expression, "Patient")(PATIENT) == []
    names = {line.strip() for line in code.splitlines() if line.strip().startswith(("import", "__import__"))}
    assert names == set()


def test_choice_becomes_one_look():
    code = source("Observation.value as Quantity", "Observation")
    assert "valueQuantity" in code
    assert "valueString" not in code


def test_long_and_deep_expressions_run():
    item = {"linkId": "end"}
    for _ in range(30):
        item = {"item": [item]}
    form = {"resourceType": "Questionnaire", **item}
    assert compile("item" + ".item" * 29 + ".linkId", "Questionnaire")(form) == ["end"]
    nested = "name" + ".where(name" * 12 + ".exists()" + ")" * 12
    assert compile(nested, "Patient")(PATIENT) == []
    kept = (
        "name" + ".where(given.exists()" * 1 + ")" + ".where($this.given.where($this.exists()).exists())" * 6
    )
    assert len(compile(kept, "Patient")(PATIENT)) == 3


def test_every_search_expression_compiles_and_runs():
    count = 0
    for parameter in definitions().search_parameters:
        for base in parameter.bases if parameter.expression else ():
            find = compile(parameter.expression, base)
            assert isinstance(find({"resourceType": base}), list)
            count += 1
    assert count > 1_700


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("2020", "2020", True),
        ("2020", "2020-01", None),
        ("2020-01", "2021", False),
        ("2020-01-01T10:00:00Z", "2020-01-01T11:00:00+01:00", True),
        ("2020-01-01T00:30:00+01:00", "2019-12-31T23:30:00Z", True),
        ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00.000Z", True),
        ("2020-01-01T10:00:00.5Z", "2020-01-01T10:00:00Z", False),
        ("2020-01-01T10:00Z", "2020-01-01T10:00:00Z", None),
        ("2020-01-01T10:00:00", "2020-01-01T10:00:00Z", None),
        ("10:00", "T10:00", True),
        ("nonsense", "nonsense", True),
        ("nonsense", "2020", False),
        ("0001-01-01T00:00:00+14:00", "2020", False),
    ],
)
def test_same_moment(left, right, same):
    assert same_moment(left, right) is same
    assert same_moment(right, left) is same


def test_types():
    assert steps("Patient")["deceased"].keys == (
        ("deceasedBoolean", "boolean"),
        ("deceasedDateTime", "dateTime"),
    )
    assert steps("Questionnaire.item")["item"].keys == (("item", "Questionnaire.item"),)
    assert steps("Nobody") == {}
    assert steps("Patient.nothing") == {}
    assert is_a("code", "string") and is_a("Age", "Quantity") and is_a("Patient.contact", "BackboneElement")
    assert not is_a("string", "code") and not is_a("Nobody", "Resource")
    assert [json_class(t) for t in ("code", "boolean", "decimal", "HumanName")] == [
        "str",
        "bool",
        "number",
        "dict",
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "given", "contained", "resourceType", "extension", "url"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["name", "contained", "extension", "_birthDate", "birthDate"]), _JSON))
def test_any_data_is_walked(data):
    for expression in (
        "name.given",
        "contained.name.family",
        "extension.value.extension",
        "birthDate.extension.url",
    ):
        assert isinstance(compile(expression, "Patient")(data), list)


_PLACES = ["name", "Patient", "$this", "deceased", "extension", "contained", "birthDate", "meta", "`value`"]
_OTHERS = ["{}", "true", "1", "'x'", "@2020", "%resource", "managingOrganization", "$index", "%zz"]
_LEAVES = st.sampled_from([*_PLACES, *_OTHERS])
_STEPS = st.sampled_from(
    ["given", "value", "extension", "id", "first()", "resolve()", "not()", "count()", "zz()"]
)
_OPERATORS = st.sampled_from(["and", "or", "xor", "implies", "=", "!=", "|", "+", "in"])
_FUNCTIONS = st.sampled_from(["where", "exists", "all", "select", "extension"])
_TYPES = st.sampled_from(["string", "Patient", "System.String", "X"])
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: (
        st.builds("{}.{}".format, inner, _STEPS)
        | st.builds("({} {} {})".format, inner, _OPERATORS, inner)
        | st.builds("({} {} {})".format, inner, st.sampled_from(["is", "as"]), _TYPES)
        | st.builds("{}.{}({})".format, inner, _FUNCTIONS, inner)
        | st.builds("{}[{}]".format, inner, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(_EXPRESSIONS)
def test_any_expression_finds_or_is_refused(expression):
    try:
        assert isinstance(compile(expression, "Patient")(PATIENT), list)
    except Problem as refused:
        assert refused.issues[0].text.startswith("FHIRPath")
