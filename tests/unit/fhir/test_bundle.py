"""Bundles: entries, requests of a transaction, references inside."""

from typing import Any

import pytest

from aubier.fhir.bundle import Resolver, entries, in_order, kind, requests
from aubier.ground.problem import Problem

A, B = "urn:uuid:11111111-1111-4111-8111-111111111111", "urn:uuid:22222222-2222-4222-8222-222222222222"


def transaction(*rows: dict[str, Any], type: str = "transaction") -> dict[str, Any]:
    """A Bundle of these entries."""
    return {"resourceType": "Bundle", "type": type, "entry": list(rows)}


def put(url: str, resource: dict[str, Any] | None = None, method: str = "PUT", **more: str) -> dict[str, Any]:
    """An entry that asks for a change."""
    row: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    return row | {"resource": resource} if resource else row


PATIENT = {"resourceType": "Patient", "id": "1"}


def test_requests_are_read() -> None:
    rows = requests(
        transaction(
            {"fullUrl": A} | put("Patient", PATIENT, "POST", ifNoneExist="identifier=a|b"),
            {"fullUrl": B} | put("Patient/1", PATIENT, ifMatch='W/"3"'),
            put("Observation?code=a", method="DELETE"),
            put("/Patient?_count=1", method="GET"),
            put("metadata", method="GET"),
            put("Patient/2/$everything", method="GET"),
            put("$meta", {"resourceType": "Parameters"}, "POST"),
            put("Patient/3/_history/2", method="GET"),
        )
    )
    read = [r.request for r in rows]
    assert [(r.method, r.type, r.id, r.query, r.operation) for r in read if r] == [
        ("POST", "Patient", "", "", ""),
        ("PUT", "Patient", "1", "", ""),
        ("DELETE", "Observation", "", "code=a", ""),
        ("GET", "Patient", "", "_count=1", ""),
        ("GET", "", "", "", ""),
        ("GET", "Patient", "", "", "everything"),
        ("POST", "", "", "", "meta"),
        ("GET", "Patient", "", "", ""),
    ]
    assert read[0] and read[0].if_none_exist == "identifier=a|b"
    assert read[1] and read[1].if_match == 'W/"3"'
    assert [e.request.method for e in in_order(rows) if e.request][:4] == ["DELETE", "POST", "POST", "PUT"]


FAULTS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "no request": ([{"resource": PATIENT}], "required", "Bundle.entry[0].request"),
    "method": ([put("Patient/1", PATIENT, "put")], "value", "Bundle.entry[0].request.method"),
    "no method": ([{"request": {"url": "Patient"}}], "value", "Bundle.entry[0].request.method"),
    "two slashes": ([put("//Patient/1", PATIENT)], "value", "Bundle.entry[0].request.url"),
    "absolute": ([put("http://a/Patient/1", PATIENT)], "value", "Bundle.entry[0].request.url"),
    "empty url": ([put("", PATIENT)], "value", "Bundle.entry[0].request.url"),
    "unknown type": ([put("Nothing/1", PATIENT)], "value", "Bundle.entry[0].request.url"),
    "no resource": ([put("Patient/1")], "required", "Bundle.entry[0].resource"),
    "POST with id": ([put("Patient/1", PATIENT, "POST")], "value", "Bundle.entry[0].request.url"),
    "PUT without id": ([put("Patient", PATIENT)], "value", "Bundle.entry[0].request.url"),
    "DELETE without id": ([put("Patient", method="DELETE")], "value", "Bundle.entry[0].request.url"),
    "other type": ([put("Observation/1", PATIENT)], "value", "Bundle.entry[0].request.url"),
    "other id": ([put("Patient/2", PATIENT)], "value", "Bundle.entry[0].request.url"),
    "same fullUrl": (
        [{"fullUrl": A} | put("Patient", PATIENT, "POST"), {"fullUrl": A} | put("Patient", PATIENT, "POST")],
        "duplicate",
        "Bundle.entry[1].fullUrl",
    ),
    "same target": (
        [put("Patient/1", PATIENT), put("Patient/1", method="DELETE")],
        "duplicate",
        "Bundle.entry[1].request.url",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name: str) -> None:
    rows, expected_kind, place = FAULTS[name]
    with pytest.raises(Problem) as caught:
        requests(transaction(*rows))
    assert [(i.kind, i.at) for i in caught.value.issues] == [(expected_kind, (place,))]
    assert all(i.text != i.fr for i in caught.value.issues)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(Problem) as caught:
        requests(transaction({}, put("Patient"), put("x y", method="GET")))
    assert len(caught.value.issues) == 3


def test_a_batch_may_change_one_resource_twice() -> None:
    assert len(requests(transaction(put("Patient/1", PATIENT), put("Patient/1", PATIENT), type="batch"))) == 2


def test_kind_and_entries_of_odd_bundles() -> None:
    assert kind({"type": "searchset"}) == "searchset"
    assert kind({"type": "other"}) == kind({}) == kind({"type": ["batch"]}) == ""
    assert entries({}) == () and entries({"entry": "x"}) == () and entries({"entry": [None]}) == ()
    only = entries({"entry": [{"resource": PATIENT, "request": []}]})[0]
    assert (only.path, only.local, only.request) == ("Bundle.entry[0]", "Patient/1", None)


def test_references_resolve_by_full_url() -> None:
    first = {"resourceType": "Patient", "id": "1", "meta": {"versionId": "1"}}
    second = {"resourceType": "Patient", "id": "1", "meta": {"versionId": "2"}}
    bundle = transaction(
        {"fullUrl": "http://a/fhir/Patient/1", "resource": first},
        {"fullUrl": "http://a/fhir/Patient/1", "resource": second},
        {"fullUrl": "http://a/fhir/Observation/1", "resource": {"resourceType": "Observation", "id": "1"}},
        {"fullUrl": "http://b/fhir/Observation/2", "resource": {"resourceType": "Observation", "id": "2"}},
        {"fullUrl": A, "resource": {"resourceType": "Practitioner"}},
        type="history",
    )
    resolver = Resolver(bundle)
    near, far = resolver.entries[2], resolver.entries[3]

    def index(text: str, source: Any = near) -> int | None:
        found = resolver.resolve(text, source)
        return found.index if found else None

    assert index("Patient/1") == 0 and index("Patient/1", far) is None
    assert index("Patient/1/_history/2") == 1 and index("Patient/1/_history/3") is None
    assert index("http://a/fhir/Patient/1", far) == 0
    assert index(A) == 4 and index(B) is None and index("Patient/1", resolver.entries[4]) is None
