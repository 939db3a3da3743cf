"""What narratives refer to: a contained image that a narrative shows is not lost.

Rule: FHIR R4 4.0.1, narrative.html#refs, against dom-3, whose expression looks at references alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from aubier.validation.narrative import languages
from aubier.validation.profiles.items import Item


def unnarrated(item: Item) -> Item:
    """A resource without the contained ones that a narrative in it names (`#id`)."""
    told = "".join(_narratives(item.value))
    rows = item.value.get("contained", ())
    left = [r for r in rows if not any(f"{q}#{r.get('id')}{q}" in told for q in "'\"")]
    made = replace(item, value={**item.value, "contained": left})
    made.resource = item.resource
    return made


def unspoken(item: Item, asked: tuple[str, ...]) -> list[str]:
    """What a narrative does not do of what is asked of its sections by language.

    `_no`: there are none; `_yes`: there are some; `_resource`: one in the language of the resource; else a
    language. Rule: extension narrative-language-control.
    """
    div = item.value.get("div")
    spoken = languages(div) if isinstance(div, str) else []
    held = {"_no": not spoken, "_yes": bool(spoken)}
    if item.resource is not None and isinstance(own := item.resource.value.get("language"), str):
        held["_resource"] = own in spoken
    return [code for code in asked if not held.get(code, code[:1] == "_" or code in spoken)]


def _narratives(resource: Any) -> Iterator[str]:
    """The XHTML of a resource and of its sections."""
    pending: list[Any] = [resource]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
            if isinstance(node.get("div"), str):
                yield node["div"]
