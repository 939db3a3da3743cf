"""The text of a document without its shape: for full-text search and for reading aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.parts import BODY, read_parts
from aubier.services.record.cda.xml import first, name_of, parse_document, text_of

_LINES = {"paragraph", "item", "tr", "br", "table", "list", "caption", "text", "footnote"}
_CELLS = {"td", "th"}


def _flat(text: str | None) -> str:
    return " ".join(re.split(r"\s+", text)) if text else ""


def _pieces(element: etree._Element) -> Iterator[str]:
    """Text without line ends, and line ends and tabs where a line or a cell ends."""
    yield _flat(element.text)
    for child in element:
        name = name_of(child)
        yield "\n" if name in _LINES else ""
        yield from _pieces(child)
        yield "\n" if name in _LINES else "\t" if name in _CELLS else ""
        yield _flat(child.tail)


def _lines(element: etree._Element) -> Iterator[str]:
    """Lines of a narrative block; the cells of a row are set apart by ` | `."""
    for line in "".join(_pieces(element)).split("\n"):
        cells = [" ".join(cell.split()) for cell in line.split("\t")]
        if kept := " | ".join(cell for cell in cells if cell):
            yield kept


def plain_text(data: bytes) -> str:
    """Title, section titles and narratives of a CDA document, a line each; an N1 body when it is text.

    Errors: as `parse_document` and `read_header`.
    """
    root = parse_document(data)
    header = read_header(root)
    lines = [header.title]
    for section in root.iter("{urn:hl7-org:v3}section"):
        lines.append(text_of(first(section, "title")))
        text = first(section, "text")
        lines.extend([] if text is None else _lines(text))
    lines.extend(
        p.content.decode("utf-8", "replace")
        for p in read_parts(root)
        if p.id == BODY and p.media_type == "text/plain"
    )
    return "\n".join(line for line in lines if line)
