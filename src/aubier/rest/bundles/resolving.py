"""References between the entries of a transaction and by criteria. Rule: FHIR R4, http.html#trules."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from aubier.access.view import View
from aubier.fhir.references import Place, Reference, iter_references
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import decoded
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
    if at.startswith(entry):
        return at
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


def elsewhere_made(entries: Iterable[tuple[str, bool]]) -> frozenset[str]:
    """The fullUrls on other servers of entries whose id will be another, of (fullUrl, whether it will)."""
    return frozenset(url for url, anew in entries if anew and Reference.parse(url).form == "absolute")


def name_absolutely(links: Sequence[Link], full_urls: Mapping[int, str], made: frozenset[str]) -> None:
    """Puts the fullUrl of an entry in the place of a reference that is relative to where both come from.

    Rule: FHIR R4, bundle.html#references: the root is that of the fullUrl of what refers.
    """
    for number, _, place in links if made else ():
        named = _beside(place, full_urls.get(number, ""))
        if _bare(named) in made:
            place.value["reference"] = named


def _beside(place: Place, full_url: str) -> str:
    """What a reference names where it comes from: relative, it is so to the root of what refers."""
    return Reference.parse(full_url).base + place.text


def _bare(named: str) -> str:
    """A name without version and fragment."""
    return named.partition("#")[0].partition("/_history/")[0]


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


def check_alone(
    number: int, resource: Resource | None, full_url: str, criteria: Mapping[str, str], made: frozenset[str]
) -> None:
    """Problem when an entry of a batch refers to one that the same batch makes, or names it in its `criteria`
    (by the place they stand at): it would lead nowhere, or to what is called so here.

    Rule: FHIR R4, http.html#brules: such references are non-conformant.
    """
    if not made:
        return
    named = [
        (place.text, f"{place.path}.reference")
        for place in iter_references(resource or {})
        if {_bare(place.text), _bare(_beside(place, full_url))} & made
    ]
    for at, text in criteria.items():
        named += [(one, at) for _, value in decoded(text) for one in value.split(",") if one in made]
    issues = [
        Issue(
            "business-rule",
            f"{text} is made by the same batch, whose entries stand alone: send a transaction",
            f"{text} est créé par le même lot, dont les entrées sont seules : envoyez une transaction",
            (_place(at, number),),
        )
        for text, at in named
    ]
    if issues:
        raise Problem(tuple(issues))


@dataclass(frozen=True, slots=True)
class Made:
    """What a transaction writes: a resource, the criteria that its entry has, and its name in the Bundle."""

    resource: Resource
    criteria: str
    name: str


class _Beside:
    """Finds what a transaction writes by criteria: those of its entry, or identifiers that it has."""

    def __init__(self, made: Iterable[Made]) -> None:
        self._found: dict[tuple[str, Hashable], set[str]] = {}
        for one in made:
            kind = str(one.resource.get("resourceType"))
            if one.criteria:
                self._found.setdefault((kind, _sorted(one.criteria)), set()).add(one.name)
            listed = one.resource.get("identifier")
            for number in listed if isinstance(listed, list) else ():
                if isinstance(number, dict):
                    key = kind, f"{number.get('system', '')}|{number.get('value', '')}"
                    self._found.setdefault(key, set()).add(one.name)

    def named(self, kind: str, criteria: str) -> list[str]:
        """The names of what meets them, in the order of their letters."""
        asked = _sorted(criteria)
        found = set(self._found.get((kind, asked), ()))
        if asked and all(name == "identifier" for name, _ in asked):
            found |= set.intersection(*(self._found.get((kind, value), set()) for _, value in asked))
        return sorted(found)


def _sorted(criteria: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(decoded(criteria)))


async def resolve(
    server: Interactions, view: View, links: Sequence[Link], made: Sequence[Made], gone: frozenset[str]
) -> None:
    """Puts `Type/id` in the place of each `Type?criteria`, found by a search under the actor's own view; else
    the name of the one that the transaction makes. `gone` are the names of what it deletes.

    Problem (precondition) unless exactly one matches. Rule: FHIR R4, http.html#trules: references by criteria
    are resolved last.
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
    beside = _Beside(made if together else ())
    for texts in together.values():
        with _at(first[texts[0]][1], first[texts[0]][0]):
            found = await view.search_each([asked[text] for text in texts])
        for text, rows in zip(texts, found, strict=True):
            number, place = first[text]
            at = _place(f"{place.path}.reference", number)
            kind, _, criteria = text.partition("?")
            left = [] if len(rows) == 1 and f"{rows[0].type}/{rows[0].id}" in gone else rows
            new = () if left else beside.named(kind, criteria)
            known[text] = the_one(left, asked[text].type, text, at, new)
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
