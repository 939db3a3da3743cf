"""References between the entries of a transaction and by criteria. Rule: FHIR R4, http.html#trules."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from aubier.access.view import View
from aubier.fhir.references import Place, Reference, iter_references
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import decoded
from aubier.rest.interactions import Interactions
from aubier.rest.searching.single import met_by

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


def elsewhere_made(entries: Iterable[tuple[str, bool]]) -> frozenset[str]:
    """The fullUrls on other servers of entries whose id will be another, of (fullUrl, whether it will)."""
    return frozenset(url for url, anew in entries if anew and Reference.parse(url).form == "absolute")


def name_absolutely(links: Sequence[Link], full_urls: Mapping[int, str], made: frozenset[str]) -> None:
    """Puts the fullUrl of an entry in the place of a reference that is relative to where both come from.

    Rule: FHIR R4, bundle.html#references: the root is that of the fullUrl of what refers.
    """
    for number, _, place in links if made else ():
        named = Reference.parse(full_urls.get(number, "")).base + place.text
        if named in made:
            place.value["reference"] = named


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


async def resolve(server: Interactions, view: View, links: Sequence[Link], made: Sequence[Made]) -> None:
    """Puts `Type/id` in the place of each `Type?criteria`, found by a search under the actor's own view; else
    the name of the one that the transaction makes.

    Problem (precondition) unless exactly one matches. Rule: FHIR R4, http.html#trules: references by criteria
    are resolved last.
    """
    known: dict[str, str] = {}
    written: _Beside | None = None
    for number, _, place in links:
        if "?" not in place.text or Reference.parse(place.text).form != "conditional":
            continue
        if place.text not in known:
            kind, _, criteria = place.text.partition("?")
            written = written or _Beside(made)
            known[place.text] = await _found(server, view, (place, number), written.named(kind, criteria))
        place.value["reference"] = known[place.text]


async def _found(server: Interactions, view: View, at_place: tuple[Place, int], beside: Sequence[str]) -> str:
    place, number = at_place
    kind, _, criteria = place.text.partition("?")
    at = _place(f"{place.path}.reference", number)
    try:
        return await met_by(view, server.condition(kind, criteria, "query"), place.text, at, beside)
    except Problem as refusal:
        raise Problem(tuple(replace(i, at=(at,)) for i in refusal.issues), refusal.headers) from None
