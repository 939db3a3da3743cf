"""A response held against its form: each rule of an item, each place, what is enabled, what is bounded."""

import json
from decimal import Decimal
from typing import Any

import pytest

from aubier.validation.forms import form_faults, held, wanted_forms
from aubier.validation.forms import response as walking
from aubier.validation.forms.values import MEGABYTE
from aubier.validation.profiles.questions import Coded

CORE = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
UCUM = "http://unitsofmeasure.org"
RED, BLUE = {"system": "urn:colours", "code": "red"}, {"system": "urn:colours", "code": "blue"}


def form(*items: dict[str, Any]) -> dict[str, Any]:
    """A Questionnaire with these items."""
    return {"resourceType": "Questionnaire", "status": "active", "item": list(items)}


def ask(type: str, link: str = "q", *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An item; `ext` is a table of its extensions, by the end of their URL."""
    ext = [{"url": f"{SDC if 'Quantity' in k else CORE}{k}", **v} for k, v in more.pop("ext", {}).items()]
    below = ({"extension": ext} if ext else {}) | ({"item": list(items)} if items else {})
    return {"linkId": link, "type": type, **below, **more}


def said(*answers: dict[str, Any], link: str = "q", **more: Any) -> dict[str, Any]:
    """An item of a response."""
    return {"linkId": link, **({"answer": list(answers)} if answers else {}), **more}


def faults(
    asked: dict[str, Any], *items: dict[str, Any], status: str = "completed"
) -> list[tuple[str, str, str]]:
    """Kind, place and text of each fault."""
    answer = {"resourceType": "QuestionnaireResponse", "status": status, "item": list(items)}
    found = held(answer, asked).issues
    assert all(i.fr and i.fr != i.text for i in found)
    return [(i.kind, i.at[0].removeprefix("QuestionnaireResponse."), i.text) for i in found]


def options(*values: dict[str, Any]) -> dict[str, Any]:
    """Options of a choice."""
    return {"answerOption": list(values)}


GOOD: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "boolean": (ask("boolean"), [{"valueBoolean": False}]),
    "url": (ask("url"), [{"valueUri": "https://example.org"}]),
    "text": (ask("text", maxLength=4), [{"valueString": "four"}]),
    "choice": (ask("choice", **options({"valueCoding": RED})), [{"valueCoding": RED | {"display": "Red"}}]),
    "number": (ask("choice", **options({"valueInteger": 3})), [{"valueInteger": 3}]),
    "open": (ask("open-choice", **options({"valueCoding": RED})), [{"valueString": "reddish"}]),
    "repeats": (ask("string", repeats=True), [{"valueString": "a"}, {"valueString": "b"}]),
    "edge": (ask("date", ext={"minValue": {"valueDate": "2020"}}), [{"valueDate": "2020-05"}]),
    "units": (
        ask("quantity", ext={"maxQuantity": {"valueQuantity": {"value": 5, "system": UCUM, "code": "km"}}}),
        [{"valueQuantity": {"value": 4000, "system": UCUM, "code": "m"}}],
    ),
    "regex": (ask("string", ext={"regex": {"valueString": "[A-Z]{2}"}}), [{"valueString": "FR"}]),
    "reference": (
        ask("reference", ext={"questionnaire-referenceResource": {"valueCode": "Patient"}}),
        [{"valueReference": {"reference": "Patient/1"}}],
    ),
    "size": (
        ask("attachment", ext={"maxSize": {"valueDecimal": 1}}),
        [{"valueAttachment": {"size": MEGABYTE}}],
    ),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_a_good_answer_passes(name: str) -> None:
    asked, answers = GOOD[name]
    assert faults(form(asked), said(*answers)) == []


BAD: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "type": (ask("boolean"), [{"valueString": "yes"}], "takes boolean, not string"),
    "text": (ask("choice", **options({"valueCoding": RED})), [{"valueString": "red"}], "not string"),
    "option": (ask("choice", **options({"valueCoding": RED})), [{"valueCoding": BLUE}], "is not offered"),
    "integer": (ask("choice", **options({"valueInteger": 3})), [{"valueInteger": 4}], "4 is not offered"),
    "twice": (ask("string"), [{"valueString": "a"}, {"valueString": "b"}], "at most 1"),
    "most": (
        ask("string", repeats=True, ext={"questionnaire-maxOccurs": {"valueInteger": 1}}),
        [{"valueString": "a"}, {"valueString": "b"}],
        "at most 1",
    ),
    "below": (
        ask("integer", ext={"minValue": {"valueInteger": 20}}),
        [{"valueInteger": 5}],
        "below the least",
    ),
    "above": (
        ask("date", ext={"maxValue": {"valueDate": "2020"}}),
        [{"valueDate": "2021-01"}],
        "above the most",
    ),
    "metres": (
        ask("quantity", ext={"maxQuantity": {"valueQuantity": {"value": 5, "system": UCUM, "code": "km"}}}),
        [{"valueQuantity": {"value": 10000, "unit": "m", "system": UCUM, "code": "m"}}],
        "10000 m is above",
    ),
    "unlike": (
        ask("quantity", ext={"minQuantity": {"valueQuantity": {"value": 5, "system": UCUM, "code": "km"}}}),
        [{"valueQuantity": {"value": 9, "system": UCUM, "code": "kg"}}],
        "cannot be compared",
    ),
    "words": (
        ask("quantity", ext={"minQuantity": {"valueQuantity": {"value": 5, "unit": "Kg"}}}),
        [{"valueQuantity": {"value": 9, "unit": "Kg"}}],
        "cannot be compared",
    ),
    "unit": (
        ask("quantity", ext={"questionnaire-unitOption": {"valueCoding": {"system": UCUM, "code": "km"}}}),
        [{"valueQuantity": {"value": 9, "system": UCUM, "code": "kg"}}],
        '"kg" is not offered',
    ),
    "digits": (
        ask("decimal", ext={"maxDecimalPlaces": {"valueInteger": 2}}),
        [{"valueDecimal": Decimal("1.234")}],
        "3 decimal places",
    ),
    "short": (ask("string", ext={"minLength": {"valueInteger": 3}}), [{"valueString": "ab"}], "at least 3"),
    "long": (ask("string", maxLength=1), [{"valueString": "ab"}], "at most 1"),
    "regex": (ask("string", ext={"regex": {"valueString": "[A-Z]{2}"}}), [{"valueString": "fr"}], "the form"),
    "mime": (
        ask("attachment", ext={"mimeType": {"valueCode": "image/gif"}}),
        [{"valueAttachment": {"contentType": "image/png"}}],
        "image/png",
    ),
    "large": (
        ask("attachment", ext={"maxSize": {"valueDecimal": 1}}),
        [{"valueAttachment": {"size": MEGABYTE + 1}}],
        "at most 1 MB",
    ),
    "reference": (
        ask("reference", ext={"questionnaire-referenceResource": {"valueCode": "Patient"}}),
        [{"valueReference": {"reference": "Organization/1"}}],
        '"Organization" is not offered',
    ),
    "display": (ask("display"), [{"valueString": "x"}], "takes no answer"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_answer_is_told_where_it_stands(name: str) -> None:
    asked, answers, text = BAD[name]
    found = faults(form(asked), said(*answers))
    assert len(found) == 1 and text in found[0][2] and found[0][1].startswith("item[0]")


def test_what_is_finished_must_be_whole_and_what_is_not_need_not() -> None:
    few = {"questionnaire-minOccurs": {"valueInteger": 2}}
    asked = form(
        ask("string", "name", required=True),
        ask("group", "more", ask("string", "nick", required=True), required=True),
        ask("string", "phone", ext=few, repeats=True),
    )
    given = [
        said(link="name"),
        said(link="more", item=[said(link="nick")]),
        said({"valueString": "1"}, link="phone"),
    ]
    told = [(kind, at) for kind, at, _ in faults(asked, *given)]
    assert told == [
        ("required", "item[0]"),
        ("required", "item[1]"),
        ("required", "item[1].item[0]"),
        ("required", "item[2]"),
    ]
    assert faults(asked, *given, status="in-progress") == []


def test_items_stand_where_the_form_has_them() -> None:
    asked = form(ask("group", "g", ask("string", "in")), ask("string", "top", ask("string", "below")))
    good = said(item=[said({"valueString": "x"}, link="in")], link="g")
    nested = said({"valueString": "x", "item": [said({"valueString": "y"}, link="below")]}, link="top")
    assert faults(asked, good, nested) == []
    told = faults(asked, said({"valueString": "x"}, link="in"), said(link="nowhere"), good, good)
    assert [(kind, at) for kind, at, _ in told] == [
        ("structure", "item[0].linkId"),
        ("not-found", "item[1].linkId"),
        ("structure", "item[3]"),
    ]
    beside = said({"valueString": "x"}, link="top", item=[said({"valueString": "y"}, link="below")])
    assert [at for _, at, _ in faults(asked, beside)] == ["item[0].item"]


def test_an_exclusive_option_stands_alone() -> None:
    only = {"extension": [{"url": f"{CORE}questionnaire-optionExclusive", "valueBoolean": True}]}
    asked = form(ask("choice", repeats=True, **options({"valueCoding": RED}, {"valueCoding": BLUE, **only})))
    assert faults(asked, said({"valueCoding": BLUE})) == []
    told = faults(asked, said({"valueCoding": RED}, {"valueCoding": BLUE}))
    assert [at for _, at, _ in told] == ["item[0].answer[1]"]


@pytest.mark.parametrize(
    ("when", "given", "holds"),
    [
        ({"operator": "exists", "answerBoolean": True}, {"valueInteger": 1}, True),
        ({"operator": "exists", "answerBoolean": False}, {"valueInteger": 1}, False),
        ({"operator": "=", "answerInteger": 1}, {"valueInteger": 1}, True),
        ({"operator": "!=", "answerInteger": 1}, {"valueInteger": 1}, False),
        ({"operator": ">", "answerDecimal": Decimal("1.5")}, {"valueInteger": 2}, True),
        ({"operator": "<=", "answerDate": "2020-01-01"}, {"valueDate": "2020-01-02"}, False),
        ({"operator": "=", "answerCoding": RED}, {"valueCoding": RED | {"display": "Rouge"}}, True),
        ({"operator": "=", "answerCoding": RED}, {"valueCoding": BLUE}, False),
        (
            {"operator": "<", "answerQuantity": {"value": 2, "system": UCUM, "code": "km"}},
            {"valueQuantity": {"value": 900, "system": UCUM, "code": "m"}},
            True,
        ),
    ],
    ids=["exists", "absent", "same", "other", "more", "later", "code", "not-code", "nearer"],
)
def test_conditions_enable_items(when: dict[str, Any], given: dict[str, Any], holds: bool) -> None:
    kind = next(k for k in given)[5:].lower().replace("coding", "choice")
    asked = form(
        ask(
            kind,
            "first",
            **(options({"valueCoding": RED}, {"valueCoding": BLUE}) if kind == "choice" else {}),
        ),
        ask("string", "then", required=True, enableWhen=[{"question": "first", **when}]),
    )
    silent = faults(asked, said(given, link="first"))
    spoken = faults(asked, said(given, link="first"), said({"valueString": "x"}, link="then"))
    assert ([k for k, _, _ in silent], [k for k, _, _ in spoken]) == (
        (["required"], []) if holds else ([], ["business-rule"])
    )


@pytest.mark.parametrize(("given", "holds"), [((), True), ((1,), False), ((1, 2), False), ((2, 3), True)])
def test_another_answer_is_one_that_nobody_gave(given: tuple[int, ...], holds: bool) -> None:
    when = {"question": "first", "operator": "!=", "answerInteger": 1}
    asked = form(ask("integer", "first", repeats=True), ask("string", "then", enableWhen=[when]))
    answers = [said(*({"valueInteger": n} for n in given), link="first")] if given else []
    told = faults(asked, *answers, said({"valueString": "x"}, link="then"))
    assert [kind for kind, _, _ in told] == ([] if holds else ["business-rule"])


def test_any_or_all_conditions_and_the_answer_of_the_same_group() -> None:
    both = [{"question": q, "operator": "=", "answerBoolean": True} for q in ("a", "b")]
    for behaviour, told in (("any", 0), ("all", 1)):
        asked = form(
            ask("boolean", "a"),
            ask("boolean", "b"),
            ask("string", "c", enableWhen=both, enableBehavior=behaviour),
        )
        given = [said({"valueBoolean": v}, link=q) for q, v in (("a", True), ("b", False))]
        assert len(faults(asked, *given, said({"valueString": "x"}, link="c"))) == told
    when = {"question": "smokes", "operator": "=", "answerBoolean": True}
    each = form(
        ask("group", "g", ask("boolean", "smokes"), ask("integer", "packs", enableWhen=[when]), repeats=True)
    )
    groups = [
        said(
            link="g", item=[said({"valueBoolean": v}, link="smokes"), said({"valueInteger": 1}, link="packs")]
        )
        for v in (True, False)
    ]
    assert [at for _, at, _ in faults(each, *groups)] == ["item[1].item[1]"]


def test_codes_of_a_value_set_become_questions() -> None:
    asked = form(ask("choice", answerValueSet="http://example.org/vs"))
    found = held({"status": "completed", "item": [said({"valueCoding": RED})]}, asked)
    assert not found.issues
    assert [(q.path, q.strength, q.value_set, q.codings) for q in found.questions] == [
        (
            "QuestionnaireResponse.item[0].answer[0].value",
            "required",
            "http://example.org/vs",
            (Coded("red", "urn:colours"),),
        )
    ]


@pytest.mark.parametrize(
    ("unit", "coded"),
    [({"system": UCUM, "code": "kg"}, (Coded("kg", UCUM),)), ({"unit": "kilos"}, ()), ({}, ())],
)
def test_a_unit_of_a_value_set_is_asked_even_when_it_has_no_code(
    unit: dict[str, str], coded: tuple[Coded, ...]
) -> None:
    units = {"questionnaire-unitValueSet": {"valueCanonical": "http://example.org/units"}}
    item = said({"valueQuantity": {"value": 70, **unit}})
    found = held({"status": "completed", "item": [item]}, form(ask("quantity", ext=units)))
    assert [(q.value_set, q.codings) for q in found.questions] == [("http://example.org/units", coded)]


def test_an_expression_that_cannot_be_run_is_said_and_none_runs_for_ever() -> None:
    asked = form(ask("string", ext={"regex": {"valueString": "(?=x)"}}))
    found = held({"item": [said({"valueString": "x"})]}, asked).issues
    assert [(i.kind, i.severity) for i in found] == [("not-supported", "information")]
    slow = form(ask("string", ext={"regex": {"valueString": "(a+)+$"}}))
    assert faults(slow, said({"valueString": "a" * 2000 + "!"}))


def test_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST", 500)
    asked = form(ask("integer", "n", repeats=True), ask("string", "s"))
    found = held({"item": [said(*({"valueInteger": n} for n in range(1000)), link="n")]}, asked).issues
    assert found[-1].kind == "too-costly"
    asked["item"][0] |= {
        "repeats": True,
        "extension": [{"url": f"{CORE}x{n}", "valueCode": "a"} for n in range(50)],
    }
    found = held({"item": [said(*({"valueInteger": n} for n in range(20)), link="n")]}, asked).issues
    assert [i.kind for i in found] == ["too-costly"]


@pytest.mark.parametrize("odd", ["null", "[]", "[1]", "{}", '"x"', "[null]", "[[]]"])
def test_odd_shapes_are_borne(odd: str) -> None:
    value = json.loads(odd)
    asked = form(
        ask("string", "q", ask("string", "r"), answerOption=value, enableWhen=value, extension=value)
    )
    assert isinstance(faults(asked, said(link="q"), {"linkId": value, "answer": value, "item": value}), list)
    assert held({"item": value}, {"item": value}).questions == []


def test_conditions_name_a_question_outside() -> None:
    on = {"operator": "exists", "answerBoolean": True}
    asked = form(
        ask("group", "g", ask("string", "in"), enableWhen=[{"question": "in", **on}]),
        ask("string", "s", enableWhen=[{"question": "g", **on}, {"question": "gone", **on}]),
    )
    found = [(i.kind, i.at[0]) for i in form_faults(asked)]
    assert found == [
        ("business-rule", "Questionnaire.item[0].enableWhen[0].question"),
        ("not-found", "Questionnaire.item[1].enableWhen[1].question"),
    ]


def test_responses_are_found_wherever_they_stand() -> None:
    one = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    inside = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one}]}
    assert [place for place, _ in wanted_forms(one)] == ["QuestionnaireResponse"]
    assert [place for place, _ in wanted_forms(inside)] == ["Bundle.entry[0].resource"]


CONDITION = "%resource.item.where(linkId = 'c').answer.value"


@pytest.mark.parametrize(
    ("expression", "condition", "answered", "expected"),
    [
        (CONDITION, True, True, []),
        (CONDITION, True, False, ["required"]),
        (CONDITION, False, False, []),
        (CONDITION, False, True, ["business-rule"]),
        (f"{CONDITION}.not()", False, False, ["required"]),
        # Not to be told here: nothing is demanded, nothing refused, and that is said.
        (f"{CONDITION} and %age > 3", True, False, ["not-supported"]),
        ("%context.answer.exists()", True, True, ["not-supported"]),
        ("answer.exists()", True, False, ["not-supported"]),
    ],
)
def test_an_expression_enables_an_item(
    expression: str, condition: bool, answered: bool, expected: list[str]
) -> None:
    held_by = {"url": f"{SDC}enableWhenExpression"}
    held_by["valueExpression"] = {"language": "text/fhirpath", "expression": expression}
    asked = form(ask("boolean", "c"), {**ask("boolean", required=True), "extension": [held_by]})
    items = [said({"valueBoolean": condition}, link="c")]
    items += [said({"valueBoolean": True})] if answered else []
    assert [kind for kind, _, _ in faults(asked, *items)] == expected
