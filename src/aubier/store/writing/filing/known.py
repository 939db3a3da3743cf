"""References that lead nowhere, refused where a setting demands that what is named be known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from aubier.fhir.references import Reference, iter_references
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.search.sql import Args
from aubier.store.keys import family, type_numbers
from aubier.store.sight import Sight
from aubier.store.writing.filing.following import Fetch, Key

_TOLD = 100
"""References that one refusal tells."""


async def refuse_unknown(
    fetch: Fetch,
    sight: Sight,
    resources: Iterable[Resource],
    beside: Mapping[Key, bool],
    local: Callable[[str], str],
) -> None:
    """Problem (not-found) at each reference to what is not here, or not for this actor.

    `beside` is what the same write touches, and whether it is there afterwards. `local` turns a URL of this
    server into `Type/id`; what is on others, and what a Bundle holds, is not looked at.
    """
    named: dict[Key, str] = {}
    for resource in resources:
        for key, path in _named(resource, local):
            named.setdefault(key, path)
    lost = [key for key in named if not beside.get(key, True)]
    for prefix in ("", "dir_"):
        asked = [key for key in named if key not in beside and family(key[0]) == prefix]
        lost += await _missing(fetch, sight, asked, prefix) if asked else ()
    if lost:
        raise Problem(tuple(_unknown(key, named[key]) for key in lost[:_TOLD]))


def _named(resource: Resource, local: Callable[[str], str]) -> Iterator[tuple[Key, str]]:
    if resource["resourceType"] == "Bundle":
        return
    for place in iter_references(resource):
        one = Reference.parse(local(place.text))
        if one.form == "relative":
            yield (one.type, one.id), f"{place.path}.reference"


async def _missing(fetch: Fetch, sight: Sight, asked: list[Key], prefix: str) -> list[Key]:
    args = Args([[type_numbers()[kind] for kind, _ in asked], [logical for _, logical in asked]])
    seen = sight.predicate("r", args, directory=bool(prefix))
    rows = await fetch(
        "select k.n from unnest($1::smallint[], $2::text[]) with ordinality k(type, id, n) where not exists"
        f" (select 1 from id_map m join {prefix}res r on r.pat = m.pat and r.rid = m.rid"
        f" where m.type = k.type and m.id = k.id and {seen}) order by k.n",
        *args,
    )
    return [asked[row["n"] - 1] for row in rows]


def _unknown(key: Key, path: str) -> Issue:
    name = "/".join(key)
    return Issue(
        "not-found",
        f"{name} is not known here; store it before, or together with what names it",
        f"{name} n'est pas connu ici ; enregistrez-le avant, ou avec ce qui le désigne",
        (path,),
    )
