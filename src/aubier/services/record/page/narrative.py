"""The narrative block of a CDA section as safe HTML.

The output is built as a tree from a closed list of elements and attributes, never copied: nothing of
the source but its text, its structure, its small images and links inside the document comes through.
Rule: CDA R2 §4.3.5 (narrative block); CI-SIS: the narrative is what the author attests.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from lxml import etree

from aubier.services.record.cda.model import Part
from aubier.services.record.cda.parts import image_type
from aubier.services.record.cda.xml import HL7, every, first, has_text, name_of, start_of, text_of

MAX_IMAGE = 2_000_000
"""The largest image shown inside a page, in bytes; a larger one is offered as a file."""
MAX_IMAGES = 20_000_000
"""The bytes of images shown inside one page, repeats counted; what comes after is offered as a file."""
_MAX_NAMES = 20
_MAX_HREF = 2_000
IMAGES = ("image/png", "image/jpeg", "image/gif")
_STYLES = {
    "bold": "bold",
    "italics": "italic",
    "underline": "underline",
    "emphasis": "italic",
    "smallcaps": "smallcaps",
    "strikethrough": "struck",
}
_ALIGN = {"left", "center", "right", "justify"}
_PLAIN = {"sub": "sub", "sup": "sup", "thead": "thead", "tbody": "tbody", "tfoot": "tfoot", "item": "li"}
_BLOCKS = {"paragraph", "list", "table", "item"}
Node: TypeAlias = etree._Element


@dataclass
class Page:
    """What a rendering needs to know of the whole document, and what it gathers on the way.

    `link(part id)` gives our own URL of a file in the document, or None when it is not offered. `known` are
    its IDs, `regions` the image of each region of interest, `blocky` the elements with blocks below them;
    `numbers` are the footnotes by ID, `room` the bytes of images that may still be shown.
    """

    parts: Mapping[str, Part]
    words: Mapping[str, str]
    link: Callable[[str], str] | None = None
    known: frozenset[str] = frozenset()
    regions: Mapping[str, str] = field(default_factory=dict)
    blocky: frozenset[Node] = frozenset()
    used: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    footnotes: list[Node] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    room: int = MAX_IMAGES
    heading: str = ""

    def anchor(self, name: str | None) -> str:
        """Our id for one of the document's, once; empty when it has none or it was used already."""
        if not name or name in self.used:
            return ""
        self.used.add(name)
        return f"cda-{name}"


def add(parent: Node, tag: str, text: str = "", **attributes: str) -> Node:
    """A new last child; `class_` stands for `class`, other underscores for hyphens."""
    child = etree.SubElement(parent, tag)
    for name, value in attributes.items():
        child.set("class" if name == "class_" else name.replace("_", "-"), value)
    child.text = text
    return child


def last_of(parent: Node) -> Node | None:
    """The last child, found from the end: counting children would cost as much as there are."""
    return next(parent.iterchildren(reversed=True), None)


def _say(parent: Node, last: Node | None, texts: Sequence[str | None]) -> None:
    """Texts put after `last`, a child of `parent`, or before its first child: joined once."""
    text = "".join(t for t in texts if t)
    if not text:
        return
    if last is None:
        parent.text = (parent.text or "") + text
    else:
        last.tail = (last.tail or "") + text


def append_text(parent: Node, text: str | None) -> None:
    """Text after what the parent holds so far."""
    _say(parent, last_of(parent), (text,))


def _children(source: Node, target: Node, page: Page) -> None:
    last = last_of(target)
    waiting = [source.text]
    for child in source:
        _element(child, target, page)
        newest = last_of(target)
        if newest is not last:
            _say(target, last, waiting)
            last, waiting = newest, []
        waiting.append(child.tail)
    _say(target, last, waiting)


def index_blocks(root: Node) -> frozenset[Node]:
    """The elements with a block (paragraph, list, table, item) somewhere below them; each is met once."""
    found: set[Node] = set()
    for element in root.iter(*(f"{{{HL7}}}{name}" for name in sorted(_BLOCKS))):
        above = element.getparent()
        while above is not None and above not in found:
            found.add(above)
            above = above.getparent()
    return frozenset(found)


def index_regions(root: Node) -> dict[str, str]:
    """The ID of the image of each region of interest, by the region's ID; the first one counts."""
    found: dict[str, str] = {}
    for region in root.iter(f"{{{HL7}}}regionOfInterest"):
        media = next(region.iter(f"{{{HL7}}}observationMedia"), None)
        if media is not None and region.get("ID"):
            found.setdefault(str(region.get("ID")), media.get("ID", ""))
    return found


def _classes(source: Node) -> str:
    codes = [
        _STYLES[c]
        for c in source.get("styleCode", "").lower().replace("bolditalics", "bold italics").split()
        if c in _STYLES
    ]
    align = source.get("align", "").lower()
    return " ".join([*dict.fromkeys(codes), *([f"to-{align}"] if align in _ALIGN else [])])


def _like(source: Node, target: Node, tag: str, page: Page) -> Node:
    """The element `tag` with the style classes and the anchor of its source."""
    made = add(target, tag)
    if classes := _classes(source):
        made.set("class", classes)
    if anchor := page.anchor(source.get("ID")):
        made.set("id", anchor)
    return made


def _inline(source: Node, target: Node, page: Page) -> None:
    tag = {"delete": "del", "insert": "ins"}.get(source.get("revised", ""), "span")
    _children(source, _like(source, target, tag, page), page)


def _paragraph(source: Node, target: Node, page: Page) -> None:
    _children(source, _like(source, target, "div" if source in page.blocky else "p", page), page)


def _list(source: Node, target: Node, page: Page) -> None:
    if (caption := first(source, "caption")) is not None:
        _children(caption, add(target, "p", class_="document-caption"), page)
    made = _like(source, target, "ol" if source.get("listType") == "ordered" else "ul", page)
    for item in every(source, "item"):
        _children(item, _like(item, made, "li", page), page)


def _table(source: Node, target: Node, page: Page) -> None:
    """A table that scrolls by itself on a narrow screen and says what it is to a screen reader."""
    label = start_of(first(source, "caption")) or page.heading or page.words["table"]
    frame = add(target, "div", class_="document-table", role="group", tabindex="0", aria_label=label)
    made = _like(source, frame, "table", page)
    if (caption := first(source, "caption")) is not None:
        _children(caption, add(made, "caption"), page)
    for child in source:
        if name_of(child) in ("thead", "tbody", "tfoot", "tr"):
            _element(child, made, page)


def _row(source: Node, target: Node, page: Page) -> None:
    made = _like(source, target, "tr", page)
    for cell in source:
        if name_of(cell) in ("td", "th"):
            _cell(cell, made, page)


def _cell(source: Node, target: Node, page: Page) -> None:
    in_head = target.getparent().tag == "thead"
    head = (in_head or name_of(source) == "th") and has_text(source)
    made = _like(source, target, "th" if head else "td", page)
    for span in ("colspan", "rowspan"):
        value = source.get(span, "")
        if value.isascii() and value.isdecimal() and 1 < int(value[:4]) <= 200:
            made.set(span, value)
    if head:
        made.set("scope", "col" if in_head or source.get("scope") == "col" else "row")
    _children(source, made, page)


def _link(source: Node, target: Node, page: Page) -> None:
    href = source.get("href", "")[:_MAX_HREF]
    if href.startswith("#") and href[1:] in page.known:
        _children(source, add(target, "a", href=f"#cda-{href[1:]}"), page)
        return
    made = add(target, "span", class_="document-address")
    _children(source, made, page)
    if href.startswith(("http://", "https://")) and href not in start_of(source, 2 * _MAX_HREF):
        append_text(made, f" ({href})")


def show_part(part: Part, target: Node, page: Page, label: str = "") -> None:
    """A file of the document: a small image as such, anything else as a link to our own URL of it."""
    page.shown.add(part.id)
    small = part.media_type in IMAGES and len(part.content) <= min(MAX_IMAGE, page.room)
    if small and (kind := image_type(part.content)):  # some announce one image type and hold another
        page.room -= len(part.content)
        data = base64.b64encode(part.content).decode()
        frame = add(target, "span", class_="document-image")
        add(frame, "img", src=f"data:{kind};base64,{data}", alt=label or page.words["image"])
        return
    kind = {"application/pdf": "PDF", "text/rtf": "RTF"}.get(part.media_type, part.media_type)
    size = f"{max(1, len(part.content) // 1000)} {page.words['kb']}"
    text = f"{label or page.words['file']} ({kind}, {size})"
    if page.link is None:
        add(target, "span", text, class_="document-file")
    else:
        add(target, "a", text, href=page.link(part.id), class_="document-file")


def _media(source: Node, target: Node, page: Page) -> None:
    caption = first(source, "caption")
    label = start_of(caption)
    for name in source.get("referencedObject", "").split(maxsplit=_MAX_NAMES)[:_MAX_NAMES]:
        part = page.parts.get(name) or page.parts.get(page.regions.get(name, ""))
        if part is None:
            add(target, "span", page.words["missing"], class_="document-missing")
        else:
            show_part(part, target, page, label)
    if label:
        add(target, "span", text_of(caption), class_="document-caption")


def _footnote(source: Node, target: Node, page: Page) -> None:
    page.footnotes.append(source)
    number = len(page.footnotes)
    page.numbers.setdefault(source.get("ID", ""), number)
    mark = add(target, "sup")
    add(mark, "a", str(number), href=f"#cda-note-{number}", id=f"cda-call-{number}")


def _footnote_again(source: Node, target: Node, page: Page) -> None:
    number = page.numbers.get(source.get("IDREF") or "-")
    if number:
        add(add(target, "sup"), "a", str(number), href=f"#cda-note-{number}")


def _nothing(source: Node, target: Node, page: Page) -> None:
    """Captions and columns are taken where their owner is."""


_RENDER: dict[str, Callable[[Node, Node, Page], None]] = {
    "content": _inline,
    "paragraph": _paragraph,
    "list": _list,
    "table": _table,
    "tr": _row,
    "linkHtml": _link,
    "renderMultiMedia": _media,
    "footnote": _footnote,
    "footnoteRef": _footnote_again,
    "caption": _nothing,
    "col": _nothing,
    "colgroup": _nothing,
}


def _element(source: Node, target: Node, page: Page) -> None:
    name = name_of(source)
    if name == "br":
        add(target, "br").text = None
    elif name in _RENDER:
        _RENDER[name](source, target, page)
    elif name in _PLAIN:
        _children(source, _like(source, target, _PLAIN[name], page), page)
    else:
        _children(source, add(target, "span"), page)


def render_narrative(text: Node, target: Node, page: Page) -> None:
    """Adds the narrative block `text` to `target` (an HTML element)."""
    _children(text, _like(text, target, "div", page), page)


def render_footnotes(target: Node, page: Page) -> None:
    """Adds the document's footnotes, numbered, each with a way back."""
    if not page.footnotes:
        return
    made = add(target, "ol", class_="document-notes", aria_label=page.words["notes"])
    for number, note in enumerate(list(page.footnotes), start=1):
        item = add(made, "li", id=f"cda-note-{number}")
        _children(note, item, page)
        add(item, "a", "↩", href=f"#cda-call-{number}", aria_label=page.words["back"])
