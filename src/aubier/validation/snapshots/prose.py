"""What the specification says of its elements in words, laid on its trees for whoever reads a snapshot.

No check of a resource needs it: `fhir/prose.bin` is opened when a snapshot is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from aubier.fhir.sections import Sections
from aubier.validation.snapshots.base import base_tree, type_url
from aubier.validation.snapshots.tree import Node

_NOTHING: Mapping[str, Any] = {"mapping": (), "rule": {}, "element": {}}
Rows = Sequence[Mapping[str, Any]]
_WITHIN = ("binding", "slicing")
"""Parts of an element to which words are added, rather than put in their place."""


@cache
def _sections() -> Sections:
    return Sections(files("aubier.fhir").joinpath("prose.bin").read_bytes())


class Prose:
    """The words of the specification, each definition read once for the making of one snapshot."""

    def __init__(self) -> None:
        self._sections = _sections()
        self._read: dict[str, Mapping[str, Any]] = {}
        self._trees: dict[str, Node] = {}

    def tree(self, canonical: str) -> Node | None:
        """The tree of a definition of the specification with its words, not to be changed, or None."""
        bare = canonical.partition("|")[0]
        if bare not in self._trees:
            found = base_tree(bare)
            if found is None:
                return None
            self._trees[bare] = self._told(found, bare, found.path)
        return self._trees[bare]

    def finish(self, rows: list[dict[str, Any]], own: Rows, inherited: Rows) -> dict[str, Any]:
        """Writes into elements what else is said of the constraints of the specification, as their XPath.

        The result is `mapping` of the definition: its `own`, and of what it rests on what its elements name.
        """
        for row in rows:
            if "constraint" in row:
                row["constraint"] = [self._constraint(rule) for rule in row["constraint"]]
        used = {each.get("identity") for row in rows for each in row.get("mapping", ())}
        read = (one for held in self._read.values() for one in held["mapping"])
        others = {each.get("identity"): each for each in (*read, *inherited) if each.get("identity") in used}
        told = {each.get("identity") for each in own}
        mapped = [*own, *(each for identity, each in others.items() if identity not in told)]
        return {"mapping": mapped} if mapped else {}

    def _constraint(self, rule: Mapping[str, Any]) -> Mapping[str, Any]:
        said: Mapping[str, Any] = self._of(str(rule.get("source", "")))["rule"].get(rule.get("key"), {})
        return {**said, **rule}

    def _told(self, node: Node, url: str, id: str) -> Node:
        element = {**node.element, **self._words(url, id, node.element)}
        for part in _WITHIN:
            if part in element:
                element[part] = {**node.element.get(part, {}), **element[part]}
        return Node(
            element,
            {name: self._told(each, url, f"{id}.{name}") for name, each in node.children.items()},
            {name: self._told(each, url, f"{id}:{name}") for name, each in node.slices.items()},
        )

    def _words(self, url: str, id: str, element: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is said of an element: here, or else where it was first defined."""
        own: Mapping[str, Any] | None = self._of(url)["element"].get(id)
        if own is not None:
            return own
        first = str(element.get("base", {}).get("path", ""))
        found: Mapping[str, Any] = self._of(type_url(first.partition(".")[0]))["element"].get(first, {})
        return found

    def _of(self, url: str) -> Mapping[str, Any]:
        if url not in self._read:
            self._read[url] = self._sections.read(url) if url in self._sections else _NOTHING
        return self._read[url]
