"""Headers and parameters of FHIR requests, read one by one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem, problem
from aubier.rest.exchange import (
    Call,
    check_accept,
    check_content_type,
    decoded,
    decoded_bytes,
    failed,
    of_version,
    parsed,
    placed,
    unchanged,
    version_of,
)
from aubier.store.reading import Row

ROW = Row("Patient", "p", 3, 1_795_338_000_123, b"{}")


def call(query: str = "", method: str = "GET", **headers: str) -> Call:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(method, ("Patient", "p"), query, sent, b"", "http://x/fhir")


def passes(check: Callable[..., None], asked: Any) -> bool:
    try:
        check(asked)
    except Problem:
        return False
    return True


def place(refusal: pytest.ExceptionInfo[Problem]) -> str:
    return refusal.value.issues[0].at[0]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("return=minimal", {"return": "minimal"}),
        ("return=representation; handling=strict", {"return": "representation", "handling": "strict"}),
        (
            'handling="lenient", return=OperationOutcome',
            {"handling": "lenient", "return": "OperationOutcome"},
        ),
        ("RETURN=minimal", {"return": "minimal"}),
        ("respond-async", {"respond-async": ""}),
        (" , ;", {}),
        ("", {}),
    ],
)
def test_prefer(header: str, found: dict[str, str]) -> None:
    assert call(prefer=header).prefer == found
    assert call(prefer=header).lenient == (found.get("handling") == "lenient")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB,fr", "en"),
        ("de", "en"),
        ("FR", "fr"),
    ],
)
def test_language(header: str, language: str) -> None:
    assert call(accept_language=header).language == language


@pytest.mark.parametrize(
    ("header", "version"),
    [("", None), ('W/"3"', 3), ('"3"', 3), ("3", 3), (' W/"12" ', 12), ('W/"999999999"', 999_999_999)],
)
def test_versions_of_if_match(header: str, version: int | None) -> None:
    assert version_of(header, "If-Match") == version


@pytest.mark.parametrize(
    "header", ['W/"x"', "*", 'W/"3", W/"4"', 'W/"-1"', 'W/"1234567890"', 'W/"٣"', 'W/""', "W/3", '"3', "1.0"]
)
def test_what_is_no_version_is_refused(header: str) -> None:
    with pytest.raises(Problem) as refusal:
        version_of(header, "If-Match")
    assert place(refusal) == "http.If-Match"


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({}, False),
        ({"if_none_match": 'W/"3"'}, True),
        ({"if_none_match": '"3"'}, True),
        ({"if_none_match": 'W/"2", W/"3"'}, True),
        ({"if_none_match": "*"}, True),
        ({"if_none_match": 'W/"33"'}, False),
        ({"if_none_match": "3"}, False),
        ({"if_none_match": 'W/"2"', "if_modified_since": "Sun, 22 Nov 2037 09:00:00 GMT"}, False),
        ({"if_modified_since": "Sun, 22 Nov 2026 09:00:00 GMT"}, True),
        ({"if_modified_since": "Sun, 22 Nov 2026 09:00:01 GMT"}, True),
        ({"if_modified_since": "Sun, 22 Nov 2026 08:59:59 GMT"}, False),
        ({"if_modified_since": "Sun, 22 Nov 2026 10:00:00 +0100"}, True),
        ({"if_modified_since": "yesterday"}, False),
        ({"if_modified_since": "2026-11-22"}, False),
    ],
)
def test_what_was_not_changed_since(headers: dict[str, str], same: bool) -> None:
    assert unchanged(call(**headers), ROW) is same


def test_a_version_is_told() -> None:
    assert of_version(ROW) == {"ETag": 'W/"3"', "Last-Modified": "Sun, 22 Nov 2026 09:00:00 GMT"}


@pytest.mark.parametrize(
    "kind",
    [
        "application/fhir+json",
        "application/json",
        "application/fhir+json; charset=UTF-8",
        "Application/FHIR+JSON;charset=utf8",
        'application/fhir+json; charset="utf-8"; fhirVersion=4.0',
        "application/fhir+json;fhirVersion=4.0;charset=utf-8",
        "text/json",
        "application/json;",
    ],
)
def test_json_comes_in(kind: str) -> None:
    assert passes(check_content_type, {"content-type": kind})


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({}, "http.Content-Type"),
        ({"content-type": ""}, "http.Content-Type"),
        ({"content-type": "text/plain"}, "http.Content-Type"),
        ({"content-type": "application/fhir+xml"}, "http.Content-Type"),
        ({"content-type": "application/fhir+json; fhirVersion=5.0"}, "http.Content-Type"),
        ({"content-type": "application/fhir+json; charset=latin-1"}, "http.Content-Type"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "http.Content-Encoding"),
    ],
)
def test_other_bodies_stay_out(headers: dict[str, str], at: str) -> None:
    with pytest.raises(Problem) as refusal:
        check_content_type(headers)
    assert refusal.value.kind == "media-type"
    assert place(refusal) == at


@pytest.mark.parametrize(
    "asked",
    [
        call(),
        call(accept="*/*"),
        call(accept="application/*"),
        call(accept="application/fhir+json;q=0.9, text/x"),
        call(accept="text/html,application/xhtml+xml"),
        call("_format=json", accept="application/fhir+xml"),
        call("_format=application/fhir%2Bjson"),
        call("name=x&_format=json"),
    ],
)
def test_who_takes_json_gets_it(asked: Call) -> None:
    assert passes(check_accept, asked)


@pytest.mark.parametrize(
    ("asked", "at"),
    [
        (call(accept="application/fhir+xml"), "http.Accept"),
        (call(accept="text/turtle, image/png"), "http.Accept"),
        (call("_format=xml"), "http._format"),
        (call("_format=xml", accept="application/json"), "http._format"),
        (call("_format=ttl"), "http._format"),
    ],
)
def test_who_takes_no_json_is_told(asked: Call, at: str) -> None:
    with pytest.raises(Problem) as refusal:
        check_accept(asked)
    assert refusal.value.kind == "not-acceptable"
    assert place(refusal) == at


@pytest.mark.parametrize(
    "query", ["a=%ff", "a=%C3%28", "&".join(f"a{n}=1" for n in range(1001)), "a=" + "x" * 64_001]
)
def test_queries_that_cannot_be_read(query: str) -> None:
    with pytest.raises(Problem) as refusal:
        decoded(query)
    assert place(refusal) == "http.query"


@given(st.lists(st.tuples(st.text("abc:._", min_size=1), st.text("é x+&=%|", max_size=5)), max_size=20))
def test_pairs_come_back_decoded(pairs: list[tuple[str, str]]) -> None:
    assert decoded(urlencode(pairs)) == pairs


def test_a_refusal_names_a_place_and_keeps_its_headers() -> None:
    bare = problem("invalid", "x")
    bare.headers["Allow"] = "GET"
    assert placed(bare, "http.path").issues[0].at == ("http.path",)
    assert placed(bare, "http.path").headers == {"Allow": "GET"}
    named = problem("invalid", "x", at="Patient.name")
    assert placed(named, "http.path").issues[0].at == ("Patient.name",)
    assert failed(bare, "fr").headers == {"Allow": "GET"}


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"1", b"\xff", b'{"a":1,"a":2}', b'{"a":' * 200])
def test_a_body_that_is_no_object_is_refused_with_a_place(body: bytes) -> None:
    with pytest.raises(Problem) as refusal:
        parsed(body)
    assert place(refusal)


@pytest.mark.parametrize("place_", ["http.body", "http.query"])
def test_what_is_not_percent_encoded_is_refused_where_it_stands(place_: str) -> None:
    assert decoded_bytes(b"a=%C3%A9&b=", place_) == [("a", "é"), ("b", "")]
    with pytest.raises(Problem) as refusal:
        decoded_bytes("a=é".encode(), place_)
    assert place(refusal) == place_
