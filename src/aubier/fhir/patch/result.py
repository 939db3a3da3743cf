"""What every patch owes its result: bounds, no empty places, the same resource."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from aubier.fhir.fhirpath import Tally
from aubier.fhir.json import LIMITS
from aubier.ground.problem import problem
from aubier.ground.rows import Resource

Change = Callable[[Resource], Resource]
"""From a resource to its changed copy. Problem: the patch does not fit this resource."""

MAX_OPERATIONS = 1_000
"""The most operations of one patch."""
MAX_ADDED = 100_000
"""The most values that one patch may add: each `copy` could double what the last one made."""

MAX_LOOKED = 2_000_000
"""The most values that the operations of one patch may look through: each looks through the resource."""

MAX_WORK = 400_000
"""Items that the paths of one patch may look at, all together, some 0.3 s: nobody else is served then."""


class Budget:
    """What a patch may still add, and how deep: checked before it is done, for what grows can grow fast.

    `work` is what its paths may still look at.
    `emptied` are the objects and lists that it left empty: they go in the end, unless something came again.
    """

    def __init__(self) -> None:
        self.left, self.text = MAX_ADDED, LIMITS.size
        self.work = Tally(MAX_WORK)
        self.emptied: list[Any] = []

    def taken_from(self, holder: Any) -> None:
        """Something was taken out of an object or list."""
        if not holder:
            self.emptied.append(holder)

    def weigh(self, value: Any, depth: int) -> None:
        """Counts a value that is to stand `depth` levels down. Problem: it is too much, or too deep."""
        level = [value]
        while level:
            depth += 1
            self.left -= len(level)
            self.text -= sum(len(one) for one in level if isinstance(one, str))
            if self.left < 0 or self.text < 0:
                raise problem(
                    "too-costly",
                    f"The patch adds more than {MAX_ADDED} values or {LIMITS.size} characters",
                    f"Le patch ajoute plus de {MAX_ADDED} valeurs ou {LIMITS.size} caractères",
                )
            level = [inner for one in level for inner in _inside(one)]
            if level and depth > LIMITS.depth:
                raise problem(
                    "too-long",
                    f"The patch nests deeper than {LIMITS.depth} levels",
                    f"Le patch dépasse {LIMITS.depth} niveaux d'imbrication",
                )

    def look(self, resource: Any, times: int) -> None:
        """Counts the values of a resource, which so many operations each look through. Problem: too many."""
        values, level = 0, [resource]
        while level:
            values += len(level)
            level = [inner for one in level for inner in _inside(one)]
        if values * times > MAX_LOOKED:
            raise problem(
                "too-costly",
                f"{times} operations are too many for a resource of {values} values: send fewer at once",
                f"{times} opérations, c'est trop pour une ressource de {values} valeurs : envoyez-en moins",
            )

    def copied(self, value: Any, depth: int) -> Any:
        """A copy of a value, weighed."""
        self.weigh(value, depth)
        return copy.deepcopy(value)


def finished(before: Resource, after: Any, emptied: Sequence[Any]) -> Resource:
    """The result without what removals emptied. Problem: it is another resource.

    Rule: FHIR R4 4.0.1 json.html, an array or object is never empty; http.html#patch, the id stays.
    """
    if not isinstance(after, dict):
        raise problem(
            "processing",
            "The patch leaves no resource behind",
            "Il ne reste pas de ressource après le patch",
            at="$this",
        )
    for name in ("resourceType", "id"):
        if after.get(name) != before.get(name):
            raise problem(
                "value",
                f"A patch cannot change {name}: make another resource instead",
                f"Un patch ne peut pas changer {name} : créez une autre ressource",
                at=f"{before.get('resourceType')}.{name}",
            )
    made = _kept(after, frozenset(map(id, emptied)))
    return {} if made is _GONE else made


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


_GONE = object()
"""What stands for a place that a removal left empty."""


def _kept(value: Any, emptied: frozenset[int]) -> Any:
    """A value without what removals left empty in it; primitives and their siblings stay side by side."""
    if isinstance(value, dict):
        made = {k: _kept(v, emptied) for k, v in value.items()}
        for name, siblings in value.items():
            values = value.get(name[1:], [])
            if name[:1] == "_" and isinstance(siblings, list) and isinstance(values, list):
                made |= _beside(name[1:], values, [_kept(one, emptied) for one in siblings])
        return _left(value, {k: v for k, v in made.items() if v is not _GONE}, emptied)
    if isinstance(value, list):
        return _left(value, [v for one in value if (v := _kept(one, emptied)) is not _GONE], emptied)
    return value


def _left(value: Any, made: Any, emptied: frozenset[int]) -> Any:
    """What is made of an object or list. One that was given empty stays: whoever checks it will say so."""
    return _GONE if not made and (value or id(value) in emptied) else made


def _beside(name: str, values: list[Any], siblings: list[Any]) -> Resource:
    """A list of primitives and its siblings; a place that both leave empty goes, unless one is longer."""
    found = [None if one is _GONE else one for one in siblings]
    if len(values or found) != len(found):
        return {f"_{name}": found}
    pairs = [p for p in zip(values or [None] * len(found), found, strict=True) if p != (None, None)]
    held = {name: [v for v, _ in pairs], f"_{name}": [s for _, s in pairs]}
    return {k: rows if any(one is not None for one in rows) else _GONE for k, rows in held.items()}
