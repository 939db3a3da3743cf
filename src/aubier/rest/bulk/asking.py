"""`$export` asked: of everything, of all patients, of the members of a Group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from msgspec import structs

from aubier.access.decide import none_open, require
from aubier.access.scopes import opens
from aubier.access.view import View
from aubier.fhir.definitions import definitions
from aubier.fhir.references import Reference
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.asynchronous.asking import begin, require_async
from aubier.rest.bulk.running import EXPORT
from aubier.rest.exchange import Answer, Call, Limits, decoded
from aubier.rest.operations.standard import given, types_of
from aubier.rest.reading.spans import span
from aubier.rest.reading.subsets import subset_of
from aubier.search.model import Condition, Has, Logic
from aubier.search.query import element_names, parse
from aubier.store.keys import type_numbers

NDJSON = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
"""The names of the one format there is."""
_NAMES = ("_outputFormat", "_since", "_until", "_type", "_typeFilter", "_elements", "includeAssociatedData")
_MANY = ("_type", "_typeFilter", "_elements", "includeAssociatedData", "patient")
_NEXT = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
"""Where one query of a `_typeFilter` list ends and the next begins: commas also stand inside of queries."""
_RESULTS = frozenset(
    {
        "_count",
        "_sort",
        "_include",
        "_revinclude",
        "_summary",
        "_elements",
        "_total",
        "_page",
        "_format",
        "_pretty",
    }
)
_MOST_FILTERS = 20
_AT_ONCE = 200
"""Patients named who are looked for together."""


@dataclass(slots=True)
class _Wanted:
    types: list[str] = field(default_factory=list)
    since: int | None = None
    until: int | None = None
    elements: list[str] = field(default_factory=list)
    filters: dict[str, list[list[tuple[str, str]]]] = field(default_factory=dict)
    patients: list[str] = field(default_factory=list)


async def system_export(call: Call, view: View, _: Limits) -> Answer:
    """Everything that the actor may see."""
    require_async(call)
    return await _begin(call, view, _wanted(call, view, _NAMES), sorted(type_numbers()), None)


async def patient_export(call: Call, view: View, _: Limits) -> Answer:
    """What is in the records of patients: of those named by `patient`, else of all."""
    require_async(call)
    wanted = _wanted(call, view, (*_NAMES, "patient"))
    if opens(view.actor.scopes, "Patient", "search"):
        await _refuse_absent(wanted.patients, view)
    return await _begin(call, view, wanted, _of_patients(), wanted.patients or None)


async def group_export(call: Call, view: View, _: Limits) -> Answer:
    """What is in the records of a Group's present members: of those named by `patient`, else of all."""
    require_async(call)
    wanted = _wanted(call, view, (*_NAMES, "patient"))
    members = _members(await view.read("Group", call.path[1]), view)
    strangers = sorted(set(wanted.patients) - set(members))
    if strangers:
        raise problem(
            "value",
            f"Patient/{strangers[0]} is no present member of this Group; leave it out",
            f"Patient/{strangers[0]} n'est pas un membre actuel de ce Group ; retirez-le",
            at="http.patient",
        )
    return await _begin(call, view, wanted, _of_patients(), wanted.patients or members)


async def _refuse_absent(patients: Sequence[str], view: View) -> None:
    """Problem for a Patient who is not there for this actor: that nothing came of them would be believed."""
    for start in range(0, len(patients), _AT_ONCE):
        part = patients[start : start + _AT_ONCE]
        query = parse("Patient", [("_id", ",".join(part))], registry=view.access.store.registry)
        found = await view.search_rows(structs.replace(query, count=len(part)))
        absent = set(part).difference(row.id for row in found.rows)
        if absent:
            name = f"Patient/{min(absent)}"
            raise problem(
                "value", f"{name} is not known here", f"{name} : rien de tel ici", at="http.patient"
            )


def _members(group: Resource, view: View) -> list[str]:
    """The Patients who are members of a Group now."""
    now = milliseconds(view.now)
    present = (
        m for m in group.get("member", []) if not m.get("inactive") and _lasts(m.get("period", {}), now)
    )
    named = (_patient_of(str(m.get("entity", {}).get("reference", "")), view) for m in present)
    return [logical for logical in dict.fromkeys(named) if logical]


def _lasts(period: Resource, now: int) -> bool:
    """Whether a moment (ms) is within a Period, whose ends may be open."""
    begun = "start" not in period or span("start", period["start"])[0] <= now
    return begun and ("end" not in period or span("end", period["end"])[1] > now)


def _patient_of(reference: str, view: View) -> str:
    """The id of the Patient of this server that a reference names, or an empty string."""
    named = Reference.parse(view.access.store.local(reference))
    return named.id if named.form == "relative" and named.type == "Patient" else ""


def _of_patients() -> list[str]:
    return sorted({"Patient", *definitions().compartment("Patient")} & type_numbers().keys())


async def _begin(
    call: Call, view: View, wanted: _Wanted, kinds: list[str], members: Sequence[str] | None
) -> Answer:
    for kind in wanted.types:
        require(view.actor, kind, "search", limited=True)
    strangers = [kind for kind in wanted.types if kind not in kinds]
    if strangers and not (call.lenient and len(strangers) < len(wanted.types)):
        raise problem(
            "invalid",
            f"{strangers[0]} is in no record: ask [base]/$export for it, or leave it out of _type",
            f"{strangers[0]} n'est dans aucun dossier : demandez-le à [base]/$export, ou retirez-le de _type",
            at="http._type",
        )
    chosen = [k for k in wanted.types or kinds if k in kinds and opens(view.actor.scopes, k, "search")]
    if not chosen:
        raise none_open("search")
    _refuse_unasked(wanted.filters, chosen)
    asked = {
        "kinds": chosen,
        "members": members,
        "since": wanted.since,
        "until": wanted.until,
        "elements": wanted.elements,
        "filters": wanted.filters,
        "left_out": strangers,
    }
    return await begin(call, view, EXPORT, asked)


def _refuse_unasked(filters: dict[str, Any], chosen: Sequence[str]) -> None:
    for kind in filters:
        if kind not in chosen:
            raise problem(
                "invalid",
                f"_typeFilter names {kind}, which is not exported here; add it to _type, or leave it out",
                f"_typeFilter nomme {kind}, qui n'est pas exporté ici ; ajoutez-le à _type, ou retirez-le",
                at="http._typeFilter",
            )


def _wanted(call: Call, view: View, names: tuple[str, ...]) -> _Wanted:
    wanted = _Wanted()
    for name, value in given(call, *names, many=_MANY):
        match name:
            case "_type":
                wanted.types += types_of(value)
            case "_since":
                wanted.since = span(name, value)[0]
            case "_until":
                wanted.until = span(name, value)[1]
            case "_elements":
                wanted.elements += _elements(value)
            case "_typeFilter":
                _add_filters(wanted, value, view)
            case "patient":
                wanted.patients.append(_patient(value, view))
            case _:
                _refuse(name, value)
    wanted.types = list(dict.fromkeys(wanted.types))
    if wanted.since is not None and wanted.until is not None and wanted.until <= wanted.since:
        raise problem(
            "invalid",
            "_until is not after _since: nothing can be between",
            "_until n'est pas après _since : rien ne peut être entre les deux",
            at="http._until",
        )
    return wanted


def _refuse(name: str, value: str) -> None:
    if name == "includeAssociatedData":
        raise problem(
            "not-supported",
            "includeAssociatedData is not supported: ask for Provenance by _type; leave it out",
            "includeAssociatedData n'est pas pris en charge : demandez Provenance par _type ; retirez-le",
            at=f"http.{name}",
        )
    if value.replace(" ", "+") not in NDJSON:
        raise problem(
            "not-supported",
            "_outputFormat can only be application/fhir+ndjson",
            "_outputFormat ne peut être que application/fhir+ndjson",
            at=f"http.{name}",
        )


def _patient(value: str, view: View) -> str:
    logical = _patient_of(value, view)
    if not logical:
        raise problem(
            "value",
            "patient is a reference like Patient/123",
            "patient est une référence comme Patient/123",
            at="http.patient",
        )
    return logical


def _elements(value: str) -> list[str]:
    """The elements of a list: `id` of every type, `Patient.name` of one."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        kind, dot, element = name.partition(".")
        if dot:
            types_of(kind)
            subset_of(kind, [("_elements", element)])
        elif name not in _any_elements():
            raise problem(
                "invalid",
                f"No resource type has an element '{name[:64]}'",
                f"Aucun type de ressource n'a d'élément « {name[:64]} »",
                at="http._elements",
            )
    return names


@lru_cache(maxsize=1)
def _any_elements() -> frozenset[str]:
    return frozenset(name for kind in type_numbers() for name in element_names(kind))


def _add_filters(wanted: _Wanted, value: str, view: View) -> None:
    """Takes in a `_typeFilter`: queries of which a resource of their type must meet one."""
    for text in _NEXT.split(value):
        kind, mark, criteria = text.partition("?")
        if not mark or not kind:
            raise _no_filter(
                f"'{text[:100]}' is no query like Observation?status=final",
                f"« {text[:100]} » n'est pas une requête comme Observation?status=final",
            )
        types_of(kind)
        pairs = decoded(criteria)
        _check_filter(kind, pairs, view)
        wanted.filters.setdefault(kind, []).append(pairs)
    if sum(map(len, wanted.filters.values())) > _MOST_FILTERS:
        raise problem(
            "too-costly",
            f"At most {_MOST_FILTERS} queries in _typeFilter",
            f"Au plus {_MOST_FILTERS} requêtes dans _typeFilter",
            at="http._typeFilter",
        )


def _check_filter(kind: str, pairs: list[tuple[str, str]], view: View) -> None:
    for name, _ in pairs:
        if name.partition(":")[0] in _RESULTS:
            raise _no_filter(
                f"{name[:64]} is about pages, a _typeFilter about which resources; leave it out",
                f"{name[:64]} concerne les pages, un _typeFilter le choix des ressources ; retirez-le",
            )
    try:
        query = parse(kind, pairs, registry=view.access.store.registry)
    except Problem as refusal:
        raise Problem(tuple(replace(i, at=("http._typeFilter",)) for i in refusal.issues)) from None
    if not query.criteria:
        raise _no_filter(f"The query on {kind} has no criterion", f"La requête sur {kind} n'a aucun critère")
    if any(_of_itself(c, kind) for c in query.criteria):
        raise _no_filter(
            f"A chain from {kind} to {kind} cannot be asked in an export",
            f"Une chaîne de {kind} à {kind} ne peut pas être demandée dans un export",
        )


def _of_itself(step: Condition, kind: str) -> bool:
    """Whether a condition goes through resources of the type that is exported.

    What such a one was at the mark of the export is not indexed any more.
    """
    if isinstance(step, Logic):
        return any(_of_itself(part, kind) for part in step.parts)
    following = [step.criterion] if isinstance(step, Has) else list(step.chain)
    passed = {f.target if isinstance(f, Has) else f.type for f in following}
    passed |= {step.type} if isinstance(step, Has) else set()
    return kind in passed or any(_of_itself(f, kind) for f in following)


def _no_filter(text: str, fr: str) -> Problem:
    return problem("not-supported", text, fr, at="http._typeFilter")
