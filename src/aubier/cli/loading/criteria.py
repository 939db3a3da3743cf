"""References by criteria (`Practitioner?identifier=...`) in what is loaded: generators write them.

Rule: FHIR R4, http.html#trules: exactly one resource meets them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from aubier.access.view import View
from aubier.cli.loading.files import Placed
from aubier.fhir.references import replace_references
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.rest.searching.single import by_criteria
from aubier.search.query import parse

_MOST = 200_000
"""How many answers are remembered: those of a country's hospitals and professionals, not of its patients."""

_Why = tuple[str, str]


class Criteria:
    """Finds what references by criteria mean; each is asked once. `stored()` first stores what was read."""

    def __init__(self, view: View, stored: Callable[[], Awaitable[None]]) -> None:
        self._view, self._stored = view, stored
        self._known: dict[str, str] = {}
        self._missed: dict[str, _Why] = {}

    async def met(self, rows: Sequence[Placed]) -> tuple[list[Placed], bool]:
        """The rows with `Type/id` for criteria, a Problem where nothing met them; whether all were."""
        self._missed.clear()
        out: list[Placed] = []
        for place, row in rows:
            out.append((place, row if isinstance(row, Problem) else await self._resolved(row)))
        return out, not self._missed

    async def _resolved(self, resource: Resource) -> Resource | Problem:
        asked: dict[str, str] = {}
        issues: list[Issue] = []
        for place in by_criteria(resource):
            found = await self._found(place.text)
            if isinstance(found, str):
                asked[place.text] = found
            else:
                issues.append(Issue("precondition", *found, (f"{place.path}.reference",)))
        return Problem(tuple(issues)) if issues else replace_references(resource, asked)

    async def _found(self, text: str) -> str | _Why:
        """`Type/id`, or why not, in two languages."""
        if text in self._missed:
            return self._missed[text]
        if text not in self._known:
            await self._stored()
            found = await self._asked(text)
            if not isinstance(found, str):
                self._missed[text] = found
                return found
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[text] = found
        return self._known[text]

    async def _asked(self, text: str) -> str | _Why:
        kind, _, criteria = text.partition("?")
        try:
            pairs = parse_qsl(criteria, keep_blank_values=True)
            query = parse(kind, pairs, registry=self._view.access.store.registry)
            rows = (await self._view.search_rows(replace(query, count=2))).rows if query.criteria else []
        except Problem as refusal:
            return refusal.issues[0].text, refusal.issues[0].fr
        if len(rows) == 1:
            return f"{kind}/{rows[0].id}"
        number, nombre = ("several", "plusieurs") if rows else ("none", "aucun")
        return (
            f"{text[:200]}: {number} here, where exactly one must meet it; load what it names too",
            f"{text[:200]} : {nombre} ici, où il en faut exactement un ; chargez aussi ce qui est désigné",
        )
