"""One searchset out of the searches of several types, one type after the other.

Each type is searched as it would be alone, so rights, paging, totals and audit are those of every search, and
so is the cost: a page ends where it is full. Its mark tells the type and the place in it. With `_sort`, the
types are merged into one order (`merged`). What is asked by `_lastUpdated` is of one moment in all types,
which the mark of a page tells too: else what is told of one could be later than what was seen of another.
Rule: FHIR R4, http.html#search, http.html#vsearch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from msgspec.structs import replace

from aubier.access.view import View
from aubier.fhir.definitions import definitions
from aubier.ground.problem import Problem, not_found, problem
from aubier.rest.exchange import Answer, Call
from aubier.rest.operations.standard import types_of
from aubier.rest.searching.merged import descending, in_order, places_of
from aubier.rest.searching.searchset import bundle, entry, left_out
from aubier.search.model import Query
from aubier.search.paging.marks import fingerprint
from aubier.search.parameters import Registry
from aubier.store.keys import type_numbers

Pairs = Sequence[tuple[str, str]]
Parse = Callable[[str, Pairs, bool], Query]
"""`parse(type, pairs, lenient)`: the query under the server's page bounds."""

_mark = re.compile(r"([0-9]{1,3})\.([A-Za-z0-9_-]*)").fullmatch
_moment = re.compile(r"[0-9]{1,17}").fullmatch
_AT = "~"
"""What stands between the mark of a page, the search it is of, and the moment that all its types keep to (a
commit mark).
"""


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
    """A page in the making: entries, what they include, the mark of the next page; `settled` is the commit
    mark that what is asked by date keeps to.
    """

    left: int
    settled: int | None = None
    matches: dict[tuple[str, str], bytes] = field(default_factory=dict)
    included: dict[tuple[str, str], bytes] = field(default_factory=dict)
    totals: dict[int, int] = field(default_factory=dict)
    next: str = ""

    @property
    def entries(self) -> list[bytes]:
        """Each resource once: what is found by one type may be named by another."""
        others = (raw for key, raw in self.included.items() if key not in self.matches)
        return [*self.matches.values(), *others]


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
    if kind != "*" and _typed(pairs):
        raise problem(
            "invalid",
            f"The path says the type already: leave _type out, or ask {owner}/{logical}/*",
            f"Le chemin dit déjà le type : retirez _type, ou demandez {owner}/{logical}/*",
            at="http._type",
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
    here, sort = dict(pairs).get("_page", ""), dict(pairs).get("_sort", "")
    mark, of, moment = _parts(here)
    known = view.access.store.registry
    queries = [parse(kind, _said_of(kind, kinds, pairs, known), call.lenient) for kind in kinds]
    queries = [inside.within(query) for query in queries] if inside else queries
    told = fingerprint(*queries).hex()
    if here and not (mark and of == told):
        raise _no_mark()
    page = _Page(queries[0].count, _kept(moment) if mark else await view.access.store.settled_mark(queries))
    counted = queries[0].summary == "count" or queries[0].count == 0
    if not counted and sort and len(kinds) > 1:
        await _merge(call.base, view, queries, (page, mark, sort))
    elif not counted:
        await _fill(call.base, view, queries, (page, *_begins(mark, len(kinds))))
    total = await _total(view, queries, page) if counted or queries[0].total == "accurate" else None
    if total is None and not page.next and not mark:
        total = len(page.matches)
    ignored = [pair for pair in dict.fromkeys(pairs) if any(pair in query.ignored for query in queries)]
    entries = [*page.entries, *([left_out(ignored)] if ignored and not counted else [])]
    applied = {pair for query in queries for pair in (*query.applied, *query.form)}
    held = [pair for pair in pairs if pair in applied or pair[0] in ("_type", "_page")]
    following = f"{page.next}{_AT}{told}{_AT}{page.settled or ''}" if page.next else ""
    links = _links(call, held, following, later=bool(mark))
    return Answer(200, bundle("searchset", total, links, entries))


def _said_of(kind: str, kinds: Sequence[str], pairs: Pairs, known: Registry) -> list[tuple[str, str]]:
    """What is asked of one of the types: an `_include` is of the type that it begins with, a `_revinclude`
    of those that its parameter names.
    """
    others = {other for other in kinds if other != kind}

    def of_others(name: str, value: str) -> bool:
        source, code, *_ = (*value.split(":"), "")
        if name == "_include":
            return source in others
        back = name == "_revinclude" and source in definitions().resource_types
        parameter = known.get(source, code) if back else None
        named = set(parameter.targets) if parameter else set()
        return kind not in named and not named.isdisjoint(others)

    return [pair for pair in pairs if pair[0] not in ("_type", "_page") and not of_others(*pair)]


async def _fill(base: str, view: View, queries: Sequence[Query], at: tuple[_Page, int, str]) -> None:
    """Fills a page with one type after the other, from where it begins."""
    page, first, cursor = at
    for number, query in enumerate(queries[first:], start=first):
        if not page.left:
            page.next = f"{number}."
            return
        found = await view.search_rows(replace(query, count=page.left, cursor=cursor), mark=page.settled)
        if found.total is not None:
            page.totals[number] = found.total
        page.matches |= {(row.type, row.id): entry(base, row, "match", query) for row in found.rows}
        for row in found.included:
            page.included[row.type, row.id] = entry(base, row, "include", query)
        if found.cursor:
            page.next = f"{number}.{found.cursor}"
            return
        page.left -= len(found.rows)
        cursor = ""


async def _merge(base: str, view: View, queries: Sequence[Query], at: tuple[_Page, str, str]) -> None:
    """Fills a page with all types in one order, from where it begins."""
    page, mark, sort = at
    down = descending(sort, len(queries), page.left)
    places = places_of(mark, len(queries))
    if places is None:
        raise _no_mark()
    merged = await in_order(view, queries, places, (down, page.left, page.settled))
    page.matches = {(row.type, row.id): entry(base, row, "match", query) for row, query in merged.rows}
    page.included = {(row.type, row.id): entry(base, row, "include", query) for row, query in merged.included}
    page.totals, page.next = merged.totals, merged.next


async def _total(view: View, queries: Sequence[Query], page: _Page) -> int:
    """The total of all types: of those on the page that of the same snapshot as what they show."""
    for number, query in enumerate(queries):
        if number not in page.totals:
            counting = replace(query, summary="count", count=0, cursor="")
            found = await view.search_rows(counting, mark=page.settled)
            page.totals[number] = found.total or 0
    return sum(page.totals.values())


def _begins(mark: str, kinds: int) -> tuple[int, str]:
    """The type and the place in it where a page begins."""
    found = _mark(mark) if mark else None
    if mark and (found is None or int(found[1]) >= kinds):
        raise _no_mark()
    return (int(found[1]), found[2]) if found else (0, "")


def _parts(mark: str) -> tuple[str, str, str]:
    """Where a page begins, of which search, at which moment; all empty of a first page."""
    place, _, rest = mark.partition(_AT)
    of, _, moment = rest.partition(_AT)
    return place, of, moment


def _kept(moment: str) -> int | None:
    """The moment that a page keeps to. Problem: it is none."""
    if moment and not _moment(moment):
        raise _no_mark()
    return int(moment) if moment else None


def _no_mark() -> Problem:
    return problem(
        "invalid",
        "The page mark is not one of this search; start again from its first page",
        "Le repère de page ne vient pas de cette recherche ; repartez de la première page",
        at="http._page",
    )


def _links(call: Call, held: Pairs, following: str, *, later: bool) -> list[tuple[str, str]]:
    """The links of a page of what was `held`; `later` when it is not the first one."""
    here = "/".join([call.base, *(part for part in call.path if part != "_search")])
    kept = [(name, value) for name, value in held if name != "_page"]
    links = [("self", held)]
    links += [("first", kept)] if later else []
    links += [("next", [*kept, ("_page", following)])] if following else []
    return [(name, f"{here}?{urlencode(pairs)}".removesuffix("?")) for name, pairs in links]
