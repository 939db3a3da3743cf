"""Codes that HL7's systems gained: which are listed, and what the definitions make of the list."""

from typing import Any

from tools.build_younger import table

from aubier.fhir.definitions import definitions

V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def system(url: str, *concepts: dict[str, Any]) -> dict[str, Any]:
    """A code system as a package has it."""
    return {"resourceType": "CodeSystem", "url": url, "content": "complete", "concept": list(concepts)}


def test_listed_is_what_is_new_in_force_and_in_a_system_that_is_shipped() -> None:
    rows = (
        {"code": "MR", "display": "Medical record number", "concept": [{"code": "NEW1", "display": "One"}]},
        {"code": "NEW2", "property": [{"code": "subsumedBy", "valueCode": "MR"}]},
        {"code": "OLD", "property": [{"code": "status", "valueCode": "retired"}]},
        {"code": "_Group", "property": [{"code": "notSelectable", "valueBoolean": True}]},
    )
    text = table([system(V2, *rows), system("http://example.org/cs", {"code": "a"})])
    assert text.splitlines() == ["system,code,display,parent", f"{V2},NEW1,One,MR", f"{V2},NEW2,,MR"]


def test_younger_codes_are_codes_of_their_systems_and_broken_ones_are_not() -> None:
    whole, published = definitions().code_system(V2), definitions().published(V2)
    assert whole is not None and published is not None
    assert whole.concepts["FGN"].display == "Filler Group Number"
    assert "FGN" not in published.concepts and "MRX" not in whole.concepts
    assert list(whole.concepts)[: len(published.concepts)] == list(published.concepts)
    privacy = definitions().code_system("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus")
    assert privacy is not None and privacy.concepts["C"].display == "Common Law"
