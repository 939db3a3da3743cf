"""XML text as a resource, read as it streams by: no tree, no entity, no network.

A document type is refused before anything in it is read, so there is nothing to expand and nothing to
fetch. Elements may come in any order: nothing is lost by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from xml.parsers import expat

from aubier.fhir.definitions import Property, definitions
from aubier.fhir.json import LIMITS, Limits
from aubier.fhir.properties import below, is_primitive, is_resource, of_sibling
from aubier.fhir.xml.fields import FHIR, NO_ATTRIBUTES, XHTML, attributes
from aubier.fhir.xml.narratives import Narrative
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource

_RULE = "FHIR R4 4.0.1 xml.html"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_ISSUES = 200
_integer = re.compile(r"\+?(-?(?:0|[1-9][0-9]*))").fullmatch
_decimal = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE]([+-]?[0-9]+))?").fullmatch
_WHOLE = {"integer", "positiveInt", "unsignedInt"}


def parse(data: bytes, limits: Limits = LIMITS) -> Resource:
    """The resource in `data`, as `fhir.json` would give it from JSON.

    Problem `structure` or `value` with the line and the FHIRPath of each fault, `too-long` when a bound is
    passed. Rule: FHIR R4 4.0.1, xml.html.
    """
    if len(data) > limits.size:
        raise _too_long(
            f"The body is larger than {limits.size} bytes", f"Corps de plus de {limits.size} octets"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        _check_encoding("", "UTF-16", 0)
    reading = _Reading(data, limits)
    try:
        reading.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise _malformed(error) from None
    if reading.issues:
        raise Problem(tuple(reading.issues))
    return reading.root


@dataclass(slots=True)
class _Open:
    """An element that is open. `fields` is what may stand inside; none of a slot, which awaits a resource.

    `key` is the property of the parent, `primitive` the type of its value, `lists` its lists of primitives.
    """

    path: str
    fields: Mapping[str, Property] | None
    depth: int
    node: dict[str, Any]
    key: str = ""
    many: bool = False
    primitive: str = ""
    value: Any = None
    apart: frozenset[str] = NO_ATTRIBUTES
    lists: set[str] = field(default_factory=set)


class _Reading:
    """One document on its way; `root` is the resource once it is read, `issues` what is wrong with it."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits = data, limits
        self.root: Resource = {}
        self.issues: list[Issue] = []
        self.stack: list[_Open] = []
        self.skipped = 0
        self.elements = 0
        self.div: Narrative | None = None
        self.declared: dict[str, str] = {}
        self.parser = expat.ParserCreate("UTF-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartNamespaceDeclHandler = self._namespace
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.XmlDeclHandler = _check_encoding

    # -- what the parser tells ----------------------------------------------------------------------

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self.declared[prefix or ""] = uri or ""

    def _start(self, name: str, given: dict[str, str]) -> None:
        self.elements += 1
        if self.elements > self.limits.values:
            raise _too_long(
                f"More than {self.limits.values} elements", f"Plus de {self.limits.values} éléments"
            )
        declared, self.declared = self.declared, {}
        space, _, local = name.rpartition(" ")
        if self.div:
            self.div.opened(space, local, given)
        elif self.skipped:
            self.skipped += 1
        elif not self.stack:
            self._open_root(space, local, given)
        elif space == XHTML and local == "div" and self._takes_narrative():
            start = self.parser.CurrentByteIndex
            self.div = Narrative(self.data, start, alone=declared.get("") == XHTML)
            self.div.opened(space, local, given)
        else:
            self._open(space, local, given)

    def _end(self, name: str) -> None:
        if self.div:
            if self.div.closed(name.rpartition(" ")[2]):
                text = self.div.text(self.parser.CurrentByteIndex)
                self.div = None
                self._put(self.stack[-1], "div", text)
        elif self.skipped:
            self.skipped -= 1
        else:
            self._close(self.stack.pop())

    def _text(self, text: str) -> None:
        if self.div:
            self.div.said(text)
        elif not self.skipped and not text.isspace():
            at = self.stack[-1].path if self.stack else "$this"
            self._wrong(
                at,
                f"the text '{text.strip()[:40]}' stands between elements; values belong in value=\"…\"",
                f'texte « {text.strip()[:40]} » entre des éléments ; une valeur s\'écrit value="…"',
            )

    # -- opening ------------------------------------------------------------------------------------

    def _open_root(self, space: str, local: str, given: Mapping[str, str]) -> None:
        if space != FHIR:
            raise self._at_line(
                f'the root must be a resource of xmlns="{FHIR}"',
                f'la racine doit être une ressource de xmlns="{FHIR}"',
                local[:64],
            )
        if local not in definitions().resource_types:
            raise self._at_line(
                f"<{local[:64]}> is no resource type of FHIR R4",
                f"<{local[:64]}> n'est pas un type de ressource FHIR R4",
                local[:64],
            )
        self._open_resource(local, local, 1, given)

    def _open_resource(self, kind: str, path: str, depth: int, given: Mapping[str, str]) -> None:
        node: Resource = {"resourceType": kind}
        opened = _Open(path, definitions().type(kind).properties, depth, node)
        self.stack.append(opened)
        self._attributes(opened, given)

    def _takes_narrative(self) -> bool:
        fields = self.stack[-1].fields or {}
        return "div" in fields and fields["div"].type.code == "xhtml"

    def _open(self, space: str, local: str, given: Mapping[str, str]) -> None:
        parent = self.stack[-1]
        if parent.fields is None:
            self._open_in_slot(parent, space, local, given)
            return
        found = parent.fields.get(local)
        if space != FHIR or found is None or local in parent.apart or found.type.code == "xhtml":
            self._unknown(parent, space, local)
            return
        many = found.element.many
        place = len(parent.node.get(local, ())) if many else 0
        path = f"{parent.path}.{local}[{place}]" if many else f"{parent.path}.{local}"
        opened = _Open(path, None, self._deeper(parent, path, many=many), {}, local, many)
        if is_primitive(found):
            opened.fields, opened.primitive, opened.apart = of_sibling(), found.type.code, _IN_PRIMITIVE
        elif not is_resource(found):
            opened.fields, opened.apart = below(found), attributes(found)
        self.stack.append(opened)
        self._attributes(opened, given)

    def _open_in_slot(self, slot: _Open, space: str, local: str, given: Mapping[str, str]) -> None:
        if space != FHIR or local not in definitions().resource_types or slot.node:
            self._wrong(
                slot.path,
                f"one resource belongs here, <{local[:64]}> is none",
                f"il faut ici une ressource, et une seule ; <{local[:64]}> est de trop",
            )
            self.skipped = 1
            return
        slot.node["resource"] = True
        self._open_resource(local, slot.path, slot.depth, given)

    def _deeper(self, parent: _Open, path: str, *, many: bool) -> int:
        """The depth that this has in JSON, where a list is a level too."""
        depth = parent.depth + 1 + many
        if depth > self.limits.depth:
            raise _too_long(
                f"Nested deeper than {self.limits.depth} levels",
                f"Plus de {self.limits.depth} niveaux d'imbrication",
                path,
            )
        return depth

    def _attributes(self, opened: _Open, given: Mapping[str, str]) -> None:
        for name, text in given.items():
            if name == "value" and opened.primitive:
                opened.value = self._value(opened, text)
            elif name in opened.apart:
                opened.node[name] = text
            elif not name.startswith(_XSI):
                self._wrong(
                    opened.path,
                    f"the attribute '{name[:64]}' does not belong here",
                    f"l'attribut « {name[:64]} » n'a pas sa place ici",
                )

    def _value(self, opened: _Open, text: str) -> Any:
        """The value of a primitive as JSON has it."""
        kind = opened.primitive
        if kind == "boolean" and text in ("true", "false"):
            return text == "true"
        if kind in _WHOLE and len(text) <= self.limits.number and (found := _integer(text)):
            return int(found[1])
        if kind == "decimal" and self._bounded(text):
            return int(text) if text.lstrip("-").isdigit() else Decimal(text)
        if kind in ("boolean", "decimal", *_WHOLE):
            self._wrong(
                opened.path, f"'{text[:40]}' is no {kind}", f"« {text[:40]} » n'est pas un {kind}", "value"
            )
        return text

    def _bounded(self, text: str) -> bool:
        """Whether this is a decimal within the bounds of JSON numbers."""
        found = _decimal(text) if len(text) <= self.limits.number else None
        return found is not None and abs(int(found[1] or 0)) <= self.limits.exponent

    # -- closing ------------------------------------------------------------------------------------

    def _close(self, closed: _Open) -> None:
        for key in closed.lists:
            for name in (key, f"_{key}"):
                if all(one is None for one in closed.node[name]):
                    del closed.node[name]
        if not self.stack:
            self.root = closed.node
        elif not closed.key:  # a resource: an element may be called resourceType, but has a name of its own
            self.stack[-1].node["resource"] = closed.node
        elif not closed.node and closed.value is None:
            self._wrong(closed.path, "this element is empty: leave it out", "élément vide : retirez-le")
        elif closed.primitive:
            self._put_primitive(self.stack[-1], closed)
        else:
            value = closed.node if closed.fields is not None else closed.node["resource"]
            self._put(self.stack[-1], closed.key, value, many=closed.many)

    def _put(self, parent: _Open, key: str, value: Any, *, many: bool = False) -> None:
        if many:
            parent.node.setdefault(key, []).append(value)
        elif key in parent.node:
            self._twice(parent, key)
        else:
            parent.node[key] = value

    def _put_primitive(self, parent: _Open, closed: _Open) -> None:
        key, sibling = closed.key, closed.node or None
        if closed.many:
            parent.lists.add(key)
            parent.node.setdefault(key, []).append(closed.value)
            parent.node.setdefault(f"_{key}", []).append(sibling)
        elif key in parent.node or f"_{key}" in parent.node:
            self._twice(parent, key)
        else:
            parent.node |= {key: closed.value} if closed.value is not None else {}
            parent.node |= {f"_{key}": sibling} if sibling else {}

    # -- refusals -----------------------------------------------------------------------------------

    def _unknown(self, parent: _Open, space: str, local: str) -> None:
        self.skipped = 1
        where = "" if space == FHIR else f" (xmlns {space[:80] or 'missing'})"
        fr = "" if space == FHIR else f" (xmlns {space[:80] or 'absent'})"
        self._wrong(
            f"{parent.path}.{local[:64]}",
            f"<{local[:64]}>{where} is not an element that belongs here",
            f"<{local[:64]}>{fr} n'est pas un élément attendu ici",
        )

    def _twice(self, parent: _Open, key: str) -> None:
        self._wrong(
            f"{parent.path}.{key}", f"<{key}> stands twice: keep one", f"<{key}> figure deux fois : un seul"
        )

    def _wrong(self, at: str, text: str, fr: str, kind: str = "structure") -> None:
        if len(self.issues) < _ISSUES:
            self.issues.append(self._at_line(text, fr, at, kind).issues[0])

    def _at_line(self, text: str, fr: str, at: str, kind: str = "structure") -> Problem:
        line = self.parser.CurrentLineNumber
        return problem(kind, f"Line {line}: {text}", f"Ligne {line} : {fr}", at=at, rule=_RULE)  # type: ignore[arg-type]


_IN_PRIMITIVE = frozenset({"id"})


def _refuse_doctype(*_: Any) -> None:
    raise problem(
        "structure",
        "A document type declaration (DTD, entities) is not taken: send the element alone",
        "Une déclaration de type de document (DTD, entités) n'est pas acceptée : envoyez l'élément seul",
        rule=_RULE,
    )


def _check_encoding(_: str, encoding: str | None, __: int) -> None:
    if (encoding or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise problem(
            "structure",
            f"The declaration says {str(encoding)[:40]}: send UTF-8",
            f"La déclaration dit {str(encoding)[:40]} : envoyez de l'UTF-8",
            rule=_RULE,
        )


_FRENCH = {
    "no element found": "le XML s'arrête avant sa fin",
    "mismatched tag": "balise fermante qui ne correspond pas à l'ouvrante",
    "undefined entity": "entité inconnue (seules &amp; &lt; &gt; &quot; &apos; et &#…; le sont)",
    "unbound prefix": "préfixe sans xmlns",
    "duplicate attribute": "attribut présent deux fois",
    "junk after document element": "il y a du texte après la fin de l'élément racine",
}


def _malformed(error: expat.ExpatError) -> Problem:
    reason = expat.ErrorString(error.code) or "not well-formed"
    line, column = error.lineno, error.offset + 1
    return problem(
        "structure",
        f"Line {line}, column {column}: {reason}; send well-formed XML in UTF-8",
        f"Ligne {line}, colonne {column} : {_FRENCH.get(reason, 'XML mal formé')} ; envoyez du XML bien"
        " formé en UTF-8",
        rule=_RULE,
    )


def _too_long(text: str, fr: str, at: str = "") -> Problem:
    return problem("too-long", text, fr, at=at or ())
