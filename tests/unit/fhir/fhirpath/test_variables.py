"""`defineVariable()`: what a variable holds, where it is seen, what is refused."""

from typing import Any

import pytest

from aubier.fhir.fhirpath import compile, source
from aubier.ground.problem import Problem

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "name": [{"use": "usual", "given": ["A", "B"]}, {"use": "old", "given": ["C"], "family": "F"}],
    "contact": [{"name": {"text": "x"}, "gender": "male"}, {"name": {"text": "y"}, "gender": "female"}],
}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("defineVariable('v', 'one').select(%v)", ["one"]),
        ("defineVariable('n', name.first()).select(%n.given)", ["A", "B"]),
        ("defineVariable('n', name.first()).active", [True]),
        ("name.defineVariable('last', skip(1).first()).select(%last.family)", ["F", "F"]),
        ("name.defineVariable('all').select(%all.count())", [2, 2]),
        ("name.defineVariable('n', $this.count() + 1).first().select(%n)", [3]),
        ("contact.select(defineVariable('c').name.select(%c.gender & '-' & text))", ["male-x", "female-y"]),
        ("name.where(use = 'old').defineVariable('v', given).given.where($this = %v)", ["C"]),
        ("name.defineVariable('a', 'x').defineVariable('b', %a + 'y').first().select(%b)", ["xy"]),
        ("defineVariable('v', 1).select(%v) | defineVariable('v', 2).select(%v)", [1, 2]),
        ("defineVariable('v', 1).name[%v].family", ["F"]),
        ("defineVariable('v', 1).exists() and defineVariable('v', 2).select(-%v = -2)", [True]),
        ("defineVariable('d', iif(active, 'x', 'y')).select(%d)", ["x"]),
        ("name.defineVariable('f', Patient.active).count()", [2]),
        ("contact.select(name.select(text.select(defineVariable('t').select(%t & %t))))", ["xx", "yy"]),
    ],
)
def test_what_follows_sees_what_it_holds(expression: str, found: list[Any]) -> None:
    assert compile(expression, "Patient")(PATIENT) == found


@pytest.mark.parametrize(
    "expression",
    [
        "defineVariable('a', 1).active | select(%a)",
        "name.select(defineVariable('a', 1).given).select(%a)",
        "name.where(defineVariable('a', 1).exists()).select(%a)",
        "defineVariable('a', %a).active",
        "select(%a)",
        "defineVariable('a', 1).defineVariable('a', 2).active",
        "defineVariable('context', 1)",
        "defineVariable('vs-x', 1)",
        "defineVariable('given', 1)",
        "defineVariable(name, 1)",
        "defineVariable()",
        "defineVariable('a', 1, 2)",
    ],
)
def test_what_stands_beside_does_not_and_a_name_is_taken_once(expression: str) -> None:
    with pytest.raises(Problem) as refused:
        compile(expression, "Patient", constants=frozenset({"given"}))
    assert refused.value.issues[0].fr and "column" in refused.value.issues[0].text


def test_search_takes_none_and_many_are_bounded() -> None:
    with pytest.raises(Problem, match="not for search"):
        source("defineVariable('a', name).active", "Patient", indexing=True)
    many = "".join(f".defineVariable('v{n}', name)" for n in range(40))
    assert compile(f"Patient{many}.select(%v39.family)", "Patient")(PATIENT) == ["F"]
