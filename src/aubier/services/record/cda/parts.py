"""The files a CDA document carries: its unstructured body, its images and attached PDFs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from lxml import etree

from aubier.ground.problem import Problem, problem
from aubier.services.record.cda.model import Part
from aubier.services.record.cda.xml import every, first, has_text

BODY = "body"
"""The identifier of the unstructured body among the parts."""
_SIGNATURES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "application/pdf": b"%PDF-",
}


def _bad_base64(at: str) -> Problem:
    return problem("value", "The content is not base64", "Le contenu n'est pas du base64", at=at)


def content_of(element: etree._Element, at: str) -> bytes:
    """The bytes of an HL7 ED: base64 decoded when `representation` is B64, else its text in UTF-8.

    Errors: Problem `value` at `at` for what is not base64.
    """
    text = "".join(element.itertext())
    if element.get("representation") != "B64":
        return text.strip("\r\n").encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _bad_base64(at) from None


def looks_like(media_type: str, content: bytes) -> bool:
    """True when the first bytes are those of the announced type (PNG, JPEG, GIF, PDF)."""
    signature = _SIGNATURES.get(media_type)
    return signature is not None and content[:1024].lstrip()[: len(signature)] == signature


def image_type(content: bytes) -> str:
    """The media type of a PNG, JPEG or GIF by its first bytes, or an empty string."""
    kinds = (kind for kind in _SIGNATURES if kind.startswith("image/"))
    return next((kind for kind in kinds if looks_like(kind, content)), "")


def _media(root: etree._Element) -> Iterator[Part]:
    seen: set[str] = set()
    for number, media in enumerate(root.iter("{urn:hl7-org:v3}observationMedia")):
        value = first(media, "value")
        name = media.get("ID") or f"media-{number + 1}"
        inside = next(media.iterancestors(media.tag), None) is not None
        if value is None or inside or name in seen or not has_text(value):
            continue
        seen.add(name)
        content = content_of(value, f"observationMedia[{number}].value")
        yield Part(name, value.get("mediaType", "application/octet-stream"), content)


def read_parts(root: etree._Element) -> tuple[Part, ...]:
    """Every file of the document: the N1 body first (identifier `body`), then each observationMedia.

    Errors: Problem `value` for content that is not base64.
    """
    bodies = [
        Part(BODY, text.get("mediaType", "text/plain"), content_of(text, "component.nonXMLBody.text"))
        for text in every(root, "component/nonXMLBody/text")
    ]
    return (*bodies, *_media(root))
