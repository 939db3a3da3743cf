"""What the specification itself says beyond structure, walked over a whole resource: invariants of every
type, bindings that are not required, extensions.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from typing import Any

from aubier.fhir.definitions import Invariant, definitions
from aubier.fhir.references import Reference
from aubier.ground.problem import Problem
from aubier.validation.profiles.items import Item, children, element_of, every_child, node_of
from aubier.validation.profiles.library import Profile
from aubier.validation.profiles.questions import Question, codings
from aubier.validation.profiles.shapes import HELD, Rule, Slice
from aubier.validation.walks import words
from aubier.validation.walks.around.resolving import TooMuch
from aubier.validation.walks.extensions.contexts import stands
from aubier.validation.walks.extensions.versions import modifies, of_another_version
from aubier.validation.walks.rules.expressions import readable
from aubier.validation.walks.rules.languages import LANGUAGES, spoken
from aubier.validation.walks.walk import Parts, Walk

MAX_DEPTH = 100
_TAKING = frozenset({"ValueSet.compose.include", "ValueSet.compose.exclude"})
_NARRATED = "dom-6"
"""A resource should have a narrative; what is contained has none.

Rule: FHIR R4 4.0.1, domainresource-definitions.html#DomainResource.text.
"""
_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration"})
_OF_SYSTEMS = frozenset({"Identifier", "Coding"}) | _QUANTITIES
"""Types whose `system` says what their code or value means."""
_URNS = ("urn:uuid:", "urn:oid:")
_BOUND = frozenset({"extensible", "preferred", "required"})
_SIMPLE = (Rule("sqty-1", "error", "The comparator is not used on a SimpleQuantity", "comparator.empty()"),)
"""Rule: FHIR R4 4.0.1, datatypes.html#SimpleQuantity, a profile that elements of its types name."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the specification says of an element: its own invariants, and its binding when one is asked.

    `coded`: a code of a required value set, which nothing stands for. `simple`: of a Quantity, that it is a
    SimpleQuantity.
    """

    rules: tuple[Rule, ...]
    strength: str = ""
    value_set: str = ""
    coded: bool = False
    simple: bool = False


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
    simple = any("SimpleQuantity" in t.profiles for t in element.types)
    if binding is None or binding.strength not in _BOUND:
        return _Said(rules, simple=simple)
    coded = binding.strength == "required" and {t.code for t in element.types} == {"code"}
    if binding.strength == "required" and definitions().value_set(binding.value_set) is not None:
        return _Said(rules, coded=coded)  # the code itself is held by the base check
    return _Said(rules, binding.strength, binding.value_set, coded)


class Ground:
    """Walks everything below a resource, through `walk`."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._ids: set[tuple[int, str]] = set()

    def parts(self, item: Item, depth: int = 0) -> Parts:
        """The invariants of a resource, then all below it."""
        rules = _rules_of(item.type)
        if item.name == "contained":
            rules = tuple(rule for rule in rules if rule.key != _NARRATED)
            if "id" not in item.value:
                self._walk.say(words.nameless(item))
        yield from self._walk.rules(item, rules, "")
        yield from self._below(item, depth)

    def _below(self, item: Item, depth: int) -> Parts:
        if depth > MAX_DEPTH:
            raise TooMuch
        owner = item.type if node_of(item.type) is not None else "Element"
        for child in every_child(item):
            if self._walk.due():
                yield
            yield from self._element(child, owner, depth)

    def _element(self, child: Item, owner: str, depth: int) -> Parts:
        self._walk.spent.left -= 1
        if self._walk.spent.left < 0:
            raise TooMuch
        if child.resource is child:
            yield from self.parts(child, depth + 1)
            return
        self._once(child)
        said = _said(owner, child.name)
        simple = _SIMPLE if said.simple and child.type == "Quantity" else ()
        for rules in (said.rules, _rules_of(child.type), simple):
            if rules:
                yield from self._walk.rules(child, rules, "")
        if said.strength and child.value is not None:
            found = codings(child.value, child.type)
            if found is not None:
                strength: Any = said.strength
                rule = f"{owner}.{child.name}"
                self._walk.questions.append(Question(child.path, strength, said.value_set, found, rule))
                if said.value_set == LANGUAGES:
                    spoken(self._walk, child, found)
        if said.coded and child.value is None and not of_another_version(child):
            self._walk.say(words.no_code(child))
        if child.type == "Extension":
            yield from self._extension(child)
        elif child.type in _OF_SYSTEMS:
            self._system(child)
        elif child.type == "Reference":
            self._type(child)
        elif child.type in ("uri", "url", "canonical"):
            self._address(child)
        elif child.type == "Attachment":
            self._data(child)
        elif child.type == "Expression":
            readable(self._walk, child)
        yield from self._below(child, depth + 1)

    def _once(self, item: Item) -> None:
        """The id of an element is its own within its resource. Rule: FHIR R4 4.0.1, element.html#id.

        A definition says the same element in its snapshot and in its differential: it is left alone.
        """
        holder = item.value if item.value.__class__ is dict else item.sibling
        own = holder.get("id") if holder.__class__ is dict else None
        if not isinstance(own, str) or item.resource is None or item.resource.type == "StructureDefinition":
            return
        key = id(item.resource.value), own  # items come and go with the walk, what they hold stays
        if key in self._ids:
            self._walk.say(words.id_twice(item, own))
        self._ids.add(key)

    def _system(self, item: Item) -> None:
        """A system is an absolute URI, and has the code that is given of it.

        Rule: FHIR R4 4.0.1, datatypes.html#Identifier, #Coding, #Quantity.
        """
        system = item.value.get("system") if item.value.__class__ is dict else None
        coded = item.type != "Identifier"
        if coded and isinstance(system, str) and _is_no_system(system):
            self._walk.say(words.no_system(item, system))
        elif isinstance(system, str) and ":" not in system:
            self._walk.say(words.relative_system(item, system))
        elif coded and isinstance(system, str):
            found = codings(item.value, item.type)
            if found:
                rule = f"FHIR R4 4.0.1 datatypes.html#{'Coding' if item.type == 'Coding' else 'Quantity'}"
                self._walk.questions.append(Question(item.path, "system", "", found, rule))
        elif system == "urn:ietf:rfc:3986" and ":" not in str(item.value.get("value", ":")):
            self._walk.say(words.no_uri(item, str(item.value["value"])))

    def _type(self, item: Item) -> None:
        """What a reference says of the type of its target is one of FHIR: a URL means a logical model.

        Rule: FHIR R4 4.0.1, references-definitions.html#Reference.type: these are not named in resources.
        """
        stated = item.value.get("type") if item.value.__class__ is dict else None
        if isinstance(stated, str) and stated not in definitions().resource_types:
            self._walk.say(words.no_type(item, stated))

    def _address(self, item: Item) -> None:
        """What names a definition is absolute; a UUID or an OID is one.

        Rule: FHIR R4 4.0.1, datatypes.html#uri, #oid, #uuid.
        """
        text = item.value
        if not isinstance(text, str):
            return
        above = item.parent
        own = item.name == "url" and above is not None and above is item.resource
        if item.name == "system" and above is not None and above.type in _TAKING and text.startswith("#"):
            self._walk.say(words.contained_system(item, text))
        elif item.name == "system" and above is not None and above.type in _TAKING and _is_no_system(text):
            self._walk.say(words.no_system(above, text))
        elif item.type == "canonical" and text.endswith("|"):
            self._walk.say(words.no_version(item, text))
        elif (own or item.type == "canonical") and ":" not in text and not text.startswith("#"):
            self._walk.say(words.relative_canonical(item, text))
        elif text.startswith(_URNS) and Reference.parse(_bare(text)).form == "invalid":
            self._walk.say(words.no_urn(item, text))

    def _data(self, item: Item) -> None:
        """Size and hash of an attachment are those of its data.

        Rule: FHIR R4 4.0.1, datatypes.html#Attachment: bytes before base64, and their SHA-1.
        """
        value = item.value if item.value.__class__ is dict else {}
        size, told = value.get("size"), value.get("hash")
        if not isinstance(value.get("data"), str) or size is None is told:
            return
        held = b64decode(value["data"])
        if isinstance(size, int) and len(held) != size:
            self._walk.say(words.wrong_size(item, size, len(held)))
        digest = sha1(held, usedforsecurity=False).digest()
        if isinstance(told, str) and b64decode(told) != digest:
            self._walk.say(words.wrong_hash(item, b64encode(digest).decode()))

    def _extension(self, item: Item) -> Parts:
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
        modifier = item.name == "modifierExtension"
        known = found.modifier if found is not None else modifies(url)
        if known and not modifier:
            self._walk.say(words.is_modifier(item, url[:200]))
        if found is None:
            self._walk.say(words.unknown_extension(item, url[:200], modifier=modifier and not known))
            return
        if modifier and not known:
            self._walk.say(words.is_no_modifier(item, url))
        if not stands(item, found, self._walk.around):
            allowed = ", ".join(expression for _, expression in found.contexts[:12])
            self._walk.say(words.misplaced_extension(item, url, allowed))
        yield from self._walk.under(item, found)
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


def _is_no_system(system: str) -> bool:
    """Whether what stands for a code system is a fragment or a value set of the specification."""
    value_set = system.startswith("http://hl7.org/fhir/ValueSet/") or (
        definitions().value_set(system) is not None and definitions().code_system(system) is None
    )
    return system.startswith("#") or value_set


def _bare(text: str) -> str:
    """A URI without its fragment and, of a canonical, its version."""
    return text.partition("#")[0].partition("|")[0]


def _slices(found: Profile) -> tuple[Slice, ...]:
    below = found.shape.children.get("extension")
    return tuple(below.slices) if below is not None else ()


def _url(item: Item) -> str:
    return str(item.value.get("url")) if item.value.__class__ is dict else ""
