"""The answers by the book: the tests' brute-force oracle over the corpus, links followed backwards once.

It shares no code with the server. Only how `_has` finds what points here differs from the tests' oracle:
from a list made once instead of by reading every resource for each, so that fifty thousand people are not
too many.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.contract.search.oracle import Oracle, at, parameter

Resource = dict[str, Any]
Pairs = list[tuple[str, str]]

KINDS = ("Patient", "Encounter", "Observation", "Condition", "DocumentReference", "Practitioner")
KINDS += ("PractitionerRole", "Organization", "Location")
"""The types that questions are asked of or lead through."""


class Book(Oracle):
    """An oracle over resources that do not change."""

    def __init__(self, resources: Iterable[Resource], now: int = 0) -> None:
        self._kinds: dict[str, list[Resource]] = {}
        self._pointed: dict[tuple[str, str, str], set[str]] = {}
        super().__init__([slim(r) for r in resources], now)
        for resource in self.resources:
            self._kinds.setdefault(resource["resourceType"], []).append(resource)

    def of(self, kind: str) -> list[Resource]:
        return self._kinds.get(kind, [])

    def meets(self, resource: Resource, name: str, value: str) -> bool:
        if not name.startswith("_has:"):
            return super().meets(resource, name, value)
        _, kind, through, rest = name.split(":", 3)
        key = (f"{kind}:{through}", rest, value)
        if key not in self._pointed:
            _, read = parameter(kind, through)
            found = (o for o in self.of(kind) if self.meets(o, rest, value))
            self._pointed[key] = {target for o in found for target in read(o)}
        return f"{resource['resourceType']}/{resource['id']}" in self._pointed[key]

    def pointing(self, kind: str, code: str, targets: set[str]) -> set[str]:
        """The names of the resources of a type whose reference `code` leads to one of the targets."""
        _, read = parameter(kind, code)
        return {f"{kind}/{r['id']}" for r in self.of(kind) if targets & set(read(r))}

    def pointed(self, resource: Resource, code: str) -> set[str]:
        """The names of what a resource's reference `code` leads to, as far as it is here."""
        _, read = parameter(resource["resourceType"], code)
        return {target for target in read(resource) if target in self.named}


def slim(resource: Resource) -> Resource:
    """Without what no question looks at; whether it is there counts for fifty thousand people."""
    for name in ("text", "extension", "contained", "content", "reasonCode", "interpretation", "note"):
        resource.pop(name, None)
    for performer in at(resource, "performer") + at(resource, "author"):
        if isinstance(performer, dict):
            performer.pop("identifier", None)
            performer.pop("display", None)
    return resource
