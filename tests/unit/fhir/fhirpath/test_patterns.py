"""Regular expressions: what they match, what is refused, and that none runs for ever."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.fhir.fhirpath.evaluation.run import NOWHERE, Run
from aubier.fhir.fhirpath.patterns import pattern
from aubier.ground.problem import Problem


def matches(regex, text, *, whole=False):
    return pattern(regex).matches(text, whole=whole, charge=lambda _: None)


def replaced(regex, text, by):
    return pattern(regex).replaced(text, by, charge=lambda _: None)


@pytest.mark.parametrize(
    ("regex", "text", "somewhere", "whole"),
    [
        ("b+", "abbc", True, False),
        ("ab*c", "abbbc", True, True),
        ("^b", "ab", False, False),
        ("a$", "ba", True, False),
        ("a|bc", "bc", True, True),
        ("a|ab", "ab", True, True),
        ("a??b", "ab", True, True),
        ("(?:ab){2}", "abab", True, True),
        ("(?:ab){2,}", "ab", False, False),
        ("a{1,3}", "aaaa", True, False),
        ("a{,3}", "a{,3}", True, True),
        ("[a-c]+", "cab", True, True),
        ("[^a-c]", "abc", False, False),
        ("[]x]+", "x]", True, True),
        ("[a\\-z]+", "-", True, True),
        ("[\\w.]+@[\\w.]+", "a.b@c.fr", True, True),
        ("\\d{4}-\\d\\d", "2020-01", True, True),
        ("\\D\\S\\W", "ab!", True, True),
        ("\\bon\\b", "go on", True, False),
        ("\\Bn", "on", True, False),
        (".", "\n", True, True),
        ("\\u00e9\\x41\\x{1F600}", "éA😀", True, True),
        ("\\p{L}+\\P{L}", "été!", True, True),
        ("\\p{Lu}", "é", False, False),
        ("(?i)ÉTé[a-c]", "étÉB", True, True),
        ("(?<year>\\d+)", "in 2020", True, False),
        ("", "", True, True),
        ("(a*)*", "b", True, False),
        ("(a|b|)*c", "abac", True, True),
        ("\\.\\*\\n", ".*\n", True, True),
    ],
)
def test_matches(regex, text, somewhere, whole):
    assert matches(regex, text) is somewhere
    assert matches(regex, text, whole=True) is whole


@pytest.mark.parametrize(
    ("regex", "text", "by", "made"),
    [
        ("b", "abcb", "X", "aXcX"),
        ("a*", "baac", "-", "-b--c-"),
        ("(\\w)(\\d)", "a1 b2", "$2$1", "1a 2b"),
        ("(?<d>\\d)/(?<m>\\d)", "1/2", "${m}-${d}", "2-1"),
        ("(a)|(b)", "ab", "[$1|$2]", "[a|][|b]"),
        ("a+?", "aaa", "x", "xxx"),
        ("a+", "aaa", "x", "x"),
        ("a|ab", "ab", "x", "xb"),
        ("a", "a", "\\$1", "$1"),
        ("z", "abc", "x", "abc"),
    ],
)
def test_replaced(regex, text, by, made):
    assert replaced(regex, text, by) == made


@pytest.mark.parametrize(
    ("regex", "kind"),
    [
        ("(a", "invalid"),
        ("a)", "invalid"),
        ("[a", "invalid"),
        ("*", "invalid"),
        ("a{3,2}", "invalid"),
        ("a{2000}", "invalid"),
        ("[z-a]", "invalid"),
        ("\\q", "invalid"),
        ("\\", "invalid"),
        ("(" * 50 + ")" * 50, "invalid"),
        ("(a)\\1", "not-supported"),
        ("\\k<n>", "not-supported"),
        ("(?=a)", "not-supported"),
        ("(?<!a)", "not-supported"),
        ("(?>a)", "not-supported"),
        ("a++", "not-supported"),
        ("((a{100}){100}){100}", "too-costly"),
        ("a" * 2001, "too-costly"),
    ],
)
def test_refusals(regex, kind):
    with pytest.raises(Problem) as refused:
        pattern(regex)
    assert refused.value.kind == kind
    assert refused.value.issues[0].fr


def test_a_group_that_is_not_there():
    with pytest.raises(Problem, match="there is no group 2"):
        replaced("(a)", "a", "$2")


@pytest.mark.parametrize(
    "regex",
    ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*a){12}b", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "a*a*a*a*a*b"],
)
def test_work_grows_with_the_text_only(regex):
    """Each doubling of the text doubles the work counted: patterns that make others run for ever."""
    work = []
    for length in (100, 200, 400):
        run = Run({}, NOWHERE)
        pattern(regex).matches("a" * length + "!", whole=False, charge=run.charge)
        work.append(NOWHERE.budget - run.left)
    assert work[1] < 2.2 * work[0] and work[2] < 2.2 * work[1]


_PIECES = st.recursive(
    st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "\\d", "\\w", "^", "$", "1"]),
    lambda inner: (
        st.builds("{}{}".format, inner, inner)
        | st.builds("({}|{})".format, inner, inner)
        | st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "*?", "+?", "{2}", "{0,2}"]))
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(_PIECES, st.text(alphabet="abc1", max_size=8))
def test_as_another_engine_matches(regex, text):
    assert matches(regex, text, whole=True) is bool(re.compile(f"(?s:{regex})").fullmatch(text))
    assert matches(regex, text) is bool(re.compile(f"(?s:{regex})").search(text))


@settings(max_examples=300)
@given(
    st.text(alphabet="ab()[]{}|*+?.\\^$-,0123<>:=!dpwLkxu", max_size=20),
    st.text(alphabet="ab0\n", max_size=6),
)
def test_any_text_is_a_pattern_or_refused(regex, text):
    try:
        assert matches(regex, text) in (True, False)
    except Problem as refused:
        assert refused.issues[0].text and refused.issues[0].fr
