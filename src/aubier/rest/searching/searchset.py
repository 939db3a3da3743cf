"""Bundles made of stored bytes: searchset and history, with their links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote_plus, urlencode

from aubier.fhir import json as fhir_json
from aubier.ground.clock import instant_of
from aubier.ground.memory import remembered
from aubier.ground.problem import Issue, Problem
from aubier.rest.exchange import of_version
from aubier.rest.outcome import outcome
from aubier.rest.reading.subsets import shaped
from aubier.search.model import Query
from aubier.store.reading import Found, Row

_plain = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
_quoted = remembered(500_000, lambda found, text: 4 * len(text) + 200)(quote_plus)
_METHODS = {1: "POST", 2: "PUT", 3: "PUT", 4: "DELETE", 5: "PATCH"}
_STATUSES = {1: "201 Created", 2: "201 Created", 3: "200 OK", 4: "204 No Content", 5: "200 OK"}


def searchset(base: str, query: Query, found: Found) -> bytes:
    """The searchset Bundle of a page; without a next page the total is known and told."""
    total = found.total
    if total is None and not found.cursor and not query.cursor:
        total = len(found.rows)
    entries = []
    if query.summary != "count":
        entries = [entry(base, row, "match", query) for row in found.rows]
        entries += [entry(base, row, "include", query) for row in found.included]
        if query.ignored:
            entries.append(left_out(query.ignored))
    return bundle("searchset", total, _links(base, query, found), entries)


def _links(base: str, query: Query, found: Found) -> list[tuple[str, str]]:
    pairs = [*((k, v) for k, v in query.applied if k != "_page"), *query.form]
    own = "&".join([f"{_encoded(k)}={_encoded(v)}" for k, v in pairs])
    here = f"{base}/{query.type}"
    links = [("self", _url(here, own, query.cursor))]
    if query.cursor:
        links.append(("first", _url(here, own)))
    if found.cursor and query.summary != "count":
        links.append(("next", _url(here, own, found.cursor)))
    return links


def _encoded(text: str) -> str:
    """A name or a value as it stands in a URL; most are ids and names, which need no look at each sign."""
    return text if _plain(text) else _quoted(text)


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


def entry(base: str, row: Row, mode: str, query: Query | None = None) -> bytes:
    """The entry of a row that matched, or is included, cut to what the query asks."""
    raw = shaped(row.raw, query) if query and (query.summary or query.elements) else row.raw
    return (
        f'{{"fullUrl":"{base}/{row.type}/{row.id}","resource":'.encode()
        + raw
        + f',"search":{{"mode":"{mode}"}}}}'.encode()
    )


def left_out(ignored: Iterable[tuple[str, str]]) -> bytes:
    """The entry that tells a client which of its parameters say nothing here."""
    issues = tuple(
        Issue(
            "not-supported" if value.strip() else "required",
            f"The parameter '{name}' was left out" + ("" if value.strip() else ": it has no value"),
            f"Le paramètre « {name} » a été laissé de côté" + ("" if value.strip() else " : il est vide"),
            (f"http.{name}",),
            "warning",
        )
        for name, value in ignored
    )
    return fhir_json.dumps({"resource": outcome(Problem(issues)), "search": {"mode": "outcome"}})


def history(
    base: str,
    links: Sequence[tuple[str, str]],
    total: int | None,
    rows: Sequence[Row],
    subset: Query | None = None,
) -> bytes:
    """The history Bundle of these versions, each cut to the `subset` that was asked."""
    return bundle("history", total, links, [_version(base, row, subset) for row in rows])


def _version(base: str, row: Row, subset: Query | None) -> bytes:
    url = row.type if row.op == 1 else f"{row.type}/{row.id}"
    request = {"method": _METHODS[row.op], "url": url}
    tags = of_version(row)
    response = {"status": _STATUSES[row.op], "etag": tags["ETag"], "lastModified": instant_of(row.updated)}
    head = f'{{"fullUrl":"{base}/{row.type}/{row.id}",'.encode()
    raw = shaped(row.raw, subset) if subset and row.raw else row.raw
    resource = b'"resource":' + raw + b"," if raw else b""
    return head + resource + fhir_json.dumps({"request": request, "response": response})[1:]
