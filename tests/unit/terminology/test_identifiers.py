"""Codes with a check digit: slips of the hand are told, what may be a code is let through."""

import pytest

from aubier.terminology.grammars import impossible
from aubier.terminology.grammars.identifiers import LOINC, SNOMED
from aubier.validation.profiles import AtHand, Coded, Library
from aubier.validation.walks import validated

CONCEPTS = ["138875005", "386725007", "73211009", "900000000000207008", "999000041000000102"]
NUMBERS = ["8310-5", "8480-6", "85354-9", "104207-6", "11502-2", "2339-0"]


@pytest.mark.parametrize("code", CONCEPTS)
def test_concepts_and_each_of_their_digits(code: str) -> None:
    assert impossible(SNOMED, code) is None
    for place in range(len(code)):
        other = code[:place] + str((int(code[place]) + 1) % 10) + code[place + 1 :]
        assert impossible(SNOMED, other) is not None, other
    for place in range(len(code) - 1):
        turned = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        assert turned == code or impossible(SNOMED, turned) is not None, turned


@pytest.mark.parametrize("code", NUMBERS)
def test_numbers_and_each_of_their_digits(code: str) -> None:
    assert impossible(LOINC, code) is None
    for place, digit in enumerate(code):
        if digit != "-":
            other = code[:place] + str((int(digit) + 1) % 10) + code[place + 1 :]
            assert impossible(LOINC, other) is not None, other


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (SNOMED, "71341001:272741003=7771000"),
        (SNOMED, "<<<73211009|Diabetes|"),
        (LOINC, "LA6576-8"),
        (LOINC, "LP7787-7"),
        (LOINC, "LL1162-8"),
        ("http://example.org/own", "x"),
    ],
)
def test_what_may_be_a_code_is_let_through(system: str, code: str) -> None:
    assert impossible(system, code) is None


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (SNOMED, "1"),
        (SNOMED, "386725007x"),
        (SNOMED, "0386725007"),
        (SNOMED, "751689013"),  # a description, by its digits
        (SNOMED, "3" * 19),
        (LOINC, "8310"),
        (LOINC, "weight"),
        (LOINC, ""),
    ],
)
def test_what_is_none_is_told_in_both_languages(system: str, code: str) -> None:
    why = impossible(system, code)
    assert why is not None and why[0] and why[1] and why[0] != why[1]


@pytest.mark.parametrize(("code", "right"), [("386725007", True), ("386725070", False)])
async def test_without_a_store(code: str, right: bool) -> None:
    assert await AtHand().members([("", Coded(code, SNOMED))]) == [None if right else False]
    coded = {"coding": [{"system": SNOMED, "code": code}]}
    found = await validated({"resourceType": "Basic", "code": coded}, [], Library(), AtHand())
    told = [i.at[0] for i in found if i.severity == "error"]
    assert told == ([] if right else ["Basic.code.coding[0].code"])


async def test_a_value_set_lists_codes_of_its_system() -> None:
    rows = [{"code": "386725007"}, {"code": "2"}]
    resource = {
        "resourceType": "ValueSet",
        "status": "draft",
        "url": "http://example.org/vs",
        "compose": {"include": [{"system": SNOMED, "concept": rows}]},
    }
    found = await validated(resource, [], Library(), AtHand())
    assert [i.at[0] for i in found if i.severity == "error"] == [
        "ValueSet.compose.include[0].concept[1].code"
    ]
