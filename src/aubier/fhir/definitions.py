"""The published definitions of FHIR R4 4.0.1: types, search parameters, value sets, compartments, operations.

Read from `definitions.bin` (made by `tools/build_definitions.py`, source CC0-1.0), section by section on
first use; a type is built when it is first asked for. Nothing here changes once built. `younger.csv` (made by
`tools/build_younger.py`, source CC0-1.0) has the codes that HL7's code systems gained since.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal

from aubier.fhir.sections import Sections

Strength = Literal["required", "extensible", "preferred", "example"]
Kind = Literal["resource", "complex-type", "primitive-type"]


@dataclass(frozen=True, slots=True)
class TypeRef:
    """One type an element may have; `targets` are the resource types (or canonical URLs of profiles) that a

    Reference or canonical may name (`Resource` means any), `profiles` the profiles its content must follow.
    """

    code: str
    targets: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """The value set of a coded element; `value_set` is its canonical URL without version."""

    strength: Strength
    value_set: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule of the definition: a FHIRPath `expression` that must hold on the element that bears it."""

    key: str
    severity: Literal["error", "warning"]
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a type. `name` is as defined (`value[x]`), `path` from the type down.

    `max` None means unbounded. `children` (by defined name) and `properties` (by JSON name) are those of a
    backbone element; an element defined by reference to another (`content`) shares that one's children.
    `reason` tells why a `modifier` is one.
    """

    name: str
    path: str
    min: int
    max: int | None
    types: tuple[TypeRef, ...]
    binding: Binding | None
    content: str
    fixed: Mapping[str, Any]
    short: str
    modifier: bool
    reason: str
    summary: bool
    invariants: tuple[Invariant, ...]
    children: Mapping[str, Element] = field(repr=False)
    properties: Mapping[str, Property] = field(repr=False)

    @property
    def choice(self) -> bool:
        """Whether the JSON name carries the type: `value[x]`."""
        return self.name.endswith("[x]")

    @property
    def many(self) -> bool:
        """Whether JSON writes it as an array."""
        return self.max is None or self.max > 1


@dataclass(frozen=True, slots=True)
class Property:
    """A JSON property: the element it belongs to and its one type (`valueQuantity`: value[x], Quantity)."""

    name: str
    element: Element
    type: TypeRef


@dataclass(frozen=True, slots=True)
class Type:
    """A resource, complex or primitive type. `elements` by defined name, `properties` by JSON name.

    Both include what is inherited. `bases` are its ancestors, nearest first; `invariants` include theirs.
    """

    name: str
    kind: Kind
    abstract: bool
    bases: tuple[str, ...]
    short: str
    invariants: tuple[Invariant, ...]
    elements: Mapping[str, Element] = field(repr=False)
    properties: Mapping[str, Property] = field(repr=False)

    def find(self, path: str) -> Element | None:
        """The element at a path below the type, by defined names: `contact.name`, `item.answer.value[x]`."""
        children, found = self.elements, None
        for step in path.split("."):
            found = children.get(step)
            if found is None:
                return None
            children = found.children
        return found


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter as published. `bases` are the types it applies to (`Resource`: all).

    `components` are (canonical of the part, expression) of a composite. `targets` are type names.
    """

    code: str
    type: str
    bases: tuple[str, ...]
    expression: str
    url: str
    name: str
    targets: tuple[str, ...] = ()
    components: tuple[tuple[str, str], ...] = ()
    comparators: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    multiple_or: bool = True


@dataclass(frozen=True, slots=True)
class OperationParameter:
    """A parameter of an operation; `max` None means unbounded; `parts` when it has no type."""

    name: str
    use: Literal["in", "out"]
    min: int
    max: int | None
    type: str = ""
    search_type: str = ""
    targets: tuple[str, ...] = ()
    parts: tuple[OperationParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class OperationDefinition:
    """An operation of the specification and where it may be called."""

    code: str
    name: str
    url: str
    resources: tuple[str, ...]
    system: bool
    type: bool
    instance: bool
    affects_state: bool
    parameters: tuple[OperationParameter, ...]


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of a code system. `parents` are the codes just above it, `properties` by code."""

    code: str
    display: str
    parents: tuple[str, ...]
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """A code system; `content` complete means that `concepts` (by code, in order) are all of it."""

    url: str
    version: str
    name: str
    title: str
    content: str
    case_sensitive: bool
    concepts: Mapping[str, Concept] = field(repr=False)


class Definitions:
    """Everything the base specification defines. Get it from `definitions()`."""

    def __init__(self, data: bytes) -> None:
        self._sections = Sections(data)
        self._types: dict[str, Type] = {}
        self._code_systems: dict[str, CodeSystem] = {}
        self._value_sets: dict[str, frozenset[tuple[str, str]]] = {}

    @property
    def source(self) -> Mapping[str, Any]:
        """Where the definitions come from: source, licence, sha256 of the package."""
        return self._sections.header

    @cached_property
    def _type_rows(self) -> dict[str, Any]:
        return self._sections.read("types")  # type: ignore[no-any-return]

    @cached_property
    def _compartments(self) -> dict[str, dict[str, list[str]]]:
        return self._sections.read("compartments")  # type: ignore[no-any-return]

    @cached_property
    def _bindings(self) -> dict[str, dict[str, list[str]]]:
        return self._sections.read("bindings")  # type: ignore[no-any-return]

    @cached_property
    def _code_system_rows(self) -> dict[str, Any]:
        return self._sections.read("codesystems")  # type: ignore[no-any-return]

    @cached_property
    def types(self) -> frozenset[str]:
        """The names of every type: resources, complex and primitive, abstract ones too."""
        return frozenset(self._type_rows)

    @cached_property
    def resource_types(self) -> frozenset[str]:
        """The names of the 146 resource types that have instances."""
        return frozenset(n for n, r in self._type_rows.items() if r["k"] == "resource" and "a" not in r)

    def type(self, name: str) -> Type:
        """The definition of a type. KeyError when there is none of that name."""
        found = self._types.get(name)
        if found is None:
            found = self._types[name] = _built(name, self._type_rows)
        return found

    def elements(self, name: str) -> Mapping[str, Element]:
        """The elements of a type by defined name: `type(name).elements`."""
        return self.type(name).elements

    @cached_property
    def search_parameters(self) -> tuple[SearchParameter, ...]:
        """Every search parameter, in the order of the published files."""
        return tuple(_search_parameter(r) for r in self._sections.read("search"))

    @cached_property
    def operations(self) -> tuple[OperationDefinition, ...]:
        """Every operation of the specification."""
        return tuple(_operation(r) for r in self._sections.read("operations"))

    def compartment(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """For `Patient`, `Encounter`, `Device`, `Practitioner`, `RelatedPerson`: type to parameter codes.

        Types without a parameter are not in the compartment and not in the mapping. KeyError otherwise.
        """
        return MappingProxyType({t: tuple(codes) for t, codes in self._compartments[name].items()})

    @property
    def compartments(self) -> tuple[str, ...]:
        """The names of the compartments."""
        return tuple(sorted(self._compartments))

    def value_set(self, url: str) -> frozenset[tuple[str, str]] | None:
        """The (system, code) pairs of a value set bound in a base type, or None when it cannot be listed.

        UCUM, MIME types, currencies and what rests on LOINC or SNOMED CT cannot; nor can value
        sets that are only bound as examples. A version after `|` is ignored.
        """
        bare = url.partition("|")[0]
        found = self._value_sets.get(bare)
        if found is None and (rows := self._bindings.get(bare)) is not None:
            found = self._value_sets[bare] = frozenset((s, c) for s, codes in rows.items() for c in codes)
        return found

    @cached_property
    def value_sets(self) -> Mapping[str, Mapping[str, Any]]:
        """Every ValueSet by URL, as FHIR JSON without prose (url, version, name, title, status, compose)."""
        return MappingProxyType(self._sections.read("valuesets"))

    @property
    def code_system_urls(self) -> frozenset[str]:
        """The URLs of every code system."""
        return frozenset(self._code_system_rows)

    @cached_property
    def _younger(self) -> dict[str, list[Concept]]:
        """Codes that came after the specification, by system."""
        text = files("aubier.fhir").joinpath("younger.csv").read_text(encoding="utf-8")
        found: dict[str, list[Concept]] = {}
        for url, code, display, parent in islice(csv.reader(text.splitlines()), 1, None):
            concept = Concept(code, display, (parent,) if parent else (), MappingProxyType({}))
            found.setdefault(url, []).append(concept)
        return found

    def code_system(self, url: str) -> CodeSystem | None:
        """A code system with its concepts, also those that came since the specification; or None."""
        if url not in self._code_systems:
            found = self.published(url)
            if found is None:
                return None
            more = {concept.code: concept for concept in self._younger.get(url, ())}
            concepts = MappingProxyType({**found.concepts, **more}) if more else found.concepts
            self._code_systems[url] = replace(found, concepts=concepts)
        return self._code_systems[url]

    def published(self, url: str) -> CodeSystem | None:
        """A code system as FHIR R4 4.0.1 has it, or None."""
        row = self._code_system_rows.get(url)
        return _code_system(row) if row is not None else None

    @cached_property
    def profiles(self) -> Mapping[str, Mapping[str, Any]]:
        """Profiles and extension definitions of the package by URL, in the reduced form of the file."""
        return MappingProxyType(self._sections.read("profiles"))


@cache
def definitions() -> Definitions:
    """The definitions of FHIR R4 4.0.1, the same object each time."""
    return Definitions(files("aubier.fhir").joinpath("definitions.bin").read_bytes())


def nearest_type(name: str) -> str:
    """The resource type that looks most like `name`, which is none; an empty text where none does."""
    return next(iter(get_close_matches(name[:64], definitions().resource_types, 1, 0.75)), "")


def _ancestors(name: str, rows: Mapping[str, Any]) -> Iterator[str]:
    while base := rows[name].get("b"):
        yield base
        name = base


def _invariants(rows: list[list[str]] | None) -> tuple[Invariant, ...]:
    return tuple(Invariant(k, s, h, e) for k, s, h, e in rows or ())  # type: ignore[arg-type]


def _built(name: str, rows: Mapping[str, Any]) -> Type:
    """A type from its row, with the elements nested as they are in data."""
    row = rows[name]
    bases = tuple(_ancestors(name, rows))
    children: dict[str, dict[str, Element]] = {}
    properties: dict[str, dict[str, Property]] = {}
    by_path = {e["p"]: e for e in row["e"]}
    for path, source in by_path.items():
        content = source.get("c", "").partition(".")[2]
        below = content or path
        parent, _, own = path.rpartition(".")
        made = _element(
            source,
            path=f"{name}.{path}",
            types=by_path[below].get("t", ()),
            children=children.setdefault(below, {}),
            properties=properties.setdefault(below, {}),
        )
        children.setdefault(parent, {})[own] = made
        properties.setdefault(parent, {}).update(_properties(made))
    rules = _invariants(row["i"] + [i for b in bases for i in rows[b]["i"]])
    return Type(
        name,
        row["k"],
        "a" in row,
        bases,
        row["s"],
        rules,
        MappingProxyType(children.get("", {})),
        MappingProxyType(properties.get("", {})),
    )


def _element(
    row: Mapping[str, Any],
    *,
    path: str,
    types: list[Any],
    children: dict[str, Element],
    properties: dict[str, Property],
) -> Element:
    """An element from its row; `children` and `properties` are filled as the rest of the type is read."""
    strength, value_set = row.get("b", ("", ""))
    return Element(
        name=path.rpartition(".")[2],
        path=path,
        min=row.get("n", 0),
        max=_max(row.get("x", "1")),
        types=tuple(_type_ref(t) for t in types),
        binding=Binding(strength, value_set.partition("|")[0]) if strength else None,
        content=row.get("c", ""),
        fixed=MappingProxyType(row.get("f", {})),
        short=row["s"],
        modifier="m" in row,
        reason=row.get("m", ""),
        summary="u" in row,
        invariants=_invariants(row.get("i")),
        children=MappingProxyType(children),
        properties=MappingProxyType(properties),
    )


def _max(text: str) -> int | None:
    return None if text == "*" else int(text)


def _type_ref(row: Any) -> TypeRef:
    """A type from its code, or from [code, targets, profiles]."""
    if isinstance(row, str):
        return TypeRef(row)
    return TypeRef(row[0], tuple(row[1]), tuple(row[2]) if len(row) > 2 else ())


def _properties(element: Element) -> Iterator[tuple[str, Property]]:
    """The JSON properties of an element: one, or one for each type of a choice."""
    for ref in element.types:
        name = element.name
        if element.choice:
            name = name[:-3] + ref.code[0].upper() + ref.code[1:]
        yield name, Property(name, element, ref)


def _search_parameter(row: Mapping[str, Any]) -> SearchParameter:
    return SearchParameter(
        code=row["code"],
        type=row["type"],
        bases=tuple(row["base"]),
        expression=row.get("expression", ""),
        url=row["url"],
        name=row["name"],
        targets=tuple(row.get("target", ())),
        components=tuple((c["definition"], c["expression"]) for c in row.get("component", ())),
        comparators=tuple(row.get("comparator", ())),
        modifiers=tuple(row.get("modifier", ())),
        multiple_or=row.get("multipleOr", True),
    )


def _operation(row: Mapping[str, Any]) -> OperationDefinition:
    return OperationDefinition(
        code=row["code"],
        name=row["name"],
        url=row["url"],
        resources=tuple(row.get("resource", ())),
        system=row["system"],
        type=row["type"],
        instance=row["instance"],
        affects_state=row.get("affectsState", False),
        parameters=tuple(_parameter(p) for p in row["parameter"]),
    )


def _parameter(row: Mapping[str, Any], use: Literal["in", "out"] = "in") -> OperationParameter:
    here = row.get("use", use)
    return OperationParameter(
        name=row["name"],
        use=here,
        min=row["min"],
        max=_max(row["max"]),
        type=row.get("type", ""),
        search_type=row.get("searchType", ""),
        targets=tuple(u.rpartition("/")[2] for u in row.get("targetProfile", ())),
        parts=tuple(_parameter(p, here) for p in row.get("part", ())),
    )


_GROWING = frozenset(
    {
        "http://dicom.nema.org/resources/ontology/DCM",
        "http://terminology.hl7.org/CodeSystem/hl7-work-group",
    }
)
"""Systems of others, shipped as they stood in 2019, that have grown since: other codes may be theirs too."""


def _code_system(row: Mapping[str, Any]) -> CodeSystem:
    """A code system; nested concepts and `child` properties both give parents."""
    concepts: dict[str, list[Any]] = {}
    parents: dict[str, list[str]] = {}
    pending = [(r, "") for r in reversed(row.get("concept", ()))]
    while pending:
        (code, *rest), parent = pending.pop()
        display, properties, nested = _padded(rest)
        concepts[code] = [display, properties]
        if parent:
            parents.setdefault(code, []).append(parent)
        for child in properties.get("child", ()):
            parents.setdefault(child, []).append(code)
        pending += [(c, code) for c in reversed(nested)]
    return CodeSystem(
        url=row["url"],
        version=row.get("version", ""),
        name=row["name"],
        title=row.get("title", ""),
        content="fragment" if row["url"] in _GROWING else row["content"],
        case_sensitive=row.get("caseSensitive", False),
        concepts=MappingProxyType(
            {
                code: Concept(code, display, tuple(parents.get(code, ())), MappingProxyType(properties))
                for code, (display, properties) in concepts.items()
            }
        ),
    )


def _padded(rest: list[Any]) -> tuple[str, dict[str, Any], list[Any]]:
    """Display, properties and nested concepts of a row that stops at the last one it has."""
    row: list[Any] = [*rest, *("", {}, [])[len(rest) :]]
    return row[0], row[1], row[2]
