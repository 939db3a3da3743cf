"""A resource as XML text, its elements in the order of the definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from aubier.fhir.definitions import Property, definitions
from aubier.fhir.properties import below, is_primitive, is_resource, of_sibling
from aubier.fhir.xml.fields import FHIR, NO_ATTRIBUTES, XHTML, attributes
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource

_not_xml = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]").search
_special = re.compile('[&<>"\t\n\r]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_ESCAPES |= {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_RULE = "FHIR R4 4.0.1 xml.html"


def dumps(resource: Resource) -> bytes:
    """The resource as UTF-8 XML.

    Problem `not-acceptable` for a text that XML cannot hold (a control character), `structure` for what is
    no FHIR: an element that the definitions do not know, a narrative that is not well-formed.
    """
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    _resource(out, resource, str(resource.get("resourceType") or "$this"), namespace=f' xmlns="{FHIR}"')
    return "".join(out).encode()


def _resource(out: list[str], resource: Any, at: str, namespace: str = "") -> None:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind not in definitions().resource_types:
        raise _unknown(f"{at}.resourceType" if at != str(kind) else at)
    out.append(f"<{kind}{namespace}>")
    _children(out, resource, definitions().type(kind).properties, NO_ATTRIBUTES, at)
    out.append(f"</{kind}>")


def _children(
    out: list[str], node: Mapping[str, Any], fields: Mapping[str, Property], apart: frozenset[str], at: str
) -> None:
    """The child elements of an object; `apart` are those of its properties that are attributes."""
    # ExampleScenario.instance has an element of that very name.
    typed = "resourceType" in node and "resourceType" not in fields
    left = len(node) - typed - sum(name in node for name in apart)
    if not left:
        return
    for name, field in fields.items():
        if name in apart or (name not in node and f"_{name}" not in node):
            continue
        value, sibling = node.get(name), node.get(f"_{name}")
        left -= (name in node) + (f"_{name}" in node)
        if is_primitive(field):
            _primitives(out, name, value, sibling, f"{at}.{name}")
        elif sibling is not None:
            raise _unknown(f"{at}._{name}")
        elif isinstance(value, list):
            for place, one in enumerate(value):
                _complex(out, name, one, field, f"{at}.{name}[{place}]")
        else:
            _complex(out, name, value, field, f"{at}.{name}")
    if left:
        known = {*fields, *(f"_{name}" for name in fields), "resourceType"}
        raise _unknown(f"{at}.{next((key for key in node if key not in known), '')[:64]}")


def _complex(out: list[str], name: str, value: Any, field: Property, at: str) -> None:
    if field.type.code == "xhtml":
        out.append(_narrative(value, at))
        return
    if not isinstance(value, dict):
        raise _unknown(at)
    if is_resource(field):
        out.append(f"<{name}>")
        _resource(out, value, at)
    else:
        apart = attributes(field)
        listed = "".join(f' {key}="{_text(value[key], at)}"' for key in sorted(apart) if key in value)
        out.append(f"<{name}{listed}>")
        _children(out, value, below(field), apart, at)
    out.append(f"</{name}>")


def _primitives(out: list[str], name: str, value: Any, sibling: Any, at: str) -> None:
    if not isinstance(value, list) and not isinstance(sibling, list):
        _primitive(out, name, value, sibling, at)
        return
    values = value if isinstance(value, list) else []
    siblings = sibling if isinstance(sibling, list) else []
    for place in range(max(len(values), len(siblings))):
        one = values[place] if place < len(values) else None
        beside = siblings[place] if place < len(siblings) else None
        _primitive(out, name, one, beside, f"{at}[{place}]")


def _primitive(out: list[str], name: str, value: Any, sibling: Any, at: str) -> None:
    if isinstance(value, dict | list) or not isinstance(sibling, dict | None):
        raise _unknown(at)
    beside = sibling or {}
    listed = f' id="{_text(beside["id"], at)}"' if "id" in beside else ""
    listed += f' value="{_text(value, at)}"' if value is not None else ""
    if len(beside) == ("id" in beside):
        out.append(f"<{name}{listed}/>")
        return
    out.append(f"<{name}{listed}>")
    _children(out, beside, of_sibling(), frozenset({"id"}), at)
    out.append(f"</{name}>")


def _text(value: Any, at: str) -> str:
    """The value of an attribute, escaped; a number with its digits."""
    if value is True or value is False:
        return "true" if value else "false"
    text = str(value)
    if _not_xml(text):
        raise problem(
            "not-acceptable",
            "A character of this text cannot be written in XML: ask for application/fhir+json",
            "Un caractère de ce texte ne peut pas s'écrire en XML : demandez application/fhir+json",
            at=at,
        )
    return _special.sub(lambda found: _ESCAPES[found.group()], text)


def _narrative(value: Any, at: str) -> str:
    """The markup of a narrative, as it is; checked, so that it cannot break what is around it."""
    roots: list[str] = []
    depth = [0]

    def opened(name: str, _: dict[str, str]) -> None:
        if not depth[0]:
            roots.append(name)
        depth[0] += 1

    def closed(_: str) -> None:
        depth[0] -= 1

    def refused(*_: Any) -> None:
        raise ValueError("a document type")

    parser = expat.ParserCreate("UTF-8", " ")
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.StartDoctypeDeclHandler = parser.XmlDeclHandler = refused
    try:
        parser.Parse(value.encode(), True)
    except (expat.ExpatError, ValueError, AttributeError):
        roots = []
    if roots != [f"{XHTML} div"]:
        raise problem(
            "structure",
            "The narrative is no well-formed XHTML div",
            "Le récit n'est pas une div XHTML bien formée",
            at=at,
            rule=_RULE,
        )
    return str(value)


def _unknown(at: str) -> Problem:
    return problem(
        "structure",
        "The definitions of FHIR R4 have no such element; it cannot be written in XML",
        "Les définitions de FHIR R4 n'ont pas cet élément ; il ne peut pas s'écrire en XML",
        at=at,
        rule=_RULE,
    )
