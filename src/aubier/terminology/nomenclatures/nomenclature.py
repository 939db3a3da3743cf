"""What every reader of a published file gives, and what they share."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from aubier.ground.problem import Problem, problem
from aubier.terminology.meaning.concepts import Concept, Property, System

LONGEST_LINE = 1 << 20
"""Bytes of the longest line read."""

_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})")


@dataclass(frozen=True, slots=True)
class Nomenclature:
    """A code system in a file: what it is, and its concepts, read anew by each call of `concepts`.

    `supplements` is the canonical of the system that it only adds to.
    """

    system: System
    concepts: Callable[[], Iterator[Concept]]
    supplements: str = ""
    publisher: str = ""


class _Unpacked(io.RawIOBase):
    """What a packed file holds. Problem `structure` where it is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packed = gzip.GzipFile(path, "rb")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes, unpacked."""
        try:
            return self.packed.readinto(buffer)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise unreadable(
                self.path,
                "it is no whole .gz file: fetch it again",
                "ce n'est pas un .gz entier : procurez-vous-le à nouveau",
            ) from None

    def close(self) -> None:
        """Closes the packed file too."""
        self.packed.close()
        super().close()


def opened(path: Path) -> IO[bytes]:
    """A file, unpacked when it ends in `.gz`. Problem `structure`, while reading, for a damaged one."""
    return io.BufferedReader(_Unpacked(path)) if path.suffix == ".gz" else path.open("rb")


def lines(path: Path) -> Iterator[str]:
    """The lines of a text in UTF-8 or, where a line is not, in Windows-1252. Problem for an endless line."""
    with opened(path) as file:
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise unreadable(path, "a line is too long", "une ligne est trop longue")
            yield decoded(line).rstrip("\r\n")


def decoded(data: bytes) -> str:
    """UTF-8, else Windows-1252, in which no byte is wrong. The mark of UTF-8 is left out."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def table(path: Path) -> io.TextIOWrapper:
    """A UTF-8 text for the reader of CSV."""
    return io.TextIOWrapper(opened(path), "utf-8-sig", "replace", newline="")


def cells_of(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file. Problem for one that cannot be cut into cells, or has an endless line."""
    with table(path) as text:
        reader = csv.reader(_bounded(path, text))
        while True:
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error:
                place = f"line {reader.line_num}"
                raise unreadable(path, f"{place} is no CSV", f"{place} n'est pas du CSV") from None


def _bounded(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise unreadable(path, "a line is too long", "une ligne est trop longue")
        yield line


def plain(path: Path) -> str:
    """The name of a file without `.gz`."""
    return path.name.removesuffix(".gz")


def beside(path: Path, name: str) -> Path | None:
    """A file of that name in the same folder, packed or not."""
    return next((found for end in ("", ".gz") if (found := path.parent / f"{name}{end}").exists()), None)


def text(name: str, value: str) -> tuple[Property, ...]:
    """A property of text, when there is one."""
    return (Property(name, "valueString", value.strip()),) if value.strip() else ()


def flag(name: str, value: bool) -> tuple[Property, ...]:
    """A property that is said only when it is true."""
    return (Property(name, "valueBoolean", True),) if value else ()


def date(name: str, value: str) -> tuple[Property, ...]:
    """A date written 31/12/2026, as a property."""
    found = _DATE.fullmatch(value.strip())
    return (Property(name, "valueDateTime", f"{found[3]}-{found[2]}-{found[1]}"),) if found else ()


def unreadable(path: Path, why: str, pourquoi: str) -> Problem:
    """The refusal of a file that is not what its name says."""
    return problem(
        "structure",
        f"{path.name} cannot be read: {why}",
        f"{path.name} n'est pas lisible : {pourquoi}",
        at=path.name,
    )
