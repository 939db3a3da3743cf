"""What other validators refuse and a schema cannot say: parts of extensions, pages of results."""

from typing import Any

import pytest

from aubier.validation.walks import walked
from tests.unit.validation.test_profiles import PATIENT, found, library, places
from tests.unit.validation.test_snapshots import profile, row

URL = "http://example.org/StructureDefinition/pet"
PET = {
    **profile(
        "Extension",
        row("Extension.extension", "kind", min=0, max="1"),
        row("Extension.extension.url", fixedUri="kind"),
        row("Extension.extension.value[x]", type=[{"code": "string"}]),
        row("Extension.url", fixedUri=URL),
    ),
    "url": URL,
}


def extended(*parts: str) -> dict[str, Any]:
    """A Patient with the extension and these parts."""
    return {
        **PATIENT,
        "extension": [{"url": URL, "extension": [{"url": p, "valueString": "x"} for p in parts]}],
    }


def test_a_part_that_an_extension_does_not_have_is_refused() -> None:
    def refused(*parts: str) -> list[tuple[str, str]]:
        every = walked(extended(*parts), [], library(PET)).issues
        return [(i.at[0], i.kind) for i in every if i.severity == "error"]

    assert refused("kind") == []
    assert refused("kind", "knid") == [("Patient.extension[0].extension[1].url", "structure")]
    # What has an address of its own is walked against its own definition.
    assert refused("kind", "http://example.org/other") == []


def page(*entries: dict[str, Any], links: tuple[str, ...] = ("self",)) -> dict[str, Any]:
    """A page of results."""
    rows = [{"relation": r, "url": f"http://example.org/{n}"} for n, r in enumerate(links)]
    return {"resourceType": "Bundle", "type": "searchset", "link": rows, "entry": list(entries)}


def hit(resource: dict[str, Any], mode: str) -> dict[str, Any]:
    """An entry of a page."""
    return {
        "fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
        "resource": resource,
        "search": {"mode": mode},
    }


ONE = {"resourceType": "Patient", "id": "1"}
SAID = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        (page(hit(ONE, "match")), []),
        (page(hit(ONE, "match"), links=("self", "next", "first")), []),
        (page(hit(ONE, "match"), links=("self", "self")), [("Bundle.link[1].relation", "value")]),
        (page(hit(ONE, "match"), links=("license", "license")), []),
        (page(hit(PATIENT, "match")), [("Bundle.entry[0].resource.id", "required")]),
        (page(hit(ONE, "outcome")), [("Bundle.entry[0].search.mode", "value")]),
        (page({"resource": SAID, "fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}), []),
    ],
    ids=["one", "page", "self twice", "other twice", "no id", "outcome", "said"],
)
def test_a_page_of_results(bundle: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert places(found(bundle)) == expected


@pytest.mark.parametrize(("kind", "good"), [("Organization", True), ("Practitioner", False)])
def test_a_uuid_named_by_its_id_has_the_type_that_is_said(kind: str, good: bool) -> None:
    uuid = "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    patient = {**PATIENT, "generalPractitioner": [{"reference": f"{kind}/{uuid}"}]}
    entries = [
        {"fullUrl": "urn:uuid:6f6b4c3e-0f9d-4a75-9b6e-8a37b0b0a2a1", "resource": patient},
        {"fullUrl": f"urn:uuid:{uuid}", "resource": {"resourceType": "Organization", "name": "x"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    place = ("Bundle.entry[0].resource.generalPractitioner[0].reference", "value")
    assert places(found(bundle)) == ([] if good else [place])
