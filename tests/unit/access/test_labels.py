"""The labels that access decides on: from the resource, and from who writes it."""

from typing import Any

import pytest

from aubier.access.actor import ANONYMOUS, Actor, system_actor
from aubier.access.labels import CONFIDENTIALITY, IDNPS, IDNST, VISIBILITY, declared_authors, labels_of

DOCTOR = Actor("professional", "dr", "Dr", keys=("ps:8100", "org:1290"))
LOADER = system_actor("loader")


def document(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "DocumentReference", "status": "current", **changes}


def coded(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": s, "code": c} for s, c in codes]}


def who(number: str, system: str = IDNPS) -> dict[str, Any]:
    return {"identifier": {"system": system, "value": number}}


def test_the_kind_and_the_writer_are_always_there() -> None:
    assert labels_of(document(), DOCTOR) == ["author:ps:8100", "kind:DocumentReference"]
    assert labels_of(document(), ANONYMOUS) == ["kind:DocumentReference"]


def test_types_and_categories() -> None:
    made = document(
        type=coded(("x", "11490-0"), ("y", "CR")), category=[coded(("z", "11")), coded(("z", "12"))]
    )
    assert set(labels_of(made, ANONYMOUS)) >= {"type:11490-0", "type:CR", "category:11", "category:12"}


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("MASQUE_PS", "mask:ps"),
        ("INVISIBLE_PATIENT", "mask:patient"),
        ("INVISIBLE_REPRESENTANTS_LEGAUX", "mask:rep"),
        ("INVISIBLE_REP_LEGAUX", "mask:rep"),
        ("CONNEXION_SECRETE", "mask:rep"),
    ],
)
@pytest.mark.parametrize("system", [VISIBILITY, "", "urn:other"])
def test_masks_count_wherever_they_stand(code: str, label: str, system: str) -> None:
    on_document = document(securityLabel=[coded((system, code))])
    on_meta = {"resourceType": "Observation", "meta": {"security": [{"system": system, "code": code}]}}
    assert label in labels_of(on_document, ANONYMOUS)
    assert label in labels_of(on_meta, ANONYMOUS)


def test_confidentiality_and_other_labels() -> None:
    made = document(securityLabel=[coded((CONFIDENTIALITY, "V"), ("urn:x", "Y"))])
    assert set(labels_of(made, ANONYMOUS)) >= {"conf:V", "security:urn:x|Y"}


@pytest.mark.parametrize("element", ["author", "performer", "recorder", "requester"])
@pytest.mark.parametrize("shape", ["one", "list", "actor", "contained"])
def test_a_named_author_counts_when_the_platform_wrote_it_only(element: str, shape: str) -> None:
    resource: dict[str, Any] = {"resourceType": "Basic"}
    inside = {"resourceType": "PractitionerRole", "id": "r", "practitioner": who("8200")}
    named = {
        "one": who("8200"),
        "list": [who("8200")],
        "actor": [{"actor": who("8200")}],
        "contained": {"reference": "#r"},
    }[shape]
    if shape == "contained":
        resource["contained"] = [inside]
    resource[element] = named
    assert declared_authors(resource) == {"author:ps:8200"}
    assert "author:ps:8200" in labels_of(resource, LOADER)
    assert "author:ps:8200" not in labels_of(resource, DOCTOR)


def test_a_patient_named_as_author() -> None:
    assert declared_authors({"resourceType": "Basic", "author": {"reference": "Patient/p1"}}) == {
        "author:person:p1"
    }
    assert declared_authors({"resourceType": "Basic", "author": {"reference": "Device/d1"}}) == set()


def test_a_consent_is_read_by_those_it_is_about() -> None:
    consent = {
        "resourceType": "Consent",
        "provision": {"actor": [{"reference": who("8300")}, {"reference": {"reference": "Patient/x"}}]},
    }
    assert "author:ps:8300" in labels_of(consent, DOCTOR)
    assert "author:ps:8300" not in labels_of({**consent, "resourceType": "Contract"}, DOCTOR)


def test_the_keeper_is_an_organisation() -> None:
    assert "org:1290" in labels_of(document(custodian=who("1290", IDNST)), ANONYMOUS)
    assert not any(x.startswith("org:") for x in labels_of(document(custodian=who("1290")), ANONYMOUS))


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "text"},
        {"type": {"coding": [{"code": ""}, "x", {}]}},
        {"securityLabel": ["x"]},
        {"author": ["x", None, {"identifier": "x"}]},
        {"custodian": {"reference": "#nothing"}},
        {"contained": ["x"], "custodian": {"reference": "#x"}},
        {"custodian": {"identifier": {"system": IDNST}}},
        {"custodian": {"identifier": {"value": "1290"}}},
        {"meta": {"security": None}},
        {"meta": {"security": ["x"]}},
        {"resourceType": "Consent", "provision": {"actor": ["x", {}, {"reference": "x"}]}},
        {"resourceType": "Consent", "provision": None},
    ],
)
def test_odd_shapes_give_no_label(odd: dict[str, Any]) -> None:
    labels = labels_of(document(**odd), system_actor("x"))
    kinds = {"kind:DocumentReference", "kind:Consent"}
    assert set(labels) <= {"author:system:x", "security:|", *kinds}
