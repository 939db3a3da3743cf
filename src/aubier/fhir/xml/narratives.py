"""The narrative of a resource on its way out of the XML around it."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

_XML = "http://www.w3.org/XML/1998/namespace"
_VOID = frozenset({"area", "br", "col", "hr", "img"})
"""What HTML never closes: `<br></br>` would be two."""


class Narrative:
    """A `div` that is open: kept byte for byte when it stands `alone`, that is declares its own namespace.

    Otherwise (`<h:div>`) it is written again, as a div that can be understood by itself.
    """

    def __init__(self, data: bytes, start: int, *, alone: bool) -> None:
        self._data, self._start = data, start
        self._alone = alone and data.startswith(b"<div", start)
        self._spaces: list[str] = [""]
        self._full = False
        self._again: list[str] = []

    def opened(self, space: str, local: str, given: Mapping[str, str]) -> None:
        """An element begins, the div first."""
        self._full = len(self._spaces) > 1
        listed = {} if space == self._spaces[-1] else {"xmlns": space}
        self._spaces.append(space)
        if not self._alone:
            listed |= {_plain(name): text for name, text in given.items()}
            end = "/>" if local in _VOID else ">"
            self._again.append(f"<{local}" + "".join(f" {k}={quoteattr(v)}" for k, v in listed.items()) + end)

    def said(self, text: str) -> None:
        """Text between the elements."""
        self._full = True
        if not self._alone:
            self._again.append(escape(text))

    def closed(self, local: str) -> bool:
        """An element ends; whether it was the div."""
        self._spaces.pop()
        if not self._alone and local not in _VOID:
            self._again.append(f"</{local}>")
        return len(self._spaces) == 1

    def text(self, end: int) -> str:
        """The whole div; `end` is where its end tag begins, or where `<div/>` has ended."""
        if not self._alone:
            return "".join(self._again)
        if self._full or not self._data.startswith(b"/>", end - 2):
            end = self._data.index(b">", end) + 1
        return self._data[self._start : end].decode()


def _plain(name: str) -> str:
    """The name of an attribute; of those with a namespace only `xml:lang` and its like are kept apart."""
    space, _, local = name.rpartition(" ")
    return f"xml:{local}" if space == _XML else local
