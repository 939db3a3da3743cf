"""FHIR JSON in and out, with decimals kept digit for digit.

`parse` bounds size, depth, lengths, numbers and count of values by a linear scan before anything is
decoded, and refuses what JSON readers disagree on: duplicate keys, lone surrogates, NUL, a byte order mark.

Rule: FHIR R4 4.0.1, json.html; RFC 8259; RFC 7493 (I-JSON) for duplicate keys and surrogates.
"""

from __future__ import annotations

import gc
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

import msgspec

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource


@dataclass(frozen=True, slots=True)
class Limits:
    """What `parse` accepts. `size` and `string` in bytes; `depth` in nested objects and arrays.

    `number` in characters, `exponent` its absolute value: any number fits SQL `numeric`.
    `values` counts separators, so about the number of values; and objects and arrays, as many again.
    """

    size: int = 32 * 1024 * 1024
    string: int = 32 * 1024 * 1024
    depth: int = 64
    number: int = 64
    exponent: int = 300
    values: int = 2_000_000


LIMITS = Limits()

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

_PART = 65_536
"""Bytes from which on garbage is not looked for; brackets that are counted at a time: where the first are too
deep, the others are not looked at."""
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NUMBERS = bytes(c if c in b"0123456789.+-eE" else 32 for c in range(256))
_exponent = re.compile(rb"[eE]([+-]?[0-9]+)").search
_escape = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_token = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}:,]', re.DOTALL)


def parse(data: bytes, limits: Limits = LIMITS) -> Resource:
    """The JSON object in `data`; numbers with a fraction or an exponent are `Decimal`, digits kept.

    Raises Problem `structure` (French and English, with line and column, or the FHIRPath of a duplicate
    key), or `too-long` when a bound is passed. Rule: FHIR R4 4.0.1, json.html.
    """
    value = _value(data, limits)
    if type(value) is not dict:
        raise problem(
            "structure",
            "The body must be one JSON object, beginning with {",
            "Le corps doit être un seul objet JSON, qui commence par {",
        )
    return value


def parse_list(data: bytes, limits: Limits = LIMITS) -> list[Any]:
    """The JSON array in `data`, read as `parse` reads an object: for a JSON Patch, which is no resource."""
    value = _value(data, limits)
    if type(value) is not list:
        raise problem(
            "structure",
            "The body must be one JSON array, beginning with [",
            "Le corps doit être un seul tableau JSON, qui commence par [",
        )
    return value


def dumps(resource: Resource) -> bytes:
    """The resource as compact UTF-8 JSON; a `Decimal` is written as a number with its digits."""
    return _encode(resource)


def indented(data: bytes) -> bytes:
    """The same JSON set out for who reads it: not a digit of it changes."""
    return msgspec.json.format(data, indent=2)


def _value(data: bytes, limits: Limits) -> Any:
    """The JSON value in `data`, within the bounds and without a key that stands twice."""
    if len(data) > limits.size:
        raise _too_long(
            f"the body is larger than {limits.size} bytes: split it",
            f"corps de plus de {limits.size} octets : découpez-le",
        )
    keys = _scanned(data, limits)
    try:
        value = _decode(data) if len(data) < _PART else _decoded_in_peace(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(data, error) from None
    if isinstance(value, dict | list) and _count_keys(value) != keys:
        raise _duplicate(data)
    return value


def _decoded_in_peace(data: bytes) -> Any:
    """The same without looking for garbage: there is none, and all that was made would be looked at again
    and again. Nobody else has a turn meanwhile, being one call.
    """
    searched = gc.isenabled()
    gc.disable()
    try:
        return _decode(data)
    finally:
        if searched:
            gc.enable()


def _scanned(data: bytes, limits: Limits) -> int:
    """Checks the bounds in time linear in `data`; gives the number of object keys.

    With escapes taken out, what lies between quotes at odd places is strings, the rest is structure. Up
    to the first malformed byte this is how the decoder sees it, and there the decoder stops.
    """
    bare = data
    if b"\\" in data:
        bare = data.replace(b"\\\\", b"")
        if b"\\u0000" in bare:
            raise _at(
                data, data.find(b"\\u0000"), "the NUL character is not allowed", "Caractère NUL interdit"
            )
        bare = bare.replace(b'\\"', b"")
    parts = bare.split(b'"')
    if len(data) > limits.string and max(map(len, parts[1::2]), default=0) > limits.string:
        raise _too_long(
            f"a string is longer than {limits.string} bytes", f"texte de plus de {limits.string} octets"
        )
    shape = b"".join(parts[::2])
    keys = shape.count(b":")
    opened = shape.count(b"{") + shape.count(b"[")
    if opened > limits.depth:
        _check_depth(shape, limits.depth)
    if max(keys + shape.count(b","), opened) > limits.values:
        raise _too_long(f"more than {limits.values} values", f"plus de {limits.values} valeurs")
    numbers = shape.translate(_NUMBERS).split()
    if max(map(len, numbers), default=0) >= len("1e100"):
        _check_numbers(numbers, limits)
    return keys


def _check_depth(shape: bytes, depth: int) -> None:
    """Refuses nesting deeper than `depth`."""
    steps = array("b", shape.translate(_STEPS, _NOT_BRACKETS))
    deep = [0]
    for start in range(0, len(steps), _PART):
        deep = list(accumulate(steps[start : start + _PART], initial=deep[-1]))
        if max(deep) > depth:
            raise _too_long(f"nested deeper than {depth} levels", f"plus de {depth} niveaux d'imbrication")


def _check_numbers(numbers: list[bytes], limits: Limits) -> None:
    """Refuses a number with too many characters or too large an exponent."""
    for text in numbers:
        power = _exponent(text)
        if len(text) > limits.number or (power and abs(int(power.group(1))) > limits.exponent):
            shown = text[:24].decode() + ("..." if len(text) > 24 else "")
            raise _too_long(
                f"the number {shown} is too long or too large ({limits.number} characters,"
                f" exponent {limits.exponent} at most)",
                f"nombre {shown} trop long ou trop grand (au plus {limits.number} caractères,"
                f" exposant {limits.exponent})",
            )


def _count_keys(node: Any) -> int:
    """The number of keys in all the objects of a value."""
    if type(node) is dict:
        total = len(node)
        node = node.values()
    else:
        total = 0
    for value in node:
        kind = type(value)
        if kind is dict or kind is list:
            total += _count_keys(value)
    return total


def _too_long(text: str, fr: str) -> Problem:
    return problem("too-long", text[0].upper() + text[1:], fr[0].upper() + fr[1:])


def _at(data: bytes, offset: int, text: str, fr: str) -> Problem:
    """A structure problem with its line and column (both from 1, columns in characters)."""
    line = data.count(b"\n", 0, offset) + 1
    start = data.rfind(b"\n", 0, offset) + 1
    column = len(data[start:offset].decode("utf-8", "replace")) + 1
    return problem(
        "structure",
        f"Line {line}, column {column}: {text}",
        f"Ligne {line}, colonne {column} : {fr[0].lower()}{fr[1:]}",
    )


_FRENCH = {
    "invalid character": "caractère inattendu",
    "trailing characters": "il y a du texte après la fin de l'objet",
    "invalid number": "nombre mal écrit",
    "invalid escape character in string": "échappement inconnu dans un texte",
    "unexpected end of escaped utf-16 surrogate pair": "moitié de caractère (surrogate) isolée",
    "unexpected end of hex escape": "échappement \\u incomplet",
    "invalid character in unicode escape": "échappement \\u incomplet",
    "invalid utf-16 surrogate pair": "moitié de caractère (surrogate) isolée",
    "expected ',' or ']'": "il manque une virgule ou un crochet fermant",
    "expected ',' or '}'": "il manque une virgule ou une accolade fermante",
    "expected ':'": "il manque deux-points après la clé",
    "trailing comma in array": "virgule en trop à la fin de la liste",
    "trailing comma in object": "virgule en trop à la fin de l'objet",
    "object keys must be strings": "une clé d'objet doit être entre guillemets",
}
_byte = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)").fullmatch


def _malformed(data: bytes, error: Exception) -> Problem:
    """The Problem for what the decoder refused."""
    if not data.strip():
        return problem("structure", "The body is empty", "Le corps est vide")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return problem(
            "structure",
            "The body begins with a byte order mark: send UTF-8 without it",
            "Le corps commence par une marque d'ordre des octets (BOM) : envoyez de l'UTF-8 sans elle",
        )
    try:
        data.decode()
    except UnicodeDecodeError as place:
        return _at(data, place.start, "this is not UTF-8", "Ce n'est pas de l'UTF-8")
    found = _byte(str(error))
    if found is None:
        if (alone := _lone_surrogate(data)) >= 0:
            reason = "unexpected end of escaped utf-16 surrogate pair"
            return _at(data, alone, reason, _FRENCH[reason])
        return _at(data, len(data), "the JSON stops before its end", "Le JSON s'arrête avant sa fin")
    reason, offset = found.group(1), int(found.group(2))
    return _at(data, min(offset, len(data)), reason, _FRENCH.get(reason, "texte JSON mal formé"))


def _lone_surrogate(data: bytes) -> int:
    """Where half a character is written that its other half does not follow; -1 when there is none.

    Close to the end of the data the decoder says only that it would have read on.
    """
    for found in _escape.finditer(data):
        half = found.group(1) is not None and 0xD800 <= int(found.group(1), 16) <= 0xDBFF
        if half and data[found.end() : found.end() + 1] not in (b"\\", b""):
            return found.start()
    return -1


def _duplicate(data: bytes) -> Problem:
    """The Problem that names the first duplicate key by its path, line and column."""
    for offset, path in _duplicates(data):
        found = _at(
            data,
            offset,
            f"the key {path} is there twice: keep one",
            f"la clé {path} est présente deux fois : n'en gardez qu'une",
        )
        issue = found.issues[0]
        return problem("structure", issue.text, issue.fr, at=path)
    return problem("structure", "A key is there twice", "Une clé est présente deux fois")


def _duplicates(data: bytes) -> Iterator[tuple[int, str]]:
    """Each duplicate key of well-formed JSON: its offset and its path from the top."""
    kind = re.search(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"', data)
    top = kind.group(1).decode() if kind else "$this"
    stack: list[_Level] = []
    text = b""
    start = 0
    for found in _token.finditer(data):
        token = found.group()
        if token == b"{" or token == b"[":
            stack.append(_Level({} if token == b"{" else None))
        elif token in b"]}":
            stack.pop()
        elif token == b",":
            stack[-1].index += 1
        elif token == b":":
            level = stack[-1]
            level.key = msgspec.json.decode(text, type=str)
            if level.keys is not None and level.keys.setdefault(level.key, start) != start:
                yield start, top + "".join(str(one) for one in stack)
        else:
            text, start = token, found.start()


@dataclass(slots=True)
class _Level:
    """An open object (`keys` with their offsets) or array (`keys` None) and where we are in it."""

    keys: dict[str, int] | None
    key: str = ""
    index: int = 0

    def __str__(self) -> str:
        return f"[{self.index}]" if self.keys is None else f".{self.key}"
