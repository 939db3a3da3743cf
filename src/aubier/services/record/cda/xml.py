"""XML of strangers, parsed without doing what it asks.

No DTD at all (so no entities, no bombs, no external files), no network, no XInclude, no
stylesheet, bounded size, depth and number of elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from aubier.ground.problem import Problem, problem

MAX_BYTES = 14_000_000
"""The largest document taken, in bytes; libxml2 itself stops at 10 MB in one text (a PDF of 7.5 MB)."""
MAX_DEPTH = 80
MAX_ELEMENTS = 100_000

HL7 = "urn:hl7-org:v3"
_NS = {"h": HL7}
_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_ENCODINGS = {b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"iso-8859-15", b"windows-1252"}
_DECLARATION = re.compile(rb"\A\s*<\?xml[^>]{0,200}?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_PROLOG = re.compile(rb"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_RULE = "CDA R2; RFC 7303 §7"


def _refused(text: str, fr: str, at: str = "ClinicalDocument") -> Problem:
    return problem("structure", text, fr, at=at, rule=_RULE)


def _as_utf8(data: bytes) -> bytes:
    """The same text in UTF-8 when it came in UTF-16, the only wide encoding XML makes everyone read."""
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return data
    try:
        text = data.decode("utf-16").encode()
    except UnicodeDecodeError:
        raise _refused(
            "The document is not valid UTF-16", "Le document n'est pas de l'UTF-16 valide"
        ) from None
    return _DECLARATION.sub(b"", text, count=1)


def _check_before(data: bytes) -> None:
    """Refuses, before any parser sees it, what could make one work or read elsewhere."""
    declaration = _DECLARATION.match(data.removeprefix(b"\xef\xbb\xbf"))
    encoding = _ENCODING.search(declaration.group()) if declaration else None
    if encoding and encoding.group(1).lower() not in _ENCODINGS:
        raise _refused(
            "This character encoding is not taken; send UTF-8",
            "Cet encodage de caractères n'est pas accepté ; envoyez de l'UTF-8",
        )
    start = data.removeprefix(b"\xef\xbb\xbf")
    prolog = _PROLOG.match(start)
    if prolog and start[prolog.end() :].startswith(b"<!"):
        raise _refused(
            "A document type declaration (DTD, entities) is not taken; leave it out",
            "Une déclaration de type de document (DTD, entités) n'est pas acceptée ; retirez-la",
        )


def _check_after(root: etree._Element) -> None:
    depth = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise _refused(
                f"The document has more than {MAX_ELEMENTS} elements or {MAX_DEPTH} levels",
                f"Le document dépasse {MAX_ELEMENTS} éléments ou {MAX_DEPTH} niveaux",
            )


def _parse(data: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = getattr(error, "lineno", 0) or 0
        raise _refused(
            f"The document is not well-formed XML (line {line})",
            f"Le document n'est pas du XML bien formé (ligne {line})",
            at=f"line {line}",
        ) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise _refused(
            "A document type declaration is not taken; leave it out",
            "Une déclaration de type de document (DTD) n'est pas acceptée ; retirez-la",
        )
    return root


def _document_in(root: etree._Element) -> etree._Element:
    """The ClinicalDocument: the root, or the one that a self-presenting document wraps in a stylesheet.

    The stylesheet itself is never run. Rule: CI-SIS, document autoprésentable.
    """
    if root.tag == f"{{{HL7}}}ClinicalDocument":
        return root
    inside = list(root.iter(f"{{{HL7}}}ClinicalDocument")) if root.tag.startswith(_XSL) else []
    if len(inside) != 1:
        raise _refused(
            "The document is not an HL7 CDA R2 ClinicalDocument",
            "Le document n'est pas un ClinicalDocument HL7 CDA R2",
        )
    return inside[0]


def parse_document(data: bytes) -> etree._Element:
    """The `ClinicalDocument` element of an XML document given as bytes.

    Errors: Problem `too-long` beyond MAX_BYTES; `structure` for XML that is not well-formed, holds a
    DTD, is too deep or too large, or is no CDA.
    """
    if len(data) > MAX_BYTES:
        raise problem(
            "too-long",
            f"The document is larger than {MAX_BYTES} bytes",
            f"Le document dépasse {MAX_BYTES} octets",
            at="ClinicalDocument",
        )
    text = _as_utf8(data)
    _check_before(text)
    root = _parse(text)
    _check_after(root)
    return _document_in(root)


def _path(path: str) -> str:
    return "/".join(f"h:{step}" if step[0].isalpha() else step for step in path.split("/"))


def first(element: etree._Element | None, path: str) -> etree._Element | None:
    """The first descendant at `path` (HL7 names joined by `/`), or None."""
    return None if element is None else element.find(_path(path), _NS)


def every(element: etree._Element | None, path: str) -> Iterator[etree._Element]:
    """Every descendant at `path`, in document order."""
    return iter(()) if element is None else element.iterfind(_path(path), _NS)


def text_of(element: etree._Element | None) -> str:
    """All the text below an element with white space single, or an empty string."""
    return "" if element is None else " ".join("".join(element.itertext()).split())


def start_of(element: etree._Element | None, size: int = 300) -> str:
    """The first `size` characters of the text below an element, white space single: reads no further."""
    pieces: list[str] = []
    left = 4 * size
    for piece in () if element is None else element.itertext():
        pieces.append(piece[:left])
        left -= len(pieces[-1])
        if left <= 0:
            break
    return " ".join("".join(pieces).split())[:size]


def has_text(element: etree._Element) -> bool:
    """Whether there is anything but white space below an element; reads no further than the first word."""
    return any(not piece.isspace() and piece for piece in element.itertext())


def name_of(element: etree._Element) -> str:
    """The local name of an HL7 element (`paragraph`), or an empty string for a foreign one."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    return tag.removeprefix(f"{{{HL7}}}") if tag.startswith(f"{{{HL7}}}") else ""
