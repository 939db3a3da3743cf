"""Value sets read into what the service needs. Rule: FHIR R4, ValueSet.compose and ValueSet.expansion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource

OPERATORS = frozenset(
    ("=", "is-a", "descendent-of", "child-of", "is-not-a", "regex", "in", "not-in", "generalizes", "exists")
)
"""The filter operators of R4, and `child-of` of R5."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a value set itself says of a code that it lists. `status`: deprecated there, or nothing."""

    display: str = ""
    designations: tuple[Mapping[str, Any], ...] = ()
    status: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the concepts of a system, and its place in the value set."""

    property: str
    op: str
    value: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Include:
    """One include or exclude. `listed` None: every concept that the filters and value sets let through."""

    system: str = ""
    version: str = ""
    listed: Mapping[str, Listed] | None = None
    filters: tuple[Filter, ...] = ()
    value_sets: tuple[str, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A value set. `inactive` False leaves out what is inactive; `head` and `compose` are FHIR JSON.

    `inner` are those that it contains and takes from; `supplements` those that must be here to read it;
    `options` are the parameters of an expansion that it sets; `standing` as that of a system.
    """

    url: str = ""
    version: str = ""
    name: str = ""
    title: str = ""
    includes: tuple[Include, ...] = ()
    excludes: tuple[Include, ...] = ()
    inactive: bool = True
    inner: Mapping[str, ValueSet] = field(default_factory=dict)
    supplements: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    standing: tuple[str, ...] = ()
    head: Resource = field(default_factory=dict, repr=False)
    compose: Resource = field(default_factory=dict, repr=False)

    @property
    def canonical(self) -> str:
        """`url|version`."""
        return f"{self.url}|{self.version}" if self.version else self.url


def read(resource: Resource) -> ValueSet:
    """A value set from its resource; one that holds only an expansion is that list of codes.

    Problem `value` or `not-supported` for what cannot be understood.
    """
    compose, url = resource.get("compose") or {}, str(resource.get("url", ""))
    includes = tuple(_include(one, at, url) for one, at in _numbered(compose, "include"))
    if not includes and resource.get("expansion"):
        includes = tuple(_expanded(resource["expansion"]))
    return ValueSet(
        url=url,
        version=str(resource.get("version", "")),
        name=str(resource.get("name", "")),
        title=str(resource.get("title", "")),
        includes=includes,
        excludes=tuple(_include(one, at, url) for one, at in _numbered(compose, "exclude")),
        inactive=compose.get("inactive") is not False,
        inner=dict(_contained(resource, url)),
        supplements=tuple(
            str(one["valueCanonical"])
            for one in resource.get("extension") or ()
            if one.get("url") == _SUPPLEMENT and one.get("valueCanonical")
        ),
        options=dict(_options(compose)),
        standing=standing(resource),
        head={k: v for k, v in resource.items() if k in _HEAD},
        compose=compose,
    )


STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
_DEPRECATED = "http://hl7.org/fhir/StructureDefinition/valueset-deprecated"
_OPTION = (
    "http://hl7.org/fhir/StructureDefinition/valueset-expansion-parameter",
    "http://hl7.org/fhir/tools/StructureDefinition/valueset-expansion-parameter",
)
_LESS = frozenset(("draft", "experimental", "deprecated", "withdrawn", "retired"))
_SUPPLEMENT = "http://hl7.org/fhir/StructureDefinition/valueset-supplement"
_HEAD = ("url", "version", "name", "title", "status", "experimental", "publisher", "copyright", "language")


def implicit(url: str) -> ValueSet | None:
    """A value set that its URL defines: all of LOINC, all of SNOMED CT, or a branch of it; None for others.

    Rule: FHIR R4, Using LOINC with FHIR and Using SNOMED CT with FHIR, implicit value sets.
    """
    system, mark, rest = url.partition("?fhir_vs")
    if url == f"{_LOINC}/vs":
        return ValueSet(url, includes=(Include(_LOINC),))
    if not mark or not system.startswith(_SNOMED):
        return None
    if not rest:
        return ValueSet(url, includes=(Include(_SNOMED),))
    if not rest.startswith("=isa/"):
        return None
    branch = Filter("concept", "is-a", rest.removeprefix("=isa/"), "ValueSet.url")
    return ValueSet(url, includes=(Include(_SNOMED, filters=(branch,)),))


_LOINC, _SNOMED = "http://loinc.org", "http://snomed.info/sct"


def _numbered(compose: Resource, name: str) -> Iterator[tuple[Resource, str]]:
    for n, one in enumerate(compose.get(name) or ()):
        yield one, f"ValueSet.compose.{name}[{n}]"


def _contained(resource: Resource, url: str) -> Iterator[tuple[str, ValueSet]]:
    """The value sets within one, by the names under which it takes from them."""
    for one in resource.get("contained") or ():
        if one.get("resourceType") == "ValueSet" and one.get("id"):
            inner = {k: v for k, v in one.items() if k != "contained"}
            yield f"{url}#{one['id']}", read({**inner, "url": f"{url}#{one['id']}"})


def _include(one: Resource, at: str, outer: str) -> Include:
    listed = one.get("concept")
    filters = tuple(_filter(f, f"{at}.filter[{n}]") for n, f in enumerate(one.get("filter") or ()))
    if not one.get("system") and (listed or filters or not one.get("valueSet")):
        raise problem(
            "value",
            "Say the system, or the value sets to take from",
            "Indiquez le système, ou les jeux de valeurs où puiser",
            at=f"{at}.system",
            rule="FHIR R4 ValueSet, vsd-1, vsd-2",
        )
    return Include(
        system=str(one.get("system", "")),
        version=str(one.get("version", "")),
        listed={str(c["code"]): _listed(c) for c in listed if c.get("code")} if listed else None,
        filters=filters,
        value_sets=tuple(
            f"{outer}{url}" if str(url).startswith("#") else str(url) for url in one.get("valueSet") or ()
        ),
        at=at,
    )


def _listed(concept: Resource) -> Listed:
    extensions = concept.get("extension") or ()
    off = any(one.get("url") == _DEPRECATED and _flag(one) for one in extensions)
    status = next(
        (str(e["valueCode"]) for e in extensions if e.get("url") == STATUS and e.get("valueCode")), ""
    )
    display, designations = str(concept.get("display", "")), tuple(concept.get("designation") or ())
    return Listed(display, designations, "deprecated" if off else status)


def _flag(extension: Resource) -> bool:
    return any(value in (True, "true") for name, value in extension.items() if name.startswith("value"))


def standing(resource: Resource) -> tuple[str, ...]:
    """What makes a definition less than in force. Rule: FHIR R4, status, experimental; standards-status."""
    said = [str(e.get("valueCode", "")) for e in resource.get("extension") or () if e.get("url") == STATUS]
    said += [str(resource.get("status", "")), "experimental" if resource.get("experimental") is True else ""]
    return tuple(dict.fromkeys(one for one in said if one in _LESS))


def _options(compose: Resource) -> Iterator[tuple[str, str]]:
    """The parameters of an expansion that a value set sets. Rule: extension valueset-expansion-parameter."""
    for one in compose.get("extension") or ():
        if one.get("url") in _OPTION:
            parts = {p.get("url"): p for p in one.get("extension") or ()}
            name, value = parts.get("name") or {}, parts.get("value") or {}
            said = next((v for k, v in value.items() if k.startswith("value")), "")
            yield str(name.get("valueCode", "")), str(said).lower() if isinstance(said, bool) else str(said)


def _filter(row: Resource, at: str) -> Filter:
    found = Filter(str(row.get("property", "")), str(row.get("op", "")), str(row.get("value", "")), at)
    if found.op not in OPERATORS:
        raise unusable(found)
    if not found.value:
        raise problem(
            "invalid",
            f"The filter on '{found.property[:80]}' has no value; add it",
            f"Le filtre sur « {found.property[:80]} » n'a pas de valeur ; ajoutez-la",
            at=f"{at}.value",
            reason="vs-invalid",
        )
    return found


def unusable(condition: Filter) -> Problem:
    """The refusal of a filter that is not understood."""
    what = f"{condition.property} {condition.op}"[:80]
    return problem(
        "not-supported",
        f"The filter '{what}' is not understood; the operators are {', '.join(sorted(OPERATORS))}",
        f"Le filtre « {what} » n'est pas compris ; les opérateurs sont {', '.join(sorted(OPERATORS))}",
        at=condition.at,
        rule="FHIR R4, valueset-filter-operator",
    )


def _expanded(expansion: Resource) -> Iterator[Include]:
    """The codes of an expansion, by system."""
    systems: dict[tuple[str, str], dict[str, Listed]] = {}
    pending = list(reversed(expansion.get("contains") or ()))
    while pending:
        one = pending.pop()
        if one.get("system") and one.get("code"):
            key = str(one["system"]), str(one.get("version", ""))
            systems.setdefault(key, {})[str(one["code"])] = _listed(one)
        pending += reversed(one.get("contains") or ())
    for (system, version), listed in systems.items():
        yield Include(system, version, listed, at="ValueSet.expansion")
