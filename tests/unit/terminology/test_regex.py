"""The regular expressions of filters: what they match, what is refused, and that they end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.terminology.meaning import regex
from aubier.terminology.meaning.concepts import Concept
from aubier.terminology.meaning.predicates import Like, holds


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("a.c", "axc", True),
        ("a.c", "a\nc", False),
        ("^a|b$", "b", True),
        ("[A-C]+[^x-z]", "ABq", True),
        ("[A-C]+[^x-z]", "ABx", False),
        (r"\d{2,3}", "1234", False),
        (r"\d{2,}", "1234", True),
        (r"[\w-]{3}", "a-1", True),
        (r"\S+\.\D", "a.b", True),
        ("(?:ab)*", "", True),
        (r"[^ \f\v]{2}", "a\fb", False),
        (r"[^ \f\v]{2}", "ab", True),
        ("[]a]", "]", True),
        ("a?b+", "bbb", True),
    ],
)
def test_what_a_pattern_matches(pattern: str, text: str, expected: bool) -> None:
    assert regex.matches(regex.parse(pattern), text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a**",
        "[b-a]",
        "[a",
        r"(a)\1",
        "(?=a)",
        "a{3,2}",
        "a{999}",
        "(a{3}){3}",
        "\\",
        "(" * 30 + ")" * 30,
    ],
)
def test_what_is_refused_says_where(pattern: str) -> None:
    with pytest.raises(Problem) as refused:
        regex.parse(pattern, "ValueSet.compose.include[0].filter[0].value")
    assert refused.value.issues[0].at == ("ValueSet.compose.include[0].filter[0].value",)
    assert refused.value.kind == "value"


def test_a_pattern_too_long_is_refused() -> None:
    with pytest.raises(Problem, match="at most"):
        regex.parse("a" * 501)


def test_a_pattern_that_never_ends_elsewhere_ends_here() -> None:
    assert not regex.matches(regex.parse("(a+)+(a|aa)*b"), "a" * 2000)


PIECES = st.sampled_from(["a", "b", "1", ".", "[ab]", "[^a]", r"\d", r"\w", "(?:ab)", "(a|b1)", r"\."])
PATTERNS = st.lists(
    st.tuples(PIECES, st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}"])).map("".join), max_size=5
).map("".join)


@given(PATTERNS, st.text("ab1.é", max_size=8))
def test_it_answers_as_another_engine_does(pattern: str, text: str) -> None:
    assert regex.matches(regex.parse(pattern), text) is bool(re.fullmatch(pattern, text, re.ASCII))


@given(PATTERNS, st.text("ab1.é", max_size=8))
def test_what_is_written_means_the_same(pattern: str, text: str) -> None:
    tree = regex.parse(pattern)
    assert bool(re.search(regex.written(tree), text)) is regex.matches(tree, text)


def test_work_is_bounded_for_all_texts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "WORK", 1_000)
    one = Like("display", regex.parse("a*b"))
    assert not holds(one, Concept("x", "a" * 200))
    with pytest.raises(Problem) as refused:
        for _ in range(10):
            holds(one, Concept("x", "a" * 200))
    assert refused.value.kind == "too-costly"
    assert not holds(Like("display", regex.parse("a*b")), Concept("x", "a" * 200))
