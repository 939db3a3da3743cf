"""A CodeSystem resource of any size, its concepts read one after the other.

The file is read twice: once for what the resource says of itself, once for its concepts. A concept with all
that is nested in it is in memory, never the whole. Rule: FHIR R4, CodeSystem; RFC 8259.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NoReturn

from aubier.ground.rows import Resource
from aubier.terminology.meaning.code_system import aliases, nested, system_of
from aubier.terminology.meaning.concepts import Concept
from aubier.terminology.nomenclatures.nomenclature import Nomenclature, opened, plain, unreadable

LARGE = 4_000_000
"""Bytes from which a CodeSystem is streamed into the tables rather than stored as a resource."""

_CHUNK = 1 << 16
_MOST = 64_000_000
"""Characters of the largest value that is decoded at once."""

_SPACE = " \t\r\n"


def recognised(path: Path) -> Path | None:
    """The path itself, when it is a large JSON file that says CodeSystem near its beginning."""
    if path.is_dir() or not plain(path).endswith(".json") or path.stat().st_size < _least(path):
        return None
    with opened(path) as file:
        beginning = "".join(file.read(16_384).decode("utf-8", "replace").split())
    return path if '"resourceType":"CodeSystem"' in beginning else None


def _least(path: Path) -> int:
    return LARGE // 10 if path.suffix == ".gz" else LARGE


def read(path: Path) -> Nomenclature:
    """The system of a file. Problem `structure` for what is not JSON, or names no url."""
    head: Resource = {}
    for name, value in _members(path, keep_concepts=False):
        head[name] = value
    if not isinstance(head.get("url"), str) or head.get("resourceType") != "CodeSystem":
        raise unreadable(path, "no CodeSystem with a url", "pas de CodeSystem avec une url")
    supplements = str(head.get("supplements", ""))
    known = aliases(head)
    return Nomenclature(
        system_of(head), lambda: _concepts(path, known), supplements, str(head.get("publisher", ""))
    )


def _concepts(path: Path, known: Mapping[str, str]) -> Iterator[Concept]:
    for name, value in _members(path, keep_concepts=True):
        if name == "concept":
            if not isinstance(value, dict) or not isinstance(value.get("code"), str):
                raise unreadable(path, "a concept has no code", "un concept n'a pas de code")
            yield from nested(value, known)


def _members(path: Path, *, keep_concepts: bool) -> Iterator[tuple[str, Any]]:
    """The properties of the resource; of `concept`, each element by itself, or none."""
    with opened(path) as file:
        reader = _Reader(path, file)
        reader.expect("{")
        while reader.peek() != "}":
            name = reader.value()
            reader.expect(":")
            if name == "concept":
                for element in reader.elements():
                    if keep_concepts:
                        yield "concept", element
            else:
                found = reader.value()
                if not keep_concepts:
                    yield name, found
            if reader.peek() == ",":
                reader.expect(",")


class _Reader:
    """JSON values out of a stream, by the decoder of the standard library."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file = path, file
        self.decode = json.JSONDecoder(parse_float=Decimal).raw_decode
        self.utf8 = codecs.getincrementaldecoder("utf-8")("strict")
        self.text, self.place, self.ended = "", 0, False

    def more(self) -> None:
        """Reads on: as much again as is waiting, so that a large value is not tried too often."""
        waiting = len(self.text) - self.place
        if self.ended or waiting > _MOST:
            self.refuse()
        data = self.file.read(max(_CHUNK, waiting))
        self.ended = not data
        try:
            self.text = self.text[self.place :] + self.utf8.decode(data, self.ended)
        except UnicodeDecodeError:
            self.refuse()
        self.place = 0

    def peek(self) -> str:
        """The next character that is no space."""
        while True:
            while self.place < len(self.text) and self.text[self.place] in _SPACE:
                self.place += 1
            if self.place < len(self.text):
                return self.text[self.place]
            self.more()

    def expect(self, sign: str) -> None:
        """Passes one sign."""
        if self.peek() != sign:
            self.refuse()
        self.place += 1

    def value(self) -> Any:
        """The next value, whole: one that ends where the text does may go on."""
        self.peek()
        while True:
            try:
                found, end = self.decode(self.text, self.place)
                if end < len(self.text) or self.ended:
                    self.place = end
                    return found
            except (json.JSONDecodeError, RecursionError):
                if self.ended:
                    self.refuse()
            self.more()

    def elements(self) -> Iterator[Any]:
        """The elements of an array."""
        self.expect("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() == ",":
                self.expect(",")
        self.expect("]")

    def refuse(self) -> NoReturn:
        """The refusal of what is not JSON."""
        near = self.text[self.place : self.place + 40]
        raise unreadable(self.path, f"not JSON near '{near}'", f"JSON mal formé près de « {near} »")
