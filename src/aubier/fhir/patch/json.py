"""JSON Patch on exact decimals. Rule: RFC 6902, and RFC 6901 for JSON Pointer."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aubier.fhir.patch.result import MAX_OPERATIONS, Budget, Change, finished
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource

_RULE = "RFC 6902"
_index = re.compile(r"0|[1-9][0-9]{0,9}").fullmatch
_bad_escape = re.compile(r"~(?![01])").search
_NEEDS = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}

Pointer = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation, read; `at` is its place in the patch."""

    op: str
    path: Pointer
    source: Pointer
    value: Any
    at: str


def json_patch(operations: Any) -> Change:
    """The change that a JSON Patch document (a list of operations) makes.

    Problem `structure` for what is no JSON Patch. Applied: `processing` for a place that is not there,
    `conflict` for a test that fails, `too-costly` for copies of copies.
    """
    steps = read(operations)

    def change(resource: Resource) -> Resource:
        budget = Budget()
        return finished(resource, apply(steps, resource, budget), budget.emptied)

    return change


def read(operations: Any) -> list[_Step]:
    """The operations of a document, each checked. Problem `structure`."""
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise _wrong(
            "$this",
            f"A JSON Patch is an array of at most {MAX_OPERATIONS} operations",
            f"Un JSON Patch est un tableau d'au plus {MAX_OPERATIONS} opérations",
        )
    return [_step(operation, f"$this[{place}]") for place, operation in enumerate(operations)]


def _step(operation: Any, at: str) -> _Step:
    op = operation.get("op") if isinstance(operation, dict) else None
    if not isinstance(op, str) or op not in _NEEDS:
        raise _wrong(
            f"{at}.op", f"op must be one of {', '.join(_NEEDS)}", f"op est l'un de {', '.join(_NEEDS)}"
        )
    for name in ("path", *_NEEDS[op]):
        if name not in operation:
            raise _wrong(f"{at}.{name}", f"{op} needs {name}", f"{op} demande {name}")
    path = _pointer(operation["path"], f"{at}.path")
    source = _pointer(operation["from"], f"{at}.from") if "from" in _NEEDS[op] else ()
    if op == "move" and path[: len(source)] == source and path != source:
        raise _wrong(
            f"{at}.path",
            "Nothing can be moved into a part of itself",
            "Rien ne se déplace dans une partie de soi-même",
        )
    return _Step(op, path, source, operation.get("value"), at)


def _pointer(text: Any, at: str) -> Pointer:
    """The tokens of a JSON Pointer; empty for the whole document."""
    if not isinstance(text, str) or (text and not text.startswith("/")) or _bad_escape(text):
        raise _wrong(
            at,
            "A JSON Pointer is empty or begins with /, with ~0 for ~ and ~1 for /",
            "Un JSON Pointer est vide ou commence par /, avec ~0 pour ~ et ~1 pour /",
        )
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def apply(steps: Sequence[_Step], document: Any, budget: Budget | None = None) -> Any:
    """The document after every step; the one given is not touched."""
    document = copy.deepcopy(document)
    budget = budget or Budget()
    for step in steps:
        document = _DO[step.op](document, step, budget)
    return document


def _test(document: Any, step: _Step, _: Budget) -> Any:
    if not same(_found(document, step.path, f"{step.at}.path"), step.value):
        raise problem(
            "conflict",
            "The value tested is another; nothing was changed",
            "La valeur testée est une autre ; rien n'a été changé",
            at=f"{step.at}.value",
            rule=f"{_RULE} §4.6",
        )
    return document


def _add(document: Any, step: _Step, budget: Budget) -> Any:
    return _put(document, step.path, budget.copied(step.value, len(step.path)), f"{step.at}.path")


def _remove(document: Any, step: _Step, budget: Budget) -> Any:
    return _taken(document, step.path, f"{step.at}.path", budget)[0]


def _replace(document: Any, step: _Step, budget: Budget) -> Any:
    value = budget.copied(step.value, len(step.path))
    if not step.path:
        return value
    holder, at = _found(document, step.path[:-1], f"{step.at}.path"), f"{step.at}.path"
    _found(holder, step.path[-1:], at)
    if isinstance(holder, list):
        holder[_place(holder, step.path[-1], at, beyond=False)] = value
    else:
        holder[step.path[-1]] = value
    return document


def _move(document: Any, step: _Step, budget: Budget) -> Any:
    document, value = _taken(document, step.source, f"{step.at}.from", budget)
    budget.weigh(value, len(step.path))
    return _put(document, step.path, value, f"{step.at}.path")


def _copy(document: Any, step: _Step, budget: Budget) -> Any:
    value = budget.copied(_found(document, step.source, f"{step.at}.from"), len(step.path))
    return _put(document, step.path, value, f"{step.at}.path")


_DO: dict[str, Callable[[Any, _Step, Budget], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _found(document: Any, path: Pointer, at: str) -> Any:
    for token in path:
        if isinstance(document, list):
            document = document[_place(document, token, at, beyond=False)]
        elif isinstance(document, dict) and token in document:
            document = document[token]
        else:
            raise _missing(token, at)
    return document


def _put(document: Any, path: Pointer, value: Any, at: str) -> Any:
    """The document with `value` added: a member set, or an item inserted."""
    if not path:
        return value
    holder, token = _found(document, path[:-1], at), path[-1]
    if isinstance(holder, list):
        holder.insert(_place(holder, token, at, beyond=True), value)
    elif isinstance(holder, dict):
        holder[token] = value
    else:
        raise _missing(token, at)
    return document


def _taken(document: Any, path: Pointer, at: str, budget: Budget) -> tuple[Any, Any]:
    """The document without what stands at `path`, and that."""
    if not path:
        return None, document
    holder, token = _found(document, path[:-1], at), path[-1]
    value = _found(holder, (token,), at)
    del holder[_place(holder, token, at, beyond=False) if isinstance(holder, list) else token]
    budget.taken_from(holder)
    return document, value


def _place(holder: list[Any], token: str, at: str, *, beyond: bool) -> int:
    """An index of a list; `beyond` allows the place after the last one, which is also called `-`."""
    if beyond and token == "-":
        return len(holder)
    if not _index(token) or int(token) >= len(holder) + beyond:
        raise _missing(token, at)
    return int(token)


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON: numbers by value, objects in any order. Rule: RFC 6902 §4.6."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _missing(token: str, at: str) -> Problem:
    shown = token[:64]
    return problem(
        "processing",
        f"There is nothing at '{shown}'; look at the resource as it is now",
        f"Il n'y a rien à « {shown} » ; voyez la ressource telle qu'elle est",
        at=at,
        rule=f"{_RULE} §4",
    )


def _wrong(at: str, text: str, fr: str) -> Problem:
    return problem("structure", text, fr, at=at, rule=f"{_RULE} §4")
