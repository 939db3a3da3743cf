"""Readers of questions: searches, filters, FHIRPath, patches, units, patterns, marks of pages, headers."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zlib import crc32

import msgspec

from aubier.access import scopes
from aubier.fhir import ucum
from aubier.fhir.fhirpath import Environment, typed
from aubier.fhir.json import dumps, parse, parse_list
from aubier.fhir.patch import Change, fhirpath_patch, json_patch
from aubier.ground.rows import Resource
from aubier.rest.exchange import Call, decoded, unchanged, version_of
from aubier.rest.formats.negotiation import sent_format
from aubier.rest.formats.parts import cookies_of
from aubier.rest.interactions import path_of
from aubier.rest.origins import preflight
from aubier.search.keys import Keys
from aubier.search.model import Query
from aubier.search.paging.marks import read_cursor
from aubier.search.paging.order import after, sort_keys
from aubier.search.parameters import registry
from aubier.search.query import parse as parse_search
from aubier.search.sql import Frame, conditions
from aubier.services.record.mhd import patch as document_patch
from aubier.store.reading import Row
from aubier.terminology.meaning import code_system, concept_map, regex, value_set
from aubier.validation.resource import validate
from tests.fuzz import seeds
from tests.fuzz.target import Target, read

_NOW = datetime(2026, 1, 31, tzinfo=UTC)
_TYPES = ("Patient", "Observation", "Location")
_BODY = "http.body"
_BUDGET = 20_000
"""What one expression may look at here: enough to reach everything, little enough to try many."""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def search(data: bytes) -> None:
    """A query string: decoded, read, compiled to SQL with its order and its mark."""
    pairs = read(lambda: decoded(data.decode("latin-1")))
    if pairs is None:
        return
    for type in _TYPES:
        query = read(lambda type=type: parse_search(type, pairs, registry=registry()))  # type: ignore[misc]
        if query is not None:
            read(lambda query=query: _compiled(query))  # type: ignore[misc]
        parse_quietly(type, pairs)


def parse_quietly(type: str, pairs: list[tuple[str, str]]) -> None:
    """As a lenient client asks: what is unknown is named, never lost."""
    found = read(lambda: parse_search(type, pairs, registry=registry(), lenient=True))
    if found is not None:
        assert len(found.ignored) + len(found.applied) <= len(pairs)


def _compiled(query: Query) -> None:
    frame = _frame()
    for part in conditions(frame, query.criteria, query.type, "r"):
        assert part.count("(") >= 0
        assert "\0" not in part
    keys = sort_keys(frame, query.sort, query.type, "r")
    if query.cursor:
        _, values = read_cursor(query, keys)
        after(frame, keys, values)


def _frame() -> Frame:
    return Frame(
        keys=Keys(lambda *parts: crc32(repr(parts).encode())),
        table=lambda kind: "",
        number=lambda kind: 1,
        visible=lambda row, kind: "true",
        slices=lambda kind: frozenset({"patient", "subject"}),
        now=_NOW,
    )


def filters(data: bytes) -> None:
    """A `_filter`."""
    value = _text(data)
    for type in _TYPES[:2]:
        query = read(lambda type=type: parse_search(type, [("_filter", value)], registry=registry()))  # type: ignore[misc]
        if query is not None:
            read(lambda query=query: _compiled(query))  # type: ignore[misc]


@cache
def _patient() -> Resource:
    return parse(seeds.resources()[0])


def fhirpath(data: bytes) -> None:
    """An expression: read, compiled strictly and not, evaluated."""
    expression = _text(data)
    world = Environment(budget=_BUDGET, now=_NOW)
    for strict in (False, True):
        find = read(lambda strict=strict: typed(expression, "Patient", strict=strict))  # type: ignore[misc]
        if find is not None:
            found = read(lambda find=find: find(_patient(), world), expression or _BODY)  # type: ignore[misc]
            assert found is None or isinstance(found, list)


def patched(data: bytes) -> None:
    """A JSON Patch, by both of its readers."""
    operations = read(lambda: parse_list(data), _BODY)
    if operations is not None:
        _applied(lambda: json_patch(operations))
        _applied(lambda: document_patch.json_patch(operations))


def fhirpath_patched(data: bytes) -> None:
    """A FHIRPath Patch, by both of its readers."""
    parameters = read(lambda: parse(data), _BODY)
    if parameters is not None and not validate(parameters):
        _applied(lambda: fhirpath_patch(parameters))
        _applied(lambda: document_patch.fhirpath_patch(parameters))


def _applied(made: Callable[[], Change]) -> None:
    """A patch does not fit, or gives a resource that can be written; what was patched stays."""
    before = dumps(_patient())
    change = read(made)
    if change is not None:
        after_ = read(lambda: change(_patient()), _BODY)
        assert after_ is None or dumps(after_)
    assert dumps(_patient()) == before


def units(data: bytes) -> None:
    """A unit of UCUM."""
    found = ucum.unit(_text(data))
    assert found is None or found.size > 0


_SAMPLES = ("", "a", "aaaaaaaa", "J45.9", "\n", "\N{PILE OF POO}")


def patterns(data: bytes) -> None:
    """A pattern of a value set: matched, and written for the database."""
    node = read(lambda: regex.parse(_text(data), "ValueSet.compose.include[0].filter[0].value"))
    if node is not None:
        assert all(regex.matches(node, text) in (True, False) for text in _SAMPLES)
        assert "[]" not in regex.written(node), "PostgreSQL has no class without a character"


def terminologies(data: bytes) -> None:
    """Value sets, code systems and concept maps, as far as they are valid resources."""
    resource = read(lambda: parse(data), _BODY)
    if resource is None or validate(resource):
        return
    match resource["resourceType"]:
        case "ValueSet":
            read(lambda: value_set.read(resource))
        case "CodeSystem":
            read(lambda: (code_system.system_of(resource), list(code_system.concepts_of(resource))))
        case "ConceptMap":
            read(lambda: (list(concept_map.mappings(resource)), concept_map.unmapped(resource)))


_ROW = Row("Patient", "p1", 3, 1_790_000_000_000, b"{}")


def headers(data: bytes) -> None:
    """A request as bytes of HTTP: method and path, headers; what the server reads of them."""
    first, *lines = data.decode("latin-1").split("\n")
    method, _, target = first.partition(" ")
    path, _, query = target.partition("?")
    pairs = (line.partition(":") for line in lines)
    said = {name.strip().lower(): value.strip() for name, _, value in pairs}
    call = Call(method, path_of(path), query, said, b"", "http://localhost/fhir")
    assert call.language in ("fr", "en")
    assert preflight(method, said) is None or method == "OPTIONS"
    for asked in (call.pairs, lambda: call.format, lambda: sent_format(said), lambda: call.prefer):
        read(asked)
    read(lambda: version_of(said.get("if-match", ""), "If-Match"))
    assert unchanged(call, _ROW) in (True, False)


def cookies(data: bytes) -> None:
    """The cookies of a request."""
    found = cookies_of({"cookie": data.decode("latin-1")})
    assert sum(map(len, found.values())) <= len(data)


def granted(data: bytes) -> None:
    """Scopes: what is granted is never more than what was asked, whatever is written."""
    asked = read(lambda: scopes.parse(_text(data)))
    if asked is None:
        return
    for kind, ceiling in scopes.CEILINGS.items():
        client = scopes.Parsed(ceiling, asked.plain)
        given = read(lambda kind=kind, client=client: scopes.granted(asked, kind, client))  # type: ignore[misc]
        if given is not None:
            assert {s.context for s in given.smart} <= {s.context for s in asked.smart}
            assert read(lambda given=given: scopes.parse(str(given))) is not None  # type: ignore[misc]


def _mark(*body: Any) -> bytes:
    return b"_page=" + urlsafe_b64encode(msgspec.msgpack.encode(body)).rstrip(b"=")


_SEARCHES = (
    b"name=Le%20Goff&_count=20&_sort=-birthdate,family&_elements=name&_total=accurate",
    b"code-value-quantity=http://loinc.org|8480-6$gt160&date=ge2020-05&_include=Observation:subject",
    b"_has:Observation:patient:_has:Encounter:subject:status=finished&identifier:of-type=a|MR|1",
    b"subject:Patient.organization.name:contains=a&value-quantity=le5.40|http://unitsofmeasure.org|mg",
    b"near=48.1|-1.7|10|km&_type=Patient,Observation&_lastUpdated=sa2020-01-01T00:00:00%2B01:00",
    b"_filter=name%20sw%20%22a%22&_summary=true&_revinclude:iterate=Provenance:target&_list=1",
    _mark(1_795_000_000_000_000, "100:200:150,160", ["bigint"], [5]),
    _mark(1, "3:3:", [], [], [[[[[[[]]]]]]]),
)
_SEARCH_WORDS = (
    *(b"&", b"=", b"%2C", b",", b"|", b"$", b"\\", b":missing", b":not", b":exact", b":iterate", b":in"),
    *(b":text", b":above", b":of-type", b":identifier", b"_has:", b"_include=", b"*", b"%FF", b"%00", b"."),
    *(b"ap", b"ne", b"eb", b"1e999999999", b"-0", b"2020-02-30", b"9999-12-31T23:59:60Z", b"NaN", b"_sort="),
    *(b"subject.", b"Patient", b"_page=", b"\x91" * 40, b"kZGRkZGR" * 40, b"%F0%9F%92%A9", b"+", b"\xe9"),
)
_FILTERS = (
    b'name sw "a" and (birthdate ge 1970 or not (gender eq female)) and active pr true',
    b'subject:Patient.name co "a\\"b" or code in http://example.org/v',
    b'(((identifier eq "urn:oid:1.2.3|1") or (telecom ne x)))',
)
_FILTER_WORDS = (
    *(
        b"(",
        b")",
        b'"',
        b"[",
        b"]",
        b" and ",
        b" or ",
        b" not ",
        b"eq ",
        b"ne ",
        b"co ",
        b"po ",
        b"ss ",
        b"\\",
    ),
    *(b"name ", b"birthdate ", b"gender ", b"general-practitioner.", b"$", b",", b"|", b"1e999999999"),
)
_EXPRESSIONS = (
    b"Patient.name.where(use = 'official').given.first() | name.family.lower()",
    b"name.select(given.join(' ') + ' ' & family).matches('^[A-Z].*$') and active.not()",
    b"iif(birthDate < today() - 18 years, 4.5 'mg' * 2, {}) ~ @2020-01-01T10:00:00Z",
    b"repeat(children()).ofType(string).aggregate($this.length() + $total, 0) mod 7 div 2",
    b"extension('http://example.org/e').value.round(2).lowBoundary() is Quantity xor %context.exists()",
    b"descendants().trace('x').skip(1).take(1).replaceMatches('(a)', '$1').substring(0, 1) in ('a' | 'b')",
    b"contained.resolve().type().name contains `id`[0] implies (-1).power(2).sqrt().toString() = '1'",
)
_EXPRESSION_WORDS = (
    *(
        b"(",
        b")",
        b".",
        b"'",
        b"`",
        b"[0]",
        b"{",
        b"}",
        b" | ",
        b" and ",
        b" implies ",
        b" is ",
        b" as ",
        b",",
    ),
    *(b"$this", b"$index", b"$total", b"%resource", b"%`ext-a`", b"@T10", b"@2020-13", b"//", b"/*", b"*/"),
    *(b"repeat(", b"where(", b"aggregate(", b"matches('(a+)+$')", b"replaceMatches(", b"descendants()"),
    *(b"power(", b"exp()", b"ln()", b"round(", b"toDecimal()", b"1e9", b"0.0000001", b"99999999999999999999"),
    *(b" 'mg'", b" years", b"\\u0000", b"\\ud800", b"lowBoundary(", b"sort(", b"encode('hex')", b"combine("),
    *(b"toQuantity('", b"iif(", b"trace('", b"union(", b"select(", b"split(", b"indexOf(", b"all("),
)
_PATCHES = (
    b'[{"op":"add","path":"/name/0/given/-","value":"Lou"},{"op":"move","from":"/name/0","path":"/contact"}]',
    b'[{"op":"test","path":"/active","value":true},{"op":"copy","from":"/name","path":"/name/0/given/0"}]',
    b'[{"op":"replace","path":"","value":{"resourceType":"Patient","id":"p1"}},{"op":"remove","path":"/id"}]',
)
_PATCH_WORDS = (
    *(b'"op":"', b"add", b"remove", b"copy", b"move", b"test", b"replace", b'"path":"/', b'"from":"', b"~0"),
    *(b"~1", b"~2", b"/-", b"/0", b"/00", b"/-1", b"/name", b"/given", b"/extension", b"{", b"}", b"[", b"]"),
    *(b",", b'"value":', b"null", b"{}", b"[]", b"1e5", b"1.0", b"/99999999999999999999", b"\xd9\xa3"),
)


def _operation(**parts: object) -> bytes:
    """A FHIRPath Patch of one operation; each part is given as its `value[x]`."""
    listed = [
        {"name": name, **value} if isinstance(value, dict) else {"name": name, "valueString": value}
        for name, value in parts.items()
    ]
    made = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": listed}]}
    return msgspec.json.encode(made)


def _fhirpath_patches() -> tuple[bytes, ...]:
    value = {"name": "value", "part": [{"name": "given", "valueString": "Lou"}]}
    return (
        _operation(type="add", path="Patient", name="name", value=value),
        _operation(type="insert", path="Patient.name", index={"valueInteger": 0}, value=value),
        _operation(type="replace", path="Patient.birthDate", value={"valueDate": "1970"}),
        _operation(type="delete", path="Patient.name.where(family = 'Le Goff')"),
        _operation(
            type="move",
            path="Patient.name.given",
            source={"valueInteger": 1},
            destination={"valueInteger": 0},
        ),
        _operation(type="add", path="Patient.extension", name="value", value={"valueQuantity": {"value": 1}}),
    )


_FHIRPATH_PATCH_WORDS = (
    *(
        b'"valueString":"',
        b'"valueInteger":',
        b'"part":[',
        b'{"name":"value",',
        b"Patient",
        b".name",
        b".given",
    ),
    *(b"[0]", b".extension", b".where(true)", b".id", b"Patient.contained", b"delete", b"add", b"insert"),
    *(b"move", b"replace", b'"resource":{"resourceType":"Patient"}', b"-1", b"99", b"null", b"multipleBirth"),
    *(b'"valueHumanName":{"given":["a"]}', b'"valueBoolean":true', b"deceased", b".children()", b"_given"),
)
_UNITS = (b"mg/dL", b"10*3/uL", b"kg.m/s2", b"mm[Hg]", b"{score}", b"(m.s-1)2/Cel", b"/min", b"[iU]/L")
_UNIT_WORDS = (
    b".",
    b"/",
    b"(",
    b")",
    b"10^",
    b"{",
    b"}",
    b"[",
    b"]",
    b"24",
    b"-24",
    b"da",
    b"Cel",
    b"\xc2\xb2",
)
_PATTERNS = (rb"[A-C]+[^x-z]", rb"^(?:a|b{2,3}|\d+)*\.\S$", rb"(a?)+(b|c{2})*")
_PATTERN_WORDS = (
    *(b"(", b")", b"[", b"]", b"{", b"}", b"{0000999999999}", b"{0,255}", b"*", b"+", b"?", b"|", b"^", b"$"),
    *(b"[^\\s\\S]", b"\\", b"\\d", b"-", b"(?:", b"(?=", b"\\1", b"(a*)*", b"\xf4\x8f\xbf\xbf", b"\x00"),
)
_TERMINOLOGIES = (
    b'{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"http://a","filter":'
    b'[{"property":"concept","op":"is-a","value":"b"}],"concept":[{"code":"c"}]}],"exclude":[{"valueSet":["u"]}]}}',
    b'{"resourceType":"CodeSystem","status":"active","content":"complete","concept":[{"code":"a","property":'
    b'[{"code":"p","valueDecimal":1.5}],"concept":[{"code":"b","designation":[{"value":"x"}]}]}]}',
    b'{"resourceType":"ConceptMap","status":"active","group":[{"source":"s","target":"t","element":[{"code":"a",'
    b'"target":[{"code":"b","equivalence":"equal"}]}],"unmapped":{"mode":"fixed","code":"z"}}]}',
    b'{"resourceType":"ValueSet","status":"active","expansion":{"timestamp":"2020","contains":[{"system":"s",'
    b'"code":"c","contains":[{"code":"d"}]}]}}',
)
_REQUESTS = (
    b"GET /fhir/Patient/p1?_format=xml HTTP/1.1\nAccept: application/fhir+json;q=0.5, */*\n"
    b'Prefer: handling=lenient\nAccept-Language: fr-FR,en;q=0.8\nIf-None-Match: W/"3", "4"',
    b"GET /fhir/Patient/p1 HTTP/1.1\nIf-Modified-Since: Sat, 31 Jan 2026 10:00:00 GMT",
    b"PUT /fhir/Patient/%70%31\nContent-Type: application/fhir+json; charset=utf-8; fhirVersion=4.0\n"
    b'If-Match: W/"3"',
    b"OPTIONS /fhir\nOrigin: https://a.example\nAccess-Control-Request-Method: GET\nContent-Encoding: gzip",
)
_HEADER_WORDS = (
    *(
        b"\n",
        b": ",
        b";",
        b",",
        b"q=",
        b"1e9",
        b"W/",
        b'"',
        b"%FF",
        b"%00",
        b"%2F",
        b"..",
        b"//",
        b"\xff",
        b"*",
    ),
    *(b"Sat, 31 Jan 99999999999999999999 10:00:00 GMT", b"-9999", b"+9999999999", b"charset=utf-16"),
    *(b"accept: ", b"prefer: ", b"if-none-match: ", b"if-modified-since: ", b"_format=", b"99999999999"),
)
_SCOPES = (
    b"openid patient/*.rs user/Observation.cruds?category=laboratory&code=a%20b system/*.read launch/patient",
)
_SCOPE_WORDS = (
    b"patient/",
    b"user/",
    b"system/",
    b"*",
    b".",
    b"cruds",
    b"write",
    b"?",
    b"&",
    b"=",
    b"%",
    b" ",
)

TARGETS = (
    Target("search", search, lambda: _SEARCHES, _SEARCH_WORDS),
    Target("filter", filters, lambda: _FILTERS, _FILTER_WORDS),
    Target("fhirpath", fhirpath, lambda: _EXPRESSIONS, _EXPRESSION_WORDS),
    Target("json-patch", patched, lambda: _PATCHES, _PATCH_WORDS),
    Target("fhirpath-patch", fhirpath_patched, _fhirpath_patches, _FHIRPATH_PATCH_WORDS),
    Target("ucum", units, lambda: _UNITS, _UNIT_WORDS),
    Target("pattern", patterns, lambda: _PATTERNS, _PATTERN_WORDS),
    Target("terminology", terminologies, lambda: _TERMINOLOGIES, (b"{", b"}", b"[", b"]", b"null", b'"')),
    Target("request", headers, lambda: _REQUESTS, _HEADER_WORDS),
    Target("cookie", cookies, lambda: (b'a=b; c="d\\"e"; f',), (b"=", b";", b'"', b"\\", b"\\101", b" ")),
    Target("scope", granted, lambda: _SCOPES, _SCOPE_WORDS),
)
