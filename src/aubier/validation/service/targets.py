"""What references name, read from the store as whoever asks sees it: what is hidden is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource

_AT_ONCE = 50


class Stored:
    """The targets of references, through the view of an actor; each name is asked for once."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._asked: set[str] = set()

    async def read(self, named: Sequence[str]) -> Mapping[str, Resource]:
        """The resources of these names (`Type/id`) that this actor may see."""
        by_type: dict[str, list[str]] = {}
        for name in named:
            kind, _, logical = name.partition("/")
            if name not in self._asked and kind in definitions().resource_types:
                by_type.setdefault(kind, []).append(logical)
        self._asked.update(named)
        found: dict[str, Resource] = {}
        for kind, ids in by_type.items():
            for start in range(0, len(ids), _AT_ONCE):
                found |= await self._some(kind, ids[start : start + _AT_ONCE])
        return found

    async def _some(self, kind: str, ids: Sequence[str]) -> dict[str, Resource]:
        try:
            page = await self._store.search(kind, [("_id", ",".join(ids)), ("_count", str(_AT_ONCE))])
        except Problem as refusal:
            if refusal.kind == "transient":  # nobody knows whether they are here
                raise
            return {}  # whoever may not search this type sees none of it
        return {f"{kind}/{one['id']}": one for one in page.resources}
