"""The content that a FHIRPath Patch brings, as the JSON of the element it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aubier.fhir.definitions import Property, definitions
from aubier.fhir.patch.parts import Part, parts_of, refused
from aubier.fhir.patch.places import Path
from aubier.fhir.primitives import CHECKS
from aubier.fhir.properties import below, is_resource, of_sibling
from aubier.ground.rows import Resource

_ANONYMOUS = frozenset({"BackboneElement", "Element"})
"""What an element without a type of its own is called."""
_TOLD = 8
"""The most types of an element that a refusal lists."""


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


def forms(name: str, fields: Mapping[str, Property]) -> list[Property]:
    """The properties that an element may be: one, or of a choice (`deceased`) one for each type; none where
    there is no element of that name.
    """
    if name in fields:
        return [fields[name]]
    choice = f"{name.removesuffix('[x]')}[x]"
    return [found for found in fields.values() if found.element.name == choice]


def content(part: Part, name: str, fields: Mapping[str, Property]) -> Content:
    """What `part` brings for the element `name`: a `value[x]`, a resource, or parts for an element without
    a type of its own. Problem: there is no such element, or it is of another type.

    Rule: FHIR R4 4.0.1 fhirpatch.html, the type must be correct for the place; anonymous types.
    """
    known = forms(name, fields)
    if not known:
        raise refused(
            f"There is no element '{name[:64]}' here", f"Il n'y a pas ici d'élément « {name[:64]} »", part.at
        )
    found = next((one for one in known if _takes(one, part, alone=len(known) == 1)), None)
    if found is None:
        wanted = _wanted(known)
        raise refused(
            f"{name[:64]} takes {wanted}, not {part.key}",
            f"{name[:64]} attend {wanted}, pas {part.key}",
            part.at,
        )
    if part.type:
        return Content(found.name, part.value, part.sibling)
    return Content(found.name, _built(parts_of(part.sent, part.at), below(found)))


def _takes(found: Property, part: Part, *, alone: bool) -> bool:
    """Whether a property may hold what a part brings; one that is `alone` holds more special types too."""
    code = found.type.code
    if not part.type:
        return alone and code not in CHECKS and not is_resource(found)
    if part.type == code:
        return True
    # No value[x] is an xhtml: a narrative comes as text.
    text = code == "xhtml" and part.type == "string"
    return text or (alone and part.type != "Resource" and code in definitions().type(part.type).bases)


def _wanted(known: list[Property]) -> str:
    """The contents that an element takes, as a part names them."""
    codes = [one.type.code for one in known]
    named = [
        "resource"
        if code == "Resource"
        else "part"
        if code in _ANONYMOUS
        else f"value{code[0].upper()}{code[1:]}"
        for code in ("string" if code == "xhtml" else code for code in codes[:_TOLD])
    ]
    return " | ".join(named) + (" | …" if len(codes) > _TOLD else "")


def _built(parts: list[Part], fields: Mapping[str, Property]) -> Resource:
    """An object from the parts that name its elements; a name that comes again is a list."""
    made: Resource = {}
    for part in parts:
        one = content(part, part.name, fields)
        if fields[one.key].element.many:
            append(made, one)
        elif one.key in made or f"_{one.key}" in made:
            raise refused(f"{one.key} stands twice", f"{one.key} figure deux fois", part.at)
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
        if value is None:
            node.pop(key, None)
        else:
            node[key] = value


def paired(node: Resource, key: str) -> tuple[list[Any], list[Any]]:
    """The values of a list and their siblings, equally long."""
    values, siblings = list(node.get(key, ())), list(node.get(f"_{key}", ()))
    size = max(len(values), len(siblings))
    return values + [None] * (size - len(values)), siblings + [None] * (size - len(siblings))


def store(node: Resource, key: str, values: list[Any], siblings: list[Any]) -> None:
    """Puts a list and its siblings back; one that holds nothing is left out."""
    for name, found in ((key, values), (f"_{key}", siblings)):
        if any(one is not None for one in found):
            node[name] = found
        else:
            node.pop(name, None)
