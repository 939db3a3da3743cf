"""The definitions at hand for a walk: profiles compiled on first use, extensions, value sets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.validation.profiles.shapes import Shape, compiled
from aubier.validation.snapshots import Snapshots
from aubier.validation.snapshots.base import BASE, profiles_of
from aubier.validation.snapshots.tree import MALFORMED, Node, malformed

Codes = frozenset[tuple[str, str]]

KEPT = 512
"""Compiled profiles kept; the one unused for longest goes first."""
MOST_ELEMENTS = 100_000
"""Elements of the trees kept, some 150 MB; beyond, all are let go and made again when they are asked."""
MOST_PAIRS = 100_000
"""Codes of value sets kept, some 20 MB; beyond, all but the last are let go."""
LONGEST = 1_000
"""Characters of a canonical: resources name what they like, and a longer one names nothing."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile ready to be walked: type, shape; of an extension where it may stand, what holds there, and
    whether it changes the meaning of what holds it."""

    canonical: str
    type: str
    shape: Shape
    contexts: tuple[tuple[str, str], ...] = ()
    invariants: tuple[str, ...] = ()
    modifier: bool = False


class Library:
    """Profiles by canonical, from `find` and from the specification itself.

    The other argument gives the (system, code) pairs of a value set that can be told without asking, or None.
    """

    def __init__(
        self,
        find: Callable[[str], Resource | None] = lambda canonical: None,
        value_set: Callable[[str], Codes | None] = lambda url: definitions().value_set(url),
    ) -> None:
        self.find, self._tell = find, value_set
        self._told: dict[str, Codes | None] = {}
        self._pairs = 0
        self._snapshots = Snapshots(find)
        self._profiles: OrderedDict[str, Profile | Problem | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._profiles)

    def profile(self, canonical: str) -> Profile | None:
        """A profile, or None when it is not here. Problem when it is here and cannot be made."""
        if len(canonical) > LONGEST:
            return None
        if canonical in self._profiles:
            self._profiles.move_to_end(canonical)
            found = self._profiles[canonical]
        else:
            if self._snapshots.elements > MOST_ELEMENTS:
                self._profiles.clear()
                self._snapshots = Snapshots(self.find)
            found = self._profiles[canonical] = self._made(canonical)
            if len(self._profiles) > KEPT:
                self._profiles.popitem(last=False)
                self._snapshots = Snapshots(self.find)
        if isinstance(found, Problem):
            raise found
        return found

    def value_set(self, url: str) -> Codes | None:
        """The (system, code) pairs of a value set that can be told without asking, or None."""
        if len(url) > LONGEST:
            return None
        if url not in self._told:
            found = self._tell(url)
            self._pairs += len(found or ())
            if len(self._told) > KEPT or self._pairs > MOST_PAIRS:
                self._told.clear()
                self._pairs = len(found or ())
            self._told[url] = found
        return self._told[url]

    def refresh(self) -> None:
        """Forgets what was not here or could not be made: there are new definitions."""
        self._told.clear()
        self._pairs = 0
        for canonical in [c for c, p in self._profiles.items() if not isinstance(p, Profile)]:
            del self._profiles[canonical]
        self._snapshots = Snapshots(self.find)

    def _made(self, canonical: str) -> Profile | Problem | None:
        try:
            tree = self.tree(canonical)
            if tree is None:
                return None
            kind, contexts = self._about(canonical)
            if "#" in canonical:  # one element of a profile: what it says of the element's own content
                kind, contexts = tree.path, ()
            shipped = canonical.partition("|")[0] in definitions().profiles
            asked = {} if shipped or not contexts else self.find(canonical) or {}
            rules = asked.get("contextInvariant") or ()
            shape, modifier = compiled(tree, kind, canonical), tree.element.get("isModifier") is True
            return Profile(canonical, kind, shape, contexts, tuple(str(rule) for rule in rules), modifier)
        except Problem as refusal:
            return refusal
        except MALFORMED:
            return malformed(canonical)

    def _about(self, canonical: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The type a definition is of, and the contexts of an extension."""
        bare = canonical.partition("#")[0].partition("|")[0]
        name = bare.removeprefix(BASE)
        if name in definitions().types:
            return name, ()
        row = definitions().profiles.get(bare)
        found: dict[str, Any] = self.find(canonical) or {}
        contexts = tuple((str(c.get("type")), str(c.get("expression"))) for c in found.get("context", ()))
        if row is not None:
            # Extensions of the specification live on in packages, which let them stand in more places.
            own = tuple((c[0], c[1]) for c in row.get("c", ()))
            return row["t"], own + contexts if own else ()
        return str(found.get("type", "")).removeprefix(BASE), contexts

    def type_of(self, canonical: str) -> str:
        """The type of a profile or type by canonical; empty when it is not here."""
        return self._about(canonical)[0]

    def tree(self, canonical: str) -> Node | None:
        """The tree of a definition, or None."""
        return self._snapshots.tree(canonical)

    def unfolded(self, node: Node) -> Node:
        """The node itself when something is below it, else the tree of the profile that its type names.

        One element of a profile, where the type names that, says more than what is below the node.
        """
        types: Sequence[Any] = node.element.get("type", ())
        profiles = [p for t in types for p in profiles_of(t)]
        if len(profiles) == 1 and (not node.children or "#" in profiles[0]):
            try:
                return self.tree(profiles[0]) or node
            except Problem:
                return node
        return node
