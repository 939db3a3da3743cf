"""What is sent to an operation of a room: a body, and what stands in the URL beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from aubier.fhir.definitions import definitions
from aubier.ground.problem import problem
from aubier.ground.rows import Operation, Resource
from aubier.rest.exchange import Call
from aubier.rest.formats.parts import refuse_twice
from aubier.rest.operations.standard import only, well_formed


def sent_to(call: Call, operation: Operation) -> Resource:
    """The parameters of a call, as Parameters, or a body that is a resource by itself.

    Problem: the method; a parameter that the operation does not take, or that stands twice and comes once.
    """
    sent = _sent(call, operation)
    if operation.takes is not None:
        _refuse_others(sent, operation.takes)
    if sent.get("resourceType") == "Parameters":
        once = _once(operation.on, operation.name, operation.takes or (), operation.many)
        refuse_twice([row["name"] for row in sent.get("parameter", ()) if row["name"] in once])
    return sent


@cache
def _once(on: str, name: str, takes: tuple[str, ...], many: tuple[str, ...]) -> frozenset[str]:
    """The parameters that come once, as the published definition of an operation has it, or its room."""
    published = (o for o in definitions().operations if o.code == name)
    here = (o for o in published if (on in o.resources if on else o.system))
    listed = (p.name for o in here for p in o.parameters if p.use == "in" and p.max == 1)
    return frozenset((*listed, *takes)).difference(many)


def _sent(call: Call, operation: Operation) -> Resource:
    beside = _named(call.pairs(), operation.takes or ())
    if call.method == "POST" and call.body:
        return _beside(well_formed(call.resource()), beside)
    safe = ("GET", "POST") if operation.traces else ("GET", "HEAD", "POST")
    methods = ("POST",) if operation.affects_state else safe
    if call.method not in methods:
        raise only(call.method, *methods)
    sent: Resource = {"resourceType": "Parameters"}
    return {**sent, "parameter": beside} if beside else sent


def _named(pairs: Sequence[tuple[str, str]], takes: tuple[str, ...]) -> list[Resource]:
    """The parameters of an operation that stand in the URL. Problem: one that only searches know."""
    for name, _ in pairs:
        if name.startswith("_") and name not in ("_format", "_pretty", *takes):
            raise problem(
                "invalid",
                f"'{name[:64]}' means nothing to an operation; leave it out",
                f"« {name[:64]} » n'a pas de sens pour une opération ; retirez-le",
                at=f"http.{name[:64]}",
            )
    return [{"name": k, "valueString": v} for k, v in pairs if k in takes or not k.startswith("_")]


def _beside(body: Resource, named: list[Resource]) -> Resource:
    """A body that is a resource by itself, or Parameters, with the parameters of the URL beside it."""
    if not named:
        return body
    if body.get("resourceType") == "Parameters":
        listed = body.get("parameter", [])
        return {**body, "parameter": [*listed, *named]} if isinstance(listed, list) else body
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": body}, *named]}


def _refuse_others(sent: Resource, takes: tuple[str, ...]) -> None:
    """Problem for a parameter that is none of those that an operation takes, or a body that has none."""
    if sent["resourceType"] != "Parameters":
        raise problem(
            "value", "Send a Parameters resource", "Envoyez une ressource Parameters", at="http.body"
        )
    for number, row in enumerate(sent.get("parameter", [])):
        if row["name"] not in takes:
            raise problem(
                "invalid",
                f"'{row['name'][:64]}' means nothing here; there are {', '.join(takes) or 'none'}",
                f"« {row['name'][:64]} » n'a pas de sens ici ; il y a {', '.join(takes) or 'aucun'}",
                at=f"Parameters.parameter[{number}]",
            )
