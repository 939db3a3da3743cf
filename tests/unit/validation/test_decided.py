"""What verdicts go by: circles of references, many slices, references within a Bundle, the day."""

from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest

from aubier.validation.walks import walked
from tests.unit.validation.test_profiles import found, library, patient, places
from tests.unit.validation.test_snapshots import MINE, profile, row

URL = "http://example.org/Patient/"


def linked(name: str, gender: str, *others: str) -> dict[str, Any]:
    """An entry: a Patient linked to others."""
    links = [{"other": {"reference": f"Patient/{o}"}, "type": "seealso"} for o in others]
    return {"fullUrl": URL + name, "resource": patient(id=name, gender=gender, link=links)}


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_verdict_does_not_depend_on_the_order_in_which_a_circle_is_walked(order: tuple[str, str]) -> None:
    """`a` is wrong and `b` is linked to it: both are, also where `b` was looked at on the way to `a`."""
    targets = [{"code": "Reference", "targetProfile": [MINE + "mine"]}]
    mine = profile(
        "Patient", row("Patient.link.other", type=targets), row("Patient.gender", fixedCode="other")
    )
    first = linked("x", "other", *order)
    first["resource"]["meta"] = {"profile": [MINE + "mine"]}
    entries = [first, linked("a", "male", "b"), linked("b", "other", "a")]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    issues = [i for i in walked(bundle, [], library(mine)).issues if i.severity == "error"]
    refused = [f"Bundle.entry[0].resource.link[{n}].other.reference" for n in (0, 1)]
    assert [i.at[0] for i in issues] == refused


def test_many_slices_and_many_items_end() -> None:
    by_system = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    rows = [row("Patient.identifier", slicing=by_system)]
    for n in range(2_000):
        rows += [
            row("Patient.identifier", f"s{n}", id=f"Patient.identifier:s{n}"),
            row("Patient.identifier.system", fixedUri=f"urn:oid:1.{n}", id=f"Patient.identifier:s{n}.system"),
        ]
    many = patient(identifier=[{"system": "urn:oid:2.1", "value": str(n)} for n in range(2_000)])
    start = process_time()
    assert [i.kind for i in found(many, profile("Patient", *rows))] == ["too-costly"]
    assert process_time() - start < 10  # of four million tests


def test_slices_by_profiles_that_hold_each_other_end() -> None:
    """What tells sixteen slices apart is looked for in sixteen of each, and so on: 16 to the fourth power."""
    rows = [
        row(
            "Bundle.entry",
            slicing={"discriminator": [{"type": "value", "path": "resource"}], "rules": "open"},
        )
    ]
    for n in range(16):
        own = [{"code": "Bundle", "profile": [MINE + "mine"]}]
        rows += [
            row("Bundle.entry", f"s{n}", id=f"Bundle.entry:s{n}"),
            row("Bundle.entry.resource", type=own, id=f"Bundle.entry:s{n}.resource"),
        ]
    one = {"resourceType": "Bundle", "type": "collection", "entry": [linked("a", "other", "a")]}
    start = process_time()
    assert [i.kind for i in found(one, profile("Bundle", *rows))] == ["too-costly"]
    assert process_time() - start < 10  # more than a minute before


def test_an_invariant_on_a_bundle_follows_the_references_of_its_entries() -> None:
    rule = "entry.resource.ofType(Observation).all({}.resolve().exists())"
    rules = [
        {"key": f"own-{n}", "severity": "error", "human": "x", "expression": rule.replace("{}", name)}
        for n, name in enumerate(("device", "subject", "performer"))
    ]
    mine = profile("Bundle", row("Bundle", constraint=rules))
    device = {"resourceType": "Device", "id": "inside"}
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": "1",
        "status": "final",
        "code": {"text": "x"},
        "contained": [device],
        "device": {"reference": "#inside"},
        "subject": {"reference": "Patient/a"},
        "performer": [{"reference": "http://example.org/Patient/a"}],
    }
    entry = {"fullUrl": "http://example.org/Observation/1", "resource": observation}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry, linked("a", "other", "1")]}
    assert found(bundle, mine) == []
    observation["subject"] = {"reference": "Patient/b"}
    assert places(found(bundle, mine)) == [("Bundle", "invariant")]


@pytest.mark.parametrize(
    ("born", "expected"),
    [("2026-11-22", []), ("2026-11-23", []), ("2026-11-24", []), ("2026-11-25", ["Patient.birthDate"])],
)
def test_the_day_is_asked_for(born: str, expected: list[str]) -> None:
    """At 20:15 in Greenwich the next day has begun in Nouméa."""
    rule = {"key": "own-1", "severity": "error", "human": "x", "expression": "$this <= today()"}
    mine = profile("Patient", row("Patient.birthDate", constraint=[rule]))
    now = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)
    told = walked(patient(birthDate=born), [mine["url"]], library(mine), now=now)
    assert [i.at[0] for i in told.issues if i.severity == "error"] == expected
    assert not told.unevaluated


@pytest.mark.parametrize(
    ("regex", "value", "expected"),
    [
        ("[0-9]{13}", "1850578006048", []),
        ("[0-9]{13}", "18505780060482", [("Patient.identifier[0].value", "value")]),
        ("[0-9]{13}|x", "1850578006048", []),
        ("(?=a)", "a", []),  # looking ahead is not run: told, not refused
        ("(a+)+b", "a" * 5_000, [("Patient.identifier[0].value", "value")]),
    ],
)
def test_a_text_has_the_form_that_a_profile_asks_for(
    regex: str, value: str, expected: list[tuple[str, str]]
) -> None:
    asked = [{"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": regex}]
    one = patient(identifier=[{"value": value}])
    mine = profile("Patient", row("Patient.identifier.value", extension=asked))
    assert places(found(one, mine)) == expected
    by_type = row("Patient.identifier.value", type=[{"code": "string", "extension": asked}])
    assert places(found(one, profile("Patient", by_type))) == expected
    told = [i.kind for i in found(one, mine, least="information")]
    assert ("not-supported" in told) == (regex == "(?=a)")


def test_an_invariant_asks_whether_a_resource_conforms() -> None:
    other = profile("Patient", row("Patient.gender", fixedCode="other"), name="other")
    rule = {"key": "own-1", "severity": "error", "human": "x"}
    rule["expression"] = f"entry.resource.ofType(Patient).all(conformsTo('{other['url']}'))"
    mine = profile("Bundle", row("Bundle", constraint=[rule]))
    good = {"resourceType": "Bundle", "type": "collection", "entry": [linked("a", "other", "a")]}
    wrong = {**good, "entry": [linked("a", "other", "a"), linked("b", "male", "a")]}
    assert found(good, mine, other) == []
    assert places(found(wrong, mine, other)) == [("Bundle", "invariant")]
    told = walked(wrong, [mine["url"]], library(mine))  # the profile is not here: nobody knows
    assert told.unevaluated == {"own-1": 1}
