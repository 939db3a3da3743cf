"""Bundles made of stored bytes: valid, with their links, and never a byte of a resource changed."""

from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.rest.capability import capability
from aubier.rest.reading.subsets import refuse_subset, shaped, subset_of
from aubier.rest.searching.searchset import bundle, history, searchset
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.reading import Found, Row
from aubier.validation import validate

BASE = "http://x/fhir"
RAW = (
    b'{"resourceType":"Observation","id":"o","meta":{"versionId":"2","tag":[{"code":"t"}]},"text":{"status":'
    b'"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x</div>"},"status":"final",'
    b'"_status":{"id":"s"},"code":{"text":"\xc3\xa9"},"valueQuantity":{"value":1.10},"note":[{"text":"n"}]}'
)
ROW = Row("Observation", "o", 2, 1_795_338_000_123, RAW, op=3)


def query(*pairs: tuple[str, str], **options: Any) -> Any:
    return parse("Observation", list(pairs), registry=registry(), **options)


def made(found: Found, *pairs: tuple[str, str], **options: Any) -> dict[str, Any]:
    told = fhir_json.parse(searchset(BASE, query(*pairs, **options), found))
    assert validate(told) == []
    return told


def links(told: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in told["link"]}


def test_a_page_holds_the_stored_bytes() -> None:
    raw = searchset(BASE, query(("status", "final")), Found([ROW]))
    assert RAW in raw
    told = made(Found([ROW]), ("status", "final"))
    assert told["total"] == 1
    assert links(told) == {"self": f"{BASE}/Observation?status=final"}
    assert told["entry"][0]["fullUrl"] == f"{BASE}/Observation/o"
    assert told["entry"][0]["search"] == {"mode": "match"}


def test_includes_come_after_matches() -> None:
    person = Row("Patient", "p", 1, 0, b'{"resourceType":"Patient","id":"p"}')
    told = made(Found([ROW], included=[person]))
    assert [e["search"]["mode"] for e in told["entry"]] == ["match", "include"]
    assert told["total"] == 1


def test_a_page_with_others_after_it_tells_no_total_it_does_not_know() -> None:
    told = made(Found([ROW], None, "next-mark"), ("code", "a b|c&d"))
    assert "total" not in told
    assert links(told)["next"] == f"{BASE}/Observation?code=a+b%7Cc%26d&_page=next-mark"
    assert made(Found([ROW], 7, "next-mark"))["total"] == 7


def test_a_later_page_names_itself_and_the_first() -> None:
    told = made(Found([ROW], None, ""), ("code", "x"), ("_page", "here"))
    assert links(told) == {
        "self": f"{BASE}/Observation?code=x&_page=here",
        "first": f"{BASE}/Observation?code=x",
    }
    assert "total" not in told


def test_a_count_tells_nothing_else() -> None:
    told = made(Found([], 12, ""), ("_summary", "count"))
    assert told["total"] == 12
    assert "entry" not in told


def test_nothing_found_is_a_bundle_without_entries() -> None:
    told = made(Found([]))
    assert told["total"] == 0
    assert "entry" not in told


def test_what_was_left_out_is_told() -> None:
    told = made(Found([ROW]), ("status", "final"), ("nothing", "x"), lenient=True)
    outcome = told["entry"][-1]
    assert outcome["search"] == {"mode": "outcome"}
    assert outcome["resource"]["issue"][0]["expression"] == ["http.nothing"]
    assert links(told) == {"self": f"{BASE}/Observation?status=final"}


@pytest.mark.parametrize(
    ("pair", "kept", "gone"),
    [
        (("_summary", "true"), {"status", "_status", "code", "valueQuantity"}, {"text", "note"}),
        (("_summary", "text"), {"text", "status", "code"}, {"valueQuantity", "note"}),
        (("_summary", "data"), {"status", "code", "valueQuantity", "note"}, {"text"}),
        (("_elements", "note"), {"note", "status", "code"}, {"text", "valueQuantity"}),
        (("_elements", "valueQuantity"), {"valueQuantity", "status", "code"}, {"text", "note"}),
        (("_elements", "Observation.value"), {"valueQuantity", "status", "code"}, {"text", "note"}),
    ],
)
def test_a_part_is_marked_as_one(pair: tuple[str, str], kept: set[str], gone: set[str]) -> None:
    part = fhir_json.parse(shaped(RAW, query(pair)))
    assert set(part) >= {"resourceType", "id", "meta"} | kept
    assert not set(part) & gone
    assert [t["code"] for t in part["meta"]["tag"]] == ["t", "SUBSETTED"]
    assert validate(part) == []


def test_the_elements_of_one_type_do_not_cut_another() -> None:
    person = Row("Patient", "p", 1, 0, b'{"resourceType":"Patient","id":"p","gender":"male","active":true}')
    found = Found([ROW], included=[person])
    assert made(found, ("_elements", "note"))["entry"][1]["resource"]["gender"] == "male"
    part = made(found, ("_elements", "note,Patient.active"))["entry"][1]["resource"]
    assert "gender" not in part and part["active"] is True


def test_digits_survive_a_part() -> None:
    assert b'"value":1.10' in shaped(RAW, query(("_elements", "value")))


def test_a_history_tells_how_each_version_came() -> None:
    rows = [
        Row("Observation", "o", 5, 5000, RAW, op=5),
        Row("Observation", "o", 4, 4000, b"", op=4),
        Row("Observation", "o", 3, 3000, RAW, op=3),
        Row("Observation", "q", 1, 2000, RAW, op=2),
        Row("Observation", "o", 1, 1000, RAW, op=1),
    ]
    told = fhir_json.parse(history(BASE, [("self", f"{BASE}/_history")], 5, rows))
    assert [e["request"] for e in told["entry"]] == [
        {"method": "PATCH", "url": "Observation/o"},
        {"method": "DELETE", "url": "Observation/o"},
        {"method": "PUT", "url": "Observation/o"},
        {"method": "PUT", "url": "Observation/q"},
        {"method": "POST", "url": "Observation"},
    ]
    statuses = [e["response"]["status"][:3] for e in told["entry"]]
    assert statuses == ["200", "204", "200", "201", "201"]
    assert told["entry"][4]["response"]["etag"] == 'W/"1"'
    assert told["entry"][4]["response"]["lastModified"] == "1970-01-01T00:00:01.000Z"
    assert "resource" not in told["entry"][1]
    assert validate(told) == []


def test_an_address_with_quotes_stays_json() -> None:
    told = fhir_json.parse(bundle("searchset", 0, [("self", 'http://x/?a="b"\\')], []))
    assert told["link"][0]["url"] == 'http://x/?a="b"\\'


def test_the_statement_is_valid_and_names_every_type() -> None:
    told = capability(BASE, "0.1", "2026-11-22", {}, {"authorize": "/in/authorize", "token": "/in/token"})
    assert validate(told) == []
    rest = told["rest"][0]
    (oauth,) = rest["security"]["extension"]
    assert oauth["extension"][1] == {"url": "token", "valueUri": BASE.removesuffix("/fhir") + "/in/token"}
    assert len(rest["resource"]) > 140
    observation = next(r for r in rest["resource"] if r["type"] == "Observation")
    assert {
        "name": "date",
        "type": "date",
        "definition": "http://hl7.org/fhir/SearchParameter/clinical-date",
    } in (observation["searchParam"])
    assert "Observation:subject" in observation["searchInclude"]


def test_a_summary_is_one_at_every_depth() -> None:
    raw = fhir_json.dumps(
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "content": [{"attachment": {"contentType": "text/plain", "data": "AAAA", "title": "t"}}],
            "modifierExtension": [{"url": "http://x", "valueString": "m"}],
            "extension": [{"url": "http://x", "valueString": "e"}],
        }
    )
    subset = subset_of("DocumentReference", [("_summary", "true")])
    short = fhir_json.parse(shaped(raw, subset))  # type: ignore[arg-type]
    assert short["content"] == [{"attachment": {"contentType": "text/plain", "title": "t"}}]
    assert "modifierExtension" in short and "extension" not in short


def test_what_is_a_part_is_known() -> None:
    part = fhir_json.parse(shaped(RAW, query(("_elements", "value"))))
    with pytest.raises(Problem) as caught:
        refuse_subset(part)
    assert caught.value.issues[0].at == ("Observation.meta.tag[1]",)
    for whole in ({}, {"meta": []}, {"meta": {"tag": {}}}, {"meta": {"tag": ["x"]}}, fhir_json.parse(RAW)):
        refuse_subset(whole)  # type: ignore[arg-type]
    assert subset_of("Observation", [("_summary", "false"), ("x", "y")]) is None
    with pytest.raises(Problem):
        subset_of("Observation", [("_summary", "count")])
