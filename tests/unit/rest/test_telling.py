"""`metadata`: what anybody may ask for without a name costs little, whatever part of it is asked."""

from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.rest.capability import telling
from aubier.rest.exchange import Answer, Call
from aubier.rest.reading import subsets

STATEMENT: dict[str, Any] = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-11-22",
    "kind": "instance",
    "title": "Once",
    "fhirVersion": "4.0.1",
    "format": ["json"],
}


def asked(query: str) -> Answer:
    call = Call("GET", ("metadata",), query, {}, b"", "http://here/fhir")
    return telling.metadata(call, fhir_json.dumps(STATEMENT), {})


def test_the_statement_is_read_once_whatever_part_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, parse = [], fhir_json.parse

    def counted(raw: bytes) -> Any:
        reads.append(raw)
        return parse(raw)

    monkeypatch.setattr(telling.fhir_json, "parse", counted)
    monkeypatch.setattr(subsets.fhir_json, "parse", counted)
    queries = ["", "_elements=title", "_elements=date,title", "_summary=true", "_summary=text"]
    told = [asked(query) for query in queries]
    assert len(reads) <= 1
    assert all(answer.status == 200 for answer in told)
    assert parse(told[1].body)["title"] == "Once" and b"SUBSETTED" in told[1].body
    assert "title" not in parse(told[4].body)
    assert parse(asked("").body) == STATEMENT, "what is cut from it leaves it whole"


def test_the_same_elements_in_another_order_are_the_same_answer() -> None:
    one, other = asked("_elements=title,date"), asked("_elements=date,title,date")
    assert one.headers["ETag"] == other.headers["ETag"]
    assert one.packed is other.packed
