"""The search parameters of each resource type, from the published definitions and from custom ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from msgspec.structs import replace

from aubier.fhir.definitions import SearchParameter, definitions
from aubier.fhir.fhirpath.grammar.lexer import Word, words
from aubier.fhir.fhirpath.types import is_a
from aubier.search.model import Group, Parameter, ParamType, Part

_SIMPLE_PATH = re.compile(r"[A-Z]\w*((?:\.\w+)+)(?:\.where\(resolve\(\) is (\w+)\))?")
_ELEMENT = re.compile(r"\(?[A-Z]\w*\.(\w+(?:\.\w+)*?)(?:\.as\(\w+\)| as \w+)?\)?")
_OF_PATIENTS = ".where(resolve() is Patient)"

_RELATES = "http://hl7.org/fhir/SearchParameter/DocumentReference-relat"
_MENDED = {
    (f"{_RELATES}ionship", f"{_RELATES}esto"): (f"{_RELATES}esto", "target"),
    (f"{_RELATES}ionship", f"{_RELATES}ion"): (f"{_RELATES}ion", "code"),
}
"""Parts of composites as R4 means them: what it publishes looks for the code in the target, and back.

It also writes DateTime, a type of FHIRPath, where it means the dateTime of FHIR.
"""
_PRIMARY_DATES = {
    "Account": "period",
    "Bundle": "timestamp",
    "ChargeItem": "occurrence",
    "Claim": "created",
    "ClaimResponse": "created",
    "Communication": "sent",
    "CommunicationRequest": "authored",
    "Condition": "onset-date",
    "Contract": "issued",
    "CoverageEligibilityRequest": "created",
    "CoverageEligibilityResponse": "created",
    "DetectedIssue": "identified",
    "DeviceRequest": "authored-on",
    "DocumentManifest": "created",
    "ExplanationOfBenefit": "created",
    "Goal": "start-date",
    "ImagingStudy": "started",
    "MedicationAdministration": "effective-time",
    "MedicationDispense": "whenhandedover",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "Media": "created",
    "NutritionOrder": "datetime",
    "PaymentNotice": "created",
    "PaymentReconciliation": "created",
    "Provenance": "recorded",
    "QuestionnaireResponse": "authored",
    "RequestGroup": "authored",
    "ServiceRequest": "authored",
    "Slot": "start",
    "Specimen": "collected",
    "Task": "authored-on",
    "VisionPrescription": "datewritten",
}
"""The date a record is ordered by, where it is not the parameter `date`."""


@dataclass(frozen=True, slots=True)
class CustomParameter(SearchParameter):
    """A search parameter that somebody posted; `making` numbers the index rows made for it."""

    making: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """How far the index rows of a custom parameter are: `done` of `total` resources (none: not counted).

    `resource` is the id of its SearchParameter.
    """

    resource: str
    done: int
    total: int

    @property
    def percent(self) -> int:
        """Whole percents, 99 at most: at 100 it would answer."""
        return min(99, self.done * 100 // self.total) if self.total > 0 else 0


class Registry:
    """Search parameters by resource type and code. Never changes: `with_custom` gives another one."""

    def __init__(
        self, rows: Iterable[SearchParameter], *, below: Registry | None = None, alone: bool = False
    ) -> None:
        self._by_base: dict[str, list[SearchParameter]] = {}
        self._rows = tuple(rows)
        for row in self._rows:
            for base in row.bases:
                self._by_base.setdefault(base, []).append(row)
        self._types: dict[str, dict[str, Parameter]] = {}
        self._below = below
        self._alone = alone
        self._pending: Mapping[tuple[str, str], Pending] = {}

    @property
    def rows(self) -> tuple[SearchParameter, ...]:
        """What was given: the parameters as published or posted."""
        return self._rows

    def get(self, type: str, code: str) -> Parameter | None:
        """The parameter `code` of a resource type, or None."""
        return self._of(type).get(code)

    def of(self, type: str) -> tuple[Parameter, ...]:
        """All parameters of a resource type, the common ones (`_id`, `_lastUpdated`...) included."""
        return tuple(self._of(type).values())

    def pending(self, type: str, code: str) -> Pending | None:
        """The custom parameter `code` of a type when its index rows are still being made, or None."""
        return self._pending.get((type, code))

    def holder(self, type: str) -> Registry:
        """The registry whose parameters these are: the one below, for a type that none of ours concerns."""
        if self._alone or self._below is None or any(base in self._by_base for base in _line(type)):
            return self
        return self._below.holder(type)

    def only(self, made: Iterable[CustomParameter]) -> Registry:
        """These parameters and no other; what they are composed of is looked for here."""
        return Registry(made, below=self, alone=True)

    def with_made(
        self, made: Iterable[CustomParameter], pending: Iterable[tuple[CustomParameter, Pending]] = ()
    ) -> Registry:
        """This registry with parameters whose rows are kept, and those that do not answer yet."""
        found = Registry(made, below=self)
        found._pending = {(type, row.code): told for row, told in pending for type in concerned(row.bases)}
        return found

    def with_rows(self, rows: Iterable[SearchParameter]) -> Registry:
        """The registry with these rows added; the same `url` replaces."""
        kept = {row.url: row for row in self._rows} | {row.url: row for row in rows}
        return Registry(kept.values())

    def patient_compartment(self, type: str) -> tuple[Parameter, ...]:
        """The reference parameters that place a resource of `type` in a Patient compartment, in order.

        Rule: HL7 FHIR R4 4.0.1, CompartmentDefinition/patient. Empty for types outside the compartment;
        for Patient itself they are the links, the compartment is its own.
        """
        codes = definitions().compartment("Patient").get(type, ())
        found = (self.get(type, code) for code in codes)
        return tuple(p for p in found if p is not None)

    def primary_date(self, type: str) -> Parameter | None:
        """The date parameter a record of this type is ordered by (Observation `date`), or None."""
        found = self.get(type, _PRIMARY_DATES.get(type, "date"))
        return found if found is not None and found.type == "date" and not found.making else None

    def _of(self, type: str) -> dict[str, Parameter]:
        found = self._types.get(type)
        if found is None:
            if self._below is not None and (holder := self.holder(type)) is not self:
                return holder._of(type)
            if type not in definitions().resource_types:
                return {}
            found = self._types[type] = self._built(type)
        return found

    def _built(self, type: str) -> dict[str, Parameter]:
        rows = [row for base in _line(type) for row in self._by_base.get(base, ())]
        found: dict[str, Parameter] = dict(self._below._of(type)) if self._below is not None else {}
        for row in rows:
            if parameter := made_of(row, type):
                # Two makings of one parameter are both kept while the older one's rows are taken away.
                name = parameter.code if row.code in found and parameter.making else row.code
                found.setdefault(name, parameter)
        for row in rows:
            if row.components:
                for name, own in list(found.items()):
                    if own.url == row.url and own.making == _making(row):
                        found[name] = replace(own, groups=groups_of(row, own, found))
        if self._alone:
            mine = {_making(row) for row in rows}
            return {p.code: p for p in found.values() if p.making in mine}
        return found


@cache
def registry() -> Registry:
    """The search parameters of FHIR R4 4.0.1, the same object each time."""
    return Registry(definitions().search_parameters)


def patient_compartment(type: str) -> tuple[Parameter, ...]:
    """`registry().patient_compartment(type)`."""
    return registry().patient_compartment(type)


def primary_date(type: str) -> Parameter | None:
    """`registry().primary_date(type)`."""
    return registry().primary_date(type)


@lru_cache(maxsize=1024)
def is_clinical_date(parameter: Parameter) -> bool:
    """Whether the date that a record is ordered by is all that this parameter finds in a resource.

    It must be the primary date of its type, and read one element that does not repeat.
    """
    return parameter.code == _PRIMARY_DATES.get(parameter.base, "date") and is_single_date(parameter)


@lru_cache(maxsize=1024)
def is_single_date(parameter: Parameter) -> bool:
    """Whether a date parameter reads one element that does not repeat: a resource has one such date."""
    if parameter.type != "date":
        return False
    found = [_ELEMENT.fullmatch(part) for part, _ in _parts(parameter.expression)]
    paths = {match[1] if match else "" for match in found}
    return len(paths) == 1 and is_single(parameter.base, *paths)


def concerned(bases: Iterable[str]) -> tuple[str, ...]:
    """The resource types that `bases` name, `Resource` and `DomainResource` standing for all theirs."""
    asked = frozenset(bases)
    return tuple(sorted(t for t in definitions().resource_types if asked & set(_line(t))))


def made_of(row: SearchParameter, type: str) -> Parameter | None:
    """A row as the parameter of a type; None when no part of its expression concerns it."""
    expression = expression_for(type, row.expression)
    if not expression:
        return None
    making = _making(row)
    return Parameter(
        type,
        f"{row.code}#{making}" if making else row.code,
        _type(row.type),
        expression,
        row.url,
        _targets(type, expression, row.targets),
        modifiers=frozenset(row.modifiers) if making else frozenset(),
        comparators=frozenset(row.comparators) if making else frozenset(),
        lists=row.multiple_or or not making,
    )


def _making(row: SearchParameter) -> int:
    return row.making if isinstance(row, CustomParameter) else 0


@lru_cache(maxsize=256)
def _line(type: str) -> tuple[str, ...]:
    """A resource type after those it is one of."""
    return ("Resource", *(b for b in definitions().type(type).bases if b != "Resource"), type)


def is_single(type: str, path: str) -> bool:
    """Whether every element on a path below `type` is there once at most."""
    owner, steps = definitions().type(type), path.split(".")
    ways = (".".join(steps[: n + 1]) for n in range(len(steps)))
    elements = [owner.find(way) or owner.find(way + "[x]") for way in ways]
    return all(element is not None and element.max == 1 for element in elements)


_MOST_LISTED = 100


@lru_cache(maxsize=1024)
def bound_codes(parameter: Parameter) -> frozenset[tuple[str, str]]:
    """The (system, code) pairs that a token parameter can find, when its elements are codes of one list.

    Empty where other codes may stand.
    """
    found: set[tuple[str, str]] = set()
    for part, _ in _parts(parameter.expression):
        match = _ELEMENT.fullmatch(part)
        element = definitions().type(parameter.base).find(match[1]) if match else None
        if element is None or element.binding is None or element.binding.strength != "required":
            return frozenset()
        pairs = definitions().value_set(element.binding.value_set)
        if not pairs or {t.code for t in element.types} != {"code"}:
            return frozenset()
        found |= pairs
    return frozenset(found)


@lru_cache(maxsize=1024)
def listed_codes(parameter: Parameter) -> tuple[str, ...]:
    """These codes in order, when they are a short list; empty otherwise."""
    found = {code for _, code in bound_codes(parameter)}
    return tuple(sorted(found)) if len(found) <= _MOST_LISTED else ()


def naming_no_other(type: str, codes: Iterable[str]) -> frozenset[str]:
    """The reference parameters of `type` that name no Patient whom those of `codes` do not name too.

    `patient` reads the same element as `subject`, of which it keeps the Patients.
    """
    known = registry()
    read = {part for code in codes if (p := known.get(type, code)) for part in _elements(p)}
    return frozenset(p.code for p in known.of(type) if p.type == "reference" and _elements(p) <= read)


def groups_of(row: SearchParameter, own: Parameter, known: Mapping[str, Parameter]) -> tuple[Group, ...]:
    """What a composite of a type compares, for each element of its expression; none without all its parts.

    One part must be a token, and of three the others numbers: so are all those of R4.
    """
    by_url = {p.url: p for p in known.values()}
    written = [_MENDED.get((row.url, url), (url, expression)) for url, expression in row.components]
    parts = [
        Part(by_url[url], expression.replace("as(DateTime)", "as(dateTime)"))
        for url, expression in written
        if url in by_url
    ]
    types: list[str] = [p.parameter.type for p in parts]
    if len(parts) != len(row.components) or "token" not in types:
        return ()
    before = types.index("token")
    parts.insert(0, parts.pop(before))
    if len(parts) != 2 and types != ["token", "number", "number"]:
        return ()
    read = "|".join(f"{p.parameter.type} {p.expression}" for p in parts)
    elements = [part for part, _ in _parts(own.expression)]
    mark = f"#{own.making}" if own.making else ""
    return tuple(Group(f"{element}|{read}{mark}", element, tuple(parts), before) for element in elements)


def _elements(parameter: Parameter) -> set[str]:
    return {part.removesuffix(_OF_PATIENTS) for part, _ in _parts(parameter.expression)}


def is_indexed(parameter: Parameter) -> bool:
    """Whether a parameter can be searched: not `phonetic`, and of the special ones `near` alone."""
    if parameter.type == "special":
        return parameter.code == "near"
    return parameter.code != "phonetic" and (parameter.type != "composite" or bool(parameter.groups))


def expression_for(type: str, expression: str) -> str:
    """The parts of a FHIRPath union that concern `type`, joined again; empty when none does."""
    parts = [part for part, root in _parts(expression) if not root or is_a(type, root)]
    return " | ".join(parts)


def _parts(expression: str) -> list[tuple[str, str]]:
    """The operands of the outermost `|`, each with the type its first name is, if it is one."""
    depth, start, first = 0, 0, ""
    found: list[tuple[str, str]] = []
    for word in words(expression):
        if word.kind == "end" or (depth == 0 and _is(word, "|")):
            found.append((expression[start : word.at].strip(), first))
            start, first = word.at + 1, ""
        depth += _is(word, "(") + _is(word, "[") - _is(word, ")") - _is(word, "]")
        if not first and word.kind == "identifier":
            first = word.text if word.text in definitions().types and word.text[0].isupper() else "?"
    return [(part, "" if root == "?" else root) for part, root in found if part]


def _is(word: Word, symbol: str) -> bool:
    return word.kind == "symbol" and word.text == symbol


def _targets(type: str, expression: str, published: tuple[str, ...]) -> tuple[str, ...]:
    """The types a reference may name: as published, less what the elements of this very type exclude."""
    known = definitions().resource_types
    allowed: set[str] = set()
    for part in expression.split(" | "):
        match = _SIMPLE_PATH.fullmatch(part)
        if match is None:
            return tuple(t for t in published if t in known)
        allowed |= {match[2]} if match[2] else _element_targets(type, match[1][1:])
    everything = "Resource" in allowed or not allowed
    named = published or tuple(sorted(allowed))
    return tuple(t for t in named if t in known and (everything or t in allowed))


def _element_targets(type: str, path: str) -> set[str]:
    owner = definitions().type(type)
    element = owner.find(path) or owner.find(path + "[x]")
    if element is None:
        return {"Resource"}
    return {
        t for ref in element.types for t in (ref.targets or ("Resource",)) if ref.code == "Reference"
    } or {"Resource"}


def _type(text: str) -> ParamType:
    return text  # type: ignore[return-value]
