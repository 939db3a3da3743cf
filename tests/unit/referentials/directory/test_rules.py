"""National identifiers: prefixes, keys, policies."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.referentials.directory import api, rules
from tests.where import SHARED

digits = st.text("0123456789", min_size=1, max_size=20)


@given(digits)
def test_luhn_key_passes_and_any_other_does_not(text: str) -> None:
    key = rules.luhn_key(text)
    assert [d for d in "0123456789" if rules.luhn(text + d)] == [key]


@given(digits, st.data())
def test_luhn_sees_one_wrong_digit(text: str, data: st.DataObject) -> None:
    right = text + rules.luhn_key(text)
    place = data.draw(st.integers(0, len(right) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != right[place]]))
    assert not rules.luhn(right[:place] + digit + right[place + 1 :])


@pytest.mark.parametrize("text", ["", "12a4", "１２３", "²", " 18"])
def test_luhn_of_what_is_no_number(text: str) -> None:
    assert rules.luhn(text) is (text == "") or not rules.luhn(text)


@pytest.mark.parametrize("value", ["580008803", "950046227", "950047225", "2A0000154", "2B1234567"])
def test_finess_right(value: str) -> None:
    assert rules.is_finess(value)


@pytest.mark.parametrize(
    "value", ["580008804", "58000880", "5800088033", "2C0000154", "A80008803", "", "58 008803"]
)
def test_finess_wrong(value: str) -> None:
    assert not rules.is_finess(value)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("26250462400012", True),
        ("26250462400013", False),
        ("35600000000048", True),
        ("35600000009075", True),  # La Poste: not Luhn, digits sum to a multiple of five
        ("35600000009076", False),
        ("2625046240001", False),
    ],
)
def test_siret(value: str, right: bool) -> None:
    assert rules.is_siret(value) is right


@pytest.mark.parametrize(
    ("value", "kind", "number", "local", "right"),
    [
        ("810100271385", "RPPS", "10100271385", "", True),
        ("810100271386", "RPPS", "10100271386", "", False),
        ("81010027138", "RPPS", "1010027138", "", False),
        ("810100271385/1", "RPPS", "10100271385", "1", False),
        ("0299312345", "ADELI", "299312345", "", True),
        ("02A9312345", "ADELI", "2A9312345", "", True),
        ("029931234", "ADELI", "29931234", "", False),
        ("3750100125/1453", "FINESS", "750100125", "1453", True),
        ("3750100126/1453", "FINESS", "750100126", "1453", False),
        ("3750100125", "FINESS", "750100125", "", False),
        ("526250462400012/A-1", "SIRET", "26250462400012", "A-1", True),
        ("4262504624/7", "SIREN", "262504624", "7", True),
        ("610000000009/2", "RPPS-CABINET", "10000000009", "2", True),
        ("1299312345/2", "ADELI-CABINET", "299312345", "2", True),
    ],
)
def test_idnps_by_prefix(value: str, kind: str, number: str, local: str, right: bool) -> None:
    assert rules.parse_idnps(value) == rules.Idnps(kind, number, local)
    assert rules.idnps_is_right(value) is right


@pytest.mark.parametrize("value", ["", "2123", "7123", "9", "x10100271385"])
def test_idnps_of_unknown_prefix(value: str) -> None:
    assert rules.parse_idnps(value) is None and not rules.idnps_is_right(value)


@pytest.mark.parametrize(
    ("value", "kind", "right"),
    [
        ("1580008803", "FINESS", True),
        ("1580008804", "FINESS", False),
        ("2262504624", "SIREN", True),
        ("326250462400012", "SIRET", True),
        ("410005531586003", "RPPS-RANG", True),
        ("0123456", "ADELI-RANG", True),
        ("4", "RPPS-RANG", False),
    ],
)
def test_idnst_by_prefix(value: str, kind: str, right: bool) -> None:
    assert rules.parse_idnst(value) == rules.Idnst(kind, value[1:])
    assert rules.idnst_is_right(value) is right


@given(st.text(max_size=30))
def test_any_text_gets_an_answer(text: str) -> None:
    answers = (
        rules.idnps_is_right(text),
        rules.idnst_is_right(text),
        rules.is_siret(text),
        rules.is_adeli(text),
    )
    assert all(isinstance(answer, bool) for answer in answers)


def identifier(system: str, value: str, code: str = "") -> Resource:
    typed = {"type": {"coding": [{"code": code}]}} if code else {}
    return {"system": system, "value": value, **typed}


@pytest.mark.parametrize(
    ("given_identifier", "kind"),
    [
        (identifier(rules.IDNPS, "8"), "IDNPS"),
        (identifier(rules.IDNST, "1"), "IDNST"),
        (identifier(rules.RPPS, "10100271385", "RPPS"), "RPPS"),
        (identifier(rules.RPPS, "1010399870"), ""),  # a situation bears the same system
        (identifier(rules.FINESS, "580008803", "FINEJ"), "FINEJ"),
        (identifier(rules.FINESS, "580008803"), "FINEG"),
        (identifier(rules.SIRENE, "26250462400012"), "SIRET"),
        (identifier(rules.SIRENE, "262504624"), "SIREN"),
        (identifier("https://hospital.example", "1", "IDNPS"), ""),
        ({}, ""),
    ],
)
def test_kinds(given_identifier: Resource, kind: str) -> None:
    assert rules.kind_of(given_identifier) == kind


@pytest.mark.parametrize(("policy", "severity"), [("strict", "error"), ("warn", "warning")])
def test_the_policy_is_the_severity(policy: rules.Policy, severity: str) -> None:
    issues = api.check_identifier(
        identifier(rules.IDNPS, "810003461033"), policy, at="Practitioner.identifier[0]"
    )
    assert [(i.severity, i.at) for i in issues] == [(severity, ("Practitioner.identifier[0].value",))]
    assert "810003461033" in issues[0].text and "juste" in issues[0].fr and issues[0].rule == rules.IDNPS_RULE


def published(kind: str) -> list[Resource]:
    folder = SHARED / "fixtures/annuaire-1.2.0-snapshot/examples"
    return [json.loads(p.read_text()) for p in sorted(folder.glob(f"{kind}-*.json"))]


def test_published_examples_pass_with_warnings_and_not_strictly() -> None:
    resources = [*published("Practitioner"), *published("PractitionerRole"), *published("Organization")]
    assert len(resources) >= 11
    warned = [r["id"] for r in resources if api.check_identifiers(r, "warn")]
    refused = []
    for one in resources:
        try:
            api.check_identifiers(one, "strict")
        except Problem as refusal:
            assert all(i.at[0].startswith(one["resourceType"]) for i in refusal.issues)
            refused.append(one["id"])
    assert warned == refused != []


def test_national_identifiers_of_published_examples() -> None:
    assert {api.idnps(p) for p in published("Practitioner")} == {"810003461033", "810102727017"}
    assert {api.idnst(o) for o in published("Organization")} == {
        "1754567860",
        "1580008803",
        "410005531586003",
    }
    assert {api.profession(p) for p in published("Practitioner")} == {"10", "21"}
    found = next(p for p in published("Practitioner") if p["id"] == "334081DP")
    assert api.mailboxes(found) == ["jeromebonnet@pro.mssante.fr"]


@pytest.mark.parametrize(
    ("resource", "value"),
    [
        ({"identifier": [identifier(rules.RPPS, "10100271385", "RPPS")]}, "810100271385"),
        ({"identifier": [identifier(rules.IDNPS, "0299312345")]}, "0299312345"),
        ({"identifier": [{"system": rules.IDNPS}]}, ""),
        ({}, ""),
    ],
)
def test_idnps_is_always_prefixed(resource: Resource, value: str) -> None:
    assert api.idnps(resource) == value


@pytest.mark.parametrize(
    ("resource", "value"),
    [
        ({"identifier": [identifier(rules.FINESS, "580008803", "FINEG")]}, "1580008803"),
        ({"identifier": [identifier(rules.SIRENE, "26250462400012", "SIRET")]}, "326250462400012"),
        ({"identifier": [identifier(rules.SIRENE, "262504624", "SIREN")]}, ""),
        ({}, ""),
    ],
)
def test_idnst_is_always_prefixed(resource: Resource, value: str) -> None:
    assert api.idnst(resource) == value


def test_an_idnps_as_identifier() -> None:
    made = api.national_identifier("810100271385")
    assert made["value"] == "810100271385" and rules.kind_of(made) == "IDNPS"
    assert api.check_identifier(made, "strict") == []
