"""Patches that fit a resource, each beside the one that takes it back. Rule: RFC 6902; FHIR R4 fhirpatch."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

Operation = dict[str, Any]


def places(node: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below, each with its JSON Pointer."""
    pairs: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        here = f"{above}/{str(key).replace('~', '~0').replace('/', '~1')}"
        yield here, value
        yield from places(value, here)


def _holder(resource: Any, at: str) -> Any:
    """The object or list that holds what is at a JSON Pointer."""
    for step in at.split("/")[1:-1]:
        resource = resource[int(step) if isinstance(resource, list) else step]
    return resource


def json_pair(random: Random, resource: dict[str, Any]) -> tuple[list[Operation], list[Operation]]:
    """A JSON Patch and the one that undoes it."""
    rows = [(at, value) for at, value in places(resource) if at not in ("/resourceType", "/id")]
    rows = [(at, value) for at, value in rows if len(_holder(resource, at)) > 1]  # what is empty is let go
    at, value = random.choice(rows)
    value = copy.deepcopy(value)
    inside = at.rpartition("/")[2].isdecimal()
    match random.randint(0, 3):
        case 0:
            test = {"op": "test", "path": at, "value": value}
            return [test, {"op": "replace", "path": at, "value": value}], []
        case 1 if inside:
            return [{"op": "add", "path": at, "value": value}], [{"op": "remove", "path": at}]
        case 2 if inside:
            return [{"op": "copy", "from": at, "path": at}], [{"op": "remove", "path": at}]
        case 3 if inside:
            end = at.rpartition("/")[0] + "/0"
            return [{"op": "move", "from": at, "path": end}], [{"op": "move", "from": end, "path": at}]
    return [{"op": "remove", "path": at}], [{"op": "add", "path": at, "value": value}]


def parameters(*operations: Operation) -> dict[str, Any]:
    """A FHIRPath Patch; the parts of an operation are given as their `value[x]`."""
    rows = [
        {"name": "operation", "part": [{"name": name, **value} for name, value in one.items()]}
        for one in operations
    ]
    return {"resourceType": "Parameters", "parameter": rows}


def _text(value: str) -> Operation:
    return {"valueString": value}


def fhirpath_pair(random: Random, resource: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """A FHIRPath Patch of a Patient with names, and the one that undoes it."""
    names = resource["name"]
    n = random.randrange(len(names))
    match random.randint(0, 3):
        case 0:
            value = {"valueHumanName": {"family": random.choice(("A", "é", "<"))}}
            added = {"type": _text("add"), "path": _text("Patient"), "name": _text("name"), "value": value}
            gone = {"type": _text("delete"), "path": _text(f"Patient.name[{len(names)}]")}
            return parameters(added), parameters(gone)
        case 1:
            put = {
                "type": _text("insert"),
                "path": _text("Patient.name"),
                "index": {"valueInteger": n},
                "value": {"valueHumanName": {"text": "a"}},
            }
            return parameters(put), parameters({"type": _text("delete"), "path": _text(f"Patient.name[{n}]")})
        case 2:
            same = {"valueHumanName": copy.deepcopy(names[n])}
            row = {"type": _text("replace"), "path": _text(f"Patient.name[{n}]"), "value": same}
            return parameters(row), None
    to = random.randrange(len(names))
    return parameters(_moved(n, to)), parameters(_moved(to, n))


def _moved(source: int, destination: int) -> Operation:
    return {
        "type": _text("move"),
        "path": _text("Patient.name"),
        "source": {"valueInteger": source},
        "destination": {"valueInteger": destination},
    }
