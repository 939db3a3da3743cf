"""Anything that can be written is compiled and evaluated, or refused in both languages; nothing else."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath import Environment, compile, parse
from aubier.fhir.fhirpath.functions import FUNCTIONS
from aubier.ground.problem import Problem
from tests.unit.fhir.fhirpath.asking import PATIENT

WORLD = Environment(
    resolve=lambda reference: PATIENT,
    member_of=lambda coding, url: True,
    subsumes=lambda above, below: False,
    conforms_to=lambda resource, url: True,
    in_slice=lambda item, url, name: True,
    html_checks=lambda text: True,
    now=datetime(2026, 1, 1, tzinfo=UTC),
    constants={"given": [1, "a", True, {"resourceType": "Patient"}]},
    budget=20_000,
)

_LEAVES = st.sampled_from(
    ["name", "gender", "birthDate", "active", "multipleBirth", "extension", "extension.value", "telecom",
    "contact",
     "$this", "$index", "$total", "%resource", "%given", "%`ext-x`", "{}", "true", "false", "0", "1", "-1",
     "3", "2.50",
     "'a'", "''", "'1'", "'http://x'", "'[a-z]+'", "'kg'", "'hex'", "'2020-01'", "@2020-02-29", "@2020",
     "@T10:30",
     "@2020-01-01T10:00:00.5Z", "1 'kg'", "3 'mg'", "2 days", "1 month", "0 'Cel'", "9 'nonsense'",
     "2147483647"]
)  # fmt: skip
_OPERATORS = st.sampled_from(
    ["and", "or", "xor", "implies", "=", "!=", "~", "!~", "<", "<=", ">", ">=", "|", "+", "-", "*", "/",
    "div", "mod",
     "&", "in", "contains"]
)  # fmt: skip
_TYPES = st.sampled_from(["string", "code", "Patient", "Quantity", "System.Quantity", "Integer", "HumanName"])
_STEPS = st.sampled_from(["value", "unit", "given", "family", "use", "id", "extension", "name"])


def _calls(inner):
    """A call of any function, with as many arguments as it may take."""
    return st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.tuples(
            inner,
            st.lists(inner, min_size=FUNCTIONS[name].least, max_size=min(FUNCTIONS[name].most, 3)),
        ).map(lambda drawn: f"({drawn[0]}).{name}({', '.join(drawn[1])})")
    )


EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: (
        _calls(inner)
        | st.builds("({} {} {})".format, inner, _OPERATORS, inner)
        | st.builds("({} {} {})".format, inner, st.sampled_from(["is", "as"]), _TYPES)
        | st.builds("({}).ofType({})".format, inner, _TYPES)
        | st.builds("({}).{}".format, inner, _STEPS)
        | st.builds("({})[{}]".format, inner, inner)
        | st.builds("-({})".format, inner)
    ),
    max_leaves=7,
)
SLICE = settings(max_examples=250, suppress_health_check=list(HealthCheck))
WHOLE = settings(max_examples=10_000, suppress_health_check=list(HealthCheck))


def found_or_refused(expression, strict):
    """What comes out is a list, or a Problem that is said in both languages."""
    try:
        find = compile(expression, "Patient", strict=strict, constants=frozenset({"given"}))
        return isinstance(find(PATIENT, WORLD), list)
    except Problem as refused:
        return all(i.text.startswith("FHIRPath") and i.fr.startswith("FHIRPath") for i in refused.issues)


@SLICE
@given(EXPRESSIONS, st.booleans())
@example("(name).where(((name).where((name).trace('a')))) ", True)
def test_any_expression(expression, strict):
    assert found_or_refused(expression, strict)


@pytest.mark.whole
@WHOLE
@given(EXPRESSIONS, st.booleans())
def test_any_expression_whole(expression, strict):
    assert found_or_refused(expression, strict)


@SLICE
@given(st.text(alphabet="abn.()[]{}'`\\|=<>!&+-*/ %$@T:012,isdvmou~\n\u0663", max_size=30))
def test_any_text(text):
    assert found_or_refused(text, True)


@SLICE
@given(st.text(max_size=20))
def test_any_characters(text):
    try:
        parse(text)
    except Problem as refused:
        assert refused.kind in ("invalid", "too-costly")


_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | _DECIMALS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["given", "family", "use", "url", "valueString", "valueQuantity", "value", "code",
        "system",
                         "resourceType", "contained", "_given", "extension", "start", "period", "unit",
                         "id"]),
        inner,
        max_size=4,
    ),
    max_leaves=10,
)  # fmt: skip
_PLACES = [
    "name",
    "_gender",
    "gender",
    "birthDate",
    "extension",
    "contained",
    "telecom",
    "multipleBirthInteger",
]
_ASKED = [
    "descendants().count()", "name.given.distinct()", "name.sort(family)", "extension.value = 1 'kg'",
    "birthDate < @2020", "multipleBirth + 1", "name ~ name", "telecom.isDistinct()", "gender.upper()",
    "extension.value.lowBoundary()", "name.period.start + 1 day", "contained.type().name",
    "birthDate.toDateTime()",
    "extension.value.toString()", "gender.matches('a+')", "birthDate.highBoundary()", "name.given.join(',')",
    "extension.value.toQuantity('g')", "multipleBirth.power(3)", "gender.toInteger()",
    "extension.value.abs()",
]  # fmt: skip


@SLICE
@given(st.dictionaries(st.sampled_from(_PLACES), _JSON), st.sampled_from(_ASKED))
def test_any_data(data, expression):
    try:
        assert isinstance(compile(expression, "Patient")(data | {"resourceType": "Patient"}, WORLD), list)
    except Problem as refused:
        assert refused.issues[0].text.startswith("FHIRPath")


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 39 + "name" + ").where(true)" * 39,
        "name" + ".where(true)" * 300,
        "name" + ".extension.value" * 200,
        "1" + " + 1" * 900,
        "-" * 500 + "1",
        "iif(true, " * 38 + "1" + ")" * 38,
        "name.repeat(" * 38 + "name" + ")" * 38,
        "{}" + ".iif(true, name" * 38 + ")" * 38,
        " | ".join(["name.given"] * 300),
        "'" + "a" * 3900 + "'.matches('" + "(a*)*" * 10 + "b')",
        "descendants()" + ".descendants()" * 100,
        "descendants()" + ".select(%resource.descendants())" * 30,
        "(1)" + ".combine((1)" * 38 + ")" * 38,
        "%given" + ".combine($this.descendants())" * 60,
        "'a'" + ".replace('', 'aaaaaaaaaaaaaaaa')" * 60,
        "2" + ".power(9)" * 60,
        "1.5" + ".power(99999.5)" * 20,
        "1" + " / 3" * 500 + " * 7.7777777777777777777777777777",
    ],
)  # fmt: skip
def test_long_and_deep(expression):
    assert found_or_refused(expression, strict=False)


def test_open_types_and_every_resource_type():
    for type in sorted(definitions().resource_types):
        find = compile("descendants().count() >= 0 and type().name.exists()", type, strict=True)
        assert find({"resourceType": type}) == [True]
    assert compile("id | type().name", "Resource")(PATIENT) == ["p", "Patient"]
