"""Definitions as trees, made once: from their snapshot when they have one, else from their differential."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.validation.snapshots.base import base_tree, general_rules
from aubier.validation.snapshots.merge import Merger
from aubier.validation.snapshots.misfits import misfit, unknown
from aubier.validation.snapshots.placing import Placed, placed
from aubier.validation.snapshots.prose import Prose
from aubier.validation.snapshots.tree import MALFORMED, MAX_NAMES, Budget, Node, listed, malformed, planted

Find = Callable[[str], Resource | None]
"""A StructureDefinition by canonical (`url|version` or `url`), or None."""

MAX_CHAIN = 32
"""Definitions that may rest one on the other."""


class Snapshots:
    """Trees and snapshots of definitions that `find` gives, beside those of the specification itself.

    What the specification defines is never asked of `find`. Trees are kept: make a new one when
    definitions change. `prose`: with what the specification says of its elements in words.
    """

    def __init__(self, find: Find, *, prose: bool = False) -> None:
        self._find = find
        self._prose = Prose() if prose else None
        self._mapped: list[Mapping[str, Any]] = []
        self._trees: dict[str, Node | None] = {}
        self._under_way: list[str] = []
        self.elements = 0
        """Of all the trees kept."""

    def tree(self, canonical: str) -> Node | None:
        """The tree of a definition, not to be changed, or None when it is not here. Problem: it cannot be.

        `url#element id` gives the part of it below one element.
        """
        canonical, _, element = canonical.partition("#")
        if element:
            return _inside(self.tree(canonical), element)
        own = self._prose.tree(canonical) if self._prose else base_tree(canonical)
        return own if own is not None else self._stored(canonical)

    def _stored(self, canonical: str) -> Node | None:
        if canonical not in self._trees:
            found = self._find(canonical)
            tree = self._planted(canonical, found) if found is not None else None
            if found is not None and self._prose:
                self._mapped += found.get("mapping") or ()
            self._trees[canonical] = tree
            self.elements += tree.count() if tree is not None else 0
        return self._trees[canonical]

    def _planted(self, canonical: str, definition: Resource) -> Node:
        try:
            rows = (definition.get("snapshot") or {}).get("element")
            return planted(rows) if rows else self.made(definition, canonical)
        except MALFORMED:
            raise malformed(canonical) from None

    def made(self, definition: Resource, canonical: str = "") -> Node:
        """The tree of a definition made from its differential, whatever its snapshot says.

        Problem: not-found for a base that is not here, invariant where the differential does not fit.
        """
        name = canonical or str(definition.get("url", ""))
        if name in self._under_way or len(self._under_way) >= MAX_CHAIN:
            raise _circle([*self._under_way, name])
        self._under_way.append(name)
        try:
            return self._told(definition, name if len(self._under_way) > 1 else "")
        except MALFORMED:
            raise malformed(name) from None
        finally:
            self._under_way.pop()

    def _told(self, definition: Resource, name: str) -> Node:
        """The tree; what is wrong is told as a place in the definition. `name`: where another rests on it."""
        try:
            return self._made(definition)
        except Placed:
            raise
        except Problem as refusal:
            raise placed(refusal, definition, name) from None

    def _made(self, definition: Resource) -> Node:
        base, kind = str(definition.get("baseDefinition", "")), str(definition.get("type", ""))
        rows = (definition.get("differential") or {}).get("element") or []
        found = self.tree(base) if base else Node({})
        if found is None:
            raise unknown(base, "StructureDefinition.baseDefinition")
        budget = Budget()
        root = found.copy(budget)
        grows = definition.get("derivation") == "specialization"
        if grows:
            root.element = {**root.element, "path": kind}
        if rows:
            diff = planted(rows)
            _check_root(definition, diff.element, "" if grows else root.path)
            merger = Merger(root, self._followed, grows, budget, shipped=base_tree(base) is not None)
            merger.lay(root, diff, str(diff.element.get("path") or kind))
        return root

    def _followed(self, canonical: str) -> Node | None:
        """The tree that an element follows; None for one under way, so that an extension may hold itself.

        A definition of the specification that is pinned to another release is not the one shipped.
        """
        if canonical in self._under_way:
            return None
        bare, _, version = canonical.partition("|")
        pinned = version and "#" not in version and not version.startswith("4.0")
        return self._stored(canonical) if pinned and base_tree(bare) is not None else self.tree(canonical)

    def snapshot(self, definition: Resource) -> Resource:
        """The definition with a snapshot made from its differential."""
        kind = str(definition.get("type", "")).rpartition("/")[2]
        try:
            rows = [_finished(e) for e in listed(self.made(definition), kind)]
            own = definition.get("mapping") or ()
            told = self._prose.finish(rows, own, self._mapped) if self._prose else {}
        except MALFORMED:
            raise malformed(str(definition.get("url", ""))) from None
        made = {k: v for k, v in definition.items() if k not in ("snapshot", "differential")} | told
        made["snapshot"] = {"element": rows}
        return made | ({"differential": definition["differential"]} if "differential" in definition else {})


def _inside(tree: Node | None, element: str) -> Node | None:
    """The node of an element by its id (`Composition.section:results`), or None."""
    steps = element.split(".", MAX_NAMES)
    found = tree if tree is not None and steps[0] == tree.path else None
    for step in steps[1:]:
        name, _, slice = step.partition(":")
        found = found.children.get(name) if found is not None else None
        if slice and found is not None:
            found = found.slices.get(slice)
    return found


def _check_root(definition: Resource, element: dict[str, Any], had: str) -> None:
    """Problem when a differential says of its root what no definition can say."""
    kind, url = str(definition.get("type", "")), definition.get("url")
    known = definitions().types
    if had in known and kind in known and kind != had:
        raise misfit(
            kind,
            f"the definition is of {kind}, its base of {had}: a constraint keeps the type",
            f"la définition porte sur {kind}, sa base sur {had} : une contrainte garde le type",
        )
    if "slicing" in element:
        raise misfit(kind, "the root cannot be sliced", "la racine ne peut être découpée en tranches")
    if url and any(url in (t.get("profile") or ()) for t in element.get("type") or ()):
        raise _circle([str(url), str(url)])


def _finished(element: dict[str, Any]) -> dict[str, Any]:
    """An element as a snapshot must have it: with cardinality, definition and base."""
    row = {"min": 0, "max": "1", **element}
    row.setdefault("definition", row.get("short", row["path"]))
    row.setdefault("base", {"path": row["path"], "min": row["min"], "max": row["max"]})
    told = {rule.get("key"): rule for rule in row.get("constraint", ())}
    rules = {rule["key"]: rule for rule in general_rules(row)} | told
    if rules:
        row["constraint"] = list(rules.values())
    return row


def _circle(names: list[str]) -> Problem:
    road = " -> ".join(names[-4:])
    return problem(
        "business-rule",
        f"These definitions rest on each other without end: {road}",
        f"Ces définitions reposent les unes sur les autres sans fin : {road}",
        at="StructureDefinition.baseDefinition",
    )
