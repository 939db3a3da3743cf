"""What a resource says in words: its narrative, and the texts of its elements."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
from typing import Any

from aubier.ground.text import fold

MOST = 60_000
"""The most characters of a narrative, and of all other texts, that are searched."""

_OFTEN = 300
"""Characters of a text that is worth remembering."""

UNWORDED = frozenset({"Binary", "Practitioner", "PractitionerRole", "Slot"})
"""Types without full text: contents, which are not ours to read; slots, many and without words; and the
masses of the national directory, whose words are names and codes: `name` and `:text` find these, and an
import would take a quarter longer."""

_TECHNICAL = frozenset(
    {
        *("resourceType", "id", "reference", "system", "url", "data", "contentType", "hash", "versionId"),
        *("lastUpdated", "profile", "fullUrl", "language", "source", "size", "use", "implicitRules"),
    }
)
"""Elements that no reader would call words."""
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)?")
_ADDRESSES = ("urn:", "http://", "https://")
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "acronym",
        "b",
        "big",
        "cite",
        "code",
        "dfn",
        "em",
        "i",
        "kbd",
        "q",
        "samp",
        "small",
        "span",
    }
    | {"strong", "sub", "sup", "tt", "var"}
)


def words_of(resource: Mapping[str, Any]) -> tuple[str, str]:
    """The narrative and the other texts of a resource, folded; both empty where the type has no full text.

    Nothing raises: what cannot be read is left out.
    """
    if resource.get("resourceType") in UNWORDED:
        return "", ""
    narrative = resource.get("text")
    div = narrative.get("div") if narrative.__class__ is dict else None
    told = _plain(div) if isinstance(div, str) else ""
    found: dict[str, None] = {}
    _gather({name: resource[name] for name in resource if name not in ("text", "meta")}, found)
    return _bounded(told), _bounded(" ".join(found))


def _bounded(text: str) -> str:
    """Folded, without the null character, which PostgreSQL does not keep."""
    if len(text) <= _OFTEN:
        return _remembered(text)
    return fold(text[:MOST].replace("\0", " "))[:MOST]


@lru_cache(maxsize=8192)
def _remembered(text: str) -> str:
    """Most resources of a kind say the same words as another."""
    return fold(text.replace("\0", " "))


def _gather(node: Mapping[str, Any], found: dict[str, None]) -> None:
    """Adds the texts of an object, in order, each once."""
    for name, value in node.items():
        if value.__class__ is str:
            if name in _TECHNICAL or value in found or name[:1] == "_":
                continue
            # Neither a date nor an address: each would be an entry of the index for itself.
            if name == "div":
                found[_plain(value)] = None
            elif not (value.startswith(_ADDRESSES) or (value[:1].isdigit() and _DATE.fullmatch(value))):
                found[value] = None
        elif value.__class__ is dict:
            _gather(value, found)
        elif value.__class__ is list:
            for each in value:
                _gather(each if each.__class__ is dict else {name: each}, found)


class _Narrative(HTMLParser):
    """Collects what is read aloud: an element of a line of its own parts the words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE:
            self.found.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self.found.append(" ")

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Passed over, whatever it is called: HTML has none."""
        end = self.rawdata.find("]]>", i)
        return -1 if end < 0 else end + 3

    @property
    def rest(self) -> str:
        """Text that might have gone on. Of markup without an end, as where a text is cut, nothing is text.

        `close` would look for the end of a tag at each `<` in it, which takes for ever in a long comment.
        """
        return "" if self.rawdata.startswith("<") else unescape(self.rawdata)


def _plain(div: str) -> str:
    """The text of XHTML."""
    parser = _Narrative()
    parser.feed(div[: 2 * MOST])
    return "".join([*parser.found, parser.rest])
