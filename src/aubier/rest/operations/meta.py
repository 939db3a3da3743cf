"""`$meta`, `$meta-add`, `$meta-delete`: profiles, tags and security labels of one resource.

A change of labels is a change of who may see the resource: it goes the road of every update, with its rights,
its content rules and its version. Rule: FHIR R4, Resource-operation-meta, -meta-add, -meta-delete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import Answer, Call, Limits, of_version
from aubier.rest.operations.standard import check_parameters, given, only
from aubier.rest.writing.preconditions import under
from aubier.store.intent import Intent
from aubier.store.reading import Row

_LISTS = ("profile", "security", "tag")
_OURS = ("versionId", "lastUpdated")
"""What the server alone writes: it may come with a meta that was read, and says nothing."""


async def get_meta(call: Call, view: View, _: Limits) -> Answer:
    """The meta of a resource."""
    given(call)
    row = await view.read_row(call.path[0], call.path[1])
    return _told(fhir_json.parse(row.raw).get("meta", {}), row)


async def add_meta(call: Call, view: View, _: Limits) -> Answer:
    """Adds what is not there yet."""

    def added(held: list[Any], given_: list[Any]) -> list[Any]:
        known = {_key(one) for one in held}
        return [*held, *(one for one in given_ if _key(one) not in known)]

    return await _change(call, view, added)


async def delete_meta(call: Call, view: View, _: Limits) -> Answer:
    """Takes away what is there; what is not is not missed."""

    def without(held: list[Any], given_: list[Any]) -> list[Any]:
        gone = {_key(one) for one in given_}
        return [one for one in held if _key(one) not in gone]

    return await _change(call, view, without)


async def _change(call: Call, view: View, merge: Callable[[list[Any], list[Any]], list[Any]]) -> Answer:
    if call.method != "POST":
        raise only(call.method, "POST")
    check_parameters(call.query)
    asked = _meta_of(call.resource())

    def change(before: Resource) -> Resource:
        meta = dict(before.get("meta", {}))
        for name in _LISTS:
            meta[name] = merge(list(meta.get(name, [])), asked.get(name, []))
        return {**before, "meta": {k: v for k, v in meta.items() if v != []}}

    intent = under(Intent("patch", call.path[0], call.path[1], change=change), call.headers)
    written = (await view.write([intent]))[0]
    row = Row(written.type, written.id, written.version, written.updated, written.raw)
    return _told(fhir_json.parse(written.raw).get("meta", {}), row)


def _meta_of(resource: Resource) -> dict[str, list[Any]]:
    """The lists of the `meta` parameter. Problem: there is none, or it holds what is no list of its kind."""
    listed = resource.get("parameter")
    rows = listed if isinstance(listed, list) and all(isinstance(row, dict) for row in listed) else []
    meta = rows[0].get("valueMeta") if [row.get("name") for row in rows] == ["meta"] else None
    lists = {name: meta.get(name, []) for name in _LISTS} if isinstance(meta, dict) else {}
    others = [name for name in meta if name not in (*_LISTS, *_OURS)] if isinstance(meta, dict) else []
    if others or not lists or not all(_fits(name, value) for name, value in lists.items()):
        raise problem(
            "required",
            "Send Parameters with one parameter 'meta', a valueMeta of profile, security and tag",
            "Envoyez des Parameters avec un paramètre « meta », un valueMeta de profile, security et tag",
            at="Parameters.parameter",
        )
    return lists


def _fits(name: str, value: Any) -> bool:
    kind = str if name == "profile" else dict
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _key(one: Any) -> tuple[str, str]:
    """What makes two entries the same: system and code, or the profile."""
    return (str(one.get("system", "")), str(one.get("code", ""))) if isinstance(one, dict) else ("", str(one))


def _told(meta: Resource, row: Row) -> Answer:
    told = {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": meta}]}
    return Answer(200, fhir_json.dumps(told), of_version(row))
