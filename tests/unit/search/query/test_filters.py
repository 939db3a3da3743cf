"""The texts of `_filter`: what they stand for, and where they cannot be read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.search.model import Condition, Criterion, Has, Logic, Value
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.search.query.filters import MAX_COMPARISONS, MAX_NESTED, filter_of


def shape(condition: Condition) -> str:
    """A condition in a line."""
    if isinstance(condition, Logic):
        return f"{condition.operator}({' '.join(map(shape, condition.parts))})"
    assert isinstance(condition, Criterion)
    code = condition.parameter.code + (f":{condition.modifier}" if condition.modifier else "")
    if condition.modifier == "missing":
        return f"{code}={condition.missing}"
    if condition.chain:
        assert not any(isinstance(c, Has) for c in condition.chain)
        return f"{code}[{' '.join(map(shape, condition.chain))}]"
    return (
        code
        + "="
        + ",".join((v.prefix if v.prefix != "eq" else "") + (v.text or v.code) for v in condition.values)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name co "pet"', "name:contains=pet"),
        ("gender eq male", "gender=male"),
        ("gender ne male", "and(gender:missing=False not(gender=male))"),
        ('given eq "peter" and birthdate ge 2014-10-10', "and(given:equals=peter birthdate=ge)"),
        ("not(gender eq male)", "not(gender=male)"),
        (
            "(gender eq male or gender eq other) and active eq true",
            "and(or(gender=male gender=other) active=true)",
        ),
        ("not (not (active eq true))", "not(not(active=true))"),
        ("name pr true", "name:missing=False"),
        ("name pr false", "name:missing=True"),
        ("name ew son", "name:ends=son"),
        ("birthdate po 2000", "birthdate:overlaps="),
        (r'name eq "a, \"b\" \\ c"', r'name:equals=a, "b" \ c'),
        ("identifier eq urn:s|12", "identifier=12"),
        ("general-practitioner:Practitioner.name sw le", "general-practitioner[name=le]"),
        ("_tag in urn:vs", "_tag:in=urn:vs"),
        ("_tag ni urn:vs", "and(_tag:missing=False not(_tag:in=urn:vs))"),
        ("_profile sw http://x", "_profile:below=http://x"),
        ("organization re Organization/1", "organization=Organization/1"),
    ],
)
def test_what_a_filter_stands_for(text: str, expected: str) -> None:
    assert shape(filter_of(registry(), "Patient", text)) == expected


def test_a_bar_parts_the_system_from_the_code() -> None:
    found = filter_of(registry(), "Observation", "code eq http://loinc.org|1234-5")
    assert isinstance(found, Criterion)
    assert found.values == (Value(system="http://loinc.org", code="1234-5"),)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", "invalid", "at character 1: a parameter is due"),
        ("name", "invalid", "an operator and a value"),
        ("name eq", "invalid", "an operator and a value"),
        ('name eq "x', "invalid", "does not end"),
        ("name eq x y", "invalid", "at character 11: and, or, or the end"),
        ("(name eq x", "invalid", ") is due, not the end"),
        ("name eq x)", "invalid", "not ')'"),
        ("not name eq x", "invalid", "( after not"),
        ("name eq x and", "invalid", "a parameter is due"),
        ("name eq x and gender eq male or active eq true", "invalid", "parentheses"),
        ("name gt x", "not-supported", "compared by 'gt'; it is by co, eq, ew, ne, pr, sw"),
        ("name frob x", "not-supported", "'frob'"),
        ("famly eq x", "not-supported", "did you mean: family"),
        ("gender.name eq x", "invalid", "is no reference"),
        ("name:exact eq x", "not-supported", "does not take 'exact:equals'"),
        ("birthdate ge soon", "invalid", "is not a date"),
        ("birthdate pr perhaps", "invalid", "true or false"),
        ("link[type eq x].other pr true", "not-supported", "brackets"),
        ("(" * (MAX_NESTED + 2) + "name eq x" + ")" * (MAX_NESTED + 2), "too-costly", "levels"),
        (" and ".join(["name eq x"] * (MAX_COMPARISONS + 1)), "too-costly", "comparisons"),
    ],
)
def test_refusals(text: str, kind: str, words: str) -> None:
    with pytest.raises(Problem) as refused:
        filter_of(registry(), "Patient", text)
    (issue,) = refused.value.issues
    assert (issue.kind, issue.at) == (kind, ("http._filter",))
    assert words in issue.text and issue.fr != issue.text


def test_plain_searches_do_not_take_its_operators() -> None:
    for name in ("name:equals", "name:ends", "birthdate:overlaps"):
        with pytest.raises(Problem) as refused:
            parse("Patient", [(name, "2000")], registry=registry())
        assert refused.value.kind == "not-supported"


_WORDS = st.sampled_from(
    [
        "name",
        "gender",
        "eq",
        "ne",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        '"x"',
        '"',
        "\\",
        "2000",
        ".",
        "pr",
        "é",
    ]
)


@settings(max_examples=200)
@given(st.lists(_WORDS, max_size=30).map(" ".join) | st.text(max_size=60))
def test_only_problems(text: str) -> None:
    try:
        assert filter_of(registry(), "Patient", text)
    except Problem as refused:
        assert refused.issues[0].at == ("http._filter",)
