"""What the specification itself says beyond structure, walked over a whole resource: invariants of every
type, bindings that are not required, extensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aubier.fhir.definitions import Invariant, definitions
from aubier.ground.problem import Problem
from aubier.validation.profiles.items import Item, children, element_of, every_child, node_of
from aubier.validation.profiles.library import Profile
from aubier.validation.profiles.questions import Question, codings
from aubier.validation.profiles.shapes import HELD, Rule, Slice
from aubier.validation.walks import words
from aubier.validation.walks.walk import TooMuch, Walk

MAX_DEPTH = 100
_BOUND = frozenset({"extensible", "preferred", "required"})


@dataclass(frozen=True, slots=True)
class _Said:
    """What the specification says of an element: its own invariants, and its binding when one is asked."""

    rules: tuple[Rule, ...]
    strength: str = ""
    value_set: str = ""


@lru_cache(maxsize=2048)
def _rules_of(type: str) -> tuple[Rule, ...]:
    """The invariants of a type."""
    if type not in definitions().types:
        return ()
    return _kept(definitions().type(type).invariants)


def _kept(rows: tuple[Invariant, ...]) -> tuple[Rule, ...]:
    return tuple(
        Rule(i.key, i.severity, i.human, i.expression) for i in rows if i.key not in HELD and i.expression
    )


@lru_cache(maxsize=8192)
def _said(owner: str, name: str) -> _Said:
    element = element_of(owner, name)
    if element is None:
        return _Said(())
    rules, binding = _kept(element.invariants), element.binding
    if element.content:  # `item.item`: what is said of the element it repeats holds here too
        rules += _kept(node_of(element.content).invariants)
    if binding is None or binding.strength not in _BOUND:
        return _Said(rules)
    if binding.strength == "required" and definitions().value_set(binding.value_set) is not None:
        return _Said(rules)  # held by the base check
    return _Said(rules, binding.strength, binding.value_set)


class Ground:
    """Walks everything below a resource, through `walk`."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def resource(self, item: Item, depth: int = 0) -> None:
        """The invariants of a resource, then all below it."""
        self._walk.rules(item, _rules_of(item.type), "")
        self._below(item, depth)

    def _below(self, item: Item, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooMuch
        owner = item.type if node_of(item.type) is not None else "Element"
        for child in every_child(item):
            self._walk.spent.left -= 1
            if self._walk.spent.left < 0:
                raise TooMuch
            self._element(child, owner, depth)

    def _element(self, child: Item, owner: str, depth: int) -> None:
        if child.resource is child:
            self.resource(child, depth + 1)
            return
        said = _said(owner, child.name)
        self._walk.rules(child, said.rules, "")
        self._walk.rules(child, _rules_of(child.type), "")
        if said.strength and child.value is not None:
            found = codings(child.value, child.type)
            if found is not None:
                strength: Any = said.strength
                rule = f"{owner}.{child.name}"
                self._walk.questions.append(Question(child.path, strength, said.value_set, found, rule))
        if child.type == "Extension":
            self._extension(child)
        elif child.type in ("Identifier", "Coding"):
            self._system(child)
        elif child.type == "Attachment":
            self._size(child)
        self._below(child, depth + 1)

    def _system(self, item: Item) -> None:
        """A system is an absolute URI. Rule: FHIR R4 4.0.1, datatypes.html#Identifier, #Coding."""
        system = item.value.get("system") if item.value.__class__ is dict else None
        if isinstance(system, str) and ":" not in system:
            self._walk.say(words.relative_system(item, system))

    def _size(self, item: Item) -> None:
        """The size of an attachment is that of its data. Rule: FHIR R4 4.0.1, datatypes.html#Attachment."""
        value = item.value if item.value.__class__ is dict else {}
        data, size = value.get("data"), value.get("size")
        if isinstance(data, str) and isinstance(size, int):
            signs = "".join(data.split())
            held = len(signs) // 4 * 3 - (len(signs) - len(signs.rstrip("=")))
            if held != size:
                self._walk.say(words.wrong_size(item, size, held))

    def _extension(self, item: Item) -> None:
        """An extension against its definition, and its place against the contexts of that."""
        value = item.value
        if value.__class__ is not dict:
            return
        if ("extension" in value) == any(k.startswith(("value", "_value")) for k in value):
            self._walk.say(words.both_in_extension(item))
        url = value.get("url")
        if not isinstance(url, str) or ":" not in url:
            return  # a part of a complex extension: the definition of that one says what it is
        try:
            found = self._walk.library.profile(url)
        except Problem:
            found = None
        if found is None:
            modifier = item.name == "modifierExtension"
            self._walk.say(words.unknown_extension(item, url[:200], modifier=modifier))
            return
        if found.contexts and not _stands(item, found.contexts):
            allowed = ", ".join(expression for _, expression in found.contexts[:12])
            self._walk.say(words.misplaced_extension(item, url, allowed))
        self._walk.under(item, found)
        self._parts(item, found)

    def _parts(self, item: Item, found: Profile) -> None:
        """The parts of a complex extension are those that its definition names.

        Rule: FHIR R4 4.0.1, extensibility.html: a relative URL has its meaning from that definition alone.
        """
        fixed = [row.shape.children["url"].value for row in _slices(found) if "url" in row.shape.children]
        known = {str(value[1]) for value in fixed if value is not None}
        for part in children(item, "extension") if known and None not in fixed else ():
            if ":" not in _url(part) and _url(part) not in known:
                self._walk.say(words.unknown_part(part, _url(part), ", ".join(sorted(known)[:12])))


def _slices(found: Profile) -> tuple[Slice, ...]:
    below = found.shape.children.get("extension")
    return tuple(below.slices) if below is not None else ()


def _stands(item: Item, contexts: tuple[tuple[str, str], ...]) -> bool:
    """Whether an extension stands where one of its contexts allows; FHIRPath contexts are taken as met.

    Rule: FHIR R4 4.0.1, defining-extensions.html#context.
    """
    above = item.parent
    if above is None:
        return True
    # "Element" has come to mean anything that may have extensions, resources too.
    names = {"Element", above.type, above.defined, *_ancestors(above.type)}
    if above.parent is not None and above is not above.resource:
        names.add(f"{above.parent.type}.{above.name}")
    if "." in above.type:
        names.add("BackboneElement")
    for kind, expression in contexts:
        bare = expression.rpartition("#")[2] if expression.startswith("http") else expression
        if kind == "fhirpath" or (kind == "element" and bare in names):
            return True
        if kind == "extension" and above.type == "Extension" and _url(above) == expression:
            return True
    return False


def _ancestors(type: str) -> tuple[str, ...]:
    return definitions().type(type).bases if type in definitions().types else ()


def _url(item: Item) -> str:
    return str(item.value.get("url")) if item.value.__class__ is dict else ""
