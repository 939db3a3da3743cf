"""Crafted inputs that grow: what would cost more than its size if a reader let it."""

from __future__ import annotations

import json

from tests.fuzz import larger_families
from tests.fuzz.family import Family


def _patient(**more: object) -> bytes:
    return json.dumps({"resourceType": "Patient", **more}).encode()


def _xml(inside: str, head: str = "") -> bytes:
    return f'<Patient xmlns="http://hl7.org/fhir"{head}>{inside}</Patient>'.encode()


def _nested(n: int) -> dict[str, object]:
    made: dict[str, object] = {"url": "http://a", "valueString": "a"}
    for _ in range(min(n, 25)):
        made = {"url": "http://a", "extension": [made]}
    return made


def _section(inside: str) -> bytes:
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><text>'
        f"{inside}</text></section></component></structuredBody></component></ClinicalDocument>"
    ).encode()


def _operations(n: int, *rows: dict[str, object]) -> bytes:
    return json.dumps([row for _ in range(n) for row in rows]).encode()


def _parameters(n: int, path: str) -> bytes:
    value = {"name": "value", "valueString": "a"}
    parts = [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": path}, value]
    return json.dumps(
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}] * n}
    ).encode()


def _multipart(inside: bytes) -> bytes:
    return b"multipart/form-data; boundary=x\n--x\r\n" + inside + b"\r\n--x--\r\n"


JSON = (
    Family("lists in lists", "json", lambda n: b"[" * n),
    Family("objects in objects", "json", lambda n: b'{"a":' * n + b"1" + b"}" * n),
    Family("a long number", "json", lambda n: b'{"a":' + b"9" * n + b"}"),
    Family("a huge exponent", "json", lambda n: b'{"a":1e' + b"9" * n + b"}"),
    Family("many numbers", "json", lambda n: b'{"a":[' + b"1e5," * n + b"1]}"),
    Family("escapes", "json", lambda n: _patient(id="a").replace(b'"a"', b'"' + b"\\u00e9\\\\" * n + b'"')),
    Family("backslashes without an end", "json", lambda n: b'{"a":"' + b"\\" * n),
    Family("quotes", "json", lambda n: b'{"a":' + b'"' * n),
    Family("many keys", "json", lambda n: _patient(**{f"k{i}": i for i in range(n)})),
    Family("one key many times", "json", lambda n: b'{"a":1' + b',"a":1' * n + b"}"),
    Family(
        "a double key after many", "json", lambda n: b'{"a":{"b":1},"x":[' + b'{"c":1},' * n + b'1],"x":1}'
    ),
    Family("commas", "json", lambda n: b'{"a":[' + b"," * n),
    Family("lines before a fault", "json", lambda n: b'{"a":[' + b"1,\n" * n + b"x"),
    Family("names", "json", lambda n: _patient(name=[{"family": "A", "given": ["b"]}] * n)),
    Family("words of one name", "json", lambda n: _patient(name=[{"family": "ab " * n}])),
    Family("characters that unfold", "json", lambda n: _patient(name=[{"family": "\ufdfa" * n}])),
    Family("marks upon a letter", "json", lambda n: _patient(name=[{"family": "a" + "\u0301\u0327" * n}])),
    Family("identifiers", "json", lambda n: _patient(identifier=[{"value": str(i)} for i in range(n)])),
    Family("faults", "json", lambda n: _patient(name=[{"use": "none"}] * n)),
    Family("unknown elements", "json", lambda n: _patient(name=[{"x": 1}] * n)),
    Family(
        "contained",
        "json",
        lambda n: _patient(
            contained=[{"resourceType": "Organization", "id": f"o{i}", "name": "a"} for i in range(n)],
            generalPractitioner=[{"reference": f"#o{i}"} for i in range(n)],
        ),
    ),
    Family("extensions in extensions", "json", lambda n: _patient(extension=[_nested(n)] * (n // 20 + 1))),
    Family(
        "addresses",
        "json",
        lambda n: _patient(extension=[{"url": "http://a" + "/" * n, "valueUri": "a:" * n}]),
    ),
    Family("base64", "json", lambda n: _patient(photo=[{"contentType": "a/b", "data": "AAAA " * n + "!"}])),
    Family(
        "entries",
        "json",
        lambda n: json.dumps(
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [
                    {
                        "fullUrl": f"http://a/Patient/{i}",
                        "resource": {
                            "resourceType": "Patient",
                            "id": f"{i}",
                            "link": [{"other": {"reference": f"Patient/{i + 1}"}, "type": "seealso"}],
                        },
                    }
                    for i in range(n)
                ],
            }
        ).encode(),
        50,
    ),
)

XML = (
    Family("elements in elements", "xml", lambda n: _xml("<a>" * n)),
    Family("attributes", "xml", lambda n: _xml("", "".join(f' a{i}="b"' for i in range(n)))),
    Family("namespaces", "xml", lambda n: _xml("", "".join(f' xmlns:a{i}="b{i}"' for i in range(n)))),
    Family(
        "namespaces in namespaces",
        "xml",
        lambda n: _xml("".join(f'<extension xmlns:a{i}="b{i}" url="u">' for i in range(n))),
    ),
    Family("character references", "xml", lambda n: _xml('<id value="' + "&#65;" * n + '"/>')),
    Family("long text", "xml", lambda n: _xml("a" * n)),
    Family("pieces of text", "xml", lambda n: _xml("a<!---->" * n)),
    Family("comments", "xml", lambda n: _xml("<!-- -->" * n)),
    Family("an open comment", "xml", lambda n: _xml("<!--" + "- " * n)),
    Family("many names in XML", "xml", lambda n: _xml('<name><given value="a"/></name>' * n)),
    Family("many given names in XML", "xml", lambda n: _xml("<name>" + '<given value="a"/>' * n + "</name>")),
    Family(
        "a narrative in XML",
        "xml",
        lambda n: _xml(
            '<text><status value="empty"/><h:div xmlns:h="http://www.w3.org/1999/xhtml">'
            + '<h:p class="a">b</h:p>' * n
            + "</h:div></text>"
        ),
    ),
    Family("attributes of a narrative", "narrative", lambda n: b"<div " + b"a='b' " * n + b"/>"),
    Family("signs of a narrative", "narrative", lambda n: b"<div><!" + b"-" * n),
    Family(
        "styles of a narrative",
        "narrative",
        lambda n: b'<div xmlns="http://www.w3.org/1999/xhtml" style="' + b"url " * n + b'" title="x">a</div>',
    ),
    Family(
        "links of a narrative",
        "narrative",
        lambda n: b'<div xmlns="http://www.w3.org/1999/xhtml"><a href="' + b" " * n + b'x:">a</a></div>',
        400,
    ),
)

SEARCHES = (
    Family("parameters", "search", lambda n: b"&".join([b"name=a"] * n), 5),
    Family("unknown parameters", "search", lambda n: b"&".join([b"nam%d=a" % i for i in range(n)]), 5),
    Family("alternatives", "search", lambda n: b"name=" + b",".join([b"a"] * n), 60),
    Family("commas of a value", "search", lambda n: b"name=" + b"," * n),
    Family("escapes of a value", "search", lambda n: b"name=" + b"\\\\" * n),
    Family("dots", "search", lambda n: b"subject." * n + b"name=a"),
    Family("links", "search", lambda n: b"_has:Observation:patient:" * n + b"code=a"),
    Family("wide chains", "search", lambda n: b"&".join([b"subject.name=a"] * n), 5),
    Family("digits", "search", lambda n: b"value-quantity=" + b"9" * n),
    Family("exponents", "search", lambda n: b"value-quantity=1e" + b"9" * n),
    Family("includes", "search", lambda n: b"&".join([b"_include=*"] * n), 5),
    Family("elements", "search", lambda n: b"_elements=" + b",".join([b"name"] * n), 60),
    Family("percents", "search", lambda n: b"name=" + b"%" * n, 2_000),
    Family("parentheses of a filter", "filter", lambda n: b"(" * n),
    Family("nots of a filter", "filter", lambda n: b"not " * n),
    Family("ands of a filter", "filter", lambda n: b" and ".join([b"name eq a"] * n), 15),
    Family("quotes of a filter", "filter", lambda n: b'name eq "' + b'\\"' * n),
    Family("words of a filter", "filter", lambda n: b'name eq a "' + b"a " * n),
)

EXPRESSIONS = (
    Family("steps", "fhirpath", lambda n: b"a" + b".a" * n, 100),
    Family("parentheses", "fhirpath", lambda n: b"(" * n + b"1" + b")" * n, 100),
    Family("signs", "fhirpath", lambda n: b"-" * n + b"1", 100),
    Family("sums", "fhirpath", lambda n: b"1" + b"+1" * n, 100),
    Family("ands", "fhirpath", lambda n: b"true" + b" and true" * n, 50),
    Family("unions", "fhirpath", lambda n: b"name" + b"|name" * n, 50),
    Family("calls in calls", "fhirpath", lambda n: b"name.where(" * n + b"true" + b")" * n, 5),
    Family("repeats in repeats", "fhirpath", lambda n: b"repeat(" * n + b"children()" + b")" * n, 3),
    Family("selects", "fhirpath", lambda n: b"descendants().select(" * n + b"$this" + b")" * n, 2),
    Family("indexes", "fhirpath", lambda n: b"name" + b"[0]" * n, 100),
    Family("open comments", "fhirpath", lambda n: b"/*" * n, 400),
    Family("an open text", "fhirpath", lambda n: b"'" + b"\\'" * n, 400),
    Family("texts", "fhirpath", lambda n: b"'" + b"a" * n + b"'.matches('(a+)+$')", 100),
    Family(
        "alternatives of a pattern",
        "fhirpath",
        lambda n: b"'" + b"a" * 99 + b"b'.matches('(a|a)*" + b"(a|aa)+" * n + b"$')",
        3,
    ),
    Family(
        "lazy patterns", "fhirpath", lambda n: b"'" + b"a" * n + b"'.replaceMatches('(a*?)*b', '$1')", 100
    ),
    Family("replacing", "fhirpath", lambda n: b"'" + b"a" * n + b"'.replaceMatches('a', 'bb')", 100),
    Family("replacing nothing", "fhirpath", lambda n: b"'" + b"a" * n + b"'.replace('', 'b')", 100),
    Family("splitting", "fhirpath", lambda n: b"'" + b"a," * n + b"'.split(',').distinct().join(';')", 100),
    Family("powers", "fhirpath", lambda n: b"2" + b".power(9)" * n, 5),
    Family("products", "fhirpath", lambda n: b"9999999999.9" + b"*9999999999.9" * n, 10),
    Family("units of products", "fhirpath", lambda n: b"1 'mg'" + b"*1 'mg'" * n, 10),
    Family("digits of a literal", "fhirpath", lambda n: b"0." + b"9" * n + b" + 1"),
    Family("digits of a whole number", "fhirpath", lambda n: b"9" * n),
    Family("digits of a text", "fhirpath", lambda n: b"'" + b"9" * n + b"'.toDecimal()"),
    Family("boundaries", "fhirpath", lambda n: b"1.0.lowBoundary(" + b"9" * n + b")", 5),
    Family(
        "sorting",
        "fhirpath",
        lambda n: b"(" + b"|".join([b"%d" % i for i in range(n)]) + b").sort(-$this)",
        30,
    ),
    Family(
        "aggregates", "fhirpath", lambda n: b"descendants().aggregate($total & 'a', '')" + b".length()" * n, 5
    ),
)

PATCHES = (
    Family(
        "operations",
        "json-patch",
        lambda n: _operations(n, {"op": "add", "path": "/name/-", "value": {}}),
        50,
    ),
    Family("a deep pointer", "json-patch", lambda n: _operations(1, {"op": "remove", "path": "/a" * n})),
    Family(
        "moves",
        "json-patch",
        lambda n: _operations(
            n, {"op": "move", "from": "/name", "path": "/a"}, {"op": "move", "from": "/a", "path": "/name"}
        ),
        50,
    ),
    Family("tests", "json-patch", lambda n: _operations(n, {"op": "test", "path": "", "value": {}}), 50),
    Family("tildes", "json-patch", lambda n: _operations(1, {"op": "remove", "path": "/" + "~0~1" * n})),
    Family("replacements", "fhirpath-patch", lambda n: _parameters(n, "Patient.name.family"), 8),
)

TERMS = (
    Family("units", "ucum", lambda n: b"mg." * n + b"g", 10),
    Family("powers of units", "ucum", lambda n: b"(" * n + b"m24" + b")" * n, 2),
    Family("notes of units", "ucum", lambda n: b"{" * n),
    Family("repeats of a pattern", "pattern", lambda n: b"(" * n + b"a" + b")*" * n, 2),
    Family("counts of a pattern", "pattern", lambda n: b"(a?){%d}" % n, 20),
    Family("ways of a pattern", "pattern", lambda n: b"(" + b"|".join([b"a?"] * n) + b")*", 20),
    Family("classes of a pattern", "pattern", lambda n: b"[^" + b"a-z" * n + b"]", 20),
    Family(
        "codes",
        "terminology",
        lambda n: json.dumps(
            {
                "resourceType": "CodeSystem",
                "status": "active",
                "content": "complete",
                "concept": [{"code": f"c{i}"} for i in range(n)],
            }
        ).encode(),
    ),
    Family(
        "an expansion",
        "terminology",
        lambda n: json.dumps(
            {
                "resourceType": "ValueSet",
                "status": "active",
                "expansion": {
                    "timestamp": "2020",
                    "contains": [{"system": f"s{i}", "code": "c"} for i in range(n)],
                },
            }
        ).encode(),
    ),
)

FILES = (
    Family("instructions before a document", "cda", lambda n: b"<?a?>" * n + b"<!"),
    Family("open comments before a document", "cda", lambda n: b"<!--" * n),
    Family("spaces before a document", "cda", lambda n: b" " * n + b"<?xml"),
    Family("paragraphs", "cda", lambda n: _section("<paragraph>a</paragraph>" * n), 100),
    Family("contents in contents", "cda", lambda n: _section("<content>" * n + "a" + "</content>" * n), 10),
    Family(
        "rows of a table", "cda", lambda n: _section("<table>" + "<tr><td>a</td></tr>" * n + "</table>"), 100
    ),
    Family(
        "footnotes",
        "cda",
        lambda n: _section(
            "".join(f'<footnote ID="f{i}">a</footnote><footnoteRef IDREF="f{i}"/>' for i in range(n))
        ),
        50,
    ),
    Family("links of a document", "cda", lambda n: _section('<linkHtml href="#a">b</linkHtml>' * n), 100),
    Family("digits of a time", "hl7-time", lambda n: b"2" * n),
    Family(
        "chapters",
        "ccam",
        lambda n: (
            b"CCAM version 1\n"
            + b"\n".join(b"%d.%02d.%02d,,a" % (i // 9000 % 90, i // 90 % 99, i % 90) for i in range(n))
        ),
    ),
    Family("modifiers", "ccam", lambda n: b"CCAM version 1\n1,,a\nAAAA001,,b\n" + b'"[A,B]"\n' * n),
    Family("dots of a chapter", "ccam", lambda n: b"CCAM version 1\n1" + b".01" * n),
    Family("cells", "loinc", lambda n: b"LOINC_NUM" + b",a" * n),
    Family("open quotes", "loinc", lambda n: b'"' + b"a\n" * n),
    Family("lines", "bdpm", lambda n: b"1\t\t\t;\t\t\t\t\t\t\t\t\n" * n),
    Family("classes", "claml", lambda n: b"<ClaML><Title>a</Title>" + b"<Class code='a'/>" * n + b"</ClaML>"),
    Family(
        "modified classes",
        "claml",
        lambda n: (
            b"<ClaML><Title>a</Title>"
            + b"<ModifierClass modifier='m' code='0'/>" * n
            + b"<Class code='a'><ModifiedBy code='m'/></Class>" * n
            + b"</ClaML>"
        ),
        250,
    ),
    Family(
        "concepts",
        "code-system",
        lambda n: b'{"resourceType":"CodeSystem","url":"a","concept":[' + b'{"code":"a"},' * n + b"]}",
    ),
    Family(
        "concepts in concepts",
        "code-system",
        lambda n: b'{"resourceType":"CodeSystem","url":"a","concept":[' + b'{"code":"a","concept":[' * n,
        50,
    ),
    Family("lines of the directory", "directory", lambda n: b"a|b|c\n" * n),
    Family(
        "parts of a form",
        "form",
        lambda n: _multipart(b'Content-Disposition: form-data; name="a"\r\n\r\nb\r\n--x\r\n' * n),
        20,
    ),
    Family("headers of a part", "form", lambda n: _multipart(b"A: b\r\n" * n)),
    Family(
        "parameters of a header",
        "form",
        lambda n: _multipart(b"Content-Disposition: form-data" + b'; a="b"' * n + b"\r\n\r\nb"),
    ),
    Family(
        "forms in forms",
        "form",
        lambda n: (
            b"multipart/form-data; boundary=x\n"
            + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * n
        ),
        20,
    ),
    Family(
        "words of a header",
        "form",
        lambda n: _multipart(b"Content-Disposition: form-data; name=" + b"=?utf-8?q?a?= " * n + b"\r\n\r\nb"),
        50,
    ),
    Family(
        "comments of a header",
        "form",
        lambda n: _multipart(b"Content-Disposition: " + b"(" * n + b"\r\n\r\nb"),
        50,
    ),
    Family("fields of a form", "form", lambda n: b"application/x-www-form-urlencoded\n" + b"a=b&" * n),
)

REQUESTS = (
    Family("offers", "request", lambda n: b"GET / \nAccept: " + b"a/b;q=0.1," * n),
    Family("quotes of a tag", "request", lambda n: b"GET / \nIf-None-Match: " + b'W/"' * n),
    Family("preferences", "request", lambda n: b"GET / \nPrefer: " + b"a=b;" * n),
    Family("slashes", "request", lambda n: b"GET " + b"/%61" * n + b" "),
    Family("words of a date", "request", lambda n: b"GET / \nIf-Modified-Since: " + b"a " * n),
    Family("backslashes of a cookie", "cookie", lambda n: b'a="' + b"\\" * n + b'"', 500),
    Family("cookies", "cookie", lambda n: b"a=b; " * n),
    Family("scopes", "scope", lambda n: b" ".join(b"patient/A%d.rs?a=%d" % (i, i) for i in range(n)), 10),
    Family("constraints of a scope", "scope", lambda n: b"patient/*.rs?" + b"a=b&" * n),
    Family("dots of a token", "token", lambda n: b"." * n),
    Family("lists of a token", "token", lambda n: b"W1tbW1tb" * n + b"..", 50),
    Family("keys", "registration", lambda n: b'{"keys":[' + b'{"kty":"EC"},' * n + b"1]}"),
)

FAMILIES = (
    *(*JSON, *XML, *SEARCHES, *EXPRESSIONS, *PATCHES, *TERMS, *FILES, *REQUESTS),
    *larger_families.FAMILIES,
)
