"""Definitions held against those of the specification that they name.

Rule: FHIR R4 4.0.1, searchparameter-definitions.html#SearchParameter.derivedFrom,
capabilitystatement-definitions.html#CapabilityStatement.rest.resource.searchParam.definition,
codesystem.html#supplements.
"""

from __future__ import annotations

from functools import cache

from aubier.fhir.definitions import SearchParameter, definitions
from aubier.validation.profiles.items import Item, children
from aubier.validation.profiles.questions import Coded, Question, Strength
from aubier.validation.walks import words
from aubier.validation.walks.rules.expressions import worked_out
from aubier.validation.walks.rules.structures import structure_rules
from aubier.validation.walks.walk import Walk

_LEAST = 2
"""Components of a composite. Rule: FHIR R4 4.0.1, search.html#combining."""


def definition_rules(walk: Walk, item: Item) -> None:
    """What a SearchParameter, a CapabilityStatement or a CodeSystem says otherwise than what it names."""
    match item.type:
        case "SearchParameter":
            _derived(walk, item)
            if item.value.get("type") == "composite" and len(children(item, "component")) < _LEAST:
                walk.say(words.no_composite(item))
        case "CapabilityStatement":
            for rest in children(item, "rest"):
                held = [p for r in children(rest, "resource") for p in children(r, "searchParam")]
                for parameter in (*held, *children(rest, "searchParam")):
                    _offered(walk, parameter)
        case "StructureDefinition":
            structure_rules(walk, item)
        case "ConceptMap":
            _mapped(walk, item)
        case "CodeSystem":
            if ("supplements" in item.value) != (item.value.get("content") == "supplement"):
                walk.say(words.no_supplement(item))
            _counted(walk, item)
            _properties(walk, item)
        case "ValueSet":
            for compose in children(item, "compose"):
                for taking in (*children(compose, "include"), *children(compose, "exclude")):
                    _filters(walk, item, taking)
                for taking in children(compose, "include"):
                    _listed(walk, taking)


def _mapped(walk: Walk, item: Item) -> None:
    """What is mapped is of the value set that the map says it comes from; what it maps to should be.

    Rule: FHIR R4 4.0.1, conceptmap-definitions.html#ConceptMap.source[x].
    """
    source, target = (_value_set(item, name) for name in ("source", "target"))
    for group in children(item, "group"):
        for row in children(group, "element"):
            _asked(walk, row, source, group.value.get("source"), "required")
            for other in children(row, "target"):
                _asked(walk, other, target, group.value.get("target"), "extensible")


def _value_set(item: Item, name: str) -> str:
    return str(item.value.get(f"{name}Canonical") or item.value.get(f"{name}Uri") or "")


def _asked(walk: Walk, row: Item, value_set: str, system: object, strength: Strength) -> None:
    code = row.value.get("code")
    if value_set and isinstance(code, str) and isinstance(system, str):
        coded = (Coded(code, system),)
        walk.questions.append(Question(f"{row.path}.code", strength, value_set, coded, "ConceptMap.source"))


_PROPERTIES = "http://hl7.org/fhir/concept-properties#"
_CONTENT = "FHIR R4 4.0.1 codesystem-definitions.html#CodeSystem.content"
_TYPES = {"inactive": "boolean", "deprecated": "dateTime", "notSelectable": "boolean"} | {
    "parent": "code",
    "child": "code",
}
"""The types of the properties that every code system may have. Rule: FHIR R4, concept-properties."""


def _counted(walk: Walk, item: Item) -> None:
    """A code system holds the concepts that it says it holds.

    Rule: FHIR R4 4.0.1, codesystem-content-mode; codesystem-definitions.html#CodeSystem.count, which a
    grammar counts otherwise.
    """
    value, concepts = item.value, children(item, "concept")
    if value.get("content") == "not-present" and concepts:
        text = (
            "content says that no concept is here, and some are: say fragment, example or complete",
            "content dit qu'aucun concept n'est ici, et il y en a : dites fragment, example ou complete",
        )
        walk.say(words.issue(f"{item.path}.content", "invalid", text, rule=_CONTENT))
    said = value.get("count")
    if value.get("content") != "complete" or said is None or value.get("compositional") is True:
        return
    held, pending = 0, concepts
    while pending:
        held, pending = held + len(pending), [below for one in pending for below in children(one, "concept")]
    if held != said:
        text = (
            f"count says {said} concepts, {held} are here and content says that all are",
            f"count dit {said} concepts, {held} sont ici et content dit qu'ils y sont tous",
        )
        walk.say(words.issue(f"{item.path}.count", "invalid", text, rule=_CONTENT))


def _properties(walk: Walk, item: Item) -> None:
    """Each property of a code system comes once, and those of the specification keep their type."""
    seen: set[str] = set()
    for row in children(item, "property"):
        for name in ("code", "uri"):
            text = row.value.get(name)
            if text in seen:
                walk.say(words.said_twice(f"{row.path}.{name}", text))
            elif isinstance(text, str):
                seen.add(text)
        uri = str(row.value.get("uri", ""))
        kind = _TYPES.get(uri.removeprefix(_PROPERTIES)) if uri.startswith(_PROPERTIES) else None
        if kind is not None and row.value.get("type") != kind:
            walk.say(words.other_property_type(f"{row.path}.type", uri, kind))


def _listed(walk: Walk, taking: Item) -> None:
    """Each code that a value set lists is one of its system.

    Rule: FHIR R4 4.0.1, valueset.html#compositions.
    """
    system = taking.value.get("system")
    if not isinstance(system, str) or "version" in taking.value:
        return
    for row in children(taking, "concept"):
        code = row.value.get("code")
        if isinstance(code, str):
            said = "ValueSet.compose.include.concept.code"
            walk.questions.append(Question(row.path, "system", "", (Coded(code, system),), said))


def _filters(walk: Walk, item: Item, taking: Item) -> None:
    """What a filter asks of a property that is true or false is one of these."""
    for row in children(taking, "filter"):
        name, value = row.value.get("property"), row.value.get("value")
        worked_out(walk, item, row)
        # A value with an extension is worked out: what stands there is not what is asked.
        told = row.value.get("op") == "=" and "_value" not in row.value
        if told and _TYPES.get(str(name)) == "boolean" and value not in ("true", "false"):
            walk.say(words.no_boolean(f"{row.path}.value", str(name), str(value)))


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
