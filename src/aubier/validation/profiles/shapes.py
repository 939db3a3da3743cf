"""Profiles compiled: of every element, only what it says beyond the base specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aubier.fhir.definitions import Element, definitions
from aubier.validation.profiles.items import element_of, node_of
from aubier.validation.snapshots.base import BASE, plain_code, profiles_of
from aubier.validation.snapshots.tree import Node

HELD = frozenset({"ele-1", "ext-1", "txt-1", "txt-2", "ref-1"})
"""Invariants that the base check holds, or (ext-1) the base walk, for every element at once."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An invariant to evaluate."""

    key: str
    severity: str
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A binding.

    `most` are the value sets that hold besides, whatever the strength: the maximum, and those required
    without a context of use.
    """

    strength: str
    value_set: str
    most: tuple[str, ...] = ()


@dataclass(slots=True)
class Slice:
    """A slice: its name, its shape, the node it was made from (what discriminators are read off)."""

    name: str
    shape: Shape
    node: Node


@dataclass(slots=True)
class Shape:
    """What a profile demands of an element. `id` names it in messages.

    `types` are the types a choice is narrowed to; `profiles` and `targets` by type code; `modes` are the ways
    in which what a reference names may be with it (contained, bundled, referenced); `value` is (`fixed`
    or `pattern`, the value). `valued`: an extension does not do for the value; `instead`: one of these does,
    no other. `regexes`: what its text must match whole. `languages`: what is asked of the sections of a
    narrative. Empty parts demand nothing.
    """

    id: str
    owner: str
    min: int = 0
    max: int | None = None
    types: frozenset[str] = frozenset()
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    modes: frozenset[str] = frozenset()
    value: tuple[str, Any] | None = None
    low: Any = None
    high: Any = None
    length: int | None = None
    shortest: int = 0
    regexes: tuple[str, ...] = ()
    valued: bool = False
    instead: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    bound: Bound | None = None
    rules: tuple[Rule, ...] = ()
    children: dict[str, Shape] = field(default_factory=dict)
    slicing: Mapping[str, Any] | None = None
    slices: list[Slice] = field(default_factory=list)

    @property
    def silent(self) -> bool:
        """Whether it demands nothing."""
        own = self.types or self.profiles or self.targets or self.value or self.bound or self.rules
        own = own or self.modes
        edges = self.low is not None or self.high is not None or self.length is not None
        counts = self.min > 0 or self.max is not None or self.languages
        said = self.shortest or self.valued or self.instead or self.regexes
        return not (own or edges or counts or said or self.children or self.slices)


def compiled(root: Node, kind: str, profile: str) -> Shape:
    """The shape of a profile on `kind`; `profile` names it in messages."""
    shape = _own(root, None, kind, f"{profile} {kind}")
    shape.min, shape.max = 0, None
    _below(shape, root, kind)
    return shape


def _shape(node: Node, owner: str, name: str, id: str) -> Shape:
    """The shape of the element `name` of the type `owner`."""
    element = element_of(owner, name)
    shape = _own(node, element, owner, id)
    inner = _inner(node, element)
    if inner:
        _below(shape, node, inner)
    _slice(shape, node, owner, name)
    return shape


def _below(shape: Shape, node: Node, inner: str) -> None:
    for name, child in node.children.items():
        found = _shape(child, inner, name, f"{shape.id}.{name}")
        if not found.silent:
            shape.children[name] = found


def _slice(shape: Shape, node: Node, owner: str, name: str) -> None:
    """The slices, reslices below the slice they divide."""
    shape.slicing = node.element.get("slicing") if node.slices else None
    made: dict[str, Slice] = {}
    for key, each in node.slices.items():
        above = made.get(key.rpartition("/")[0])
        own = _shape(Node(each.element, each.children), owner, name, f"{shape.id}:{key}")
        own.min = int(each.element.get("min", 0))
        own.max = _most(each.element)
        made[key] = Slice(key, own, each)
        (above.shape.slices if above else shape.slices).append(made[key])
        if above and above.shape.slicing is None:
            above.shape.slicing = above.node.element.get("slicing")


def _inner(node: Node, element: Element | None) -> str:
    """The type that names what is below an element; empty when several types may stand there."""
    if element is not None and element.children:
        return element.content or element.path
    codes = {plain_code(t) for t in node.element.get("type", ())}
    code = codes.pop() if len(codes) == 1 else ""
    return code if code and node_of(code) is not None else "Element"


def _own(node: Node, element: Element | None, owner: str, id: str) -> Shape:
    """What the element itself says beyond its base."""
    row = node.element
    shape = Shape(id, owner)
    least, most = int(row.get("min", 0)), _most(row)
    if element is None or least > element.min:
        shape.min = least
    if element is None or (most is not None and (element.max is None or most < element.max)):
        shape.max = most
    _types(shape, row, element)
    for key, value in row.items():
        if key.startswith(("fixed", "pattern")):
            shape.value = ("fixed" if key.startswith("fixed") else "pattern", value)
        elif key.startswith("minValue"):
            shape.low = value
        elif key.startswith("maxValue"):
            shape.high = value
    shape.length = row.get("maxLength")
    _extended(shape, row)
    shape.bound = _binding(row.get("binding"), element)
    shape.rules = _rules(row, element, owner)
    return shape


_LANGUAGES = "http://hl7.org/fhir/StructureDefinition/narrative-language-control"
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
_TOOLS = "http://hl7.org/fhir/tools/StructureDefinition/"


def _extended(shape: Shape, row: dict[str, Any]) -> None:
    """What extensions say of the value: `minLength`, `regex`, those of R5, the languages of a narrative."""
    types = row.get("type", ())
    of_type = types[0].get("extension", ()) if len(types) == 1 else ()
    for said in (*row.get("extension", ()), *of_type):
        match said:
            case {"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": str(one)}:
                shape.regexes += (one,)
            case {"url": "http://hl7.org/fhir/StructureDefinition/minLength", "valueInteger": int(least)}:
                shape.shortest = least
            case {"url": url, "valueBoolean": True} if url == f"{_R5}mustHaveValue":
                shape.valued = True
            case {"url": url, "valueCanonical": str(one)} if url == f"{_R5}valueAlternatives":
                shape.instead += (one,)
            case {"url": url, "valueCode": str(one)} if url == _LANGUAGES:
                shape.languages += (one,)


def _types(shape: Shape, row: dict[str, Any], element: Element | None) -> None:
    types = row.get("type", ())
    codes = frozenset(plain_code(t) for t in types)
    if element is not None and element.choice and codes < {t.code for t in element.types}:
        shape.types = codes
    said = {t.code: t for t in element.types} if element else {}
    profiles: dict[str, tuple[str, ...]] = {}
    targets: list[str] = []
    for type in types:
        code = plain_code(type)
        own = tuple(map(_unpinned, profiles_of(type)))
        if own and element is not None and element.children:
            code = element.content or element.path
        if own and own != tuple(map(_full, getattr(said.get(code), "profiles", ()))):
            profiles[code] = own
        aimed = tuple(map(_unpinned, type.get("targetProfile", ())))
        if code == "Reference" and set(aimed) != set(map(_full, getattr(said.get(code), "targets", ()))):
            targets += aimed
    shape.profiles, shape.targets = profiles, tuple(targets)
    modes = [frozenset(map(str, t.get("aggregation", ()))) for t in types if plain_code(t) == "Reference"]
    shape.modes = frozenset().union(*modes) if all(modes) else frozenset()


def _full(code: str) -> str:
    return code if ":" in code else f"http://hl7.org/fhir/StructureDefinition/{code}"


def _unpinned(canonical: str) -> str:
    """A canonical as it stands, but for a type of the specification: there is one version of these here."""
    bare = canonical.partition("|")[0]
    return bare if bare.removeprefix(BASE) in definitions().types else canonical


def _most(row: dict[str, Any]) -> int | None:
    most = str(row.get("max", "*"))
    return int(most) if most.isdecimal() else None


_MAXIMUM = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_ADDITIONAL = frozenset({f"{_R5}binding.additional", f"{_TOOLS}additional-binding"})


def _binding(row: Any, element: Element | None) -> Bound | None:
    """The binding, unless the base walk asks the same."""
    if not row or "valueSet" not in row:
        return None
    limits = tuple(limit for said in row.get("extension", ()) if (limit := _limit(said)))
    if row.get("strength") == "example" and not limits:
        return None
    base = element.binding if element else None
    bare = row["valueSet"].partition("|")[0]
    if base and not limits and (base.strength, base.value_set) == (row["strength"], bare):
        return None
    return Bound(str(row["strength"]), str(row["valueSet"]), limits)


def _limit(said: Any) -> str:
    """The value set of an extension of a binding that holds whatever the strength, or an empty text.

    Rule: extensions elementdefinition-maxValueSet and additional-binding (R5: binding.additional) with the
    purpose required. One that asks for a context of use, or for one repetition, is passed over.
    """
    if said.get("url") == _MAXIMUM:
        return str(said.get("valueCanonical") or said.get("valueUri") or "")
    parts = (
        {part.get("url"): part for part in said.get("extension", ())}
        if said.get("url") in _ADDITIONAL
        else {}
    )
    required = parts.get("purpose", {}).get("valueCode") == "required"
    if not required or not parts.keys().isdisjoint({"usage", "any"}):
        return ""
    return str(parts.get("valueSet", {}).get("valueCanonical", ""))


def _rules(row: dict[str, Any], element: Element | None, owner: str) -> tuple[Rule, ...]:
    """The invariants that the base does not already have."""
    known = set(HELD) | {i.key for i in (element.invariants if element else ())}
    kinds = [plain_code(t) for t in row.get("type", ())] or [owner]
    for kind in (*kinds, owner.partition(".")[0]):
        if kind in definitions().types:
            known |= {i.key for i in definitions().type(kind).invariants}
    return tuple(
        Rule(*(str(c.get(part, "")) for part in ("key", "severity", "human", "expression")))
        for c in row.get("constraint", ())
        if c.get("key") not in known and c.get("expression")
    )
