"""A criterion that was read before is the same one, for the same parameters alone."""

from itertools import product

import pytest

from aubier.ground.problem import Problem
from aubier.search.model import Condition
from aubier.search.parameters import Registry, registry
from aubier.search.query import parse
from aubier.search.query import reader as reading


def criterion(known: Registry, kind: str, name: str, value: str) -> Condition:
    return parse(kind, [(name, value)], registry=known).criteria[0]


def test_what_was_read_is_not_read_again() -> None:
    known = Registry(registry().rows)
    first = criterion(known, "Observation", "code", "http://loinc.org|8867-4")
    assert criterion(known, "Observation", "code", "http://loinc.org|8867-4") is first
    other = Registry(registry().rows)
    again = criterion(other, "Observation", "code", "http://loinc.org|8867-4")
    assert again == first and again is not first


def test_type_name_and_value_are_told_apart() -> None:
    known = Registry(registry().rows)
    asked = list(
        product(("Observation", "Condition"), ("code", "code:not", "code:text"), ("a", "b", "A", "a,b"))
    )
    found = [criterion(known, *each) for each in asked * 2]
    assert found[: len(asked)] == found[len(asked) :]
    assert all(one != two for n, one in enumerate(found[: len(asked)]) for two in found[:n])


def test_a_refusal_is_told_each_time() -> None:
    known = Registry(registry().rows)
    for _ in range(2):
        with pytest.raises(Problem) as refusal:
            parse("Observation", [("date", "soon")], registry=known)
        assert refusal.value.issues[0].at == ("http.date",)


def test_what_is_remembered_is_bounded() -> None:
    known = Registry(registry().rows)
    for n in range(5_000):
        criterion(known, "Observation", "code", f"c{n}")
    kept = reading._READ[known]
    assert 0 < kept.held <= reading._BYTES
