"""The content that a FHIRPath Patch brings, as the JSON of the element it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aubier.fhir.definitions import Property, definitions
from aubier.fhir.patch.places import Path
from aubier.fhir.properties import below, is_primitive, is_resource, of_sibling
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource

RULE = "FHIR R4 4.0.1 fhirpatch.html"


@dataclass(frozen=True, slots=True)
class Content:
    """What is to stand at the property `key`: a value, and the sibling of a primitive."""

    key: str
    value: Any
    sibling: Any = None


def fields_at(resource: Resource, path: Path) -> Mapping[str, Property]:
    """The properties that the object at `path` may have."""
    node: Any = resource
    fields = definitions().type(resource["resourceType"]).properties
    for step in path:
        node = node[step]
        if isinstance(step, str):
            fields = of_sibling() if step.startswith("_") else _inside(fields[step])
        if isinstance(node, dict) and "resourceType" in node:
            fields = definitions().type(node["resourceType"]).properties
    return fields


def _inside(found: Property) -> Mapping[str, Property]:
    return {} if is_resource(found) else below(found)


def content(part: Resource, name: str, fields: Mapping[str, Property], at: str) -> Content:
    """What `part` brings for the element `name`: a `value[x]`, a resource, or parts for an element without
    a type of its own. Problem: there is no such element, or nothing to put there.
    """
    if "resource" in part:
        return Content(_key(name, "", fields, at), part["resource"])
    keys = {key.removeprefix("_") for key in part if key.removeprefix("_").startswith("value")}
    if len(keys) == 1:
        given = keys.pop()
        key = _key(name, given.removeprefix("value"), fields, at)
        return Content(key, part.get(given), part.get(f"_{given}"))
    if isinstance(part.get("part"), list) and not keys:
        key = _key(name, "", fields, at)
        if is_primitive(fields[key]) or is_resource(fields[key]):
            raise refused(f"{name} takes a value, not parts", f"{name} attend une valeur, pas des parts", at)
        return Content(key, _built(part["part"], below(fields[key]), f"{at}.part"))
    raise refused("value needs one value[x], or parts", "value demande un value[x], ou des parts", at)


def _key(name: str, suffix: str, fields: Mapping[str, Property], at: str) -> str:
    """The JSON property of an element: `deceased` with a boolean is `deceasedBoolean`."""
    stem = name.removesuffix("[x]")
    for key in (stem, stem + suffix):
        if key in fields:
            return key
    raise refused(
        f"There is no element '{name[:64]}' here that takes this value",
        f"Il n'y a pas ici d'élément « {name[:64]} » qui accepte cette valeur",
        at,
    )


def _built(parts: list[Resource], fields: Mapping[str, Property], at: str) -> Resource:
    """An object from the parts that name its elements; a name that comes again is a list."""
    made: Resource = {}
    for place, part in enumerate(parts):
        here = f"{at}[{place}]"
        one = content(part, str(part.get("name")), fields, here)
        if fields[one.key].element.many:
            append(made, one)
        elif one.key in made or f"_{one.key}" in made:
            raise refused(f"{one.key} stands twice", f"{one.key} figure deux fois", here)
        else:
            put(made, one)
    return made


def append(node: Resource, one: Content) -> None:
    """Adds to the end of a list."""
    insert(node, one, max(len(node.get(one.key, ())), len(node.get(f"_{one.key}", ()))))


def insert(node: Resource, one: Content, index: int) -> None:
    """Puts into a list before `index`, siblings alongside."""
    values, siblings = paired(node, one.key)
    values.insert(index, one.value)
    siblings.insert(index, one.sibling)
    store(node, one.key, values, siblings)


def put(node: Resource, one: Content) -> None:
    """Sets what does not repeat, and its sibling."""
    for key, value in ((one.key, one.value), (f"_{one.key}", one.sibling)):
        node.pop(key, None)
        if value is not None:
            node[key] = value


def paired(node: Resource, key: str) -> tuple[list[Any], list[Any]]:
    """The values of a list and their siblings, equally long."""
    values, siblings = list(node.get(key, ())), list(node.get(f"_{key}", ()))
    size = max(len(values), len(siblings))
    return values + [None] * (size - len(values)), siblings + [None] * (size - len(siblings))


def store(node: Resource, key: str, values: list[Any], siblings: list[Any]) -> None:
    """Puts a list and its siblings back; one that holds nothing is left out."""
    for name, found in ((key, values), (f"_{key}", siblings)):
        node.pop(name, None)
        if any(one is not None for one in found):
            node[name] = found


def refused(text: str, fr: str, at: str) -> Problem:
    """A patch that cannot be read."""
    return problem("structure", text, fr, at=at, rule=RULE)
