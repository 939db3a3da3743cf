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


def by_criteria(resource: Resource) -> Iterator[Place]:
    """The references of a resource that are written as a search."""
    for place in iter_references(resource):
        if "?" in place.text and Reference.parse(place.text).form == "conditional":
            yield place


async def met_by(view: View, query: Query, text: str, at: str, beside: Sequence[str] = ()) -> str:
    """`Type/id` of the one resource that meets `text`, as the actor sees it; else the one name in `beside`.

    Problem (precondition), at the place of the reference, when none or several do.
    """
    rows = (await view.search_rows(query)).rows
    found = [f"{row.type}/{row.id}" for row in rows] or beside
    if len(found) == 1:
        return found[0]
    kind, asked = query.type, text[:200]
    if found:
        en = f"Several {kind} known to you meet {asked}; exactly one must"
        fr = f"Plusieurs {kind} connus de vous répondent à {asked} ; il en faut exactement un"
    else:
        en = f"No {kind} known to you meets {asked}; exactly one must"
        fr = f"Aucun {kind} connu de vous ne répond à {asked} ; il en faut exactement un"
    raise problem("precondition", en, fr, at=at)
