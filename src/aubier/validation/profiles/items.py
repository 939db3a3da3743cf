"""Values of a resource with what is known of their place: type, step from above, resource around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from aubier.fhir.definitions import Element, definitions
from aubier.fhir.primitives import CHECKS
from aubier.fhir.references import Reference

_LONGEST = 64
"""Characters of the name of a type, at most."""


@dataclass(slots=True, eq=False)
class Item:
    """A value, its sibling (`id` and extensions of a primitive), its type (`Patient.contact`, `code`).

    `name` is the defined name (`value[x]`), `step` its part of a FHIRPath. `resource` is the one around it.
    """

    value: Any
    sibling: Any
    type: str
    parent: Item | None
    name: str
    step: str
    resource: Item | None = None

    @property
    def path(self) -> str:
        """The FHIRPath from the resource that is validated."""
        steps, here = [], self
        while here.parent is not None:
            steps.append(here.step)
            here = here.parent
        return here.step + "".join(reversed(steps))

    @property
    def defined(self) -> str:
        """The path by defined names from the resource around it: `Patient.name.family`."""
        names, here = [], self
        while here.parent is not None and here is not here.resource:
            names.append(here.name)
            here = here.parent
        return ".".join([here.type, *reversed(names)])


@dataclass(frozen=True, slots=True)
class Key:
    """A JSON property: the element, the type there (a path for a nested element), how a path steps to it."""

    json: str
    element: Element
    type: str
    step: str


def root(resource: dict[str, Any], step: str = "") -> Item:
    """The item of a resource that is validated by itself."""
    kind = _kind_of(resource)
    item = Item(resource, None, kind, None, kind, step or kind)
    item.resource = item
    return item


def _kind_of(resource: dict[str, Any]) -> str:
    """The type that a resource says it has, cut where no type is so long: types are remembered by name."""
    return str(resource.get("resourceType"))[:_LONGEST]


def node_of(type: str) -> Any:
    """The definition of a type or nested element (`Patient.contact`), or None."""
    owner, _, path = type.partition(".")
    if owner not in definitions().types:
        return None
    return definitions().type(owner).find(path) if path else definitions().type(owner)


def element_of(type: str, name: str) -> Element | None:
    """The element `name` (as defined) of a type."""
    node = node_of(type)
    if node is None:
        return None
    found: Element | None = (node.children if isinstance(node, Element) else node.elements).get(name)
    return found


@lru_cache(maxsize=2048)
def keys_of(type: str) -> Mapping[str, tuple[Key, ...]]:
    """The JSON properties of a type by defined name."""
    node = node_of(type)
    found: dict[str, list[Key]] = {}
    for json, one in (node.properties if node else {}).items():
        element = one.element
        below = (element.content or element.path) if element.children else one.type.code
        step = f".{json}" if not element.choice else f".{element.name[:-3]}.ofType({one.type.code})"
        found.setdefault(element.name, []).append(Key(json, element, below, step))
    return {name: tuple(keys) for name, keys in found.items()}


@lru_cache(maxsize=2048)
def by_json(type: str) -> Mapping[str, Key]:
    """The JSON properties of a type by their own names."""
    return {key.json: key for keys in keys_of(type).values() for key in keys}


def children(item: Item, name: str) -> list[Item]:
    """The items at a defined name below an item."""
    primitive = item.type in CHECKS
    holder = item.sibling if primitive else item.value
    if holder.__class__ is not dict:
        return []
    found: list[Item] = []
    for key in keys_of("Element" if primitive else item.type).get(name, ()):
        if key.json in holder or f"_{key.json}" in holder:
            found += at(item, holder, key)
    return found


def every_child(item: Item) -> Iterator[Item]:
    """All items below an item, in the order of the data."""
    primitive = item.type in CHECKS
    holder = item.sibling if primitive else item.value
    if holder.__class__ is not dict:
        return
    known = by_json("Element" if primitive else item.type)
    for json in holder:
        key = known.get(json)
        if key is None and json[:1] == "_" and json[1:] not in holder:
            key = known.get(json[1:])
        if key is not None:
            yield from at(item, holder, key)


def at(item: Item, holder: dict[str, Any], key: Key) -> Iterator[Item]:
    """The items that a JSON property holds."""
    value, sibling = holder.get(key.json), holder.get(f"_{key.json}")
    if not key.element.many:
        if value.__class__ is not list and (value is not None or sibling.__class__ is dict):
            yield _below(item, key, value, sibling, "")
        return
    values = value if value.__class__ is list else ()
    siblings = sibling if sibling.__class__ is list else ()
    for n, (one, extra) in enumerate(zip_longest(values, siblings)):
        if one is not None or extra.__class__ is dict:
            yield _below(item, key, one, extra, f"[{n}]")


def _below(item: Item, key: Key, value: Any, sibling: Any, index: str) -> Item:
    type = key.type
    if type == "Resource":
        type = _kind_of(value) if value.__class__ is dict else type
        made = Item(value, None, type, item, key.element.name, key.step + index)
        made.resource = made
        return made
    return Item(value, sibling, type, item, key.element.name, key.step + index, item.resource)


def named_type(reference: Item) -> str:
    """The type of what a Reference names, by its text or as it says; empty when neither tells."""
    value = reference.value if reference.value.__class__ is dict else {}
    text = value.get("reference")
    return (Reference.parse(text).type if isinstance(text, str) else "") or str(value.get("type", ""))
