"""What is sent and what is taken: JSON, XML, or neither."""

import pytest

from aubier.ground.problem import Problem
from aubier.rest.formats.conversion import received, written
from aubier.rest.formats.negotiation import sent_format, wanted_format


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("application/fhir+json", "json"),
        ("application/json", "json"),
        ("application/fhir+json; charset=UTF-8", "json"),
        ("Application/FHIR+JSON;charset=utf8", "json"),
        ('application/fhir+json; charset="utf-8"; fhirVersion=4.0', "json"),
        ("application/fhir+json;fhirVersion=4.0;charset=utf-8", "json"),
        ("text/json", "json"),
        ("application/json;", "json"),
        ("application/fhir+xml", "xml"),
        ("application/xml; charset=utf-8", "xml"),
        ("text/xml", "xml"),
        ("application/fhir+xml; fhirVersion=4.0", "xml"),
    ],
)
def test_what_comes_in(kind: str, found: str) -> None:
    assert sent_format({"content-type": kind}) == found


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({}, "http.Content-Type"),
        ({"content-type": ""}, "http.Content-Type"),
        ({"content-type": "text/plain"}, "http.Content-Type"),
        ({"content-type": "application/fhir+turtle"}, "http.Content-Type"),
        ({"content-type": "application/fhir+json; fhirVersion=5.0"}, "http.Content-Type"),
        ({"content-type": "application/fhir+xml; charset=latin-1"}, "http.Content-Type"),
    ],
)
def test_other_bodies_stay_out(headers: dict[str, str], at: str) -> None:
    with pytest.raises(Problem) as refusal:
        sent_format(headers)
    assert refusal.value.kind == "media-type" and refusal.value.issues[0].at == (at,)


@pytest.mark.parametrize(
    ("accept", "query", "found"),
    [
        ("", "", "json"),
        ("*/*", "", "json"),
        ("application/*", "", "json"),
        ("application/fhir+json;q=0.9, text/x", "", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", "json"),
        ("application/fhir+xml", "", "xml"),
        ("application/fhir+xml, application/fhir+json;q=0.5", "", "xml"),
        ("application/fhir+xml;q=0.4, application/fhir+json;q=0.5", "", "json"),
        ("application/fhir+xml, application/fhir+json", "", "xml"),
        ("application/fhir+json;q=0, application/xml;q=0.1", "", "xml"),
        ("application/fhir+json; fhirVersion=3.0, application/xml", "", "xml"),
        ("application/fhir+xml", "_format=json", "json"),
        ("application/fhir+json", "_format=xml", "xml"),
        ("", "_format=application/fhir%2Bxml", "xml"),
        ("", "name=x&_format=application/fhir+xml", "xml"),
        ("application/pdf", "_format=application/fhir%2Bjson", "json"),
    ],
)
def test_what_goes_out(accept: str, query: str, found: str) -> None:
    assert wanted_format({"accept": accept}, query) == found


@pytest.mark.parametrize(
    ("accept", "query", "at"),
    [
        ("text/turtle, image/png", "", "http.Accept"),
        ("application/fhir+json; fhirVersion=5.0", "", "http.Accept"),
        ("application/fhir+json;q=0", "", "http.Accept"),
        ("application/fhir+json;q=x", "", "http.Accept"),
        ("application/json", "_format=ttl", "http._format"),
    ],
)
def test_who_takes_neither_is_told(accept: str, query: str, at: str) -> None:
    with pytest.raises(Problem) as refusal:
        wanted_format({"accept": accept}, query)
    assert refusal.value.kind == "not-acceptable" and refusal.value.issues[0].at == (at,)


def test_the_format_may_stand_in_a_form() -> None:
    form = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    assert wanted_format(form, "", b"family=x&_format=xml") == "xml"


def test_a_body_is_read_by_its_format() -> None:
    body = b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>'
    assert received({"content-type": "application/fhir+xml"}, body)["active"] is True
    assert received({"content-type": "application/json"}, b'{"active":true}')["active"] is True
    with pytest.raises(Problem) as refusal:
        received({"content-type": "application/fhir+xml"}, b"{}")
    assert refusal.value.issues[0].at == ("http.body",)
    assert written(b"", "xml") == b"" and written(b"{}", "json") == b"{}"
