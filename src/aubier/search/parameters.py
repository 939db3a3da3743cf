"""The search parameters of each resource type, from the published definitions and from custom ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, get_args

from aubier.fhir import fhirpath
from aubier.fhir.definitions import SearchParameter, definitions
from aubier.fhir.fhirpath.grammar.lexer import Word, words
from aubier.fhir.fhirpath.types import is_a
from aubier.ground.problem import Issue, Problem
from aubier.search.model import Group, Parameter, ParamType, Part

_CODE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SIMPLE_PATH = re.compile(r"[A-Z]\w*((?:\.\w+)+)(?:\.where\(resolve\(\) is (\w+)\))?")
_ELEMENT = re.compile(r"\(?[A-Z]\w*\.(\w+(?:\.\w+)*?)(?:\.as\(\w+\)| as \w+)?\)?")
_OF_PATIENTS = ".where(resolve() is Patient)"
_UNMADE = frozenset({"composite", "special"})
"""Types that a custom parameter cannot have."""

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


class Registry:
    """Search parameters by resource type and code. Never changes: `with_custom` gives another one."""

    def __init__(self, rows: Iterable[SearchParameter]) -> None:
        self._by_base: dict[str, list[SearchParameter]] = {}
        for row in rows:
            for base in row.bases:
                self._by_base.setdefault(base, []).append(row)
        self._rows = tuple({id(r): r for group in self._by_base.values() for r in group}.values())
        self._types: dict[str, dict[str, Parameter]] = {}

    def get(self, type: str, code: str) -> Parameter | None:
        """The parameter `code` of a resource type, or None."""
        return self._of(type).get(code)

    def of(self, type: str) -> tuple[Parameter, ...]:
        """All parameters of a resource type, the common ones (`_id`, `_lastUpdated`...) included."""
        return tuple(self._of(type).values())

    def with_custom(self, resources: Iterable[Mapping[str, Any]]) -> Registry:
        """The registry with these SearchParameter resources (FHIR JSON) added; the same `url` replaces.

        Problem with every fault found: `required` for a missing part, `value` for one that is wrong,
        `not-supported` for a type or expression unknown here, `duplicate` for a code that is taken.
        """
        issues: list[Issue] = []
        kept = {row.url: row for row in self._rows}
        for resource in resources:
            row, faults = _custom(resource)
            faults += [] if row is None else self._clashes(row)
            issues += faults
            if row is not None:
                kept[row.url] = row
        if issues:
            raise Problem(tuple(issues))
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
        return found if found is not None and found.type == "date" else None

    def _clashes(self, row: SearchParameter) -> list[Issue]:
        clashing = [
            base
            for base in row.bases
            if (known := self.get(base, row.code)) is not None and known.url != row.url
        ]
        return [
            _issue(
                "duplicate",
                f"{base} already has a parameter {row.code}",
                f"{base} a déjà un paramètre {row.code}",
            )
            for base in clashing
        ]

    def _of(self, type: str) -> dict[str, Parameter]:
        found = self._types.get(type)
        if found is None:
            if type not in definitions().resource_types:
                return {}
            found = self._types[type] = self._built(type)
        return found

    def _built(self, type: str) -> dict[str, Parameter]:
        lines = ("Resource", *(b for b in definitions().type(type).bases if b != "Resource"), type)
        rows = [row for base in lines for row in self._by_base.get(base, ())]
        found: dict[str, Parameter] = {}
        for row in rows:
            expression = expression_for(type, row.expression)
            if expression:
                targets = _targets(type, expression, row.targets)
                parameter = Parameter(type, row.code, _type(row.type), expression, row.url, targets)
                found.setdefault(row.code, parameter)
        for row in rows:
            if row.components and row.code in found:
                found[row.code] = replace(found[row.code], groups=_groups(row, found))
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
    if parameter.type != "date" or parameter.code != _PRIMARY_DATES.get(parameter.base, "date"):
        return False
    found = [_ELEMENT.fullmatch(part) for part, _ in _parts(parameter.expression)]
    paths = {match[1] if match else "" for match in found}
    return len(paths) == 1 and _is_single(parameter.base, *paths)


def _is_single(type: str, path: str) -> bool:
    """Whether every element on a path below `type` is there once at most."""
    owner, steps = definitions().type(type), path.split(".")
    ways = (".".join(steps[: n + 1]) for n in range(len(steps)))
    elements = [owner.find(way) or owner.find(way + "[x]") for way in ways]
    return all(element is not None and element.max == 1 for element in elements)


_MOST_LISTED = 100


@lru_cache(maxsize=1024)
def listed_codes(parameter: Parameter) -> tuple[str, ...]:
    """The codes that a token parameter can find, in order, when its elements are bound to a short list.

    Empty where other codes may stand.
    """
    found: set[str] = set()
    for part, _ in _parts(parameter.expression):
        match = _ELEMENT.fullmatch(part)
        element = definitions().type(parameter.base).find(match[1]) if match else None
        if element is None or element.binding is None or element.binding.strength != "required":
            return ()
        pairs = definitions().value_set(element.binding.value_set)
        if not pairs or {t.code for t in element.types} != {"code"}:
            return ()
        found |= {code for _, code in pairs}
    return tuple(sorted(found)) if len(found) <= _MOST_LISTED else ()


def naming_no_other(type: str, codes: Iterable[str]) -> frozenset[str]:
    """The reference parameters of `type` that name no Patient whom those of `codes` do not name too.

    `patient` reads the same element as `subject`, of which it keeps the Patients.
    """
    known = registry()
    read = {part for code in codes if (p := known.get(type, code)) for part in _elements(p)}
    return frozenset(p.code for p in known.of(type) if p.type == "reference" and _elements(p) <= read)


def _groups(row: SearchParameter, known: Mapping[str, Parameter]) -> tuple[Group, ...]:
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
    elements = [part for part, _ in _parts(known[row.code].expression)]
    return tuple(Group(f"{element}|{read}", element, tuple(parts), before) for element in elements)


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


def _issue(kind: Any, text: str, fr: str, at: str = "") -> Issue:
    return Issue(kind, text, fr, (f"SearchParameter.{at}",) if at else ("SearchParameter",))


def _custom(resource: Mapping[str, Any]) -> tuple[SearchParameter | None, list[Issue]]:
    """A SearchParameter resource as a row, or None, with the faults found."""
    faults = [
        _issue("required", f"{name} is missing", f"{name} manque", name)
        for name in ("url", "code", "base", "type", "expression")
        if not resource.get(name)
    ]
    if faults:
        return None, faults
    row = SearchParameter(
        code=str(resource["code"]),
        type=str(resource["type"]),
        bases=tuple(map(str, resource["base"])),
        expression=str(resource["expression"]),
        url=str(resource["url"]),
        name=str(resource.get("name", "")),
        targets=tuple(map(str, resource.get("target", ()))),
    )
    faults = _faults(row)
    return (None if faults else row), faults


def _faults(row: SearchParameter) -> list[Issue]:
    """What is wrong with the parts of a custom parameter."""
    faults: list[Issue] = []
    if not _CODE.fullmatch(row.code):
        faults.append(
            _issue("value", f"{row.code!r} is not a code", f"{row.code!r} n'est pas un code", "code")
        )
    if row.type not in get_args(ParamType) or row.type in _UNMADE:
        text = f"parameters of type {row.type} are not supported"
        faults.append(_issue("not-supported", text, f"type {row.type} non pris en charge", "type"))
    for base in row.bases:
        if base not in definitions().resource_types | {"Resource", "DomainResource"}:
            faults.append(_issue("value", f"{base} is no resource type", f"{base} n'est pas un type", "base"))
        else:
            faults += _uncompiled(row.expression, base)
    return faults


def _uncompiled(expression: str, base: str) -> list[Issue]:
    try:
        fhirpath.typed(expression, base)
        fhirpath.source(expression, base, indexing=True)
    except Problem as refused:
        return [Issue(i.kind, i.text, i.fr, ("SearchParameter.expression",)) for i in refused.issues]
    return []
