"""An operation of the standard, and how its parameters come."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any

from aubier.access.view import View
from aubier.fhir.definitions import nearest_type
from aubier.ground.problem import Kind, Problem, problem
from aubier.ground.rows import Resource, Texts
from aubier.rest.exchange import Answer, Call, Limits, decoded
from aubier.rest.formats.parts import refuse_twice
from aubier.rest.writing.patches import PATCH_FORMATS
from aubier.store.keys import type_numbers

Run = Callable[[Call, View, Limits], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Standard:
    """`$name` on a type (`Resource`: any), of one `instance` or not, or of `either`. `run` answers the call.

    `reads`: it changes nothing and is answered at once, so it may as well be answered later.
    """

    name: str
    on: str
    run: Run
    title: Texts
    rule: str
    instance: bool = True
    url: str = ""
    reads: bool = True
    either: bool = False

    def answers(self, kind: str, name: str, *, instance: bool) -> bool:
        """Whether this is what is called."""
        on = self.on in (kind, "Resource") if kind else not self.on
        return on and self.name == name and (self.either or self.instance == instance)

    @property
    def definition(self) -> str:
        """The canonical URL of its OperationDefinition."""
        return self.url or f"http://hl7.org/fhir/OperationDefinition/{self.on or 'Resource'}-{self.name}"


def given(call: Call, *names: str, many: Container[str] = ()) -> list[tuple[str, str]]:
    """The parameters as (name, text), from the query or from Parameters; those of `many` may come again.

    Problem: the method; a parameter that is none of `names` (`_format` and `_pretty` say nothing here), or
    that stands twice.
    """
    pairs = [(name, value) for name, value in pairs_of(call) if name not in ("_format", "_pretty")]
    for name, _ in pairs:
        if name not in names:
            raise problem(
                "invalid",
                f"'{name[:64]}' means nothing here; there are {', '.join(names) or 'none'}",
                f"« {name[:64]} » n'a pas de sens ici ; il y a {', '.join(names) or 'aucun paramètre'}",
                at=f"http.{name[:64]}",
            )
    refuse_twice([name for name, _ in pairs if name not in many])
    return pairs


def check_parameters(query: str, *also: str) -> None:
    """Problem for a parameter that means nothing here: in silence, a criterion would be believed held."""
    for name, _ in decoded(query):
        if name not in ("_format", "_pretty", *also):
            raise problem(
                "invalid",
                f"'{name[:64]}' means nothing here; leave it out",
                f"« {name[:64]} » n'a pas de sens ici ; retirez-le",
                at=f"http.{name[:64]}",
            )


_OF_PAGES = frozenset(
    {"_count", "_page", "_sort", "_total", "_include", "_revinclude", "_summary", "_elements"}
)
"""What shapes the answer of a search, and says nothing of which resources are meant."""


def refuse_pages(names: Iterable[str], place: str = "") -> None:
    """Problem for what shapes a page of a search, at `place` or where it stands, which is asked for none."""
    for name in names:
        if name.partition(":")[0] in _OF_PAGES:
            raise problem(
                "invalid",
                f"'{name[:64]}' shapes a page and means nothing here; leave it out",
                f"« {name[:64]} » règle la mise en page et n'a pas de sens ici ; retirez-le",
                at=f"http.{place or name[:64]}",
            )


def check_once(query: str) -> None:
    """Problem for a parameter that stands twice, where one of the two would be left out in silence."""
    refuse_twice([name for name, _ in decoded(query)])


def pairs_of(call: Call) -> list[tuple[str, str]]:
    """The parameters as (name, text), whatever they are called. Problem: the method."""
    if call.method not in ("GET", "HEAD", "POST"):
        raise only(call.method, "GET", "HEAD", "POST")
    pairs = call.pairs()
    if call.method == "POST" and call.body:
        pairs += _parameters(call.resource())
    return pairs


def only(method: str, *allowed: str) -> Problem:
    """The refusal of a method, with those that are possible."""
    listed = ", ".join(allowed)
    refusal = problem(
        "method",
        f"{method[:20]} is not possible here; use {listed}",
        f"{method[:20]} n'est pas possible ici ; utilisez {listed}",
        at="http.method",
    )
    return Problem(refusal.issues, headers={"Allow": listed})


def options(refusal: Problem) -> Answer:
    """The answer to OPTIONS: what the address takes. Rule: RFC 9110 section 9.3.7, RFC 5789 section 3.1."""
    headers = dict(refusal.headers)
    if "PATCH" in headers["Allow"]:
        headers["Accept-Patch"] = ", ".join(PATCH_FORMATS)
    return Answer(204, b"", headers)


def well_formed(resource: Resource) -> Resource:
    """The body of an operation, as it came: a Parameters is one down to its last part.

    Checked once for every room. Problem `structure`: a parameter that is no object, or has no name.
    """
    if resource.get("resourceType") != "Parameters":
        return resource
    waiting: list[tuple[str, Any]] = [("Parameters.parameter", resource.get("parameter", []))]
    while waiting:
        at, listed = waiting.pop()
        if not isinstance(listed, list):
            raise _misshapen(at, "a list", "une liste")
        for place, one in enumerate(listed):
            here = f"{at}[{place}]"
            if not isinstance(one, dict) or not isinstance(one.get("name"), str):
                raise _misshapen(here, "an object with a name", "un objet qui a un nom")
            if "part" in one:
                waiting.append((f"{here}.part", one["part"]))
    return resource


def _misshapen(at: str, text: str, fr: str) -> Problem:
    return problem("structure", f"This must be {text}", f"Il faut ici {fr}", at=at)


def _parameters(resource: Resource) -> list[tuple[str, str]]:
    if resource.get("resourceType") != "Parameters" or not isinstance(resource.get("parameter", []), list):
        raise problem(
            "value", "Send a Parameters resource", "Envoyez une ressource Parameters", at="Parameters"
        )
    return [_read(one, number) for number, one in enumerate(resource.get("parameter", []))]


def _read(one: Any, number: int) -> tuple[str, str]:
    """The name and the text of a parameter; of a Reference, what it refers to. Problem: it has neither."""
    values = [v for k, v in one.items() if k.startswith("value")] if isinstance(one, dict) else []
    value = values[0] if len(values) == 1 else None
    if isinstance(value, dict):
        value = value.get("reference")
    if not isinstance(value, str | int) or not isinstance(one.get("name"), str):
        raise problem(
            "value",
            "Each parameter here has a name and one value: a text, a number or a reference",
            "Ici chaque paramètre a un nom et une valeur : un texte, un nombre ou une référence",
            at=f"Parameters.parameter[{number}]",
        )
    return one["name"], str(value).lower() if isinstance(value, bool) else str(value)


def count_of(value: str, limits: Limits) -> int:
    """A `_count`, no larger than the largest page. Problem: it is no number above zero."""
    if not re.fullmatch(r"[0-9]{1,9}", value) or not int(value):
        raise problem(
            "invalid",
            "_count is a number above zero",
            "_count est un nombre supérieur à zéro",
            at="http._count",
        )
    return min(int(value), limits.largest)


def types_of(value: str) -> list[str]:
    """The resource types of a `_type` list. Problem for a name that is none."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        if name not in type_numbers():
            raise no_type(name, "invalid", "http._type")
    return names


def no_type(name: str, kind: Kind, at: str) -> Problem:
    """The refusal of a name that is no resource type, with the nearest one that is."""
    near = nearest_type(name)
    return problem(
        kind,
        f"'{name[:64]}' is not a resource type of FHIR R4" + (f"; did you mean {near}?" if near else ""),
        f"« {name[:64]} » n'est pas un type de ressource FHIR R4" + (f" ; est-ce {near} ?" if near else ""),
        at=at,
    )
