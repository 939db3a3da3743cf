"""Bundles: their entries, what a transaction asks, and how references resolve inside.

Rule: FHIR R4 4.0.1, bundle.html (references, bdl-1 to bdl-12), http.html#transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..ground.problem import Issue, Problem
from ..ground.rows import Resource
from .definitions import definitions
from .references import Reference

Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]

KINDS = frozenset(
    {"document", "message", "transaction", "transaction-response", "batch", "batch-response"}
    | {"history", "searchset", "collection"}
)
"""The values of `Bundle.type`."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_URL = re.compile(
    r"(?:(?P<type>[A-Z][A-Za-z]+)(?:/(?P<rest>[A-Za-z0-9\-._$/]+))?|(?P<system>[a-z_$][A-Za-z0-9\-._$/]*))?"
    r"(?:\?(?P<query>[^\s#]*))?",
    re.ASCII,
).fullmatch
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a Bundle at its `index`; `resource` None when it has none."""

    index: int
    full_url: str
    resource: Resource | None
    request: Request | None = None

    @property
    def path(self) -> str:
        """Its FHIRPath: `Bundle.entry[3]`."""
        return f"Bundle.entry[{self.index}]"

    @property
    def local(self) -> str:
        """`Type/id` of its resource, empty without id."""
        row = self.resource or {}
        return f"{row['resourceType']}/{row['id']}" if "id" in row else ""


@dataclass(frozen=True, slots=True)
class Request:
    """What an entry of a batch or transaction asks.

    `type` and `id` when the URL names a resource, `query` for a conditional interaction or a search,
    `operation` for `$name`; `if_none_exist` is the search of a conditional create. Empty when absent.
    """

    method: Method
    url: str
    type: str = ""
    id: str = ""
    query: str = ""
    operation: str = ""
    if_match: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    if_none_exist: str = ""


def kind(bundle: Resource) -> str:
    """`Bundle.type`, empty when it is not one of the nine."""
    value = bundle.get("type")
    return value if isinstance(value, str) and value in KINDS else ""


def entries(bundle: Resource) -> tuple[Entry, ...]:
    """The entries in their order, requests read where they are well-formed. Never raises."""
    rows = bundle.get("entry")
    return tuple(
        _entry(i, r) for i, r in enumerate(rows if isinstance(rows, list) else ()) if isinstance(r, dict)
    )


def requests(bundle: Resource) -> tuple[Entry, ...]:
    """The entries of a batch or transaction, each with its request.

    Raises Problem with every fault: a missing request or resource, a method or URL that cannot be, two
    entries with one fullUrl, and in a transaction two entries that change one resource.
    Rule: FHIR R4 4.0.1, http.html#trules, bdl-3, bdl-7.
    """
    rows = entries(bundle)
    issues = [issue for entry in rows for issue in _faults(entry, bundle["entry"][entry.index])]
    issues += _repeated(rows, "full_url", "fullUrl")
    if kind(bundle) == "transaction":
        issues += _overlaps(rows)
    if issues:
        raise Problem(tuple(issues))
    return rows


def in_order(rows: tuple[Entry, ...]) -> list[Entry]:
    """Entries in the order a transaction is processed: DELETE, POST, PUT and PATCH, GET and HEAD.

    Rule: FHIR R4 4.0.1, http.html#trules.
    """
    return sorted(rows, key=lambda e: _ORDER[e.request.method] if e.request else 4)


class Resolver:
    """Finds the entry that a reference in a Bundle means.

    Rule: FHIR R4 4.0.1, bundle.html#references: by fullUrl; a relative reference is completed with the
    base of the fullUrl of the entry it stands in.
    """

    def __init__(self, bundle: Resource) -> None:
        self.entries = entries(bundle)
        self._by_url: dict[str, Entry] = {}
        self._versions: dict[tuple[str, str], Entry] = {}
        for entry in self.entries:
            if entry.full_url:
                self._by_url.setdefault(entry.full_url, entry)
                version = ((entry.resource or {}).get("meta") or {}).get("versionId", "")
                self._versions.setdefault((entry.full_url, version), entry)

    def resolve(self, text: str, source: Entry) -> Entry | None:
        """The entry that `text`, a Reference.reference of the resource in `source`, means, or None."""
        reference = Reference.parse(text)
        url = text.partition("#")[0]
        if reference.local:
            base = reference.base or Reference.parse(source.full_url).base
            url = base + reference.local
        if reference.version:
            return self._versions.get((url, reference.version))
        return self._by_url.get(url)


def _entry(index: int, row: dict[str, Any]) -> Entry:
    resource = row.get("resource")
    full_url = row.get("fullUrl")
    return Entry(
        index,
        full_url if isinstance(full_url, str) else "",
        resource if isinstance(resource, dict) else None,
        _request(row.get("request")),
    )


def _request(row: Any) -> Request | None:
    """A request whose method and URL are well-formed, else None."""
    if not isinstance(row, dict) or row.get("method") not in _METHODS or not isinstance(row.get("url"), str):
        return None
    found = _URL(row["url"].removeprefix("/"))  # the examples of R4 itself write the slash
    if (
        not row["url"]
        or found is None
        or (found["type"] and found["type"] not in definitions().resource_types)
    ):
        return None
    rest = found["rest"] or found["system"] or ""
    named = found["type"] is not None and _ID(rest) is not None
    return Request(
        method=row["method"],
        url=row["url"],
        type=found["type"] or "",
        id=rest if named else "",
        query=found["query"] or "",
        operation=rest.rpartition("$")[2] if "$" in rest else "",
        if_match=str(row.get("ifMatch", "")),
        if_none_match=str(row.get("ifNoneMatch", "")),
        if_modified_since=str(row.get("ifModifiedSince", "")),
        if_none_exist=str(row.get("ifNoneExist", "")),
    )


def _faults(entry: Entry, row: dict[str, Any]) -> Iterator[Issue]:
    """What is wrong with one entry by itself."""
    at = entry.path
    request = entry.request
    if "request" not in row:
        yield Issue("required", "request is missing", "request manque", (f"{at}.request",), rule="bdl-3")
        return
    if request is None:
        yield _bad_request(row["request"], at)
        return
    carries = request.method in ("POST", "PUT", "PATCH") and not request.operation
    if carries and entry.resource is None:
        yield Issue(
            "required",
            f"{request.method} needs a resource",
            f"{request.method} exige une ressource",
            (f"{at}.resource",),
        )
        return
    yield from _disagreements(entry, request)


def _bad_request(row: Any, at: str) -> Issue:
    """Whether the method or the URL is at fault."""
    method = row.get("method") if isinstance(row, dict) else None
    if method not in _METHODS:
        names = "GET, HEAD, POST, PUT, DELETE, PATCH"
        return Issue(
            "value",
            f"method must be one of {names}",
            f"method doit être l'un de {names}",
            (f"{at}.request.method",),
        )
    return Issue(
        "value",
        "url must be relative: Type, Type/id, Type?query or $operation",
        "url doit être relative : Type, Type/id, Type?requête ou $opération",
        (f"{at}.request.url",),
    )


def _disagreements(entry: Entry, request: Request) -> Iterator[Issue]:
    """Where the URL, the method and the resource do not agree."""
    at = f"{entry.path}.request.url"
    resource = entry.resource or {}
    if request.operation or request.method in ("GET", "HEAD"):
        return
    if request.method == "POST":
        if request.id or not request.type:
            yield Issue(
                "value", "POST creates: url is the type alone", "POST crée : url est le type seul", (at,)
            )
    elif not request.type or not (request.id or request.query):
        text = f"{request.method} needs Type/id or Type?query"
        yield Issue("value", text, f"{request.method} exige Type/id ou Type?requête", (at,))
    if request.method in ("POST", "PUT") and request.type and resource.get("resourceType") != request.type:
        text = f"url says {request.type}, the resource is a {resource.get('resourceType')}"
        yield Issue(
            "value",
            text,
            f"url dit {request.type}, la ressource est un {resource.get('resourceType')}",
            (at,),
        )
    if request.method == "PUT" and request.id and resource.get("id") != request.id:
        text = f"url says id {request.id}, the resource says {resource.get('id')}"
        yield Issue("value", text, f"url dit l'id {request.id}, la ressource dit {resource.get('id')}", (at,))


def _repeated(rows: tuple[Entry, ...], attribute: str, name: str) -> Iterator[Issue]:
    """Entries that have the same non-empty value as an earlier one."""
    seen: dict[str, int] = {}
    for entry in rows:
        value = getattr(entry, attribute)
        first = seen.setdefault(value, entry.index)
        if value and first != entry.index:
            yield Issue(
                "duplicate",
                f"{name} {value[:80]} is also that of entry {first}",
                f"{name} {value[:80]} est aussi celui de l'entrée {first}",
                (f"{entry.path}.{name}",),
                rule="FHIR R4 4.0.1 bdl-7",
            )


def _overlaps(rows: tuple[Entry, ...]) -> Iterator[Issue]:
    """Entries of a transaction that change a resource which an earlier one changes."""
    seen: dict[tuple[str, str], int] = {}
    for entry in rows:
        request = entry.request
        if request is None or not request.id or request.method not in ("PUT", "PATCH", "DELETE"):
            continue
        first = seen.setdefault((request.type, request.id), entry.index)
        if first != entry.index:
            yield Issue(
                "duplicate",
                f"{request.type}/{request.id} is already changed by entry {first}",
                f"{request.type}/{request.id} est déjà modifié par l'entrée {first}",
                (f"{entry.path}.request.url",),
                rule="FHIR R4 4.0.1 http.html#trules",
            )
