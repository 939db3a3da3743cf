"""Parameters, bundles and the statement of the door."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.rest.doors.asking import search_at
from aubier.rest.doors.capability import statement
from aubier.search.custom import with_custom
from aubier.search.extract import extract
from aubier.search.parameters import registry
from aubier.services.record.door import DOOR
from aubier.services.record.mhd import ARCHIVED
from aubier.services.record.mhd.find import SEARCH_PARAMETERS
from aubier.services.record.mhd.reading import content_name, display_title
from aubier.validation import validate
from tests.where import SHARED

PDSM = SHARED / "fixtures/pdsm-3.1.1"
MHD = SHARED / "fixtures/ihe-mhd-4.2.4/examples"
P = ("patient", "Patient/1")
S = ("status", "current")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def find_pairs(kind: str, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    offer = DOOR.offer(kind)
    assert offer
    return search_at(DOOR, offer, pairs, now=NOW, lenient=True).pairs


def test_what_the_guide_lists_is_taken() -> None:
    told = json.loads(
        (PDSM / "conformance/CapabilityStatement-PDSm-GestionnaireDePartageDeDocuments.json").read_text()
    )
    for resource in told["rest"][0]["resource"]:
        if resource["type"] not in ("List", "DocumentReference"):
            continue
        kind, fixed = resource["type"], [P, S, ("code", "submissionset")]
        for parameter in resource["searchParam"]:
            name = parameter["name"].removeprefix("PDSm_").removeprefix("DocumentReference_")
            name = {"SourceId": "sourceId", "DesignationType": "designationType"}.get(name, name)
            if " " in name or name.startswith("List_"):
                continue
            kept = fixed[: 3 if kind == "List" else 2]
            assert (name, "x") in find_pairs(kind, [*kept, (name, "x")]), name


@pytest.mark.parametrize(
    "pairs",
    [
        [P, S],
        [("patient.identifier", "a|b"), S],
        [("patient:identifier", "a|b"), S],
        [P, S, ("type:not", "x"), ("author.family", "Le Goff"), ("date", "ge2026"), ("_count", "5")],
        [P, S, ("relatesTo", "DocumentReference/1"), ("_format", "json")],
    ],
)
def test_searches_that_are_taken(pairs: list[tuple[str, str]]) -> None:
    found = find_pairs("DocumentReference", pairs)
    assert all(name not in ("patient:identifier", "relatesTo", "_format") for name, _ in found)


@pytest.mark.parametrize("name", ["custodian", "_include", "_has:List:item:code", "content", "patient.name"])
def test_a_parameter_beyond_the_guide_is_refused(name: str) -> None:
    with pytest.raises(Problem) as caught:
        find_pairs("DocumentReference", [P, S, (name, "x")])
    assert caught.value.kind == "invalid"


@pytest.mark.parametrize("pairs", [[("patient", ""), S], [P, ("status", "")], [P, ("status:not", "current")]])
def test_an_empty_required_parameter_is_missing(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Problem) as caught:
        find_pairs("DocumentReference", pairs)
    assert caught.value.kind == "required"


def test_the_search_parameters_are_those_that_were_published() -> None:
    published = {}
    for folder in (PDSM, SHARED / "fixtures/ihe-mhd-4.2.4"):
        for file in (folder / "conformance").glob("SearchParameter-*.json"):
            parameter = json.loads(file.read_text())
            published[parameter["url"]] = parameter
    for parameter in SEARCH_PARAMETERS:
        told = published[parameter["url"]]
        assert (parameter["code"], parameter["type"], parameter["base"]) == (
            told["code"],
            told["type"],
            told["base"],
        )
        assert [i for i in validate(parameter) if i.severity != "warning"] == []


def test_the_search_parameters_index_what_they_say() -> None:
    known = with_custom(registry(), SEARCH_PARAMETERS)
    archived = [{"url": ARCHIVED, "valueBoolean": True}]
    document = {
        "resourceType": "DocumentReference",
        "extension": archived,
        "content": [{"attachment": {"creation": "2026-11-20"}}],
        "context": {"period": {"start": "2026-11-01", "end": "2026-11-02"}},
    }
    found = extract(document, of=known)
    assert {"creation", "period-start", "period-end", "isArchived"} <= found.present
    assert any(t[0] == "isArchived" and t[2] == "true" for t in found.tokens)
    bundle = json.loads((MHD / "Bundle-ex-comprehensiveProvideDocumentBundleComplete.json").read_text())
    found = extract(bundle["entry"][0]["resource"], of=known)
    assert ("designationType", "http://snomed.info/sct", "225728007") in found.tokens
    assert "sourceId" in found.present


def test_the_statement_is_made_of_the_row() -> None:
    known = with_custom(registry(), SEARCH_PARAMETERS)
    told = statement(DOOR, "http://h/pdsm", registry=known, version="1", published="2026-11-22")
    assert [i for i in validate(told) if i.severity != "warning"] == []
    named = {(r["type"], i["code"]) for r in told["rest"][0]["resource"] for i in r["interaction"]}
    offered = {(o.type, code) for o in DOOR.offers for code in o.interactions}
    assert named == offered | {(w.type, w.interaction) for w in DOOR.ways if w.type}
    assert told["url"] == "http://h/pdsm/metadata"
    assert {i["code"] for i in told["rest"][0]["interaction"]} == {"transaction"}


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("Binary/" + "a" * 64, "a" * 64),
        ("Binary/" + "g" * 64, ""),
        ("Binary/1", ""),
        ("http://x/Binary/" + "a" * 64, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_our_own_contents_are_told_by_their_name(url: Any, name: str) -> None:
    assert content_name(url) == name


def test_a_title_for_people() -> None:
    kind = {"coding": [{"code": "x"}, {"display": "Ordonnance"}]}
    assert display_title({"content": [{"attachment": {"title": "T"}}], "description": "D"}) == "T"
    assert display_title({"description": "D", "type": kind}) == "D"
    assert display_title({"type": kind}) == "Ordonnance"
    assert display_title({}) == "document"
