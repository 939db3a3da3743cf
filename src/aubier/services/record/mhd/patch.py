"""Changing what may change of a document: JSON Patch, and FHIRPath Patch of plain paths.

A patch is applied to a copy; what decides is the difference: status, securityLabel and the archived
mark may change, nothing else. Rule: PDSm 3.1.1 flows 3 and 4; RFC 6902; FHIR R4 §3.1.0.10.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.services.record.mhd import ARCHIVED
from aubier.services.record.mhd.reading import listed

MAX_OPERATIONS = 20
"""The most operations of one patch: a document has fewer elements that may change."""
MAX_VALUES = 2_000
"""The most values, at every depth, of what a patch may leave in the elements that may change."""
_MAX_DEPTH = 40
Patch = Callable[[Resource], Resource]


def _bad(text: str, fr: str, at: str) -> Problem:
    return problem("structure", text, fr, at=at, rule="RFC 6902; FHIR R4 patch")


def _missing(path: str, at: str) -> Problem:
    return problem("processing", f"Nothing at {path}", f"Rien à l'endroit {path}", at=at, rule="RFC 6902 §4")


def _tokens(path: Any, at: str) -> list[str]:
    if not isinstance(path, str) or not path.startswith("/"):
        raise _bad("path must be a JSON pointer", "path doit être un pointeur JSON", f"{at}.path")
    return [t.replace("~1", "/").replace("~0", "~") for t in path[1:].split("/")]


def _index(holder: list[Any], token: str, at: str, *, end: bool) -> int:
    if end and token == "-":
        return len(holder)
    if (
        not (token.isascii() and token.isdecimal())
        or len(token) > 4
        or int(token) > len(holder) - (0 if end else 1)
    ):
        raise _missing(token, at)
    return int(token)


def _walk(resource: Any, tokens: list[str], at: str) -> Any:
    for token in tokens:
        if isinstance(resource, list):
            resource = resource[_index(resource, token, at, end=False)]
        elif isinstance(resource, dict) and token in resource:
            resource = resource[token]
        else:
            raise _missing(token, at)
    return resource


def _put(holder: Any, token: str, value: Any, at: str) -> None:
    if isinstance(holder, list):
        holder.insert(_index(holder, token, at, end=True), value)
    elif isinstance(holder, dict):
        holder[token] = value
    else:
        raise _missing(token, at)


def _take(holder: Any, token: str, at: str) -> Any:
    if isinstance(holder, list):
        return holder.pop(_index(holder, token, at, end=False))
    if isinstance(holder, dict) and token in holder:
        return holder.pop(token)
    raise _missing(token, at)


def _operate(resource: Resource, operation: Resource, at: str) -> None:
    """One operation of RFC 6902 on `resource`, in place; copy and move are not taken: none needs them."""
    kind, tokens = operation.get("op"), _tokens(operation.get("path"), at)
    if tokens[0] not in _FREE and kind != "test":
        raise _frozen((tokens[0][:40],))
    holder, last = _walk(resource, tokens[:-1], at), tokens[-1]
    if kind in ("add", "replace", "test") and "value" not in operation:
        raise _bad("value is required", "value est obligatoire", at)
    if kind == "test":
        if _walk(resource, tokens, at) != operation["value"]:
            raise problem(
                "conflict", "The value tested is another", "La valeur testée est une autre", at=f"{at}.value"
            )
    elif kind == "remove":
        _take(holder, last, at)
    elif kind == "replace":
        _walk(resource, tokens, at)
        _take(holder, last, at)
        _put(holder, last, copy.deepcopy(operation["value"]), at)
    elif kind == "add":
        _put(holder, last, copy.deepcopy(operation["value"]), at)
    else:
        raise _bad(
            "op must be add, remove, replace or test",
            "op vaut add, remove, replace ou test",
            f"{at}.op",
        )


def json_patch(operations: Any) -> Patch:
    """The change that a JSON Patch document makes, to be applied to a resource; the resource is not touched.

    Errors: Problem `structure` for what is no JSON Patch; applied: `processing`, `conflict` (a test fails).
    """
    if not isinstance(operations, list) or not operations or len(operations) > MAX_OPERATIONS:
        raise _bad(
            f"A JSON Patch is an array of 1 to {MAX_OPERATIONS} operations",
            f"Un JSON Patch est un tableau de 1 à {MAX_OPERATIONS} opérations",
            "$this",
        )
    if not all(isinstance(o, dict) for o in operations):
        raise _bad("Each operation is an object", "Chaque opération est un objet", "$this")
    _bound(operations)

    def change(resource: Resource) -> Resource:
        changed = copy.deepcopy(resource)
        for place, operation in enumerate(operations):
            _operate(changed, operation, f"$this[{place}]")
            _bound(*_free(changed))
        return _tidied(changed)

    return change


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
                "$this",
            )
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(v, depth + 1) for v in inside]


def _free(resource: Resource) -> list[Any]:
    """What stands in the elements that may change."""
    return [resource[name] for name in _FREE if name in resource]


def _tidied(resource: Resource) -> Resource:
    """Without the arrays that a removal emptied: FHIR JSON has none."""
    return {k: v for k, v in resource.items() if v != []}


_PATH = re.compile(
    r"DocumentReference(?:\.(?P<name>[a-zA-Z]+))?(?:\[(?P<place>\d{1,3})\])?"
    r"(?P<archived>\.where\(url\s*=\s*'[^']{1,200}is-archived'\)(?:\.value(?:Boolean|\.ofType\(boolean\))?)?)?"
)
_TYPES = {"add", "insert", "replace", "delete"}


def fhirpath_patch(parameters: Resource) -> Patch:
    """The change of a FHIRPath Patch: paths `DocumentReference.x`, `.x[n]` and the archived extension.

    Errors: Problem `structure` for what is no patch or a path beyond these.
    """
    steps = [_step(p, n) for n, p in enumerate(listed(parameters.get("parameter")))]
    if not steps or len(steps) > MAX_OPERATIONS:
        raise _bad("No operation", "Aucune opération", "Parameters.parameter")

    def change(resource: Resource) -> Resource:
        changed = copy.deepcopy(resource)
        for operation in steps:
            _operate(changed, operation(changed), "Parameters.parameter")
            _bound(*_free(changed))
        return _tidied(changed)

    return change


def _step(parameter: Resource, place: int) -> Patch:
    """One operation, as the JSON Patch operation it is once the resource is known."""
    at = f"Parameters.parameter[{place}]"
    parts: dict[str, Any] = {str(p.get("name")): p for p in listed(parameter.get("part"))}
    values = {
        name: next((v for k, v in p.items() if k.startswith("value")), None) for name, p in parts.items()
    }
    match = _PATH.fullmatch(str(values.get("path") or ""))
    if parameter.get("name") != "operation" or values.get("type") not in _TYPES or not match:
        raise _bad(
            "An operation has a type (add, insert, replace, delete) and a plain path below DocumentReference",
            "Une opération a un type (add, insert, replace, delete) et un chemin sous DocumentReference",
            at,
        )
    name = match["name"] or str(values.get("name") or "")
    value = values.get("value")

    def operation(resource: Resource) -> Resource:
        return _as_json_patch(resource, str(values["type"]), name, match, value)

    return operation


def _as_json_patch(resource: Resource, kind: str, name: str, match: re.Match[str], value: Any) -> Resource:
    present = resource.get(name)
    pointer = f"/{name}"
    if match["archived"]:
        held = [n for n, e in enumerate(listed(present)) if e.get("url") == ARCHIVED]
        pointer += f"/{held[0] if held else len(listed(present))}"
        value = value if isinstance(value, dict) else {"url": ARCHIVED, "valueBoolean": value}
    elif match["place"] is not None:
        pointer += f"/{match['place']}"
    elif kind in ("add", "insert") and name in ("securityLabel", "extension"):
        if isinstance(present, list):
            pointer += "/-"
        else:
            value = [value]
    elif kind == "replace" and name == "securityLabel":
        value = [value]
    op = {"add": "add", "insert": "add", "replace": "replace", "delete": "remove"}[kind]
    return {"op": op, "path": pointer, "value": value}


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


def only_permitted(change: Patch) -> Patch:
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
