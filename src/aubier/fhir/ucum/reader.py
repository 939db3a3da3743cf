"""The grammar of UCUM: a unit's text to its dimensions and its exact size in base units."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files

MAX_LENGTH = 120
"""The longest unit read, in characters."""
_MAX_EXPONENT = 24
_MAX_FACTOR = 12
_MAX_DEPTH = 8

_WORDS = re.compile(
    r"(?P<symbol>(?:10[*^]|[A-Za-z%'\"_]|\[[!-Z\\^-~]*\])+)(?P<exponent>[+-]?[0-9]+)?"
    r"|(?P<factor>[0-9]+)|(?P<note>\{[ -z|~]*\})|(?P<sign>[./()])"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its dimensions (base unit and exponent, by name), and how many base units it is.

    `zero` is where its scale begins, in base units: 273.15 for degrees Celsius, 0 for nearly all others.
    `special`: its scale is no multiple of anything (bel, pH): it measures a dimension of its own.
    """

    dimensions: tuple[tuple[str, int], ...]
    size: Fraction
    zero: Fraction = Fraction(0)
    special: bool = False

    @property
    def canonical(self) -> str:
        """Its dimensions as a unit of base units: `g.m-1.s-2` for a pascal, `1` for a number."""
        parts = (f"{name}{exponent if exponent != 1 else ''}" for name, exponent in self.dimensions)
        return ".".join(parts) or "1"

    def base(self, amount: Fraction) -> Fraction:
        """So many of this unit, in base units."""
        return amount * self.size + self.zero

    def of(self, base: Fraction) -> Fraction:
        """So many base units, in this unit."""
        return (base - self.zero) / self.size


_ONE = Unit((), Fraction(1))


def unit(text: str) -> Unit | None:
    """The unit that `text` writes (`mg/dL`, `10*3/uL`, `kg.m/s2`); None when it is not one known here."""
    return _read(text) if 0 < len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _read(text: str) -> Unit | None:
    try:
        reader = _Reader(text)
        found = reader.term()
    except _UnreadError:
        return None
    return found if reader.done else None


class _UnreadError(Exception):
    pass


class _Reader:
    def __init__(self, text: str) -> None:
        self._words = list(_words(text))
        self._next = 0
        self._depth = 0

    @property
    def done(self) -> bool:
        return self._next == len(self._words)

    def term(self) -> Unit:
        """Components joined by `.` and `/`; a first `/` divides one."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _UnreadError
        found = _ONE if self._sign() == "/" else self._component()
        while (sign := self._sign()) in ("/", "."):
            self._next += 1
            found = _product(found, self._component(), 1 if sign == "." else -1)
        self._depth -= 1
        return found

    def _sign(self) -> str:
        return "" if self.done else (self._words[self._next]["sign"] or "")

    def _component(self) -> Unit:
        if self.done:
            raise _UnreadError
        word = self._words[self._next]
        self._next += 1
        if word["sign"] == "(":
            found = self.term()
            if self._sign() != ")":
                raise _UnreadError
            self._next += 1
        elif word["symbol"]:
            found = _powered(_symbol(word["symbol"]), word["exponent"])
        elif word["factor"] and len(word["factor"]) <= _MAX_FACTOR and int(word["factor"]):
            found = Unit((), Fraction(int(word["factor"])))
        elif word["note"]:
            return _ONE
        else:
            raise _UnreadError
        if not self.done and self._words[self._next]["note"]:
            self._next += 1
        return found


def _words(text: str) -> list[re.Match[str]]:
    found, at = [], 0
    while at < len(text):
        word = _WORDS.match(text, at)
        if word is None:
            raise _UnreadError
        found.append(word)
        at = word.end()
    return found


def _symbol(text: str) -> Unit:
    """An atom, or a metric atom with its prefix. The longest atom is the one meant: `cd` is no centiday."""
    rows = _rows()
    if text in rows:
        return _atom(text)
    for length in (2, 1):
        prefix, atom = text[:length], text[length:]
        if prefix in _PREFIXES and atom in rows and rows[atom]["metric"]:
            whole = _atom(atom)
            return replace(whole, size=whole.size * _PREFIXES[prefix])
    raise _UnreadError


def _powered(whole: Unit, exponent: str | None) -> Unit:
    if exponent is None:
        return whole
    power = int(exponent) if len(exponent) <= 3 else 0
    if not 1 <= abs(power) <= _MAX_EXPONENT or whole.zero or whole.special:
        raise _UnreadError
    return Unit(tuple((n, e * power) for n, e in whole.dimensions), whole.size**power)


def _product(left: Unit, right: Unit, power: int) -> Unit:
    """A product or quotient. A scale with a zero of its own, or none, cannot be multiplied."""
    if left.zero or right.zero or left.special or right.special:
        raise _UnreadError
    exponents = dict(left.dimensions)
    for name, exponent in right.dimensions:
        exponents[name] = exponents.get(name, 0) + exponent * power
    dimensions = tuple(sorted((n, e) for n, e in exponents.items() if e))
    return Unit(dimensions, left.size * right.size**power)


_PREFIXES: Mapping[str, Fraction] = {
    **{
        name: Fraction(10) ** power
        for name, power in {
            "Y": 24,
            "Z": 21,
            "E": 18,
            "P": 15,
            "T": 12,
            "G": 9,
            "M": 6,
            "k": 3,
            "h": 2,
            "da": 1,
            "d": -1,
            "c": -2,
            "m": -3,
            "u": -6,
            "n": -9,
            "p": -12,
            "f": -15,
            "a": -18,
            "z": -21,
            "y": -24,
        }.items()
    },
    **{name: Fraction(1024) ** power for name, power in {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4}.items()},
}


@cache
def _rows() -> Mapping[str, dict[str, str]]:
    """The table of atoms by code."""
    text = files("aubier.fhir.ucum").joinpath("atoms.csv").read_text(encoding="utf-8")
    return {row["code"]: row for row in csv.DictReader(text.splitlines())}


@cache
def _atom(code: str) -> Unit:
    """What an atom of the table is: a dimension of its own, or so many of another unit."""
    row = _rows()[code]
    if not row["unit"]:
        return Unit(((code, 1),), Fraction(1), special=row["zero"] == "*")
    whole = _Reader(row["unit"]).term()
    size = whole.size * Fraction(row["value"])
    return Unit(whole.dimensions, size, Fraction(row["zero"] or 0))
