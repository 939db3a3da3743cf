"""The parts of an operation of a FHIRPath Patch, as they are sent: nothing in them is passed over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.fhir.primitives import CHECKS
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource

RULE = "FHIR R4 4.0.1 fhirpatch.html"
_BESIDE = frozenset({"name", "id", "extension", "_name", "_id"})
"""What may stand beside the content of a part and changes nothing of it."""
_TEXTS = frozenset({"code", "string"})
_NUMBERS = frozenset({"integer", "unsignedInt", "positiveInt"})


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its `name`, and what it brings in the one property `key`. `at` is its place in the Parameters.

    `type` is the type of a value, `Resource` for a resource, empty for parts of its own.
    """

    name: str
    key: str
    type: str
    sent: Resource
    at: str

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.sent.get(self.key)

    @property
    def sibling(self) -> Any:
        """The id and extensions of a primitive."""
        return self.sent.get(f"_{self.key}")

    def text(self) -> str:
        """The text of a string or code. Problem: it is none."""
        if self.type not in _TEXTS or not isinstance(self.value, str):
            raise refused(f"{self.name} is a valueString", f"{self.name} est un valueString", self.at)
        return self.value

    def number(self) -> int:
        """A whole number from 0. Problem: it is none."""
        found = self.value
        if self.type not in _NUMBERS or not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise refused(
                f"{self.name} is a valueInteger from 0",
                f"{self.name} est un valueInteger à partir de 0",
                self.at,
            )
        return found


def parts_of(holder: Any, at: str) -> list[Part]:
    """The parts of an operation, or of a part. Problem: it has none, or one that cannot be read."""
    listed = holder.get("part") if isinstance(holder, dict) else None
    if not isinstance(listed, list) or not listed:
        raise refused("There must be parts here", "Il faut ici des parts", f"{at}.part")
    return [_part(sent, f"{at}.part[{place}]") for place, sent in enumerate(listed)]


def _part(sent: Any, at: str) -> Part:
    name = sent.get("name") if isinstance(sent, dict) else None
    if not isinstance(name, str):
        raise refused("A part is an object with a name", "Une part est un objet qui a un nom", at)
    keys = sent.keys() - _BESIDE
    found = {_content_key(key, at) for key in keys}
    if len(found) != 1:
        raise refused(
            "A part has one value[x], or one resource, or parts",
            "Une part a un value[x], ou une ressource, ou des parts",
            at,
        )
    key = found.pop()
    if sent.get(key) is None and sent.get(f"_{key}") is None:
        raise refused(f"{key} holds nothing", f"{key} ne contient rien", at)
    type = {"part": "", "resource": "Resource"}.get(key) or _types().get(key, "")
    return Part(name, key, type, sent, at)


def _content_key(key: str, at: str) -> str:
    """The property whose content, or whose sibling, stands at `key`. Problem: a part has no such property."""
    bare = key.removeprefix("_")
    if key in ("part", "resource") or (bare in _types() and (bare == key or _types()[bare] in CHECKS)):
        return bare
    raise refused(f"A part has no element '{key[:64]}'", f"Une part n'a pas d'élément « {key[:64]} »", at)


@cache
def _types() -> dict[str, str]:
    """The type of each `value[x]`: also those which Parameters leave to parts, for some send them so."""
    kinds = ("primitive-type", "complex-type")
    published = definitions()
    names = [name for name in published.types if published.type(name).kind in kinds]
    return {f"value{name[0].upper()}{name[1:]}": name for name in names}


def refused(text: str, fr: str, at: str) -> Problem:
    """A patch that cannot be read."""
    return problem("structure", text, fr, at=at, rule=RULE)
