"""A Patient read, written and judged as FR Core and RNIV say."""

from __future__ import annotations

import copy
import json
from dataclasses import fields, replace
from datetime import date
from itertools import product

import pytest

from aubier.ground.rows import Resource
from aubier.referentials.identity import api, patient, rules
from aubier.referentials.identity.api import Attribute, Ins, Standing, Status, Traits
from tests.unit.referentials.identity.people import ODETTE, ODETTE_INS, odette
from tests.where import SHARED


def example(folder: str, name: str) -> Resource:
    loaded: Resource = json.loads((SHARED / "fixtures" / folder / "examples" / name).read_text())
    return loaded


def published_patients() -> list[Resource]:
    found: list[Resource] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if value.get("resourceType") == "Patient":
                found.append(value)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    for file in sorted((SHARED / "fixtures").rglob("Patient-*.json")):
        walk(json.loads(file.read_text()))
    return found


def prescription_patient() -> Resource:
    bundle = example(
        "eprescription-1.1.0-ballot", "Bundle-TradPN13FHIR-MultiLine-Presc-Alt-METFORMINE-GLICLAZIDE.json"
    )
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")


def test_reads_the_published_patient_ins() -> None:
    found = prescription_patient()
    assert api.traits(found) == Traits(
        "CUIMEANACH", "MARSALI MORAG MAIREAD", "MARSALI", "female", "1989-01-02", "29134"
    )
    assert api.ins_of(found) == Ins("289062913400149", api.NIR)
    assert api.status(found) is Status.VALI
    assert api.patient_ins_issues(found) == []


def test_the_published_patient_may_not_carry_its_dummy_number() -> None:
    issues = api.may_carry_ins(prescription_patient(), sandbox=True)
    assert [i.kind for i in issues] == ["business-rule", "business-rule", "value"]
    assert "VALI" in issues[0].text and "key" in issues[2].text
    strip = api.identity_strip(prescription_patient(), sandbox=True)
    assert (strip.name, strip.used_name, strip.ins) == ("CUIMEANACH MARSALI", "ARASGAIN", "")


def test_older_canonical_of_reliability_is_read() -> None:
    old = example("pdsm-3.1.1", "Patient-fr-patient-123.json")
    assert api.status(old) is Status.PROV
    parts = [
        {"url": "identityStatus", "valueCoding": {"code": "QUAL"}},
        {"url": "comment", "valueCoding": {"code": "HOMD"}},
    ]
    old["extension"][0]["extension"] = parts
    assert api.standing(old) == Standing(Status.QUAL, frozenset({Attribute.HOMO}))


def test_every_published_patient_can_be_read_and_none_may_carry_a_number_here() -> None:
    found = published_patients()
    assert len(found) >= 20
    for one in found:
        before = copy.deepcopy(one)
        assert api.may_carry_ins(one, sandbox=True)
        strip = api.identity_strip(one, sandbox=True)
        assert strip.ins == "" and not rules.standing_issues(api.standing(one))
        assert one == before


def test_what_is_written_reads_back() -> None:
    written = odette()
    assert api.traits(written) == ODETTE
    assert api.ins_of(written) == ODETTE_INS
    assert api.status(written) is Status.QUAL
    assert api.patient_ins_issues(written) == []
    assert api.may_carry_ins(written, sandbox=True) == []
    strip = api.identity_strip(written, sandbox=True)
    assert (strip.name, strip.ins, strip.status) == ("LE GOFF ODETTE", ODETTE_INS.value, Status.QUAL)


@pytest.mark.parametrize("trait", [f.name for f in fields(Traits)])
def test_each_missing_trait_is_named(trait: str) -> None:
    lacking = replace(ODETTE, **{trait: ""})
    found = api.with_standing(api.patient_ins(lacking, ODETTE_INS), Standing(Status.QUAL))
    assert api.missing_traits(api.traits(found)) == (trait,)
    for issues in (api.patient_ins_issues(found), api.may_carry_ins(found, sandbox=True)):
        assert [i.kind for i in issues] == ["required"]
        assert (
            issues[0].at[0].startswith("Patient.")
            and "missing" in issues[0].text
            and "manquant" in issues[0].fr
        )


@pytest.mark.parametrize("status", [Status.PROV, Status.RECUP, Status.VALI])
def test_only_a_qualified_identity_carries_its_number(status: Status) -> None:
    issues = api.may_carry_ins(odette(status), sandbox=True)
    assert [i.rule for i in issues] == [patient.QUALIFIED]
    assert str(status) in issues[0].text and "non qualifiée" in issues[0].fr
    assert api.identity_strip(odette(status), sandbox=True).ins == ""


def test_a_test_number_does_not_act_in_production() -> None:
    assert [i.kind for i in api.may_carry_ins(odette(), sandbox=False)] == ["business-rule"]


@pytest.mark.parametrize(
    ("use", "carried"), [("official", True), ("old", False), ("temp", False), (None, True)]
)
def test_an_old_number_is_not_the_ins(use: str | None, carried: bool) -> None:
    found = odette()
    found["identifier"][0].pop("use")
    if use:
        found["identifier"][0]["use"] = use
    assert (api.ins_of(found) is not None) is carried


def test_fr_core_1_names_the_missing_number() -> None:
    for status, expected in zip(Status, [False, False, True, True], strict=True):
        found = odette(status)
        found["identifier"] = [{"use": "usual", "system": "https://hospital.example/ipp", "value": "1"}]
        rules_named = {i.rule for i in api.patient_ins_issues(found)}
        assert (patient.FR_CORE_1 in rules_named) is expected


def test_fr_core_2_allows_one_official_identifier() -> None:
    found = odette()
    found["identifier"].append({"use": "official", "system": "https://hospital.example/ipp", "value": "1"})
    assert [i.rule for i in api.patient_ins_issues(found)] == [patient.FR_CORE_2]
    # A temporary number excuses the second official identifier.
    found["identifier"][0] = patient.identifier(Ins("862087503203900", api.NIA))
    found["identifier"].append({"use": "official", "system": "https://hospital.example/ipp2", "value": "1"})
    assert api.patient_ins_issues(found) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda p: p["name"].append({**p["name"][0]}), "Patient.name"),
        (lambda p: p["name"][0]["given"].append("MARIE"), "Patient.name.given"),
        (lambda p: p.update(gender="other"), "Patient.gender"),
        (lambda p: p.update(identifier=[]), "Patient.identifier"),
        (lambda p: p["extension"].pop(0), "extension"),
        (lambda p: p["extension"][0]["extension"].pop(0), "extension"),
        (lambda p: p["extension"][0]["extension"].append(p["extension"][0]["extension"][0]), "extension"),
    ],
)
def test_each_rule_of_patient_ins_is_named(change: object, place: str) -> None:
    found = copy.deepcopy(odette())
    change(found)  # type: ignore[operator]
    issues = api.patient_ins_issues(found)
    assert issues and any(place in at for i in issues for at in i.at)
    assert all(i.text and i.fr and i.rule for i in issues)


@pytest.mark.parametrize(("status", "attribute"), list(product(Status, [Attribute.DOUT, Attribute.FICT])))
def test_si_09_is_seen_in_a_patient(status: Status, attribute: Attribute) -> None:
    found = api.with_standing(odette(), Standing(status, frozenset({attribute})))
    named = {i.rule for i in api.patient_ins_issues(found)}
    assert (rules.SI_09 in named) is (status is not Status.PROV)


def test_writing_a_status_replaces_the_older_one_and_keeps_the_rest() -> None:
    found = api.with_standing(
        {
            **odette(),
            "extension": [*odette()["extension"], {"url": "https://example.org/x", "valueBoolean": True}],
        },
        Standing(Status.RECUP, frozenset({Attribute.HOMO})),
        method="INSI",
        insi_date=date(2026, 11, 22),
        document="PA",
        validation_date=date(2026, 11, 21),
    )
    assert api.standing(found) == Standing(Status.RECUP, frozenset({Attribute.HOMO}))
    assert len([e for e in found["extension"] if e["url"] == patient.RELIABILITY]) == 1
    assert found["extension"][-1]["url"] == "https://example.org/x"
    assert patient.proofs(found) == {
        ("dateInterrogationINSi", "2026-11-22"),
        ("validationDate", "2026-11-21"),
    }


def test_an_empty_patient_lacks_everything_and_says_so() -> None:
    issues = api.patient_ins_issues({"resourceType": "Patient"})
    assert len([i for i in issues if i.kind == "required"]) == 8
    assert api.patient_ins(Traits(), None) == {
        "resourceType": "Patient",
        "meta": {"profile": [patient.PROFILE]},
    }


GOOD = patient.identifier(ODETTE_INS)
LOCAL = {"system": "https://hospital.example/ipp", "value": "12"}


@pytest.mark.parametrize(
    ("identifiers", "flagged", "kept"),
    [
        ([GOOD, LOCAL], 0, [GOOD, LOCAL]),
        ([LOCAL], 0, [LOCAL]),
        ([], 0, []),
        ([{**GOOD, "system": api.NIR}, LOCAL], 1, [LOCAL]),
        ([{**GOOD, "system": api.NIA}], 1, []),
        ([{**GOOD, "value": "123456789012345"}, GOOD], 1, [GOOD]),
        ([{"system": api.NIR, "value": "123456789012345"}], 2, []),
        ([{"system": api.TEST}], 0, [{"system": api.TEST}]),
        ([{"value": "289062913400149"}], 0, [{"value": "289062913400149"}]),
    ],
)
def test_received_identities(identifiers: list[Resource], flagged: int, kept: list[Resource]) -> None:
    got = api.receive_identity(identifiers, sandbox=True, declared=Status.QUAL)
    assert list(got.keep) == kept
    assert len(got.reasons) == flagged and got.flagged is bool(flagged)
    assert got.status is (Status.PROV if flagged else Status.QUAL)
    assert all(r.severity == "warning" and r.at[0].startswith("Patient.identifier[") for r in got.reasons)


def test_check_ins_takes_bare_oids() -> None:
    assert api.check_ins(ODETTE_INS.value, ODETTE_INS.oid, sandbox=True) == []
    assert [i.kind for i in api.check_ins(ODETTE_INS.value, "1.2.250.1.213.1.4.8", sandbox=True)] == [
        "business-rule"
    ]
