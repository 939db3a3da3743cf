"""The part of a resource that `_summary` or `_elements` asks for. Rule: FHIR R4, search.html#summary."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.fhir.definitions import Property, definitions
from aubier.fhir.properties import below, is_primitive, is_resource
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.search.model import Query
from aubier.search.parameters import registry
from aubier.search.query import parse

_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_ALWAYS = frozenset({"resourceType", "id", "meta"})
SUBSETS = ("_summary", "_elements")
"""The parameters that ask for a part."""


def subset_of(kind: str, pairs: Sequence[tuple[str, str]]) -> Query | None:
    """What the parameters of a read ask of a resource of this type; None for all of it.

    Problem: `_summary=count`, for one resource has no count.
    """
    asked = [pair for pair in pairs if pair[0] in SUBSETS]
    query = parse(kind, asked, registry=registry())
    if query.summary == "count":
        raise problem(
            "invalid",
            "_summary=count is for searches and histories",
            "_summary=count est pour les recherches et les historiques",
            at="http._summary",
        )
    return query if query.summary or query.elements else None


def shaped(raw: bytes, query: Query) -> bytes:
    """The stored bytes cut to what is asked, marked SUBSETTED; whole when `_elements` asks another type."""
    cut = part(fhir_json.parse(raw), query)
    return raw if cut is None else fhir_json.dumps(cut)


def part(resource: Resource, query: Query) -> Resource | None:
    """The resource cut to what is asked, as `shaped`; None for the whole. What is given stays as it is."""
    kind = resource["resourceType"]
    if not query.summary and not _asked(kind, query):
        return None
    if query.summary == "true" and not query.elements:
        short = _summary(resource, definitions().type(kind).properties)
    else:
        keep = _kept(resource, query)
        short = {k: v for k, v in resource.items() if k.removeprefix("_") in keep}
    meta = dict(short.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return {"resourceType": kind, **short, "meta": meta}


def refuse_subset(resource: Resource) -> None:
    """Problem (business-rule) for a resource that is only a part: storing it would lose the rest."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    for place, tag in enumerate(tags if isinstance(tags, list) else ()):
        if (
            isinstance(tag, dict)
            and tag.get("code") == "SUBSETTED"
            and tag.get("system") == _SUBSETTED["system"]
        ):
            raise problem(
                "business-rule",
                "This is a part of a resource (SUBSETTED): read all of it before you change it, or patch",
                "Ce n'est qu'une partie de ressource (SUBSETTED) : lisez-la entière, ou envoyez un patch",
                at=f"{resource.get('resourceType')}.meta.tag[{place}]",
                rule="FHIR R4, search.html#summary",
            )


def _kept(resource: Resource, query: Query) -> Collection[str]:
    """The top-level properties that stay; what a resource must have stays always."""
    properties = definitions().type(resource["resourceType"]).properties
    required = {name for name, p in properties.items() if p.element.min > 0}
    if query.elements:
        asked = _asked(resource["resourceType"], query)
        named = {n for n, p in properties.items() if n in asked or _stem(p.element.path) in asked}
        return _ALWAYS | required | named
    if query.summary == "text":
        return _ALWAYS | {"text"} | required
    if query.summary == "data":
        return {name.removeprefix("_") for name in resource} - {"text"}
    return {name.removeprefix("_") for name in resource}


def _summary(node: Mapping[str, Any], fields: Mapping[str, Property]) -> Resource:
    """What the definitions mark as summary, at every depth, and what an element must have."""
    short: Resource = {}
    for name, value in node.items():
        field = fields.get(name.removeprefix("_"))
        if field is None or name.removeprefix("_") in _ALWAYS:
            short[name] = value
        elif field.element.summary or field.element.min > 0 or field.element.modifier:
            short[name] = _inside(value, field)
    return short


def _inside(value: Any, field: Property) -> Any:
    if isinstance(value, list):
        return [_inside(one, field) for one in value]
    if not isinstance(value, dict) or is_primitive(field) or is_resource(field):
        return value
    # An element whose parts are all beyond a summary says at least that it is there.
    return _summary(value, below(field)) or value


def _asked(kind: str, query: Query) -> set[str]:
    """What `_elements` asks of this type: `name` is of the type searched, `Patient.name` of Patient."""
    named = [e.rpartition(".") for e in query.elements]
    return {name for owner, _, name in named if (owner or query.type) == kind}


def _stem(path: str) -> str:
    """`value` for `Observation.value[x]`."""
    return path.rpartition(".")[2].removesuffix("[x]")
