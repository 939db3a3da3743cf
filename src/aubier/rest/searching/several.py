"""One searchset out of the searches of several types, one type after the other.

Each type is searched as it would be alone, so rights, paging and audit are those of every search; a page mark
tells the type and the place in it. Rule: FHIR R4, http.html#search, http.html#vsearch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from aubier.access.view import View
from aubier.fhir.definitions import definitions
from aubier.ground.problem import not_found, problem
from aubier.rest.exchange import Answer, Call
from aubier.rest.operations.standard import types_of
from aubier.rest.searching.searchset import bundle, entry
from aubier.search.model import Query
from aubier.store.keys import type_numbers

Pairs = Sequence[tuple[str, str]]
Parse = Callable[[str, Pairs, bool], Query]
"""`parse(type, pairs, lenient)`: the query under the server's page bounds."""

_mark = re.compile(r"([0-9]{1,3})\.([A-Za-z0-9_-]*)").fullmatch


@dataclass(frozen=True, slots=True)
class Compartment:
    """The compartment `Patient/1`; the search is among what names its owner."""

    type: str
    id: str

    def within(self, query: Query) -> Query:
        """The same query, inside."""
        codes = definitions().compartment(self.type).get(query.type, ())
        return replace(query, within=(f"{self.type}/{self.id}", tuple(codes)))


@dataclass(slots=True)
class _Page:
    """A page in the making: entries, what they include, the mark of the next page."""

    left: int
    entries: list[bytes] = field(default_factory=list)
    included: dict[tuple[str, str], bytes] = field(default_factory=dict)
    next: str = ""


async def search_base(call: Call, view: View, parse: Parse, pairs: Pairs) -> Answer:
    """`GET [base]?_type=A,B&...`. Problem: no `_type`, for nobody searches everything."""
    named = [value for name, value in pairs if name == "_type"]
    kinds = list(dict.fromkeys(kind for value in named for kind in types_of(value)))
    if not kinds:
        raise problem(
            "too-costly",
            "Say with _type which types are searched, or ask $export for everything",
            "Dites avec _type quels types chercher, ou demandez tout à $export",
            at="http._type",
        )
    return await _search(call, view, parse, (kinds, pairs, None))


async def search_compartment(call: Call, view: View, parse: Parse, pairs: Pairs) -> Answer:
    """`GET Patient/1/Observation?...`, or `Patient/1/*` for every type of the compartment."""
    owner, logical, kind = call.path[:3]
    try:
        known = definitions().compartment(owner)
    except KeyError:
        raise not_found("/".join(call.path)[:200]) from None
    if kind != "*" and kind not in known:
        raise problem(
            "not-found",
            f"{kind[:64]} is not in the compartment of a {owner}",
            f"{kind[:64]} n'est pas dans le compartiment d'un {owner}",
            at="http.path",
        )
    asked = [kind] if kind != "*" else _open_to(view, _typed(pairs) or sorted(known))
    return await _search(call, view, parse, (asked, pairs, Compartment(owner, logical)))


def _typed(pairs: Pairs) -> list[str]:
    return [kind for name, value in pairs if name == "_type" for kind in types_of(value)]


def _open_to(view: View, kinds: Sequence[str]) -> list[str]:
    """Of all types, those that the actor's scopes open; all when none is, to be told so."""
    return [kind for kind in kinds if kind in type_numbers() and view.sight.sees_type(kind)] or list(kinds)


async def _search(
    call: Call, view: View, parse: Parse, asked: tuple[Sequence[str], Pairs, Compartment | None]
) -> Answer:
    kinds, pairs, inside = asked
    if len(kinds) > 1 and any(name == "_sort" for name, _ in pairs):
        raise problem(
            "not-supported",
            "_sort orders one type; ask for one type, or leave it out",
            "_sort ordonne un seul type ; demandez un seul type, ou retirez-le",
            at="http._sort",
        )
    own = [(name, value) for name, value in pairs if name not in ("_type", "_page")]
    first, cursor = _begins(dict(pairs).get("_page", ""), len(kinds))
    queries = [_inside(parse(kind, own, call.lenient), inside) for kind in kinds]
    page = _Page(left=queries[0].count)
    counted = queries[0].summary == "count" or queries[0].count == 0
    if not counted:
        await _fill(call.base, view, queries[first:], (page, first, cursor))
    total = await _total(view, queries) if counted or queries[0].total == "accurate" else None
    if total is None and not page.next and not first and not cursor:
        total = len(page.entries)
    entries = [*page.entries, *page.included.values()]
    return Answer(200, bundle("searchset", total, _links(call, pairs, page.next), entries))


def _inside(query: Query, compartment: Compartment | None) -> Query:
    return compartment.within(query) if compartment else query


async def _fill(base: str, view: View, queries: Sequence[Query], at: tuple[_Page, int, str]) -> None:
    """Fills a page with one type after the other, from where it begins."""
    page, first, cursor = at
    for number, query in enumerate(queries, start=first):
        if not page.left:
            page.next = f"{number}."
            return
        found = await view.search_rows(replace(query, count=page.left, cursor=cursor, total="none"))
        page.entries += [entry(base, row, "match", query) for row in found.rows]
        for row in found.included:
            page.included[row.type, row.id] = entry(base, row, "include", query)
        if found.cursor:
            page.next = f"{number}.{found.cursor}"
            return
        page.left -= len(found.rows)
        cursor = ""


async def _total(view: View, queries: Sequence[Query]) -> int:
    totals = [await view.search_rows(replace(q, summary="count", count=0, cursor="")) for q in queries]
    return sum(found.total or 0 for found in totals)


def _begins(mark: str, kinds: int) -> tuple[int, str]:
    """The type and the place in it where a page begins."""
    found = _mark(mark) if mark else None
    if mark and (found is None or int(found[1]) >= kinds):
        raise problem(
            "invalid",
            "The page mark is not one of this search; start again from its first page",
            "Le repère de page ne vient pas de cette recherche ; repartez de la première page",
            at="http._page",
        )
    return (int(found[1]), found[2]) if found else (0, "")


def _links(call: Call, pairs: Pairs, following: str) -> list[tuple[str, str]]:
    path = tuple(part for part in call.path if part != "_search")
    here = "/".join([call.base, *path])
    kept = [(name, value) for name, value in pairs if name not in ("_page", "_format", "_pretty")]
    links = [("self", f"{here}?{urlencode([p for p in pairs if p[0] not in ('_format', '_pretty')])}")]
    if following:
        links.append(("next", f"{here}?{urlencode([*kept, ('_page', following)])}"))
    return [(name, url.removesuffix("?")) for name, url in links]
