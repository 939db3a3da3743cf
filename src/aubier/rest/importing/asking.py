"""`$import` asked: which files, of what types, by whom."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TypedDict

from aubier.access.decide import none_open, require
from aubier.access.scopes import allows
from aubier.access.view import View
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.asynchronous.asking import begin, require_async
from aubier.rest.bulk.asking import NDJSON
from aubier.rest.exchange import Answer, Call, Limits
from aubier.rest.formats.negotiation import media_type_of
from aubier.rest.importing.remote import Allowed
from aubier.rest.importing.running import IMPORT
from aubier.rest.importing.sources import BODY
from aubier.rest.operations.standard import check_parameters, only
from aubier.store.compartment import lives_with_others
from aubier.store.keys import type_numbers
from aubier.validation import check

_MOST = 1000
"""Files of one import."""
_BINARY = re.compile(r"Binary/[A-Za-z0-9.-]{1,64}")
_KNOWN = ("inputFormat", "inputSource", "storageDetail", "mode", "input")
_PARTS = ("type", "url", "etag")


class _Input(TypedDict):
    type: str | None
    url: str
    etag: str


async def system_import(call: Call, view: View, _: Limits) -> Answer:
    """Begins the import of the files that Parameters name, or of an NDJSON body.

    For applications of the platform whose scopes let them create and update the types named. Problem:
    forbidden, a host that is not allowed, Parameters that ask for something else.
    """
    if call.method != "POST":
        raise only(call.method, "POST")
    require_async(call)
    try:
        if view.actor.kind != "system":
            raise _not_yours()
        if media_type_of(call.headers) in NDJSON:
            check_parameters(call.query)
            inputs, source, body = [_Input(type=None, url=BODY, etag="")], "", call.body
        else:
            inputs, source = _of_parameters(call, view)
            body = b""
        _may_write(view, inputs)
    except Problem as refusal:
        await view.note("operation", "$import", refusal.kind)
        raise
    return await begin(call, view, IMPORT, {"inputs": inputs, "source": source}, body)


def _not_yours() -> Problem:
    return problem(
        "forbidden",
        "Only the platform's own applications import; people write what is theirs",
        "Seules les applications de la plateforme importent ; les personnes écrivent ce qui est à elles",
        at="http.Authorization",
    )


def _may_write(view: View, inputs: Sequence[_Input]) -> None:
    """Problem unless the scopes let every type named be created and updated; one at least, if none is."""
    for told in inputs:
        for interaction in ("create", "update"):
            if told["type"]:
                require(view.actor, told["type"], interaction)
            elif not any(allows(view.actor.scopes, kind, interaction) for kind in type_numbers()):
                raise none_open(interaction)


def _of_parameters(call: Call, view: View) -> tuple[list[_Input], str]:
    check_parameters(call.query)
    resource = call.resource()
    check(resource)
    if resource["resourceType"] != "Parameters":
        raise problem(
            "value",
            "Send a Parameters resource, or NDJSON",
            "Envoyez une ressource Parameters, ou du NDJSON",
            at="resourceType",
        )
    inputs: list[_Input] = []
    source = ""
    for number, one in enumerate(resource.get("parameter", [])):
        at = f"Parameters.parameter[{number}]"
        match one["name"]:
            case "input":
                inputs.append(_input(one, at, call, view))
            case "inputSource":
                source = _text(one)
            case "inputFormat":
                _must_be(one, at, NDJSON)
            case "mode":
                _must_be(one, at, ("IncrementalLoad",))
            case "storageDetail":
                _storage(one, at)
            case _:
                raise _unknown(one, at, _KNOWN)
    if not 0 < len(inputs) <= _MOST:
        raise problem(
            "required",
            f"Name from 1 to {_MOST} files, each in a parameter 'input'",
            f"Nommez de 1 à {_MOST} fichiers, chacun dans un paramètre « input »",
            at="Parameters.parameter",
        )
    # What lives with what other files bring comes after them, in whatever order they are named.
    return sorted(inputs, key=lambda told: lives_with_others(told["type"] or "")), source


def _input(one: Resource, at: str, call: Call, view: View) -> _Input:
    parts = {part["name"]: _text(part) for part in one.get("part", [])}
    for number, part in enumerate(one.get("part", [])):
        if part["name"] not in _PARTS:
            raise _unknown(part, f"{at}.part[{number}]", _PARTS)
    kind, url = parts.get("type", ""), parts.get("url", "").removeprefix(f"{call.base}/")
    if kind not in type_numbers() or not url:
        raise problem(
            "required",
            "Each input has a part 'type', a resource type, and a part 'url'",
            "Chaque input a une partie « type », un type de ressource, et une partie « url »",
            at=f"{at}.part",
        )
    if not _BINARY.fullmatch(url):
        Allowed.of(view.access.settings).check(url)
    return _Input(type=kind, url=url, etag=parts.get("etag", ""))


def _storage(one: Resource, at: str) -> None:
    for number, part in enumerate(one.get("part", [])):
        if part["name"] != "type":
            raise _unknown(part, f"{at}.part[{number}]", ("type",))
        _must_be(part, f"{at}.part[{number}]", ("https",))


def _text(one: Resource) -> str:
    values = [value for name, value in one.items() if name.startswith("value")]
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


def _must_be(one: Resource, at: str, names: Collection[str]) -> None:
    if _text(one) not in names:
        listed = ", ".join(sorted(names))
        raise problem(
            "not-supported",
            f"{one['name']} can only be {listed}",
            f"{one['name']} ne peut être que {listed}",
            at=at,
        )


def _unknown(one: Resource, at: str, names: Collection[str]) -> Problem:
    listed = ", ".join(sorted(names))
    return problem(
        "invalid",
        f"'{one['name'][:64]}' means nothing here; there are {listed}",
        f"« {one['name'][:64]} » n'a pas de sens ici ; il y a {listed}",
        at=at,
    )
