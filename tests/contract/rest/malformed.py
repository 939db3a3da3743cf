"""Requests to be refused: bodies, headers, parameters, paths, each wrong in one place."""

import copy
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.search.parameters import registry

CHANCE = 20_261_122


@dataclass(frozen=True)
class Wrong:
    """A request, and what is wrong with it."""

    why: str
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


CODE = {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Weight"}], "text": "Poids"}
SAMPLES: tuple[dict[str, Any], ...] = (
    {
        "resourceType": "Patient",
        "active": True,
        "identifier": [{"use": "official", "system": "urn:oid:1.2.3", "value": "12"}],
        "name": [{"family": "Le Goff", "given": ["Yann", "Marie"], "period": {"start": "2020-01-01"}}],
        "telecom": [{"system": "phone", "value": "+33600000000", "rank": 1}],
        "gender": "male",
        "birthDate": "1980-02-29",
        "address": [{"line": ["1 rue du Port"], "city": "Brest", "postalCode": "29200"}],
        "multipleBirthInteger": 2,
        "contact": [{"name": {"family": "Morvan"}, "gender": "female"}],
        "communication": [{"language": {"text": "breton"}, "preferred": True}],
    },
    {
        "resourceType": "Observation",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "status": "final",
        "code": CODE,
        "subject": {"reference": "Patient/unknown", "display": "Yann"},
        "effectiveDateTime": "2026-11-20T10:00:00+01:00",
        "valueQuantity": {"value": 79.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        "component": [{"code": CODE, "valueRange": {"low": {"value": 1}, "high": {"value": 2}}}],
        "note": [{"text": "à jeun", "time": "2026-11-20"}],
    },
    {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": CODE,
        "subject": {"reference": "Patient/unknown"},
        "authoredOn": "2026-11-20",
        "dosageInstruction": [
            {"sequence": 1, "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
        ],
        "dispenseRequest": {"numberOfRepeatsAllowed": 3, "validityPeriod": {"start": "2026-11-20"}},
    },
    {
        "resourceType": "Organization",
        "active": True,
        "name": "Hôpital",
        "type": [CODE],
        "extension": [{"url": "http://example.org/x", "valueBoolean": True}],
        "partOf": {"reference": "Organization/1"},
    },
    {
        "resourceType": "Questionnaire",
        "status": "draft",
        "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "string"}]}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
    },
)
"""Good resources, in each of whose places something bad is put."""

BAD: tuple[Any, ...] = (None, "", {}, [], {"neverHeardOf": 1}, [[]], [None])
"""What is wrong wherever it stands."""


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value below a resource."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def put(resource: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at `path`."""
    made = copy.deepcopy(resource)
    node: Any = made
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return made


def bodies() -> Iterator[Wrong]:
    """Each place of each sample with something bad in it: the resource is well-formed JSON and wrong FHIR."""
    for sample in SAMPLES:
        kind = sample["resourceType"]
        for path in places(sample):
            for bad in BAD:
                name = f"{kind} {path} = {bad!r}"
                yield Wrong(name, "POST", kind, fhir_json.dumps(put(sample, path, bad)))


def bytes_of_json() -> Iterator[Wrong]:
    """What is no JSON object, or JSON that readers disagree on."""
    good = fhir_json.dumps(SAMPLES[0])
    texts = {
        "empty": b"",
        "blank": b" \n",
        "null": b"null",
        "number": b"1",
        "text": b'"Patient"',
        "list": b"[" + good + b"]",
        "two": good + good,
        "rest": good + b"x",
        "two byte order marks": b"\xef\xbb\xbf" * 2 + good,
        "utf-16": good.decode().encode("utf-16"),
        "latin-1": good.replace(b"Yann", b"Yann\xe9"),
        "overlong": good.replace(b"Yann", b"\xc0\xaf"),
        "NUL": good.replace(b"Yann", b"Ya\\u0000nn"),
        "raw NUL": good.replace(b"Yann", b"Ya\x00nn"),
        "control": good.replace(b"Yann", b"Ya\x07nn"),
        "surrogate": good.replace(b"Yann", b"\\ud800"),
        "swapped surrogates": good.replace(b"Yann", b"\\udc00\\ud800"),
        "escape": good.replace(b"Yann", b"\\x41"),
        "single quotes": b"{'resourceType':'Patient'}",
        "comment": b'{"resourceType":"Patient"/* a */}',
        "trailing comma": b'{"resourceType":"Patient",}',
        "NaN": good.replace(b'"rank":1', b'"rank":NaN'),
        "Infinity": good.replace(b'"rank":1', b'"rank":-Infinity'),
        "leading zero": good.replace(b'"rank":1', b'"rank":01'),
        "plus": good.replace(b'"rank":1', b'"rank":+1'),
        "huge exponent": good.replace(b'"rank":1', b'"rank":1e999999'),
        "many digits": good.replace(b'"rank":1', b'"rank":' + b"9" * 5000),
        "twice": b'{"resourceType":"Patient","active":true,"active":true}',
        "twice, escaped": b'{"resourceType":"Patient","active":true,"\\u0061ctive":true}',
        "two types": b'{"resourceType":"Patient","resourceType":"Observation"}',
        "deep": b'{"resourceType":"Patient","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "deep extensions": b'{"resourceType":"Patient","extension":' * 1
        + b'[{"url":"http://a.b","extension":' * 60
        + b"[]"
        + b"}]" * 60
        + b"}",
        "unclosed": b"{" * 4000,
        "xml": b'<Patient xmlns="http://hl7.org/fhir"/>',
    }
    for why, data in texts.items():
        for method, path in (("POST", "Patient"), ("PUT", "Patient/p1"), ("POST", "")):
            yield Wrong(f"{why} {method} {path}", method, path, data)
    chance = random.Random(CHANCE)
    for end in sorted(chance.sample(range(1, len(good)), 60)):
        yield Wrong(f"cut at {end}", "POST", "Patient", good[:end])


def kinds() -> Iterator[Wrong]:
    """Bodies whose type or id is not what the address says."""
    for kind in (
        "",
        "patient",
        "Patients",
        "Resource",
        "DomainResource",
        "Observation",
        1,
        None,
        [],
        {},
        "P" * 9999,
    ):
        body = fhir_json.dumps({"resourceType": kind, "id": "p1"})
        yield Wrong(f"type {str(kind)[:20]!r}", "POST", "Patient", body)
        yield Wrong(f"type {str(kind)[:20]!r}", "PUT", "Patient/p1", body)
    yield Wrong("no type", "POST", "Patient", b"{}")
    for logical in ("p2", "", 1, None, [], {}, "a/b", "x" * 65, "é"):
        body = fhir_json.dumps({"resourceType": "Patient", "id": logical})
        yield Wrong(f"id {logical!r}"[:40], "PUT", "Patient/p1", body)
    yield Wrong("no id", "PUT", "Patient/p1", b'{"resourceType":"Patient"}')


def headers() -> Iterator[Wrong]:
    """Headers that say something we cannot do or read."""
    good = fhir_json.dumps({**SAMPLES[0], "id": "p1"})
    for kind in (
        "",
        "text/plain",
        "application/xml",
        "application/fhir+xml",
        "application/fhir+turtle",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json; charset=iso-8859-1",
        "application/json-patch+json",
        "*/*",
        ";",
        "a" * 9000,
    ):
        for method, path in (("POST", "Patient"), ("PUT", "Patient/p1"), ("POST", "")):
            yield Wrong(f"Content-Type {kind[:30]}", method, path, good, {"content-type": kind})
    for way in ("gzip", "br", "deflate", "gzip, gzip", "x"):
        yield Wrong(f"Content-Encoding {way}", "POST", "Patient", good, {"content-encoding": way})
    squeezed = gzip.compress(good)
    for why, sent in (
        ("cut", squeezed[:-9]),
        ("with more behind", squeezed + b"x"),
        ("twice", squeezed * 2),
        ("of nothing", gzip.compress(b"")),
        ("of gzip", gzip.compress(squeezed)),
    ):
        yield Wrong(f"gzip {why}", "POST", "Patient", sent, {"content-encoding": "gzip"})
    for kind in ("application/fhir+turtle", "text/turtle", "image/png", "application/pdf", "x"):
        yield Wrong(f"Accept {kind}", "GET", "Patient", None, {"accept": kind})
        yield Wrong(f"Accept {kind}", "POST", "Patient", good, {"accept": kind})
    for tag in (
        "x",
        'W/"x"',
        '"',
        'W/"1',
        "W/",
        'W/"-1"',
        'W/"1.0"',
        'W/"99999999999999999999"',
        'W/"1", W/"2"',
        "*x",
    ):
        for method in ("PUT", "DELETE"):
            sent = good if method == "PUT" else None
            yield Wrong(f"If-Match {tag}", method, "Patient/p1", sent, {"if-match": tag})
    for criteria in (
        "?",
        "x",
        "Patient?",
        "_count=1",
        "zzz=1",
        "birthdate=zz",
        "Observation?code=1",
        "identifier",
        "%ff=1",
        "identifier=%ff",
        "_id",
        "_sort=name",
        "family:zz=a",
        "_format=json",
    ):
        yield Wrong(f"If-None-Exist {criteria}", "POST", "Patient", good, {"if-none-exist": criteria})


VALUES = {
    "date": ("zz", "2026-13-01", "2026-02-30", "2026-11-22T25:00:00Z", "xx2026", "20261122",
             "2026-1-1", "eq", "10000-01-01", "", "2026-11-22T10:00:00+99:00"),
    "number": ("zz", "1,,", "0x10", "1e99999", "", "NaN", "--1", "ge"),
    "quantity": ("zz", "zz|http://unitsofmeasure.org|kg", "1e99999||kg", "", "NaN||", "1|2|3|4|5"),
    "token": ("", "a|b|c|d"),
    "reference": ("",),
    "string": ("",),
    "uri": ("",),
}  # fmt: skip
"""Values that a parameter of each type cannot have."""


def parameters() -> Iterator[Wrong]:
    """Search parameters that do not exist, or with a value or modifier that they cannot have."""
    for kind in (
        "Patient",
        "Observation",
        "Encounter",
        "RiskAssessment",
        "Slot",
        "Immunization",
        "ChargeItem",
    ):
        for row in registry().of(kind):
            for value in VALUES.get(row.type, ())[:12]:
                if value:
                    yield Wrong(f"{kind}?{row.code}={value}", "GET", f"{kind}?{row.code}={value}")
            for modifier in ("zzz", "", "Exact"):
                path = f"{kind}?{row.code}:{modifier}=a"
                yield Wrong(path, "GET", path)
    for pair in (
        "zzz=1",
        "_zzz=1",
        "=1",
        "&=&",
        "_count=-1",
        "_count=x",
        "_count=1.5",
        "_count=1&_count=2",
        "_sort=zzz",
        "_sort=--name",
        "_summary=zzz",
        "_total=zzz",
        "_include=zzz",
        "_include=Patient",
        "_include=Patient:zzz",
        "_include=Observation:",
        "_revinclude=Observation:zzz",
        "_revinclude=zzz:subject",
        "_has:Observation:zzz:code=1",
        "_has:Observation:patient=1",
        "_has=1",
        "_has:Zzz:patient:code=1",
        "_has:::=1",
        "general-practitioner.zzz=1",
        "general-practitioner:Zzz.name=1",
        "name.family=1",
        "_lastUpdated=zz",
        "_page=zz",
        "_page=%00",
        "_contained=zzz",
        "_containedType=zzz",
        "_filter=name eq",
        "_query=zzz",
        "name=%ff",
        "name=%c0%af",
        "name=%00",
        "_id=a%00b",
        "identifier=%00|a",
        "birthdate=ge",
        "gender:in=x",
        "gender:below=x",
        "name:missing=x",
        "birthdate:exact=2020",
        "_format=ttl",
        "_format=application/fhir%2Bturtle",
        "_type=Patient",
        "name:contains:exact=a",
        "a.b.c.d.e.f.g.h=1",
        "organization.partof.partof.partof.partof.partof.partof.partof.partof.name=a",
    ):
        yield Wrong(f"Patient?{pair}", "GET", f"Patient?{pair}")
        form = {"content-type": "application/x-www-form-urlencoded"}
        yield Wrong(f"_search {pair}", "POST", "Patient/_search", pair.encode(), form)
    yield Wrong("many", "GET", "Patient?" + "&".join(["name=a"] * 1001))
    yield Wrong("long", "GET", "Patient?name=" + "a" * 64_001)
    yield Wrong("many values", "GET", "Patient?_id=" + ",".join("a" for _ in range(20_000)))
    for pair in (
        "_since=zz",
        "_since=",
        "_at=zz",
        "_count=x",
        "_count=-1",
        "_page=zz",
        "_page=1.2",
        "zzz=1",
        "_sort=name",
        "_since=ge2020",
        "_page=99999999999999999999.1.1",
    ):
        for path in ("_history", "Patient/_history", "Patient/p1/_history"):
            yield Wrong(f"{path}?{pair}", "GET", f"{path}?{pair}")
    for body in (b"name=\xff", "name=é".encode("latin-1"), b"%ff=1"):
        yield Wrong(f"form {body!r}", "POST", "Patient/_search", body, form)
    for kind in ("application/fhir+json", "text/plain", "multipart/form-data", ""):
        yield Wrong(f"_search {kind}", "POST", "Patient/_search", b"name=a", {"content-type": kind})


def paths() -> Iterator[Wrong]:
    """Addresses at which there is nothing."""
    ids = (
        "a_b",
        "a%20b",
        "a%00",
        "x" * 65,
        "é",
        "%ff",
        "a%2Fb",
        "..%2f..",
        "~",
        "a'b",
        "a;b",
        "$zzz",
        "*",
        "%F0%9F%98%80",
    )
    for logical in ids:
        for method in ("GET", "DELETE"):
            yield Wrong(f"id {logical[:20]}", method, f"Patient/{logical}")
        yield Wrong(f"history of {logical[:20]}", "GET", f"Patient/{logical}/_history")
        yield Wrong(f"version of {logical[:20]}", "GET", f"Patient/{logical}/_history/1")
        body = fhir_json.dumps({"resourceType": "Patient", "id": logical})
        yield Wrong(f"put {logical[:20]}", "PUT", f"Patient/{logical}", body)
    for version in ("0", "x", "-1", "1.0", "99999999999", "%00", "999999999", "1/2", "\u0661"):
        yield Wrong(f"version {version}", "GET", f"Patient/p1/_history/{version}")
    for path in (
        "Zzz",
        "patient",
        "Zzz/1",
        "Zzz/1/_history",
        "Patient/p1/x",
        "Patient/p1/_history/1/2",
        "Patient/_zzz",
        "_zzz",
        "$zzz",
        "Patient/$zzz",
        "Patient/p1/$zzz",
        "Zzz/$zzz",
        "_search",
        "metadata/x",
        "Bundle/x/y/z",
        "Resource",
        "DomainResource",
        "Element",
        "HumanName",
        "Patient/p1/Observation/o1",
        "%00",
        "%ff",
        ".git",
        "Patient%2Fp1",
        "Patient/p1/_history/1/$zzz",
        "Patient/nowhere",
        "Observation/nowhere",
    ):
        yield Wrong(f"GET {path}", "GET", path)
        yield Wrong(f"POST {path}", "POST", path, b'{"resourceType":"Patient","zzz":1}')
    for method in ("PATCH", "TRACE", "LOCK", "PROPFIND", "X"):
        for path in (
            "Patient/p1",
            "Patient",
            "metadata",
            "",
            "_history",
            "Patient/p1/_history",
            "Patient/_search",
        ):
            yield Wrong(f"{method} /{path}", method, path)
    for method, path in (
        ("PUT", "Patient"),
        ("DELETE", "Patient"),
        ("DELETE", "Patient?zzz=1"),
        ("DELETE", ""),
        ("PUT", ""),
        ("GET", ""),
        ("DELETE", "metadata"),
        ("PUT", "metadata"),
        ("POST", "_history"),
        ("DELETE", "Patient/p1/_history"),
        ("DELETE", "Patient/p1/_history/1"),
        ("POST", "Patient/p1"),
        ("PUT", "Patient?_count=1"),
        ("PUT", "Patient?zzz=1"),
        ("PUT", "Patient/_search"),
    ):
        sent = fhir_json.dumps({"resourceType": "Patient", "id": "p1"}) if method != "DELETE" else None
        yield Wrong(f"{method} /{path}", method, path, sent)


def strays() -> Iterator[Wrong]:
    """Parameters where none means anything: a criterion beside an id would be believed held."""
    body = fhir_json.dumps({"resourceType": "Patient", "id": "p1", "active": True})
    for name in ("identifier", "zzz", "_id", "_count", "active", "_sort", "_since"):
        for path in ("Patient/p1", "Patient/p1/_history/1"):
            yield Wrong(f"GET {path} {name}", "GET", f"{path}?{name}=1")
        yield Wrong(f"PUT {name}", "PUT", f"Patient/p1?{name}=1", body)
        yield Wrong(f"DELETE {name}", "DELETE", f"Patient/p1?{name}=1")
        yield Wrong(f"POST {name}", "POST", f"Patient?{name}=1", body)


def entry(method: Any = "POST", url: Any = "Patient", **parts: Any) -> dict[str, Any]:
    """A Bundle entry."""
    body = {"resource": {"resourceType": "Patient", "active": True}} if method in ("POST", "PUT") else {}
    return {**body, "request": {"method": method, "url": url}, **parts}


def bundles() -> Iterator[Wrong]:
    """Bundles that cannot be run: in each, one good create stands before what is wrong."""
    for kind in (
        "",
        "document",
        "searchset",
        "history",
        "collection",
        "message",
        "transaction-response",
        None,
        1,
        {},
    ):
        body = {"resourceType": "Bundle", "type": kind, "entry": [entry()]}
        yield Wrong(f"Bundle.type {kind!r}", "POST", "", fhir_json.dumps(body))
    link, stranger = (
        f"urn:uuid:{'0' * 8}-0000-4000-8000-{'0' * 12}",
        {"resourceType": "Observation", "status": "x"},
    )
    for bad in (
        1,
        None,
        [],
        {},
        "x",
        {"request": 1},
        {"request": {}},
        {"request": {"method": "POST"}},
        {"request": {"url": "Patient"}},
        entry("post"),
        entry("PATCH", "Patient/1"),
        entry("ZZZ"),
        entry(1),
        entry(None),
        entry([]),
        entry({}),
        entry(url=1),
        entry(url=None),
        entry(url=""),
        entry(url="Zzz"),
        entry(url="Patient/1/2/3"),
        entry(url="http://elsewhere.example/Patient"),
        entry(url="Observation"),
        entry("PUT", "Patient/1"),
        entry("PUT", "Patient"),
        entry("PUT", "Patient?zzz=1"),
        entry("PUT", "Patient/a b"),
        entry("DELETE", "Patient"),
        entry("DELETE", "Patient?zzz=1"),
        entry("DELETE", "Patient/a_b"),
        entry("DELETE", ""),
        entry(resource=1),
        entry(resource=[]),
        entry(resource=None),
        entry(resource={}),
        entry(resource=stranger),
        entry(resource={"resourceType": "Patient", "zzz": 1}),
        entry(fullUrl=1),
        entry(fullUrl=[]),
        entry(fullUrl={}),
        entry("POST", "Patient/$zzz"),
        entry("POST", "$zzz"),
        entry("POST", "Patient/1"),
        entry("POST", "Patient/_search"),
        entry(request={"method": "POST", "url": "Patient", "ifNoneExist": "zzz=1"}),
        entry(request={"method": "POST", "url": "Patient", "ifNoneExist": 1}),
        entry("PUT", request={"method": "PUT", "url": "Patient/1", "ifMatch": "zz"}),
        entry(
            resource={"resourceType": "Patient", "link": [{"type": "seealso", "other": {"reference": link}}]}
        ),
        entry(
            resource={
                "resourceType": "Patient",
                "generalPractitioner": [{"reference": "Practitioner?identifier=a|b"}],
            }
        ),
        entry(
            resource={"resourceType": "Patient", "generalPractitioner": [{"reference": "Practitioner?zzz=1"}]}
        ),
        entry(resource={"resourceType": "Patient", "generalPractitioner": [{"reference": "Practitioner?"}]}),
    ):
        body = {"resourceType": "Bundle", "type": "transaction", "entry": [entry(), bad]}
        yield Wrong(f"entry {bad!r}"[:120], "POST", "", fhir_json.dumps(body))
    for listed in (1, "x", {}, [[]], None, [entry(fullUrl=link), entry(fullUrl=link)]):
        body = {"resourceType": "Bundle", "type": "transaction", "entry": listed}
        yield Wrong(f"Bundle.entry {listed!r}"[:80], "POST", "", fhir_json.dumps(body))
    yield Wrong("no Bundle", "POST", "", fhir_json.dumps(SAMPLES[0]))
    yield Wrong("zzz", "POST", "", b'{"resourceType":"Bundle","type":"transaction","zzz":1}')


FAMILIES = {
    "bodies": bodies,
    "bytes": bytes_of_json,
    "kinds": kinds,
    "headers": headers,
    "parameters": parameters,
    "paths": paths,
    "strays": strays,
    "bundles": bundles,
}
"""Every family of wrong requests."""
