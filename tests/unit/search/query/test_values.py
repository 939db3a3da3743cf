"""Values of each parameter type: what is read, what is refused."""

from decimal import Decimal

import pytest

from aubier.ground.problem import Problem
from aubier.search.model import Value
from aubier.search.parameters import registry
from aubier.search.query.values import MAX_VALUES, alternatives, split, typed_values
from aubier.search.terms.dates import date_range

D = Decimal


def read(path: str, text: str, modifier: str = "") -> tuple[Value, ...]:
    type, _, code = path.partition(".")
    return typed_values(registry().get(type, code), modifier, text, name=code)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        (r"a\\,b", [r"a\\", "b"]),
        (r"a\\\,b", [r"a\\\,b"]),
        (r"\|\$\,", [r"\|\$\,"]),
    ],
)
def test_split(text, parts):
    assert alternatives(text, name="x") == parts


@pytest.mark.parametrize("text", [",", "a,", ",a", "a,,b", "a, ,b", "", "\\", "a\\", r"a\b", r"a\\\ "])
def test_split_refused(text):
    with pytest.raises(Problem) as refused:
        alternatives(text, name="x")
    assert (refused.value.kind, refused.value.issues[0].at) == ("invalid", ("http.x",))


def test_too_many():
    assert len(alternatives(",".join("a" * MAX_VALUES), name="x")) == MAX_VALUES
    with pytest.raises(Problem) as refused:
        alternatives(",".join("a" * (MAX_VALUES + 1)), name="x")
    assert refused.value.kind == "too-costly"


def test_split_by_bar():
    assert split(r"a\|b|c", "|", name="x") == [r"a\|b", "c"]


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("Observation.code", "1-8", Value(code="1-8")),
        ("Observation.code", "http://loinc.org|1-8", Value(system="http://loinc.org", code="1-8")),
        ("Observation.code", "|1-8", Value(system="", code="1-8")),
        ("Observation.code", "http://loinc.org|", Value(system="http://loinc.org")),
        ("Observation.code", r"a\|b\,c\$d\\e", Value(code=r"a|b,c$d" + "\\e")),
        ("Patient.identifier", "urn:oid:1.2|123", Value(system="urn:oid:1.2", code="123")),
        ("Patient.active", "true", Value(code="true")),
        ("Patient.deceased", "false", Value(code="false")),
        ("Patient._id", "a-1.B", Value(code="a-1.B")),
        ("Observation.subject", "Patient/1", Value(text="Patient/1")),
        ("Observation.subject", "Patient/1/_history/3", Value(text="Patient/1")),
        ("Observation.subject", "1", Value(code="1")),
        ("Observation.subject", "http://x/fhir/Patient/1", Value(text="http://x/fhir/Patient/1")),
        ("Observation.subject", "urn:uuid:1", Value(text="urn:uuid:1")),
        ("PlanDefinition.depends-on", r"http://x/l\|1.0", Value(text="http://x/l|1.0")),
        ("PlanDefinition.depends-on", "http://x/l|1.0", Value(text="http://x/l|1.0")),
        ("Patient.name", "Le Goff", Value(text="Le Goff")),
        ("Patient.name", r"Goff\, Le", Value(text="Goff, Le")),
        ("Patient.name", "$|", Value(text="$|")),
        ("ValueSet.url", "http://x/vs", Value(text="http://x/vs")),
        ("RiskAssessment.probability", "0.10", Value(number=D("0.10"), low=D("0.095"), high=D("0.105"))),
        ("RiskAssessment.probability", "lt1e2", Value(prefix="lt", number=D(100), low=D(50), high=D(150))),
        (
            "RiskAssessment.probability",
            "gt-5",
            Value(prefix="gt", number=D(-5), low=D("-5.5"), high=D("-4.5")),
        ),
    ],
)
def test_one_value(path, text, value):
    assert read(path, text) == (value,)


@pytest.mark.parametrize("prefix", ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
@pytest.mark.parametrize("text", ["2020", "2020-05", "2020-05-31", "2020-05-31T10:00:00+02:00"])
def test_dates(prefix, text):
    lo, hi = date_range(text)
    assert read("Patient.birthdate", prefix + text) == (Value(prefix=prefix or "eq", lo=lo, hi=hi),)


def test_plus_that_became_a_space():
    assert read("Observation.date", "2020-05-31T10:00:00 02:00") == read(
        "Observation.date", "2020-05-31T10:00:00+02:00"
    )


@pytest.mark.parametrize(
    ("text", "prefix", "system", "code"),
    [
        ("5.40", "eq", None, ""),
        ("le5.40|http://unitsofmeasure.org|mg", "le", "http://unitsofmeasure.org", "mg"),
        ("ap5.40||mg", "ap", None, "mg"),
        ("5.40||", "eq", None, ""),
        (r"5.40|s\|t|m\,g", "eq", "s|t", "m,g"),
    ],
)
def test_quantities(text, prefix, system, code):
    (value,) = read("Observation.value-quantity", text)
    assert (value.prefix, value.system, value.code) == (prefix, system, code)
    assert (value.number, value.low, value.high) == (D("5.40"), D("5.395"), D("5.405"))


def test_composites():
    (value,) = read("Observation.code-value-quantity", r"http://loinc.org|8480-6$le5.4||mm\$")
    code, quantity = value.parts
    assert code == Value(system="http://loinc.org", code="8480-6")
    assert (quantity.prefix, quantity.number, quantity.code) == ("le", D("5.4"), "mm$")
    (value,) = read("DocumentReference.relationship", "DocumentReference/1$replaces")
    assert value.parts == (Value(code="replaces"), Value(text="DocumentReference/1"))
    (value,) = read("MolecularSequence.chromosome-variant-coordinate", "1$ge5$lt9")
    assert [v.prefix for v in value.parts] == ["eq", "ge", "lt"]


@pytest.mark.parametrize(
    ("text", "km"),
    [
        ("48.1|-1.68|10", "10"),
        ("48.1|-1.68|500|m", "0.5"),
        ("48.1|-1.68|2|[mi_i]", "3.218688"),
        ("48.1|-1.68", "25"),
        ("48.1|-1.68||km", "25"),
        ("48.1|-1.68|1e9", "20100"),
    ],
)
def test_near(text, km):
    assert read("Location.near", text) == (Value(number=D("48.1"), low=D("-1.68"), high=D(km)),)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Observation.code", "|"),
        ("Observation.code", "a|b|c"),
        ("Patient.active", "yes"),
        ("Patient.active", "TRUE"),
        ("Patient.deceased", "1"),
        ("Patient._id", "s|1"),
        ("Patient._id", "é"),
        ("Patient._id", "x" * 65),
        ("Observation.subject", "Patients/1"),
        ("Observation.subject", "Nobody/1"),
        ("Observation.subject", "Patient/1/2"),
        ("Observation.subject", "#p"),
        ("Observation.subject", "a b"),
        ("ValueSet.url", "http://x y"),
        ("Patient.birthdate", "20"),
        ("Patient.birthdate", "xx2020"),
        ("Patient.birthdate", "GE2020"),
        ("Patient.birthdate", "ge"),
        ("Patient.birthdate", "ge ge2020"),
        ("Patient.birthdate", "2020-02-30"),
        ("Patient.birthdate", "2020-05-31|2021"),
        ("RiskAssessment.probability", "x"),
        ("RiskAssessment.probability", "gte5"),
        ("RiskAssessment.probability", "5 4"),
        ("RiskAssessment.probability", "NaN"),
        ("RiskAssessment.probability", "1e999"),
        ("Observation.value-quantity", "5|mg"),
        ("Observation.value-quantity", "|s|mg"),
        ("Observation.value-quantity", "5|s|c|d"),
        ("Observation.value-quantity", "mg"),
        ("Observation.code-value-quantity", "8480-6"),
        ("Observation.code-value-quantity", "8480-6$gt5$6"),
        ("Observation.code-value-quantity", "http://loinc.org|$5"),
        ("Observation.code-value-quantity", "$5"),
        ("Observation.code-value-concept", "a$s|"),
        ("Location.near", "48.1"),
        ("Location.near", "91|0|5"),
        ("Location.near", "48|181|5"),
        ("Location.near", "48|x|5"),
        ("Location.near", "48|2|-5|km"),
        ("Location.near", "48|2|5|league"),
        ("Location.near", "48|2|5|km|6"),
    ],
)
def test_refused(path, text):
    with pytest.raises(Problem) as refused:
        read(path, text)
    (issue,) = refused.value.issues
    assert issue.kind == "invalid"
    assert issue.at == (f"http.{path.partition('.')[2]}",)
    assert issue.fr and issue.fr != issue.text


def test_identifier_modifier_reads_a_token():
    assert read("Observation.subject", "s|1", "identifier") == (Value(system="s", code="1"),)


GENDER = "http://hl7.org/fhir/administrative-gender"


@pytest.mark.parametrize(
    ("path", "text", "system"),
    [
        ("Patient.gender", f"{GENDER}|female", None),
        ("Patient.gender", f"{GENDER}|nothing", GENDER),
        ("Patient.gender", "http://loinc.org|female", "http://loinc.org"),
        ("Patient.gender", "|female", ""),
        ("Observation.status", "http://hl7.org/fhir/observation-status|final", None),
        ("Observation.code", "http://loinc.org|8480-6", "http://loinc.org"),
    ],
)
def test_the_list_of_a_code_says_its_system(path, text, system):
    assert read(path, text) == (Value(code=text.rpartition("|")[2], system=system),)


def test_what_subsumes_a_code_is_of_its_system():
    assert read("Patient.gender", f"{GENDER}|female", "below") == (Value(code="female", system=GENDER),)
