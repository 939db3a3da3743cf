"""Requests as clients of every kind send them: compressed, marked, on no condition, contents as they are."""

import codecs
import gzip
from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from tests.contract.rest.conftest import Api, places
from tests.contract.rest.test_interactions import patient, valid

PDF = b"%PDF-1.4 \xff\x00 not text"


FORM = {"content-type": "application/x-www-form-urlencoded"}

# -- what is typed at a terminal -----------------------------------------------------------------------


async def bare(api: Api, query: bytes) -> tuple[int, bytes]:
    """What is answered to `GET Patient?query`, sent as these very bytes."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/fhir/Patient",
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1:8000"), (b"x-login", b"admin")],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await api.house.server(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


async def test_letters_that_are_not_percent_encoded_are_read_as_utf_8(api: Api) -> None:
    made = await api.make({"resourceType": "Patient", "name": [{"given": ["Maëlys"]}]})
    status, body = await bare(api, "given=Maëlys".encode())
    told = fhir_json.parse(body)
    assert (status, [e["resource"]["id"] for e in told["entry"]]) == (200, [made])
    assert told["link"][0]["url"].endswith("?given=Ma%C3%ABlys")
    form = await api.ask("POST", "Patient/_search", "given=Maëlys".encode(), headers=FORM)
    assert valid(form)["total"] == 1
    assert (await bare(api, "given=Maëlys".encode("latin-1")))[0] == 400
    latin = await api.ask("POST", "Patient/_search", "given=Maëlys".encode("latin-1"), headers=FORM)
    assert (latin.status_code, places(latin)) == (400, ["http.body"])


async def test_letters_of_a_condition_are_read_as_utf_8(api: Api) -> None:
    body = fhir_json.dumps({"resourceType": "Patient", "name": [{"given": ["Anaëlle"]}]})
    sent = {"x-login": b"admin", "content-type": b"application/fhir+json"}
    for given in ("Anaëlle", "Ana%C3%ABlle"):
        sent["if-none-exist"] = f"given={given}".encode()
        for _ in range(2):
            assert (await api.client.post("/fhir/Patient", content=body, headers=sent)).status_code < 300
    assert valid(await api.get("Patient?given=Ana%C3%ABlle"))["total"] == 1


# -- headers ------------------------------------------------------------------------------------------


async def several(api: Api, method: str, path: str, *more: tuple[str, str], body: bytes = b"") -> Any:
    """The answer to a request some of whose headers stand on several lines."""
    sent = [("x-login", "admin"), ("content-type", "application/fhir+json"), *more]
    return await api.client.request(method, f"/fhir/{path}", content=body, headers=sent)


async def test_a_header_on_several_lines_is_one_list(api: Api) -> None:
    """Rule: RFC 9110 section 5.3, RFC 7240 section 2."""
    body = fhir_json.dumps(patient("lines"))
    made = await several(
        api, "POST", "Patient", ("prefer", "return=minimal"), ("prefer", "handling=strict"), body=body
    )
    assert (made.status_code, made.content) == (201, b"")
    assert made.headers["preference-applied"] == "handling=strict"
    place = made.headers["location"].partition("/fhir/")[2].partition("/_history")[0]
    xml = await several(api, "GET", place, ("accept", "application/fhir+xml"), ("accept", "image/png"))
    assert (xml.status_code, xml.content[:5]) == (200, b"<?xml")
    known = await several(api, "GET", place, ("if-none-match", 'W/"1"'), ("if-none-match", 'W/"7"'))
    assert known.status_code == 304
    versions = await several(api, "DELETE", place, ("if-match", 'W/"1"'), ("if-match", 'W/"7"'))
    assert (versions.status_code, places(versions)) == (400, ["http.If-Match"])


async def test_of_what_proxies_say_the_last_word_is_the_declared_ones(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")]
    for proxy, scheme in (("127.0.0.1", "https"), ("192.0.2.1", "http")):
        monkeypatch.setattr(api.house.server, "trusted_proxy", proxy)
        told = await several(api, "GET", "metadata?_elements=implementation", *said)
        assert valid(told)["implementation"]["url"].partition(":")[0] == scheme


async def test_what_has_no_content_has_no_length(api: Api) -> None:
    """Rule: RFC 9110 section 8.6."""
    gone = await api.ask("DELETE", f"Patient/{await api.make(patient('length'))}")
    assert gone.status_code == 204 and "content-length" not in gone.headers


# -- bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "GZip", "x-gzip"])
async def test_a_body_may_be_compressed(api: Api, coding: str) -> None:
    body = gzip.compress(fhir_json.dumps(patient("squeezed")))
    made = valid(await api.ask("POST", "Patient", body, headers={"content-encoding": coding}))
    assert made["identifier"] == patient("squeezed")["identifier"]


async def test_a_compressed_body_is_bounded_by_what_it_becomes(api: Api) -> None:
    bomb = gzip.compress(bytes(33 << 20), 1)
    assert len(bomb) < 1 << 20
    answer = await api.ask("POST", "Patient", bomb, headers={"content-encoding": "gzip"})
    assert (answer.status_code, places(answer)) == (413, ["http.body"])


async def test_other_codings_are_told_which_is_taken(api: Api) -> None:
    body = fhir_json.dumps(patient("brotli"))
    answer = await api.ask("POST", "Patient", body, headers={"content-encoding": "br"})
    assert (answer.status_code, places(answer)) == (415, ["http.Content-Encoding"])
    assert answer.headers["accept-encoding"] == "gzip"


async def test_other_patches_are_told_which_are_taken(api: Api) -> None:
    logical, kind = await api.make(patient("merge")), {"content-type": "application/merge-patch+json"}
    answer = await api.ask("PATCH", f"Patient/{logical}", b'{"active":true}', headers=kind)
    assert (answer.status_code, places(answer)) == (415, ["http.Content-Type"])
    assert answer.headers["accept-patch"].startswith("application/json-patch+json, ")


async def test_a_list_of_operations_that_is_not_said_to_be_a_patch(api: Api) -> None:
    logical = await api.make(patient("listed"))
    answer = await api.ask("PATCH", f"Patient/{logical}", b' [{"op":"remove","path":"/name"}]')
    assert (answer.status_code, places(answer)) == (415, ["http.Content-Type"])
    assert "application/json-patch+json" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "patient", "did you mean Patient?"),
        ("GET", "?_type=Patients", "did you mean Patient?"),
        ("GET", "Xyzzy", "is not a resource type of FHIR R4"),
        ("DELETE", "Basic", "write the id in the address (Basic/id)"),
    ],
)
async def test_an_address_that_is_nearly_right_is_told_the_right_one(
    api: Api, method: str, path: str, told: str
) -> None:
    said = (await api.ask(method, path)).json()["issue"][0]["diagnostics"]
    assert said.endswith(told)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/Patient/1", "/Patient/1 is not known here; FHIR answers below /fhir: /fhir/Patient/1"),
        ("/metadata", "/metadata is not known here; FHIR answers below /fhir: /fhir/metadata"),
        ("/Patients", "/Patients is not known here"),
    ],
)
async def test_who_forgets_the_base_is_told_where_it_is(api: Api, path: str, told: str) -> None:
    answer = await api.client.get(path, headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json()["issue"][0]["diagnostics"]) == (404, told)


async def test_a_mark_of_byte_order_is_passed_over(api: Api) -> None:
    body = codecs.BOM_UTF8 + fhir_json.dumps(patient("marked"))
    assert (await api.ask("POST", "Patient", body)).status_code == 201
    other = fhir_json.dumps(patient("marked")).decode().encode("utf-16")
    assert (await api.ask("POST", "Patient", other)).status_code == 400


async def test_a_body_that_is_no_resource_is_told_so(api: Api) -> None:
    answer = await api.ask("POST", "Patient", {"name": [{"family": "Riou"}]})
    assert (answer.status_code, places(answer)) == (400, ["http.body"])
    assert '"resourceType":"Patient"' in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("criteria", ["", " ", "?", "Patient?"])
async def test_an_empty_condition_creates_nothing(api: Api, criteria: str) -> None:
    before = await api.rows()
    answer = await api.ask("POST", "Patient", patient("unless"), headers={"if-none-exist": criteria})
    assert (answer.status_code, places(answer)) == (412, ["http.If-None-Exist"])
    assert await api.rows() == before


@pytest.mark.parametrize("query", ["_format=html", "_format=text/html"])
async def test_who_asks_for_a_page_is_shown_json(api: Api, query: str) -> None:
    logical = await api.make(patient("page"))
    answer = await api.get(f"Patient/{logical}?{query}")
    assert answer.headers["content-type"].startswith("application/fhir+json")


@pytest.mark.parametrize(
    "path",
    [
        *("Patient?", "Patient/_search?", "Patient/_history?", "_history?", "Patient/{0}/_history?"),
        *("Patient/{0}/Observation?", "?_type=Patient&", "Patient/{0}", "Patient/{0}/_history/1", "metadata"),
    ],
)
async def test_what_is_read_may_be_asked_about(api: Api, path: str) -> None:
    # All on one page: the mark of a next one tells the moment, and is not always as long.
    path += "_count=1000" if path[-1] in "?&" else ""
    address = path.format(await api.make(patient("head")))
    whole, head = await api.get(address), await api.ask("HEAD", address)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


async def test_an_answer_is_set_out_for_a_reader(api: Api) -> None:
    exact = {"url": "urn:x", "valueDecimal": Decimal("1.100")}
    logical = await api.make({**patient("prêt"), "extension": [exact]})
    plain = await api.get(f"Patient/{logical}")
    for query in ("_pretty=true", "_pretty=true&_format=json"):
        shown = await api.get(f"Patient/{logical}?{query}")
        assert shown.text.startswith('{\n  "resourceType": "Patient",\n')
        assert '"valueDecimal": 1.100' in shown.text and "prêt" in shown.text
        assert fhir_json.parse(shown.content) == fhir_json.parse(plain.content)
    assert (await api.get(f"Patient/{logical}?_pretty=false")).content == plain.content
    refused = await api.get("Patient/nowhere?_pretty=true")
    assert refused.status_code == 404 and "\n" in refused.text
    assert (await api.get(f"Patient/{logical}?_pretty=true&_format=xml")).text.startswith("<?xml")
    searched = valid(await api.get(f"Patient?_id={logical}&_pretty=true"))
    assert searched["total"] == 1


@pytest.mark.parametrize(
    ("query", "place"),
    [
        *(("_pretty=1", "_pretty"), ("_pretty=", "_pretty"), ("%5fpretty=yes", "_pretty")),
        *(("_pretty=true&_pretty=true", "_pretty"), ("_format=json&_format=xml", "_format")),
    ],
)
@pytest.mark.parametrize(
    "path", ["Patient", "Patient/{0}", "metadata", "Patient/_history", "Patient/{0}/$meta"]
)
async def test_the_form_of_an_answer_is_said_once_and_clearly(
    api: Api, path: str, query: str, place: str
) -> None:
    address = path.format(await api.make(patient("form")))
    answer = await api.get(f"{address}?{query}")
    assert (answer.status_code, places(answer)) == (400, [f"http.{place}"])


async def test_a_form_that_says_the_form_of_its_answer_twice_is_refused(api: Api) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await api.ask("POST", "Patient/_search?_format=json", b"_format=xml", headers=form)
    assert (answer.status_code, places(answer)) == (400, ["http._format"])


@pytest.mark.parametrize("header", ["x-http-method-override", "x-http-method", "x-method-override"])
async def test_a_method_in_a_header_is_refused(api: Api, header: str) -> None:
    """Passed over, an update would make a second resource, and a deletion would be a reading."""
    logical = await api.make(patient("override"))
    before = await api.rows()
    batch = {"resourceType": "Bundle", "type": "batch"}
    for method, path, body in (
        ("POST", "Patient", patient("override")),
        ("GET", f"Patient/{logical}", None),
        ("POST", "", batch),
    ):
        answer = await api.ask(method, path, body, headers={header: "PUT"})
        assert (answer.status_code, places(answer)) == (400, [f"http.{header}"])
    assert await api.rows() == before


# -- contents -----------------------------------------------------------------------------------------


async def test_a_content_is_written_and_read_as_it_is(api: Api) -> None:
    kind = {"content-type": "application/pdf"}
    made = await api.ask("POST", "Binary", PDF, headers=kind)
    binary = valid(made)
    assert (binary["contentType"], binary["data"]) == ("application/pdf", b64encode(PDF).decode())
    for address in (f"Binary/{binary['id']}", f"Binary/{binary['id']}/_history/1"):
        for accept in ("application/pdf", "image/png, application/*;q=0.1, application/pdf"):
            read = await api.get(address, headers={"accept": accept})
            if "*" in accept:  # FHIR is welcome too, and says more
                assert read.json()["resourceType"] == "Binary"
                continue
            assert (read.content, read.headers["content-type"]) == (PDF, "application/pdf")
            assert read.headers["etag"] == 'W/"1"'
    changed = await api.ask(
        "PUT", f"Binary/{binary['id']}", b"second", headers={"content-type": "text/plain"}
    )
    assert valid(changed)["id"] == binary["id"]
    second = await api.get(f"Binary/{binary['id']}", headers={"accept": "text/*"})
    assert (second.content, second.headers["etag"]) == (b"second", 'W/"2"')
    unchanged = {"accept": "text/plain", "if-none-match": 'W/"2"'}
    assert (await api.get(f"Binary/{binary['id']}", headers=unchanged)).status_code == 304


async def test_a_content_is_no_page_of_ours(api: Api) -> None:
    page = b"<script>alert(1)</script>"
    made = valid(await api.ask("POST", "Binary", page, headers={"content-type": "text/html"}))
    browser = await api.get(f"Binary/{made['id']}", headers={"accept": "text/html"})
    assert browser.headers["content-type"].startswith("application/fhir+json")
    svg = valid(await api.ask("POST", "Binary", page, headers={"content-type": "image/svg+xml"}))
    shown = await api.get(f"Binary/{svg['id']}", headers={"accept": "image/*"})
    assert shown.content == page and shown.headers["content-disposition"] == "attachment"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert shown.headers["x-content-type-options"] == "nosniff"


async def test_a_content_of_another_type_is_not_given(api: Api) -> None:
    made = valid(await api.ask("POST", "Binary", PDF, headers={"content-type": "application/pdf"}))
    for accept in ("image/png", "text/*", "application/pd"):
        answer = await api.get(f"Binary/{made['id']}", headers={"accept": accept})
        assert (answer.status_code, places(answer)) == (406, ["http.Accept"])
    assert (await api.get("Patient", headers={"accept": "application/pdf"})).status_code == 406
    hidden = await api.get(f"Binary/{made['id']}", who="doctor", headers={"accept": "application/pdf"})
    assert hidden.status_code == 404


async def test_a_content_follows_what_it_is_said_to_belong_to(api: Api) -> None:
    logical = await api.make(patient("belongs"))
    headers = {"content-type": "application/pdf", "x-security-context": f"Patient/{logical}"}
    made = valid(await api.ask("POST", "Binary", PDF, headers=headers))
    assert made["securityContext"] == {"reference": f"Patient/{logical}"}
    for kind in ("x", "a/b c", "multipart/"):
        bad = await api.ask("POST", "Binary", PDF, headers={"content-type": kind})
        assert (bad.status_code, places(bad)) == (415, ["http.Content-Type"])
    empty = valid(await api.ask("POST", "Binary", b"", headers={"content-type": "application/pdf"}))
    assert "data" not in empty


async def test_a_body_does_not_say_of_what_an_operation_is_asked(api: Api) -> None:
    """Of a type it is asked of the type: what stands beside an id in JSON names no resource."""
    sent = {"resourceType": "Parameters", "_id": "nothing", "_language": "x"}
    answer = await api.ask("POST", "Subscription/$status", sent)
    assert answer.status_code == 200, answer.text
    (refused,) = (await api.ask("POST", "ValueSet/$expand", sent)).json()["issue"]
    assert "nothing" not in refused["details"]["text"]


async def test_options_tells_what_an_address_takes(api: Api) -> None:
    told = await api.ask("OPTIONS", "Patient/any")
    assert told.status_code == 204
    assert told.headers["allow"] == "GET, PUT, PATCH, DELETE, HEAD"
    assert "application/json-patch+json" in told.headers["accept-patch"]
    assert (await api.ask("OPTIONS", "$export")).headers["allow"] == "GET, POST"


async def test_if_none_exist_takes_our_address_and_no_other_type(api: Api) -> None:
    body = {"resourceType": "Basic", "code": {"text": "a"}}
    for asked in ("Basic?identifier=http://a|2", "http://127.0.0.1:8000/fhir/Basic?identifier=http://a|1"):
        made = await api.ask("POST", "Basic", body, headers={"if-none-exist": asked})
        assert made.status_code in (200, 201), made.text
    for asked in ("Patient?identifier=http://a|1", "http://other.example/fhir/Basic?identifier=http://a|1"):
        refused = await api.ask("POST", "Basic", body, headers={"if-none-exist": asked})
        assert refused.status_code == 400
        assert "write Basic?criteria" in refused.text
