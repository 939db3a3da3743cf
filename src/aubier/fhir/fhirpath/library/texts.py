"""Strings. Rule: FHIRPath N1 2.0.0, section 5.6; that of 3.0.0 for what is for trial use."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable

from aubier.fhir.fhirpath.evaluation.run import Items, Run, fault
from aubier.fhir.fhirpath.library.arguments import integer_in, of, text_in
from aubier.fhir.fhirpath.patterns import pattern

_JSON_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_JSON_SHORT = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CODERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "hex": (binascii.hexlify, binascii.unhexlify),
    "base64": (base64.standard_b64encode, lambda b: base64.b64decode(b, validate=True)),
    "urlbase64": (base64.urlsafe_b64encode, lambda b: base64.b64decode(b, b"-_", validate=True)),
}


def _text(run: Run, items: Items) -> str | None:
    """The one text, which counts by its length."""
    text = text_in(items)
    if text is not None:
        run.charge(len(text) >> 6)
    return text


def index_of(run: Run, items: Items, wanted: Items) -> Items:
    """`indexOf(text)`: where it begins, counted from 0; -1 when nowhere."""
    text, part = _text(run, items), text_in(wanted)
    return [] if text is None or part is None else of(text.find(part), "Integer")


def last_index_of(run: Run, items: Items, wanted: Items) -> Items:
    """`lastIndexOf(text)`: where it begins last."""
    text, part = _text(run, items), text_in(wanted)
    return [] if text is None or part is None else of(text.rfind(part), "Integer")


def substring(run: Run, items: Items, start: Items, length: Items | None = None) -> Items:
    """`substring(start [, length])`: empty when it would begin outside the text."""
    text, begin = _text(run, items), integer_in(start)
    count = integer_in(length) if length is not None else None
    if text is None or begin is None or not 0 <= begin < len(text):
        return []
    return of(text[begin:] if count is None else text[begin : begin + max(count, 0)], "String")


def starts_with(run: Run, items: Items, wanted: Items) -> Items:
    """`startsWith(prefix)`."""
    text, part = _text(run, items), text_in(wanted)
    return [] if text is None or part is None else of(text.startswith(part), "Boolean")


def ends_with(run: Run, items: Items, wanted: Items) -> Items:
    """`endsWith(suffix)`."""
    text, part = _text(run, items), text_in(wanted)
    return [] if text is None or part is None else of(text.endswith(part), "Boolean")


def contains(run: Run, items: Items, wanted: Items) -> Items:
    """`contains(text)`: the function, not the operator."""
    text, part = _text(run, items), text_in(wanted)
    return [] if text is None or part is None else of(part in text, "Boolean")


def upper(run: Run, items: Items) -> Items:
    """`upper()`."""
    text = _text(run, items)
    return [] if text is None else of(run.text(text.upper()), "String")


def lower(run: Run, items: Items) -> Items:
    """`lower()`."""
    text = _text(run, items)
    return [] if text is None else of(run.text(text.lower()), "String")


def trim(run: Run, items: Items) -> Items:
    """`trim()`: without the white space at both ends."""
    text = _text(run, items)
    return [] if text is None else of(text.strip(), "String")


def length(run: Run, items: Items) -> Items:
    """`length()`: in characters."""
    text = _text(run, items)
    return [] if text is None else of(len(text), "Integer")


def to_chars(run: Run, items: Items) -> Items:
    """`toChars()`: each character."""
    text = _text(run, items) or ""
    run.spend(text)
    return [(c, None, "System.String") for c in text]


def replace(run: Run, items: Items, wanted: Items, substitute: Items) -> Items:
    """`replace(text, by)`: every occurrence; an empty text occurs between all characters."""
    text, part, new = _text(run, items), text_in(wanted), text_in(substitute)
    if text is None or part is None or new is None:
        return []
    run.charge((text.count(part) * len(new)) >> 6)
    return of(run.text(text.replace(part, new)), "String")


def matches(run: Run, items: Items, regex: Items) -> Items:
    """`matches(regex)`: whether it matches somewhere in the text."""
    return _matched(run, items, regex, whole=False)


def matches_full(run: Run, items: Items, regex: Items) -> Items:
    """`matchesFull(regex)`: whether it matches the whole text."""
    return _matched(run, items, regex, whole=True)


def _matched(run: Run, items: Items, regex: Items, *, whole: bool) -> Items:
    text, written_ = _text(run, items), text_in(regex)
    if text is None or written_ is None:
        return []
    compiled = pattern(written_)
    return of(compiled.matches(text, whole=whole, charge=run.charge), "Boolean")


def replace_matches(run: Run, items: Items, regex: Items, substitute: Items) -> Items:
    """`replaceMatches(regex, by)`: `$1` and `${name}` stand for groups. An empty regex changes nothing."""
    text, written_, new = _text(run, items), text_in(regex), text_in(substitute)
    if text is None or written_ is None or new is None:
        return []
    if not written_:
        return of(text, "String")
    compiled = pattern(written_)
    return of(run.text(compiled.replaced(text, new, charge=run.charge)), "String")


def split(run: Run, items: Items, separator: Items) -> Items:
    """`split(separator)`: an empty separator gives each character."""
    text, mark = _text(run, items), text_in(separator)
    if text is None or mark is None:
        return []
    found = text.split(mark) if mark else list(text)
    run.spend(found)
    return [(part, None, "System.String") for part in found]


def join(run: Run, items: Items, separator: Items | None = None) -> Items:
    """`join([separator])`: all texts of the collection as one; an empty collection gives nothing."""
    mark = (text_in(separator) if separator is not None else "") or ""
    texts = [text for item in items if (text := text_in([item])) is not None]
    return of(run.text(mark.join(texts)), "String") if texts else []


def concatenate(run: Run, left: Items, right: Items) -> Items:
    """`&`: two texts, where nothing counts as an empty one."""
    return of(run.text((text_in(left) or "") + (text_in(right) or "")), "String")


def encode(run: Run, items: Items, format: Items) -> Items:
    """`encode(format)`: `hex`, `base64` or `urlbase64` of the UTF-8 bytes."""
    text, name = _text(run, items), text_in(format)
    if text is None or name is None:
        return []
    return of(run.text(_coder(name)[0](text.encode("utf-8", "replace")).decode()), "String")


def decode(run: Run, items: Items, format: Items) -> Items:
    """`decode(format)`: the text back; nothing when it is not so encoded."""
    text, name = _text(run, items), text_in(format)
    if text is None or name is None:
        return []
    try:
        return of(_coder(name)[1](text.encode()).decode(), "String")
    except ValueError:
        return []


def _coder(name: str) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    if name not in _CODERS:
        known = ", ".join(_CODERS)
        raise fault(f"the encoding {name!r} is none of {known}", f"encodage {name!r} inconnu ({known})")
    return _CODERS[name]


def escape(run: Run, items: Items, target: Items) -> Items:
    """`escape(target)`: for `html` or `json`."""
    text, name = _text(run, items), text_in(target)
    if text is None or name is None:
        return []
    if _target(name) == "html":
        return of(run.text(html.escape(text, quote=True).replace("&#x27;", "'")), "String")
    return of(run.text(json.dumps(text, ensure_ascii=False)[1:-1]), "String")


def unescape(run: Run, items: Items, target: Items) -> Items:
    """`unescape(target)`: the text back; what is no escape stays."""
    text, name = _text(run, items), text_in(target)
    if text is None or name is None:
        return []
    if _target(name) == "html":
        return of(html.unescape(text), "String")
    return of(_JSON_ESCAPE.sub(_unescaped, text), "String")


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _JSON_SHORT[match[2]]


def _target(name: str) -> str:
    if name not in ("html", "json"):
        raise fault(f"{name!r} is neither html nor json", f"{name!r} n'est ni html ni json")
    return name


def plus_text(run: Run, left: Items, right: Items) -> Items:
    """`+` of two texts: nothing when a side is empty."""
    first, second = text_in(left), text_in(right)
    if first is None or second is None:
        return []
    return of(run.text(first + second), "String")
