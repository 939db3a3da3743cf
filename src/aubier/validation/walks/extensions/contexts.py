"""Whether an extension stands where its definition lets it stand.

Rule: FHIR R4 4.0.1, defining-extensions.html#context.
"""

from __future__ import annotations

from functools import cache

from aubier.fhir.definitions import definitions
from aubier.validation.profiles.items import Item
from aubier.validation.profiles.library import Profile
from aubier.validation.snapshots.base import BASE
from aubier.validation.walks.around.invariants import holds, reaches
from aubier.validation.walks.around.resolving import Surroundings

_CANONICAL = ("CanonicalResource", "MetadataResource")
_TYPE = "ElementDefinition.type"
_OFFERED = ("multipleOr", "multipleAnd", "comparator", "modifier", "chain")
_BESIDE = {
    "structuredefinition-fhir-type": frozenset({_TYPE}),
    "regex": frozenset({"ElementDefinition", _TYPE}),
    "capabilitystatement-expectation": frozenset(f"SearchParameter.{name}" for name in _OFFERED),
    **dict.fromkeys(
        (f"structuredefinition-{name}" for name in ("fmm", "normative-version", "standards-status", "wg")),
        frozenset({*_CANONICAL, "ElementDefinition"}),
    ),
}
"""Extensions that the specification, or its own guides, put on other elements than their context says."""
_ANYWHERE_IN = {"capabilitystatement-expectation": "CapabilityStatement"}
"""Those that have come to stand on any element of a type."""


def stands(item: Item, found: Profile, around: Surroundings) -> bool:
    """Whether an extension stands where one of its contexts allows, and what they demand holds there.

    An expression that cannot be evaluated here is taken as met.
    """
    above = item.parent
    if above is None or not found.contexts:
        return True
    names = _names(above)
    if not any(_met(kind, expression, above, names, around) for kind, expression in found.contexts):
        return _beside(found.canonical.partition("|")[0], above, names)
    # What the extension itself holds is not known to our expressions: such an invariant is not evaluated.
    asked = (rule for rule in found.invariants if "%extension" not in rule)
    return all(holds(rule, above, around) is not False for rule in asked)


def _beside(url: str, above: Item, names: set[str]) -> bool:
    """Whether an extension of the specification stands where guides have come to put it."""
    own = url.removeprefix(BASE) if url.startswith(BASE) else ""
    whole = above.defined.partition(".")[0]
    return not names.isdisjoint(_BESIDE.get(own, ())) or (own in _ANYWHERE_IN and _ANYWHERE_IN[own] == whole)


def _names(above: Item) -> set[str]:
    """What the element that an extension stands on may be called."""
    # "Element" has come to mean anything that may have extensions, resources too.
    names = {"Element", above.type, above.defined, *_ancestors(above.type)}
    if above.parent is not None and above is not above.resource:
        names.add(f"{above.parent.type}.{above.name}")
        whole, _, rest = above.defined.partition(".")
        names.update(f"{ancestor}.{rest}" for ancestor in _ancestors(whole))
    if "." in above.type:
        names.add("BackboneElement")
    return names


def _met(kind: str, expression: str, above: Item, names: set[str], around: Surroundings) -> bool:
    if kind == "fhirpath":
        return reaches(expression, above, around)
    bare = expression.rpartition("#")[2] if expression.startswith("http") else expression
    if kind == "element" and bare in names:
        return True
    # Inside an extension is on it, or on its value.
    outer = above.parent if above.name == "value[x]" and above.parent is not None else above
    url = outer.value.get("url") if outer.type == "Extension" and outer.value.__class__ is dict else None
    return kind == "extension" and url == expression


@cache
def _ancestors(type: str) -> tuple[str, ...]:
    """What a type descends from; a definition also from what R5, and packages with it, calls them all."""
    if type not in definitions().types:
        return ()
    known = definitions().type(type)
    canonical = known.kind == "resource" and {"url", "status"} <= set(known.elements)
    return known.bases + (_CANONICAL if canonical else ())
