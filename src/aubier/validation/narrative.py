"""Narratives: well-formed XHTML, one div, passive content only.

Rule: FHIR R4 4.0.1, narrative.html (txt-1, txt-2): elements and attributes of HTML 4.0 chapters 7 to 11
(except 9.4) and 15, links, images and style attributes; no head, body, scripts, forms, frames, objects, event
attributes.
"""

from __future__ import annotations

import re
from html.entities import html5
from itertools import islice

from lxml import etree

from aubier.validation.drafts import LIMIT, Draft

_NS = "{http://www.w3.org/1999/xhtml}"
_XML = "{http://www.w3.org/XML/1998/namespace}"

_TAGS = """
    a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1
    h2 h3 h4 h5 h6 hr i img kbd li map ol p pre q samp small span strong sub sup table tbody td tfoot th thead
    tr tt ul var
"""
_COMMON = """
    title style class id dir lang accesskey tabindex span width align valign char charoff abbr axis headers
    scope rowspan colspan
"""
_ELEMENTS = frozenset(_NS + name for name in _TAGS.split())
_EVERYWHERE = frozenset(_COMMON.split()) | {_XML + "lang", _XML + "space"}
_OWN = {
    _NS + name: frozenset(attributes.split(" "))
    for name, attributes in {
        "a": "charset type name href hreflang rel rev shape coords",
        "area": "shape coords href nohref alt",
        "blockquote": "cite",
        "img": "src alt longdesc height usemap ismap name border",
        "map": "name",
        "ol": "start type",
        "q": "cite",
        "table": "summary border frame rules cellspacing cellpadding",
        "td": "nowrap",
        "th": "nowrap",
    }.items()
}
_ATTRIBUTES = 256
_assigned = re.compile(r"""=[ \t\r\n]*["']""").findall
_undefined = re.compile(r"Entity '([A-Za-z0-9]{1,40})' not defined").search
_two_faced = re.compile(r"<\?|<!(?!--)|<!--(?:-?>)|--!>").search
"""Markup that XML and HTML read differently: what is a comment for one may be a script for the other."""
_LINKS = ("href", "src", "cite", "longdesc", "usemap")
_passive = re.compile(
    r"(?i)\s*+(?:(?:https?|mailto|tel|ftp|urn|cid):|data:image/(?:png|jpeg|gif);|[^:]*$|[^:]*[/?#])"
).match
_active_style = re.compile(
    r"(?i)url\s*\(|expression\s*\(|@import|javascript:|behaviou?r\s*:|-moz-binding|\\"
).search
_background = re.compile(
    r"(?i)background(?:-image)?\s*+:\s*+url\((['\"]?)(?:data:image/(?:png|jpeg|gif);base64,[a-z0-9+/=]++|[a-z0-9_\-]++\.(?:png|jpe?g|gif))\1\)"
)
"""A background that reaches no other place: an image within, or a file beside (guides draw trees so)."""


def narrative(text: str) -> list[Draft] | None:
    """The faults of `Narrative.div`, or None. Linear in its length; no entity, no network."""
    if ("<!" in text or "<?" in text or "--!>" in text) and _two_faced(text):
        return [
            _fault(
                "no DOCTYPE, entity declaration, CDATA or processing instruction is allowed, nor a comment"
                " that HTML ends earlier",
                "DOCTYPE, entités, CDATA, instructions et commentaires que HTML ferme avant sont interdits",
            )
        ]
    if text.count("=") > _ATTRIBUTES and max(map(_attributes, text.split("<"))) > _ATTRIBUTES:
        return [
            _fault(
                f"more than {_ATTRIBUTES} attributes on one element",
                f"Plus de {_ATTRIBUTES} attributs sur un élément",
            )
        ]
    try:
        root = etree.fromstring(text.encode("utf-8"), _parser())
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        return [
            _fault(
                f"the XHTML is not well-formed: {_reason(error)}{_instead(error, 'write')}",
                f"XHTML mal formé, balise ou entité fautive ({_reason(error)}){_instead(error, 'écrivez')}",
            )
        ]
    if root.tag != _NS + "div":
        return [
            _fault(
                'the root must be <div xmlns="http://www.w3.org/1999/xhtml">',
                'La racine doit être <div xmlns="http://www.w3.org/1999/xhtml">',
            )
        ]
    found = list(islice((draft for node in root.iter(etree.Element) for draft in _faults(node)), LIMIT + 1))
    if not found and not _has_content(root):
        found.append(
            _fault(
                "the narrative is empty: write a text or an image",
                "Le récit est vide : mettez un texte ou une image",
            )
        )
    return found or None


def languages(text: str) -> list[str]:
    """The languages of the sections of a narrative: the children of its div that say one."""
    if narrative(text):
        return []
    root = etree.fromstring(text.encode("utf-8"), _parser())
    said = (str(node.get(_XML + "lang") or node.get("lang") or "") for node in root.iterchildren(_NS + "div"))
    return [language for language in said if language]


def _attributes(piece: str) -> int:
    """How many attributes a tag can have, from its text up to the next tag.

    Bounded beforehand, for the parser's time is quadratic in them.
    """
    return len(_assigned(piece))


def _parser() -> etree.XMLParser:
    """A parser that reads nothing but the text it is given."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _reason(error: Exception) -> str:
    """The parser's words, on one line, short."""
    return str(error).split("\n")[0][:120]


def _instead(error: Exception, write: str) -> str:
    """What to write for a name that only HTML knows: a narrative stands in XML too, which has no `&nbsp;`.

    Rule: FHIR R4 4.0.1, narrative.html: Unicode characters instead of HTML entities.
    """
    named = _undefined(str(error))
    meant = html5.get(f"{named[1]};", "") if named else ""
    return f"; {write} {''.join(f'&#{ord(c)};' for c in meant)}" if meant else ""


def _faults(node: etree._Element) -> list[Draft]:
    """What an element or its attributes may not be."""
    tag = str(node.tag)
    if tag not in _ELEMENTS:
        name = tag.removeprefix(_NS)[:40]
        return [_fault(f"<{name}> is not allowed in a narrative", f"<{name}> n'est pas permis dans un récit")]
    if not node.attrib:
        return []
    own = _OWN.get(tag, frozenset())
    return [
        _attribute_fault(str(key))
        for key, value in node.attrib.items()
        if not _allowed(str(key), str(value), own)
    ]


def _allowed(key: str, value: str, own: frozenset[str]) -> bool:
    """Whether an attribute may stand, with this value."""
    if key not in _EVERYWHERE and key not in own:
        return False
    if key in _LINKS:
        return _passive(value) is not None
    return key != "style" or _active_style(_background.sub(" ", value)) is None


def _attribute_fault(key: str) -> Draft:
    name = key.removeprefix(_XML)[:40]
    return _fault(
        f"the attribute {name} (or its value) is not allowed in a narrative",
        f"L'attribut {name} (ou sa valeur) n'est pas permis dans un récit",
    )


def _has_content(root: etree._Element) -> bool:
    """Some text that is not white space, as XML has it, or an image."""
    return (
        any(text.strip(" \t\r\n") for text in root.itertext())
        or next(root.iter(_NS + "img"), None) is not None
    )


def _fault(text: str, fr: str) -> Draft:
    return Draft("invalid", text[0].upper() + text[1:], fr, rule="FHIR R4 4.0.1 narrative.html")
