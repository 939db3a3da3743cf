"""Readers of the formats in which resources come: JSON, XML, NDJSON, packages."""

from __future__ import annotations

import gzip
import io
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.fhir import packages, xml
from aubier.fhir.references import iter_references
from aubier.ground.problem import Problem
from aubier.rest.formats.conversion import received
from aubier.search.extract import extract
from aubier.validation.narrative import narrative
from aubier.validation.resource import validate
from tests.fuzz import seeds
from tests.fuzz.target import Target, check, read

_FILE = "package.tgz"
_BOUNDS = packages.Bounds(total=1 << 20, members=50, member=1 << 18)


def json(data: bytes) -> None:
    """JSON in; what was read is written and read again without a difference."""
    found = read(lambda: received({"content-type": "application/fhir+json"}, data))
    if found is not None:
        again = fhir_json.dumps(found)
        assert fhir_json.dumps(fhir_json.parse(again)) == again
        _use(found)


def _use(resource: dict[str, Any]) -> None:
    """What becomes of any resource that was read: it is checked and, when sound, indexed."""
    faults = validate(resource)
    if faults:
        check(Problem(tuple(faults)), faults[0].at[0])
        return
    extract(resource)
    list(iter_references(resource))
    written = read(lambda: xml.dumps(resource))
    if written is not None:
        assert xml.dumps(xml.parse(written)) == written


def xml_in(data: bytes) -> None:
    """XML in; what was read can be written in both formats, and reads the same again."""
    found = read(lambda: received({"content-type": "application/fhir+xml"}, data))
    if found is not None:
        again = xml.dumps(found)
        assert xml.parse(again) == found
        assert fhir_json.parse(fhir_json.dumps(found)) == found


def lines(data: bytes) -> None:
    """NDJSON as it is loaded: every line is read by itself."""
    for line in data.split(b"\n"):
        if line.strip():
            read(lambda line=line: received({"content-type": "application/json"}, line))  # type: ignore[misc]


def package(data: bytes) -> None:
    """A package: packed as it came, and its inside packed anew so that a change gets past the checksum."""
    for whole in (data, gzip.compress(data, 1, mtime=0)):
        read(lambda whole=whole: packages.manifest(io.BytesIO(whole), _BOUNDS), _FILE)  # type: ignore[misc]
        read(lambda whole=whole: _resources(whole), _FILE)  # type: ignore[misc]


def _resources(data: bytes) -> None:
    for _, found in packages.resources(io.BytesIO(data), _BOUNDS):
        assert isinstance(found, Problem) or found["resourceType"] is not None


def div(data: bytes) -> None:
    """A narrative."""
    for fault in narrative(data.decode("utf-8", "replace")) or ():
        assert fault.text
        assert fault.fr


def _as_xml() -> tuple[bytes, ...]:
    return tuple(xml.dumps(fhir_json.parse(one)) for one in seeds.resources())


def _packages() -> tuple[bytes, ...]:
    whole = seeds.plain_package()
    return whole, gzip.decompress(whole)


_JSON_WORDS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\u0000", b"\\ud800", b"\\udc00", b"\\", b"null", b"true"),
    *(b"1e999999999", b"-0", b"0.10", b"1E+5", b'"resourceType":', b'"_given":[', b'"extension":[{"url":'),
    *(b'"contained":[{"resourceType":"', b"NaN", b"\xef\xbb\xbf", b"\xff", b"99999999999999999999"),
)
_XML_WORDS = (
    *(b"<", b">", b"/>", b"</", b'="', b"&lt;", b"&#0;", b"&#xD800;", b"<![CDATA[", b"]]>", b"<!--", b"-->"),
    *(b"<?xml version='1.1'?>", b'<!DOCTYPE a [<!ENTITY b "c">]>', b"xmlns:a='http://hl7.org/fhir'", b"<a:"),
    *(b' value="1e999"', b"<div xmlns='http://www.w3.org/1999/xhtml'>", b"<contained>", b' id="', b" url="),
    *(b"<extension", b"<Patient xmlns='http://hl7.org/fhir'>", b"\xff\xfe", b"encoding='UTF-16'", b"xsi:"),
)
_TAR_WORDS = (b"../", b"/etc/passwd", b"\x00", b"0000000", b"7777777", b"x", b"g", b"L", b"2", b"ustar")

TARGETS = (
    Target("json", json, seeds.resources, _JSON_WORDS),
    Target("xml", xml_in, _as_xml, _XML_WORDS),
    Target("ndjson", lines, lambda: (b"\n".join(seeds.resources()),), (*_JSON_WORDS, b"\n", b"\r")),
    Target("package", package, _packages, _TAR_WORDS),
    Target("narrative", div, lambda: (seeds.EXTENDED["text"]["div"].encode(),), (*_XML_WORDS, b"onclick=")),
)
