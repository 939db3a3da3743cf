"""FHIRPath Patch: add, insert, delete, replace and move, at places that a FHIRPath names.

Rule: FHIR R4 4.0.1, fhirpatch.html.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aubier.fhir.definitions import Property
from aubier.fhir.patch.content import Content, append, content, fields_at, forms, insert, paired, put, store
from aubier.fhir.patch.parts import RULE, Part, parts_of, refused
from aubier.fhir.patch.places import Path, Place, places
from aubier.fhir.patch.result import MAX_OPERATIONS, Budget, Change, finished
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource

_NEEDS = {
    "add": ("path", "name", "value"),
    "insert": ("path", "index", "value"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}
"""The parts of each kind of operation beside its type: these, and no other."""
_NUMBERS = ("index", "source", "destination")
_BESIDE = frozenset({"name", "part", "id", "extension", "_name", "_id"})
"""What an operation may have; what stands beside its name and its parts changes nothing of it."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation, read; `parts` as they were sent."""

    type: str
    path: str
    name: str
    numbers: dict[str, int]
    parts: Mapping[str, Part]


def fhirpath_patch(parameters: Resource) -> Change:
    """The change that a Parameters resource of operations makes.

    Problem `structure` for what is no patch. Applied: `invalid` for an expression that cannot be read,
    `processing` when a path does not find what the operation needs.
    """
    listed = parameters.get("parameter", [])
    if parameters.get("resourceType") != "Parameters" or not isinstance(listed, list):
        raise refused(
            "A FHIRPath Patch is a Parameters resource", "Un FHIRPath Patch est un Parameters", "$this"
        )
    if len(listed) > MAX_OPERATIONS:
        raise refused(
            f"At most {MAX_OPERATIONS} operations",
            f"Au plus {MAX_OPERATIONS} opérations",
            "Parameters.parameter",
        )
    steps = [_step(one, f"Parameters.parameter[{place}]") for place, one in enumerate(listed)]

    def change(resource: Resource) -> Resource:
        changed, budget = copy.deepcopy(resource), Budget()
        budget.look(changed, len(steps))
        for step in steps:
            _DO[step.type](changed, step, budget)
        return finished(resource, changed, budget.emptied)

    return change


def _step(parameter: Any, at: str) -> _Step:
    parts = _parts(parameter, at)
    if "type" not in parts:
        raise refused("An operation needs the part type", "Une opération demande la part type", at)
    kind = parts["type"].text()
    if kind not in _NEEDS:
        raise refused(
            f"type must be one of {', '.join(_NEEDS)}",
            f"type est l'un de {', '.join(_NEEDS)}",
            parts["type"].at,
        )
    for name in _NEEDS[kind]:
        if name not in parts:
            raise refused(f"{kind} needs the part {name}", f"{kind} demande la part {name}", at)
    taken = ", ".join(("type", *_NEEDS[kind]))
    for name, part in parts.items():
        if name not in ("type", *_NEEDS[kind]):
            raise refused(
                f"{kind} takes {taken}, not '{name[:64]}'",
                f"{kind} prend {taken}, pas « {name[:64]} »",
                part.at,
            )
    numbers = {name: parts[name].number() for name in _NUMBERS if name in parts}
    named = parts["name"].text() if "name" in parts else ""
    return _Step(kind, parts["path"].text(), named, numbers, parts)


def _parts(parameter: Any, at: str) -> dict[str, Part]:
    """The parts of an operation by name. Problem: it is none, or one stands twice."""
    if isinstance(parameter, dict) and parameter.get("name") != "operation":
        raise refused("The name must be 'operation'", "Le nom doit être « operation »", f"{at}.name")
    listed = parts_of(parameter, at)
    if strange := next((key for key in parameter if key not in _BESIDE), None):
        raise refused(
            f"An operation has parts alone, not '{strange[:64]}'",
            f"Une opération n'a que des parts, pas « {strange[:64]} »",
            at,
        )
    parts: dict[str, Part] = {}
    for part in listed:
        if part.name in parts:
            raise refused(
                f"The part {part.name[:64]} stands twice",
                f"La part {part.name[:64]} figure deux fois",
                part.at,
            )
        parts[part.name] = part
    return parts


# -- applying -------------------------------------------------------------------------------------------


def _add(resource: Resource, step: _Step, budget: Budget) -> None:
    place = _one(resource, step, budget)
    node, path = _node(resource, place)
    fields = fields_at(resource, path)
    if not forms(step.name, fields):
        raise refused(
            f"There is no element '{step.name[:64]}' where the path leads",
            f"Il n'y a pas d'élément « {step.name[:64]} » là où mène le chemin",
            step.parts["name"].at,
        )
    one = _content(step, (step.name, path), fields, budget)
    if fields[one.key].element.many:
        append(node, one)
    elif any(key.removeprefix("_") in _forms(one.key, fields) for key in node):
        raise _unfit(
            step,
            "name",
            f"{step.name[:64]} is there already and does not repeat; replace it",
            f"{step.name[:64]} existe déjà et ne se répète pas ; remplacez-le",
        )
    else:
        put(node, one)


def _insert(resource: Resource, step: _Step, budget: Budget) -> None:
    place = _whole_list(resource, step, budget)
    node = place.owner(resource)
    one = _content(step, (place.key, place.path), fields_at(resource, place.path), budget)
    _check_index(step, "index", len(paired(node, place.key)[0]) + 1)
    insert(node, one, step.numbers["index"])


def _delete(resource: Resource, step: _Step, budget: Budget) -> None:
    found = _places(resource, step, budget)
    if len(found) > 1:
        raise _not_one(step, len(found))
    for place in found:
        _refuse_whole(step, place)
        owner = place.owner(resource)
        _remove(owner, place)
        budget.taken_from(owner)


def _remove(node: Resource, place: Place) -> None:
    if place.index is None:
        put(node, Content(place.key, None))
        return
    values, siblings = paired(node, place.key)
    del values[place.index], siblings[place.index]
    store(node, place.key, values, siblings)


def _replace(resource: Resource, step: _Step, budget: Budget) -> None:
    place = _one(resource, step, budget)
    _refuse_whole(step, place)
    node, fields = place.owner(resource), fields_at(resource, place.path)
    element = fields[place.key].element
    name = element.name if element.choice else place.key
    one = _content(step, (name, place.path), fields, budget)
    if place.index is None:
        if one.key != place.key:
            put(node, Content(place.key, None))
        put(node, one)
        return
    values, siblings = paired(node, place.key)
    values[place.index], siblings[place.index] = one.value, one.sibling
    store(node, place.key, values, siblings)


def _move(resource: Resource, step: _Step, budget: Budget) -> None:
    place = _whole_list(resource, step, budget)
    node = place.owner(resource)
    values, siblings = paired(node, place.key)
    for name in ("source", "destination"):
        _check_index(step, name, len(values))
    source, destination = step.numbers["source"], step.numbers["destination"]
    for listed in (values, siblings):
        listed.insert(destination, listed.pop(source))
    store(node, place.key, values, siblings)


_DO: dict[str, Callable[[Resource, _Step, Budget], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}


# -- finding --------------------------------------------------------------------------------------------


def _places(resource: Resource, step: _Step, budget: Budget) -> list[Place]:
    at = step.parts["path"].at
    try:
        found = places(resource, step.path, budget.work)
    except Problem as refusal:
        raise Problem(tuple(replace(issue, at=(at,), rule=RULE) for issue in refusal.issues)) from None
    if found is None:
        raise _unfit(
            step,
            "path",
            "The path makes a value of its own instead of naming an element",
            "Le chemin calcule une valeur au lieu de désigner un élément",
        )
    return found


def _one(resource: Resource, step: _Step, budget: Budget) -> Place:
    found = _places(resource, step, budget)
    if len(found) != 1:
        raise _not_one(step, len(found))
    return found[0]


def _whole_list(resource: Resource, step: _Step, budget: Budget) -> Place:
    """The first of the elements found, which must be those of one list: in it index, source and destination
    count.
    """
    found = _places(resource, step, budget)
    lists = {(place.path, place.key) for place in found if place.index is not None}
    if len(lists) != 1 or len(set(found)) != len(paired(found[0].owner(resource), found[0].key)[0]):
        raise _unfit(
            step,
            "path",
            "The path must find one list that is there, the whole of it; to begin a list, use add",
            "Le chemin doit trouver une seule liste présente, tout entière ; pour en commencer une : add",
        )
    return found[0]


def _node(resource: Resource, place: Place) -> tuple[Resource, Path]:
    """The object at a place and its path: of a primitive its sibling, made when there is none."""
    owner = place.owner(resource)
    if not place.key:
        return owner, ()
    found = owner.get(place.key)
    if place.index is None:
        if isinstance(found, dict):
            return found, (*place.path, place.key)
        return owner.setdefault(f"_{place.key}", {}), (*place.path, f"_{place.key}")
    if isinstance(found, list) and place.index < len(found) and isinstance(found[place.index], dict):
        return found[place.index], (*place.path, place.key, place.index)
    siblings = paired(owner, place.key)[1]
    siblings[place.index] = siblings[place.index] or {}
    owner[f"_{place.key}"] = siblings
    return siblings[place.index], (*place.path, f"_{place.key}", place.index)


def _forms(key: str, fields: Mapping[str, Property]) -> set[str]:
    """The properties that are one element: `deceasedBoolean` and `deceasedDateTime`."""
    element = fields[key].element
    return {name for name, found in fields.items() if found.element is element}


def _content(step: _Step, place: tuple[str, Path], fields: Mapping[str, Property], budget: Budget) -> Content:
    """What the operation brings for the element of that name in the object at that path."""
    name, path = place
    one = content(step.parts["value"], name, fields)
    depth = len(path) + 2
    return Content(one.key, budget.copied(one.value, depth), budget.copied(one.sibling, depth))


def _refuse_whole(step: _Step, place: Place) -> None:
    if not place.key:
        raise _unfit(
            step, "path", "The path names the whole resource", "Le chemin désigne toute la ressource"
        )


def _check_index(step: _Step, name: str, size: int) -> None:
    if step.numbers[name] >= size:
        raise _unfit(
            step,
            name,
            f"{name} {step.numbers[name]} is beyond the list, which allows 0 to {size - 1}",
            f"{name} {step.numbers[name]} dépasse la liste, qui permet 0 à {size - 1}",
        )


def _not_one(step: _Step, count: int) -> Problem:
    return _unfit(
        step,
        "path",
        f"The path finds {count} elements where one is due: {step.path[:120]}",
        f"Le chemin trouve {count} éléments là où il en faut un : {step.path[:120]}",
    )


def _unfit(step: _Step, part: str, text: str, fr: str) -> Problem:
    """What a part asks of this resource does not fit it."""
    return problem("processing", text, fr, at=step.parts[part].at, rule=RULE)
