"""Where the values of a FHIRPath stand in a resource.

An expression gives values, a patch needs their places. So the expression is asked of a copy in which each
element has an identity of its own: an object has one already, a primitive gets a sibling beside it. What is
found leads by identity to its place. Any expression will do, and FHIRPath itself knows nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aubier.fhir.fhirpath import Environment, Tally, typed
from aubier.fhir.fhirpath.evaluation.run import fault
from aubier.ground.rows import Resource

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """An element: the property `key` of what stands at `path`, with its `index` when it is in a list.

    The resource itself has no key.
    """

    path: Path = ()
    key: str = ""
    index: int | None = None

    def owner(self, resource: Resource) -> Resource:
        """The object of `resource` that holds the element."""
        found: Any = resource
        for step in self.path:
            found = found[step]
        return found  # type: ignore[no-any-return]


def places(resource: Resource, expression: str, work: Tally) -> list[Place] | None:
    """The places of what `expression` finds, in its order; None when a value was made, not found.

    `work` is what may still be looked at, by this and what comes after. Problem: the expression cannot be
    read, names an element that the type does not have, or follows a reference out of the resource;
    `too-costly` when it looks at more. Rule: FHIR R4 4.0.1 fhirpatch.html, `resolve()`.
    """
    known: dict[int, Place] = {}
    marked = _marked(resource, (), known)
    known[id(marked)] = Place()
    world = Environment(resolve=_elsewhere, budget=work.left, tally=work)
    found = typed(expression, str(resource["resourceType"]), strict=True)(marked, world)
    named = [known.get(id(value if isinstance(value, dict) else sibling)) for value, sibling, _ in found]
    here = [place for place in named if place is not None]
    return here if len(here) == len(named) else None


def _elsewhere(_: Any) -> None:
    raise fault(
        "a patch changes one resource: resolve() finds only what is contained in it",
        "un patch change une seule ressource : resolve() n'y trouve que ce qu'elle contient",
        kind="not-supported",
    )


def _marked(node: Resource, path: Path, known: dict[int, Place]) -> Resource:
    copy: Resource = {}
    for key in dict.fromkeys(name.removeprefix("_") for name in node):
        value, sibling = node.get(key), node.get(f"_{key}")
        if isinstance(value, list) or isinstance(sibling, list):
            _mark_list(copy, (_listed(value), _listed(sibling)), Place(path, key), known)
        elif isinstance(value, dict):
            copy[key] = _marked(value, (*path, key), known)
            known[id(copy[key])] = Place(path, key)
        else:
            copy |= {key: value} if value is not None else {}
            copy[f"_{key}"] = _marked(_object(sibling), (*path, f"_{key}"), known)
            known[id(copy[f"_{key}"])] = Place(path, key)
    return copy


def _mark_list(copy: Resource, pair: tuple[list[Any], list[Any]], at: Place, known: dict[int, Place]) -> None:
    values, siblings = pair
    found: list[Any] = []
    beside: list[Any] = []
    for index in range(max(len(values), len(siblings))):
        value = values[index] if index < len(values) else None
        if isinstance(value, dict):
            value = mark = _marked(value, (*at.path, at.key, index), known)
            beside.append(None)
        else:
            own = _object(siblings[index] if index < len(siblings) else None)
            mark = _marked(own, (*at.path, f"_{at.key}", index), known)
            beside.append(mark)
        found.append(value)
        known[id(mark)] = Place(at.path, at.key, index)
    copy[at.key] = found
    copy |= {f"_{at.key}": beside} if any(one is not None for one in beside) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> Resource:
    return value if isinstance(value, dict) else {}
