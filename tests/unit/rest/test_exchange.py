"""Headers and parameters of FHIR requests, read one by one."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem, problem
from aubier.rest.exchange import (
    Answer,
    Call,
    decoded,
    decoded_bytes,
    failed,
    of_version,
    rendered,
    unchanged,
    version_of,
)
from aubier.rest.outcome import placed
from aubier.store.reading import Row

ROW = Row("Patient", "p", 3, 1_795_338_000_123, b"{}")


def call(query: str = "", method: str = "GET", **headers: str) -> Call:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(method, ("Patient", "p"), query, sent, b"", "http://x/fhir")


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
        ("return = minimal, return=representation", {"return": "minimal"}),
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
        ("de-DE, fr;q=0.8", "fr"),
        ("en;q=0.3, fr;q=0.9", "fr"),
        ("fr;q=0, en;q=0.1", "en"),
        ("frr", "en"),
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
        replace(call(content_type="application/fhir+json"), body=body).resource()
    assert place(refusal)


async def test_an_answer_goes_out_as_it_is_asked() -> None:
    body = b'{"resourceType":"Patient","active":true}'
    plain = await rendered(Answer(200, body), call(accept="application/json"))
    assert plain.body == body and plain.media_type.startswith("application/fhir+json")
    marked = await rendered(Answer(200, body), call(accept="application/fhir+xml"))
    assert marked.body.endswith(b'<active value="true"/></Patient>')
    assert marked.media_type.startswith("application/fhir+xml")
    assert (await rendered(Answer(406, body), call(accept="image/png"))).body == body
    kept = await rendered(Answer(200, b"x", {}, "text/plain"), call(accept="application/xml"))
    assert kept.body == b"x"


async def test_what_xml_cannot_hold_is_said_in_json() -> None:
    answer = await rendered(
        Answer(200, b'{"resourceType":"Patient","id":"\\u0001"}'), call(accept="application/xml")
    )
    assert answer.status == 406 and b"OperationOutcome" in answer.body


@pytest.mark.parametrize("place_", ["http.body", "http.query"])
def test_what_is_not_percent_encoded_is_refused_where_it_stands(place_: str) -> None:
    assert decoded_bytes(b"a=%C3%A9&b=", place_) == [("a", "é"), ("b", "")]
    assert decoded_bytes("a=é&b=".encode(), place_) == [("a", "é"), ("b", "")]
    with pytest.raises(Problem) as refusal:
        decoded_bytes("a=é".encode("latin-1"), place_)
    assert place(refusal) == place_
