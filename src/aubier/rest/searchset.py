"""Bundles made of stored bytes: searchset and history, with their links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from aubier.fhir import json as fhir_json
from aubier.fhir.definitions import definitions
from aubier.ground.clock import instant, moment_of
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import of_version
from aubier.rest.outcome import outcome
from aubier.search.model import Query
from aubier.store.reading import Found, Row

_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_METHODS = {1: "POST", 2: "PUT", 3: "PUT", 4: "DELETE", 5: "PATCH"}
_STATUSES = {1: "201 Created", 2: "201 Created", 3: "200 OK", 4: "204 No Content", 5: "200 OK"}


def searchset(base: str, query: Query, found: Found) -> bytes:
    """The searchset Bundle of a page; without a next page the total is known and told."""
    total = found.total
    if total is None and not found.cursor and not query.cursor:
        total = len(found.rows)
    entries = []
    if query.summary != "count":
        entries = [_entry(base, row, "match", query) for row in found.rows]
        entries += [_entry(base, row, "include", query) for row in found.included]
        if query.ignored:
            entries.append(_ignored(query))
    return bundle("searchset", total, _links(base, query, found), entries)


def _links(base: str, query: Query, found: Found) -> list[tuple[str, str]]:
    own = urlencode([(k, v) for k, v in query.applied if k != "_page"])
    here = f"{base}/{query.type}"
    links = [("self", _url(here, own, query.cursor))]
    if query.cursor:
        links.append(("first", _url(here, own)))
    if found.cursor and query.summary != "count":
        links.append(("next", _url(here, own, found.cursor)))
    return links


def _url(path: str, query: str, page: str = "") -> str:
    mark = urlencode({"_page": page}) if page else ""
    asked = "&".join(part for part in (query, mark) if part)
    return f"{path}?{asked}" if asked else path


def bundle(kind: str, total: int | None, links: Sequence[tuple[str, str]], entries: Iterable[bytes]) -> bytes:
    """A Bundle of entries that are bytes already."""
    head = f'{{"resourceType":"Bundle","type":"{kind}"'
    if total is not None:
        head += f',"total":{total}'
    listed = [{"relation": relation, "url": url} for relation, url in links]
    if listed:
        head += ',"link":' + fhir_json.dumps({"l": listed})[5:-1].decode()
    body = b",".join(entries)
    return head.encode() + (b',"entry":[' + body + b"]}" if body else b"}")


def _entry(base: str, row: Row, mode: str, query: Query) -> bytes:
    partial = query.summary or (query.elements and _asked(row.type, query))
    raw = shaped(row.raw, query) if partial else row.raw
    return (
        f'{{"fullUrl":"{base}/{row.type}/{row.id}","resource":'.encode()
        + raw
        + f',"search":{{"mode":"{mode}"}}}}'.encode()
    )


def _ignored(query: Query) -> bytes:
    issues = tuple(
        Issue(
            "not-supported",
            f"The parameter '{name}' was left out",
            f"Le paramètre « {name} » a été laissé de côté",
            (f"http.{name}",),
            "warning",
        )
        for name, _ in query.ignored
    )
    return fhir_json.dumps({"resource": outcome(Problem(issues)), "search": {"mode": "outcome"}})


def shaped(raw: bytes, query: Query) -> bytes:
    """The part of a resource that `_summary` or `_elements` asks for, marked SUBSETTED."""
    resource = fhir_json.parse(raw)
    keep = _kept(resource, query)
    short = {k: v for k, v in resource.items() if k.removeprefix("_") in keep}
    meta = dict(short.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    short["meta"] = meta
    return fhir_json.dumps(short)


def _kept(resource: Resource, query: Query) -> set[str]:
    always = {"resourceType", "id", "meta"}
    properties = definitions().type(resource["resourceType"]).properties
    required = {name for name, p in properties.items() if p.element.min > 0}
    if query.elements:
        asked = _asked(resource["resourceType"], query)
        return always | required | {n for n, p in properties.items() if _stem(p.element.path) in asked}
    if query.summary == "text":
        return always | {"text"} | required
    if query.summary == "data":
        return set(resource) - {"text"}
    if query.summary == "true":
        return always | {name for name, p in properties.items() if p.element.summary}
    return set(resource)


def _asked(kind: str, query: Query) -> set[str]:
    """What `_elements` asks of this type: `name` is of the type searched, `Patient.name` of Patient."""
    named = [e.rpartition(".") for e in query.elements]
    return {name for owner, _, name in named if (owner or query.type) == kind}


def _stem(path: str) -> str:
    """`value` for `Observation.value[x]`."""
    return path.rpartition(".")[2].removesuffix("[x]")


def history(base: str, links: Sequence[tuple[str, str]], total: int, rows: Sequence[Row]) -> bytes:
    """The history Bundle of these versions."""
    return bundle("history", total, links, [_version(base, row) for row in rows])


def _version(base: str, row: Row) -> bytes:
    url = row.type if row.op == 1 else f"{row.type}/{row.id}"
    request = {"method": _METHODS[row.op], "url": url}
    tags = of_version(row)
    response = {"status": _STATUSES[row.op], "etag": tags["ETag"], "lastModified": _instant(row)}
    head = f'{{"fullUrl":"{base}/{row.type}/{row.id}",'.encode()
    resource = b'"resource":' + row.raw + b"," if row.raw else b""
    return head + resource + fhir_json.dumps({"request": request, "response": response})[1:]


def _instant(row: Row) -> str:
    return instant(moment_of(row.updated))
