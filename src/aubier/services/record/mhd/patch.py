"""Changing what may change of a document, by JSON Patch or FHIRPath Patch.

A patch is applied to a copy; what decides is the difference: status, securityLabel and the archived
mark may change, nothing else. Rule: PDSm 3.1.1 flows 3 and 4; RFC 6902; FHIR R4 §3.1.0.10.
"""

from __future__ import annotations

from typing import Any

from aubier.fhir import patch
from aubier.fhir.patch import Change
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.services.record.mhd import ARCHIVED
from aubier.services.record.mhd.reading import listed

MAX_OPERATIONS = 20
"""The most operations of one patch: a document has fewer elements that may change."""
MAX_VALUES = 2_000
"""The most values, at every depth, of what a patch may leave in the elements that may change."""
_MAX_DEPTH = 40


def json_patch(operations: Any) -> Change:
    """The change that a JSON Patch makes of a document, to be applied to it; the resource is not touched.

    Errors: Problem `structure` for what is no JSON Patch or is too much; applied: `method` (405) for an
    element that may not change, `processing`, `conflict` (a test fails).
    """
    _counted(operations, "JSON Patch")
    _bound(operations)
    change = patch.json_patch(operations)
    # What is frozen is said before what is missing there: who may not know need not be told.
    frozen = tuple(name for o in operations if (name := _touched(o)) and name not in _FREE)

    def checked(resource: Resource) -> Resource:
        if frozen:
            raise _frozen(frozen)
        return _bounded(change(resource))

    return checked


def fhirpath_patch(parameters: Resource) -> Change:
    """The change that a FHIRPath Patch makes of a document.

    Errors: Problem `structure` for what is no patch or is too much; applied: `processing` for a place that is
    none.
    """
    _counted(listed(parameters.get("parameter")), "FHIRPath Patch")
    _bound(parameters)
    change = patch.fhirpath_patch(parameters)
    return lambda resource: _bounded(change(resource))


def _touched(operation: Resource) -> str:
    """The element that an operation changes; empty for one that changes none."""
    first = str(operation["path"]).split("/")[1:2]
    return "" if operation["op"] == "test" or not first else first[0][:40]


def _counted(operations: Any, name: str) -> None:
    if not isinstance(operations, list) or not 0 < len(operations) <= MAX_OPERATIONS:
        raise _bad(
            f"A {name} has 1 to {MAX_OPERATIONS} operations here",
            f"Un {name} compte ici de 1 à {MAX_OPERATIONS} opérations",
        )


def _bad(text: str, fr: str) -> Problem:
    return problem("structure", text, fr, at="$this", rule="RFC 6902; FHIR R4 patch")


def _bounded(resource: Resource) -> Resource:
    """The document, unless the elements that may change have become too much."""
    _bound(*(resource[name] for name in _FREE if name in resource))
    return resource


def _bound(*values: Any) -> None:
    """Refuses more values, or deeper ones, than a document says of itself; walks without recursion."""
    left, waiting = MAX_VALUES, [(value, 0) for value in values]
    while waiting:
        value, depth = waiting.pop()
        left -= 1
        if left < 0 or depth > _MAX_DEPTH:
            raise _bad(
                f"The patch makes more than {MAX_VALUES} values, or {_MAX_DEPTH} levels",
                f"Le patch produit plus de {MAX_VALUES} valeurs, ou {_MAX_DEPTH} niveaux",
            )
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(v, depth + 1) for v in inside]


def _bare(resource: Resource) -> Resource:
    """The resource without what may change, to compare."""
    kept = {
        k: v for k, v in resource.items() if k not in ("status", "_status", "securityLabel", "meta", "text")
    }
    others = [e for e in listed(resource.get("extension")) if e.get("url") != ARCHIVED]
    kept.pop("extension", None)
    return kept | ({"extension": others} if others else {})


def frozen_changes(before: Resource, after: Resource) -> tuple[str, ...]:
    """The elements that differ and may not: not status, securityLabel, archived mark, meta or text."""
    old, new = _bare(before), _bare(after)
    return tuple(sorted(k for k in {*old, *new} if old.get(k) != new.get(k)))


_FREE = ("status", "securityLabel", "extension")


def _frozen(names: tuple[str, ...]) -> Problem:
    """The refusal of a change to these elements: 405. Rule: PDSm 3.1.1, metadata update."""
    told = ", ".join(names) or "meta"
    refused = problem(
        "method",
        f"Only status, securityLabel and the archived mark may change, not {told}",
        f"Seuls le statut, la confidentialité et l'archivage peuvent changer, pas {told}",
        at=tuple(f"DocumentReference.{name}" for name in names),
        rule="PDSm 3.1.1, metadata update",
    )
    refused.headers["Allow"] = "GET, PATCH"
    return refused


def only_permitted(change: Change) -> Change:
    """The same change, refused when it touches what a published document may not lose.

    Errors: Problem `method` (405) with the elements. Rule: PDSm 3.1.1, metadata update.
    """

    def checked(before: Resource) -> Resource:
        after = change(before)
        touched = frozen_changes(before, after)
        if touched or before.get("meta") != after.get("meta") or before.get("text") != after.get("text"):
            raise _frozen(touched)
        return after

    return checked
