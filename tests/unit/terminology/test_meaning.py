"""Concepts, conditions on them, and value sets as they are read."""

from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.terminology.meaning import predicates, value_set
from aubier.terminology.meaning.code_system import concepts_of
from aubier.terminology.meaning.concepts import Concept, Property, languages, named, words
from aubier.terminology.meaning.predicates import All, Among, AnyOf, Below, Has, Not, divided, holds, listing

ROSE = Concept(
    "rose",
    "Rose sauvage",
    parents=("plant",),
    lineage=frozenset({"rose", "plant"}),
    properties=(Property("status", "valueCode", "retired"), Property("kin", "valueCoding", {"code": "x"})),
    designations=({"language": "fr-FR", "value": "Églantier"}, {"language": "en", "value": "Dog rose"}),
)


def test_what_a_concept_says_of_itself() -> None:
    assert ROSE.inactive and not ROSE.abstract
    assert ROSE.texts("kin") == ["x"]
    assert ROSE.said(languages("de, fr;q=0.9, en;q=0.8")) == "Églantier"
    assert ROSE.said(()) == "Rose sauvage"


def test_words_are_folded_and_begin_words() -> None:
    assert words("L'Œil rouge (2)") == ["l", "oeil", "rouge", "2"]
    assert named(ROSE, words("eglan"))
    assert named(ROSE, words("dog ros"))
    assert not named(ROSE, words("glantier"))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (All(), True),
        (AnyOf(), False),
        (Below("plant"), True),
        (Below("rose", False), False),
        (Not(Has("status", ("retired",))), False),
        (Has("kin", ("x", "y")), True),
        (Has("colour"), False),
        (Has("parent", ("plant",)), True),
        (Among({"lily": None}), False),
    ],
)
def test_conditions(condition: predicates.Predicate, expected: bool) -> None:
    assert holds(condition, ROSE) is expected


def test_what_lists_its_codes_is_told_from_what_does_not() -> None:
    few, below = Among({"a": None, "b": None}), Below("plant")
    assert listing(All((below, few))) == ["a", "b"]
    assert listing(AnyOf((below, few))) is None
    listed, rest = divided(All((AnyOf((few, below)), Not(Below("x")))))
    assert listed is not None and listing(listed) == ["a", "b"]
    assert rest == All((AnyOf((below,)), Not(Below("x"))))


def test_a_list_too_long_for_the_database_is_refused() -> None:
    with pytest.raises(Problem, match="at most"):
        predicates.path(Not(Among(dict.fromkeys(map(str, range(6000))))))


def test_texts_of_a_path_are_quoted() -> None:
    assert predicates.path(Below('a"b\\')) == '($.line[*] == "a\\"b\\\\")'


def test_concepts_of_a_resource_know_their_parents() -> None:
    below = {"code": "c", "property": [{"code": "parent", "valueCode": "z"}]}
    rows = {"concept": [{"code": "a", "concept": [{"code": "b", "concept": [below]}]}, {"code": "d"}]}
    found = {c.code: c.parents for c in concepts_of(rows)}
    assert found == {"a": (), "b": ("a",), "c": ("b", "z"), "d": ()}


def test_a_value_set_that_is_only_an_expansion_is_that_list() -> None:
    contains = [
        {"system": "s", "code": "a", "contains": [{"system": "s", "code": "b"}]},
        {"system": "t", "code": "a"},
    ]
    found = value_set.read({"resourceType": "ValueSet", "expansion": {"contains": contains}})
    assert [(i.system, list(i.listed or ())) for i in found.includes] == [("s", ["a", "b"]), ("t", ["a"])]


@pytest.mark.parametrize(
    ("include", "place"),
    [
        ({}, "ValueSet.compose.include[0].system"),
        ({"system": "s", "filter": [{"property": "p", "op": "like", "value": "x"}]}, "include[0].filter[0]"),
    ],
)
def test_a_value_set_that_cannot_be_understood(include: dict[str, Any], place: str) -> None:
    with pytest.raises(Problem) as refused:
        value_set.read({"resourceType": "ValueSet", "compose": {"include": [include]}})
    assert place in refused.value.issues[0].at[0]
