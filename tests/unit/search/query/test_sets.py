"""Sets of codes that a question names: which are needed, and what the query becomes with them."""

import pytest

from aubier.ground.problem import Problem
from aubier.search.model import CodeSet, Criterion, Has, Query, Value
from aubier.search.parameters import registry
from aubier.search.query import at_home, parse, sets_named, with_sets
from aubier.search.query.sets import MOST

PRESSURE = CodeSet("in", value_set="urn:vs")
CODES = [("urn:s", "a"), ("urn:s", "b")]


def ask(type: str, *pairs: tuple[str, str]) -> Query:
    return parse(type, pairs, registry=registry())


def only(query: Query) -> Criterion:
    (criterion,) = query.criteria
    assert isinstance(criterion, Criterion)
    return criterion


def test_a_query_without_sets_needs_none():
    query = ask("ValueSet", ("url:below", "urn:x"), ("status:not", "draft"))
    assert sets_named(query) == ()
    assert with_sets(query, {}) == query


@pytest.mark.parametrize("code", ["8867-4", "http://loinc.org|8867-4"])
def test_a_query_that_names_nothing_below_our_base_is_left_as_it_is(code: str) -> None:
    query = ask("Observation", ("patient", "1"), ("code", code))
    assert at_home(query, lambda url: url.removeprefix("http://here/")) is query
    asked = ask("Observation", ("patient", "http://here/Patient/1"))
    assert only(at_home(asked, lambda url: url.removeprefix("http://here/"))).values == (
        Value(text="Patient/1"),
    )


def test_sets_are_named_once_wherever_they_stand():
    query = ask(
        "Patient",
        ("_has:Observation:patient:code:in", "urn:vs"),
        ("_has:Observation:patient:code:not-in", "urn:vs"),
        ("general-practitioner:PractitionerRole.role:below", "urn:s|a,urn:s|b"),
        ("_tag:above", "urn:s|c"),
    )
    assert sets_named(query) == (
        PRESSURE,
        CodeSet("below", system="urn:s", code="a"),
        CodeSet("below", system="urn:s", code="b"),
        CodeSet("above", system="urn:s", code="c"),
    )


@pytest.mark.parametrize(("modifier", "left"), [("in", ""), ("not-in", "not")])
def test_the_codes_take_their_place(modifier: str, left: str) -> None:
    found = only(with_sets(ask("Observation", (f"code:{modifier}", "urn:vs")), {PRESSURE: CODES}))
    assert found.modifier == left
    assert found.values == tuple(Value(system=s, code=c) for s, c in CODES)


def test_inside_a_reverse_chain_too():
    query = with_sets(ask("Patient", ("_has:Observation:patient:code:in", "urn:vs")), {PRESSURE: CODES})
    (has,) = query.criteria
    assert isinstance(has, Has) and isinstance(has.criterion, Criterion)
    assert [v.code for v in has.criterion.values] == ["a", "b"]


def test_an_element_of_type_code_has_no_system():
    found = only(with_sets(ask("Observation", ("status:in", "urn:vs")), {PRESSURE: CODES}))
    assert found.values == (Value(code="a"), Value(code="b"))


def test_too_many_codes():
    query = ask("Observation", ("code:in", "urn:vs"))
    with pytest.raises(Problem) as refused:
        with_sets(query, {PRESSURE: [("urn:s", str(n)) for n in range(MOST + 1)]})
    assert refused.value.kind == "too-costly"
