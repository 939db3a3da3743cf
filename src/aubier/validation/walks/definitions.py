"""Definitions held against those of the specification that they name.

Rule: FHIR R4 4.0.1, searchparameter-definitions.html#SearchParameter.derivedFrom,
capabilitystatement-definitions.html#CapabilityStatement.rest.resource.searchParam.definition,
codesystem.html#supplements.
"""

from __future__ import annotations

from functools import cache

from aubier.fhir.definitions import SearchParameter, definitions
from aubier.validation.profiles.items import Item, children
from aubier.validation.walks import words
from aubier.validation.walks.walk import Walk


def definition_rules(walk: Walk, item: Item) -> None:
    """What a SearchParameter, a CapabilityStatement or a CodeSystem says otherwise than what it names."""
    match item.type:
        case "SearchParameter":
            _derived(walk, item)
        case "CapabilityStatement":
            for rest in children(item, "rest"):
                held = [p for r in children(rest, "resource") for p in children(r, "searchParam")]
                for parameter in (*held, *children(rest, "searchParam")):
                    _offered(walk, parameter)
        case "CodeSystem":
            if "supplements" in item.value and item.value.get("content") != "supplement":
                walk.say(words.no_supplement(item))


def _derived(walk: Walk, item: Item) -> None:
    """A parameter derived from another keeps its type, and is of its resource types."""
    above = _parameters().get(_bare(item.value.get("derivedFrom")))
    if above is None:
        return
    if item.value.get("type") != above.type:
        walk.say(words.other_search_type(f"{item.path}.type", above.url, above.type))
    bases = item.value.get("base", ())
    strange = [str(b) for b in bases if b not in above.bases and "Resource" not in above.bases]
    if strange:
        walk.say(words.strange_base(item, above.url, strange))


def _offered(walk: Walk, parameter: Item) -> None:
    """A parameter that a server offers has the type of its definition."""
    named = _parameters().get(_bare(parameter.value.get("definition")))
    if named is not None and parameter.value.get("type") != named.type:
        walk.say(words.other_search_type(f"{parameter.path}.type", named.url, named.type))


def _bare(canonical: object) -> str:
    return str(canonical or "").partition("|")[0]


@cache
def _parameters() -> dict[str, SearchParameter]:
    """The search parameters of the specification by URL."""
    return {p.url: p for p in definitions().search_parameters}
