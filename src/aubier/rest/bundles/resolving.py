"""References between the entries of a transaction and by criteria. Rule: FHIR R4, http.html#trules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from aubier.access.view import View
from aubier.fhir.references import Place, Reference, iter_references
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.rest.interactions import Interactions
from aubier.rest.searching.single import the_one
from aubier.search.model import Query
from aubier.store.reading.links.identified import identifies

_REQUEST = {
    "http.If-Match": "request.ifMatch",
    "http.If-None-Match": "request.ifNoneMatch",
    "http.If-None-Exist": "request.ifNoneExist",
    "http.method": "request.method",
}
_TYPED = re.compile(r"^[A-Z][A-Za-z]*(?=\.|$)")

Link = tuple[int, Resource, Place]
"""The number of an entry, its resource, a Reference in it."""


def in_entry(issues: Iterable[Issue], number: int) -> list[Issue]:
    """The same issues with the places they have in the Bundle: `Bundle.entry[2].resource.name`."""
    return [replace(i, at=tuple(_place(a, number) for a in i.at or ("http.path",))) for i in issues]


def _place(at: str, number: int) -> str:
    entry = f"Bundle.entry[{number}]"
    if at.startswith(("http.", "request.")):
        return f"{entry}.{_REQUEST.get(at, 'request.url')}"
    return f"{entry}.{_TYPED.sub('resource', at, count=1)}"


_MARKS = (b"urn:uuid:", b"?", b"\\")
"""Without any of these, JSON holds no reference to another entry, nor one by criteria; nor hides it."""


def may_link(body: bytes) -> bool:
    """Whether the references of a Bundle sent as these bytes need to be looked at one by one."""
    return not body.startswith(b"{") or any(mark in body for mark in _MARKS)


def linked(resources: Iterable[tuple[int, Resource]]) -> list[Link]:
    """Every Reference of the resources, which come with the number of their entry: walked once."""
    return [
        (number, resource, place) for number, resource in resources for place in iter_references(resource)
    ]


def check_links(links: Sequence[Link], full_urls: Iterable[str]) -> None:
    """Problem for each `urn:uuid:` reference that no entry of the transaction bears as its fullUrl."""
    known = set(full_urls)
    lost = [
        Issue(
            "not-found",
            f"No entry of this Bundle has the fullUrl {place.text}",
            f"Aucune entrée de ce Bundle n'a le fullUrl {place.text}",
            (_place(f"{place.path}.reference", number),),
        )
        for number, resource, place in links
        if place.text.startswith("urn:uuid:")
        and place.text.partition("#")[0] not in known
        and resource.get("resourceType") != "Bundle"
    ]
    if lost:
        raise Problem(tuple(lost))


def check_alone(number: int, resource: Resource | None, made: frozenset[str]) -> None:
    """Problem when an entry of a batch refers to one that the same batch creates: it would lead nowhere.

    Rule: FHIR R4, http.html#brules: such references are non-conformant.
    """
    if not made or resource is None:
        return
    issues = [
        Issue(
            "business-rule",
            f"{place.text} is made by the same batch, whose entries stand alone: send a transaction",
            f"{place.text} est créé par le même lot, dont les entrées sont seules : envoyez une transaction",
            (_place(f"{place.path}.reference", number),),
        )
        for place in iter_references(resource)
        if place.text.partition("#")[0] in made
    ]
    if issues:
        raise Problem(tuple(issues))


async def resolve(server: Interactions, view: View, links: Sequence[Link]) -> None:
    """Puts `Type/id` in the place of each `Type?criteria`, found by a search under the actor's own view.

    Problem (precondition) unless exactly one matches.
    """
    wanted = [(number, place) for number, _, place in links if _by_criteria(place)]
    first: dict[str, tuple[int, Place]] = {}
    for number, place in wanted:
        first.setdefault(place.text, (number, place))
    asked: dict[str, Query] = {}
    for text, (number, place) in first.items():
        kind, _, criteria = text.partition("?")
        with _at(place, number):
            asked[text] = server.condition(kind, criteria, "query")
    # Identifiers of a type share a statement; whatever else is asked may be refused for itself.
    together: dict[str, list[str]] = {}
    for text, query in asked.items():
        together.setdefault(query.type if identifies(query) else text, []).append(text)
    known: dict[str, str] = {}
    for texts in together.values():
        with _at(first[texts[0]][1], first[texts[0]][0]):
            found = await view.search_each([asked[text] for text in texts])
        for text, rows in zip(texts, found, strict=True):
            number, place = first[text]
            known[text] = the_one(rows, asked[text].type, text, _place(f"{place.path}.reference", number))
    for _, place in wanted:
        place.value["reference"] = known[place.text]


def _by_criteria(place: Place) -> bool:
    return "?" in place.text and Reference.parse(place.text).form == "conditional"


@contextmanager
def _at(place: Place, number: int) -> Iterator[None]:
    """Whatever is wrong with a reference is told at its place in the Bundle."""
    at = _place(f"{place.path}.reference", number)
    try:
        yield
    except Problem as refusal:
        raise Problem(tuple(replace(i, at=(at,)) for i in refusal.issues), refusal.headers) from None
