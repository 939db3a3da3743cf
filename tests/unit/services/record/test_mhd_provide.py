"""What a provide bundle asks for, before anything is done."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.services.record.mhd.provide import MAX_ENTRIES, read_provide, read_simplified
from tests.where import SHARED

MHD = SHARED / "fixtures/ihe-mhd-4.2.4/examples"
DMP = SHARED / "fixtures/pdsm4dmp-0.1.0/examples"


def example(name: str, folder: Path = MHD) -> dict[str, Any]:
    return json.loads((folder / f"Bundle-{name}.json").read_text())


def refusal(bundle: dict[str, Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        read_provide(bundle)
    return caught.value


@pytest.mark.parametrize(
    ("name", "folder", "roles"),
    [
        (
            "ex-comprehensiveProvideDocumentBundleComplete",
            MHD,
            ["submissionset", "document", "folder", "content"],
        ),
        ("ex-comprehensiveProvideDocumentBundleSimple", MHD, ["submissionset", "document", "content"]),
        (
            "ex-unContainedComprehensiveProvideDocumentBundleComplete",
            MHD,
            ["submissionset", "document", "content"],
        ),
        ("example-td2-1-remplacement", DMP, ["submissionset", "document", "patch", "content"]),
    ],
)
def test_the_published_bundles_are_understood(name: str, folder: Path, roles: list[str]) -> None:
    found = read_provide(example(name, folder))
    assert [e.role for e in found.entries] == roles
    assert found.subject.startswith("Patient")
    assert len(found.contents) == 1


def test_a_published_bundle_whose_size_is_false_is_refused_for_it() -> None:
    found = refusal(example("ex-comprehensiveProvideDocumentBundleReplace"))
    (issue,) = found.issues
    assert issue.at == ("DocumentReference.content[0].attachment.size",)
    assert "23" in issue.text


def test_a_published_bundle_without_patient_is_refused_for_it() -> None:
    found = refusal(example("ex-minimalProvideDocumentBundleSimpleContained"))
    assert [i.at for i in found.issues] == [("DocumentReference.subject",)]


SIMPLE = example("ex-comprehensiveProvideDocumentBundleSimple")


@pytest.mark.parametrize(
    ("change", "kind", "at"),
    [
        (lambda b: b.update(type="batch"), "invalid", "Bundle.type"),
        (lambda b: b.update(resourceType="Patient"), "invalid", "Bundle.type"),
        (lambda b: b.update(entry=[]), "required", "Bundle.entry"),
        (lambda b: b.update(entry="x"), "required", "Bundle.entry"),
        (lambda b: b["entry"].pop(0), "required", "Bundle.entry"),
        (lambda b: b["entry"].append(copy.deepcopy(b["entry"][0])), "required", "Bundle.entry"),
        (lambda b: b["entry"][0].pop("request"), "required", "Bundle.entry[0]"),
        (lambda b: b["entry"][0].update(resource="x"), "required", "Bundle.entry[0]"),
        (lambda b: b["entry"][0]["request"].update(method="PUT"), "not-supported", "Bundle.entry[0].request"),
        (lambda b: b["entry"][0]["resource"].pop("code"), "not-supported", "Bundle.entry[0].request"),
        (
            lambda b: b["entry"][1]["resource"].update(resourceType="Observation"),
            "not-supported",
            "Bundle.entry[1].request",
        ),
        (
            lambda b: b["entry"][1]["resource"].update(status="superseded"),
            "business-rule",
            "DocumentReference.status",
        ),
        (
            lambda b: b["entry"][1]["resource"].pop("content"),
            "business-rule",
            "DocumentReference.content",
        ),
        (
            lambda b: b["entry"][1]["resource"].update(subject={"reference": "Patient/other"}),
            "business-rule",
            "Bundle.entry.resource.subject",
        ),
        (lambda b: b["entry"][2]["resource"].update(data="*"), "value", "Binary.data"),
    ],
)
def test_what_does_not_fit_is_refused_in_its_place(
    change: Callable[[dict[str, Any]], Any], kind: str, at: str
) -> None:
    bundle = copy.deepcopy(SIMPLE)
    change(bundle)
    found = refusal(bundle)
    assert (kind, (at,)) in [(i.kind, i.at) for i in found.issues]
    assert all(i.fr and i.fr != i.text for i in found.issues)


def test_every_wrong_thing_is_told_at_once() -> None:
    bundle = copy.deepcopy(SIMPLE)
    attachment = bundle["entry"][1]["resource"]["content"][0]["attachment"]
    attachment |= {"size": 1, "hash": "x", "contentType": "application/pdf"}
    bundle["entry"][1]["resource"].pop("subject")
    assert len(refusal(bundle).issues) == 4


def test_a_content_that_no_document_names_is_refused() -> None:
    bundle = copy.deepcopy(SIMPLE)
    extra = copy.deepcopy(bundle["entry"][2]) | {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000009"}
    bundle["entry"].append(extra)
    assert "No document names" in refusal(bundle).issues[0].text


def test_a_submission_is_bounded() -> None:
    bundle = copy.deepcopy(SIMPLE)
    bundle["entry"] += [
        copy.deepcopy(SIMPLE["entry"][2]) | {"fullUrl": f"urn:uuid:{n}"} for n in range(MAX_ENTRIES)
    ]
    assert "too-costly" in {i.kind for i in refusal(bundle).issues}


def test_a_pdsm_document_owes_what_pdsm_adds() -> None:
    bundle = example("example-td2-1-remplacement", DMP)
    for name in ("author", "type", "category"):
        bundle["entry"][1]["resource"].pop(name)
    places = {at for i in refusal(bundle).issues for at in i.at}
    assert places == {f"DocumentReference.{name}" for name in ("author", "type", "category")}


def test_a_fhir_document_is_a_content_too() -> None:
    bundle = copy.deepcopy(SIMPLE)
    document = example("ex-fhir-document-bundle")
    bundle["entry"][2]["resource"] = document
    attachment = bundle["entry"][1]["resource"]["content"][0]["attachment"]
    attachment["contentType"] = "application/fhir+json"
    found = refusal(bundle)
    assert {at.rpartition(".")[2] for i in found.issues for at in i.at} == {"size", "hash"}


def test_a_simplified_document_comes_with_its_bytes() -> None:
    name = "DocumentReference-PDSmSimplifiedExample.json"
    document = json.loads((SHARED / "fixtures/pdsm-3.1.1/examples" / name).read_text())
    attachment = document["content"][0]["attachment"]
    with pytest.raises(Problem) as caught:
        read_simplified(document)
    assert len(caught.value.issues) == 2
    del attachment["size"], attachment["hash"]
    _, content = read_simplified(document)
    assert (content.media_type, content.data) == ("application/pdf", b"Hello World")
