"""References by criteria (`Practitioner?identifier=...`) in what is loaded: generators write them.

Rule: FHIR R4, http.html#trules: exactly one resource meets them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aubier.access.view import View
from aubier.cli.loading.files import Placed
from aubier.fhir.references import replace_references
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.rest.importing.criteria import met, unmet
from aubier.rest.searching.single import by_criteria

_MOST = 200_000
"""How many answers are remembered: those of a country's hospitals and professionals, not of its patients."""


class Criteria:
    """Finds what references by criteria mean; each is asked once. `stored()` first stores what was read."""

    def __init__(self, view: View, stored: Callable[[], Awaitable[None]]) -> None:
        self._view, self._stored = view, stored
        self._known: dict[str, str] = {}
        self._missed: dict[str, Problem] = {}

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
                issues += unmet(found, place.path)
        return Problem(tuple(issues)) if issues else replace_references(resource, asked)

    async def _found(self, text: str) -> str | Problem:
        """`Type/id`, or why not. Problem `transient`: the store does not answer."""
        if text in self._missed:
            return self._missed[text]
        if text not in self._known:
            await self._stored()
            found = await met(self._view, text)
            if isinstance(found, Problem):
                self._missed[text] = found
                return found
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[text] = found
        return self._known[text]
