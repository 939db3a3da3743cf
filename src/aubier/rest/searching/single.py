"""The one resource that a reference by criteria means (`Practitioner?identifier=...`).

Rule: FHIR R4, http.html#trules: exactly one meets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aubier.access.view import View
from aubier.fhir.references import Place, Reference, iter_references
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.search.model import Query
from aubier.store.reading import Row


def by_criteria(resource: Resource) -> Iterator[Place]:
    """The references of a resource that are written as a search."""
    for place in iter_references(resource):
        if "?" in place.text and Reference.parse(place.text).form == "conditional":
            yield place


async def met_by(view: View, query: Query, text: str, at: str) -> str:
    """`Type/id` of the one resource that meets `text`, as the actor sees it.

    Problem (precondition), at the place of the reference, when none or several do.
    """
    return the_one((await view.search_rows(query)).rows, query.type, text, at)


def the_one(rows: Sequence[Row], kind: str, text: str, at: str, beside: Sequence[str] = ()) -> str:
    """`Type/id` of the one row found; of none, the one name in `beside`. Problem (precondition) at `at` when
    there is none, or several.
    """
    found = [f"{row.type}/{row.id}" for row in rows] or beside
    if len(found) == 1:
        return found[0]
    asked = text[:200]
    if found:
        en = f"Several {kind} known to you meet {asked}; exactly one must"
        fr = f"Plusieurs {kind} connus de vous répondent à {asked} ; il en faut exactement un"
    else:
        en = f"No {kind} known to you meets {asked}; exactly one must"
        fr = f"Aucun {kind} connu de vous ne répond à {asked} ; il en faut exactement un"
    raise problem("precondition", en, fr, at=at)
