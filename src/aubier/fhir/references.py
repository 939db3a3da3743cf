"""References: what the text of one says, where a resource holds them, and how to replace them.

Rule: FHIR R4 4.0.1, references.html, http.html#transaction (which places a transaction rewrites).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

from aubier.fhir.definitions import Element, Type, definitions
from aubier.ground.rows import Resource

Form = Literal["relative", "absolute", "urn", "fragment", "conditional", "url", "invalid"]

_ID = r"[A-Za-z0-9\-.]{1,64}"
_literal = re.compile(
    rf"(?P<base>https?://[^\s?#]*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>{_ID})(?:/_history/(?P<version>{_ID}))?"
).fullmatch
_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+", re.ASCII).fullmatch
_uuid = re.compile(
    r"urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
).fullmatch
_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_fragment = re.compile(rf"#(?:{_ID})?").fullmatch
_conditional = re.compile(r"([A-Z][A-Za-z]+)\?\S+", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Reference:
    """The text of `Reference.reference`, read.

    form relative `Patient/1`, absolute (a RESTful URL, `base` ends with `/`), urn, fragment (`id` is what
    follows `#`, empty for the container itself), conditional (`Patient?identifier=...`, only in a
    transaction), url (any other absolute URI), or invalid.
    """

    text: str
    form: Form
    type: str = ""
    id: str = ""
    version: str = ""
    base: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Reads a reference; never raises: what is not one has form `invalid`."""
        return _remembered(text) if len(text) <= _OFTEN else cls._read(text)

    @classmethod
    def _read(cls, text: str) -> Reference:
        found = _literal(text)
        if found and found["type"] in definitions().resource_types:
            form: Form = "absolute" if found["base"] else "relative"
            return cls(text, form, found["type"], found["id"], found["version"] or "", found["base"] or "")
        if text.startswith("#"):
            return cls(text, "fragment", id=text[1:]) if _fragment(text) else cls(text, "invalid")
        if text.startswith(("urn:uuid:", "urn:oid:")):
            return cls(text, "urn" if _uuid(text) or _oid(text) else "invalid")
        asked = _conditional(text)
        if asked and asked[1] in definitions().resource_types:
            return cls(text, "conditional", asked[1])
        return cls(text, "url" if _scheme(text) else "invalid")

    @property
    def local(self) -> str:
        """`Type/id` without base and version; empty when the text does not name one."""
        return f"{self.type}/{self.id}" if self.id and self.type else ""


_OFTEN = 150
"""Characters of a reference that is worth remembering: whoever is named is named again and again."""
_remembered = lru_cache(maxsize=8192)(Reference._read)


@dataclass(frozen=True, slots=True)
class Place:
    """A Reference in a resource: its `path` (JSON names), the Reference object, the types it may name."""

    path: str
    value: dict[str, Any]
    targets: tuple[str, ...]

    @property
    def text(self) -> str:
        """`Reference.reference`, or empty."""
        text = self.value.get("reference", "")
        return text if isinstance(text, str) else ""


def iter_references(resource: Resource) -> Iterator[Place]:
    """Every Reference, with its path and allowed targets, contained and Bundle resources included."""
    kind = resource.get("resourceType")
    found: list[Place] = []
    if isinstance(kind, str) and kind in definitions().resource_types:
        _walk_object(resource, kind, kind, found)
    return iter(found)


def replace_references(resource: Resource, mapping: Mapping[str, str]) -> Resource:
    """A copy in which what `mapping` names is replaced; the parts that do not change are shared.

    Looked at: Reference.reference (with its `#fragment` kept), every uri, url, oid and uuid, and the `href`
    and `src` of narratives; no canonical. A name that ends in `/_history/` stands for any version of it.
    Rule: FHIR R4 4.0.1, http.html#trules.
    """
    if not mapping:
        return resource
    made: Resource = _new_value(resource, "Resource", mapping)
    return made


_URI_TYPES = frozenset({"uri", "url", "oid", "uuid"})
_link = re.compile(r"""((?:href|src)\s*=\s*)(["'])([^"'<>]*)\2""").sub


def _walk_object(node: dict[str, Any], name: str, path: str, found: list[Place]) -> None:
    """Adds the References in an object of the type or backbone element `name`."""
    steps = _steps(name)
    for key, value in node.items():
        step = steps.get(key)
        if step is None:
            if key.startswith("_"):
                _walk_sibling(value, f"{path}.{key[1:]}", found)
        elif isinstance(value, dict):
            _walk_value(value, step, f"{path}.{key}", found)
        elif isinstance(value, list):
            for index, one in enumerate(value):
                if isinstance(one, dict):
                    _walk_value(one, step, f"{path}.{key}[{index}]", found)


def _walk_value(value: dict[str, Any], step: _Step, path: str, found: list[Place]) -> None:
    """One object: itself when it is a Reference, then what it holds."""
    type, targets = step
    if type == "Reference":
        found.append(Place(path, value, targets))
    if type == "Resource":
        type = str(value.get("resourceType"))
        if type not in definitions().resource_types:
            return
    _walk_object(value, type, path, found)


def _walk_sibling(value: Any, path: str, found: list[Place]) -> None:
    """The extensions of a primitive."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            if isinstance(one, dict):
                _walk_object(one, "Element", f"{path}[{index}]", found)
    elif isinstance(value, dict):
        _walk_object(value, "Element", path, found)


_Step = tuple[str, tuple[str, ...]]


@cache
def _steps(name: str) -> Mapping[str, _Step]:
    """For each property that can lead to a reference or a uri: its type or path, and targets."""
    root, _, rest = name.partition(".")
    node: Type | Element | None = definitions().type(root)
    if rest:
        node = definitions().type(root).find(rest)
    found: dict[str, _Step] = {}
    for key, one in (node.properties if node else {}).items():
        code = one.type.code
        if code in ("Reference", *_URI_TYPES):
            found[key] = (code, one.type.targets)
        elif one.element.children:
            found[key] = (one.element.content or one.element.path, ())
        elif code[0].isupper() or code == "xhtml":
            found[key] = (code, ())
    return found


def _replaced(node: dict[str, Any], name: str, mapping: Mapping[str, str]) -> Any:
    """The object of type or path `name` with its places replaced; the same object when nothing changes."""
    steps = _steps(name)
    changed: dict[str, Any] = {}
    for key, value in node.items():
        step = steps.get(key)
        if name == "Reference" and key == "reference" and isinstance(value, str):
            new = _mapped(value, mapping)
        elif step is not None:
            new = _each(value, step[0], mapping)
        elif key.startswith("_"):
            new = _each(value, "Element", mapping)
        else:
            continue
        if new is not value:
            changed[key] = new
    return {**node, **changed} if changed else node


def _each(value: Any, code: str, mapping: Mapping[str, str]) -> Any:
    """The value, or each item of a list, replaced; the same list when no item changes."""
    if not isinstance(value, list):
        return _new_value(value, code, mapping)
    made = [_new_value(one, code, mapping) for one in value]
    return made if any(a is not b for a, b in zip(made, value, strict=True)) else value


def _new_value(value: Any, code: str, mapping: Mapping[str, str]) -> Any:
    """A value of type or path `code` with its places replaced."""
    if isinstance(value, dict):
        if code == "Resource":
            code = str(value.get("resourceType"))
            if code not in definitions().resource_types:
                return value
        return _replaced(value, code, mapping)
    if isinstance(value, str):
        if code in _URI_TYPES:
            return _mapped(value, mapping)
        if code == "xhtml":
            return _new_links(value, mapping)
    return value


def _mapped(text: str, mapping: Mapping[str, str]) -> str:
    """The replacement of a reference, keeping a fragment after it; of any version, the one that is named."""
    if text in mapping:
        return mapping[text]
    bare, mark, fragment = text.partition("#")
    if mark and bare in mapping:
        return mapping[bare] + mark + fragment
    bare, mark, _ = text.partition("/_history/")
    return mapping.get(bare + mark, text) if mark else text


def _new_links(xhtml: str, mapping: Mapping[str, str]) -> str:
    """A narrative with the targets of its links and images replaced."""
    made = _link(lambda m: f"{m[1]}{m[2]}{_mapped(m[3], mapping)}{m[2]}", xhtml)
    return xhtml if made == xhtml else made
