"""The regular expressions of value set filters, without the ones that never end.

A pattern is parsed into a small tree: characters, classes, groups, alternatives, bounded repeats. The tree
is matched here by sets of positions, in time that grows with pattern times text, or written again for the
database. Back references and look-around do not exist. Rule: FHIR R4, valueset-filter-operator, regex.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from aubier.ground.problem import problem

LONGEST, DEEPEST, MOST = 500, 20, 255
"""Bounds of a pattern: characters, nested groups, the number in a repeat."""

_LAST = 0x10FFFF
Range = tuple[int, int]
_DIGITS: tuple[Range, ...] = ((48, 57),)
_WORDS: tuple[Range, ...] = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACES: tuple[Range, ...] = ((9, 13), (32, 32))
_NAMED = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_CONTROLS = {"f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


@dataclass(frozen=True, slots=True)
class One:
    """One character within some ranges of code points."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of several."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """`part` at least `low` and at most `high` times (None: without bound)."""

    part: Node
    low: int
    high: int | None


Node = One | Row | Either | Times


def parse(pattern: str, at: str = "") -> Node:
    """The tree of a pattern, which matches whole values. Problem `value`, saying where reading stopped."""
    if len(pattern) > LONGEST:
        raise problem(
            "too-long",
            f"A pattern has at most {LONGEST} characters",
            f"Un motif a au plus {LONGEST} caractères",
            at=at,
        )
    text = pattern.removeprefix("^")
    if text.endswith("$") and not text.endswith("\\$"):
        text = text[:-1]
    reader = _Reader(text, at)
    node = reader.either(0)
    if reader.place < len(text):
        reader.refuse()
    return node


def matches(node: Node, text: str) -> bool:
    """Whether the whole text is what the tree describes."""
    return len(text) in _ends(node, text, frozenset({0}))


def _ends(node: Node, text: str, starts: frozenset[int]) -> frozenset[int]:
    """Where a match may end that begins at one of `starts`."""
    match node:
        case One(ranges):
            return frozenset(
                n + 1 for n in starts if n < len(text) and any(a <= ord(text[n]) <= b for a, b in ranges)
            )
        case Row(parts):
            for part in parts:
                starts = _ends(part, text, starts)
            return starts
        case Either(parts):
            return frozenset(n for part in parts for n in _ends(part, text, starts))
        case Times(part, low, high):
            return _repeated(part, low, high, (text, starts))


def _repeated(part: Node, low: int, high: int | None, where: tuple[str, frozenset[int]]) -> frozenset[int]:
    text, now = where
    for _ in range(low):
        now = _ends(part, text, now)
    found, turns = now, 0
    while now and (high is None or turns < high - low):
        now = _ends(part, text, now) - found
        found |= now
        turns += 1
    return found


def written(node: Node) -> str:
    """The same pattern as PostgreSQL reads it, every character by its number."""
    return f"^(?:{_written(node)})$"


def _written(node: Node) -> str:
    match node:
        case One(ranges):
            return "[" + "".join(_char(a) if a == b else f"{_char(a)}-{_char(b)}" for a, b in ranges) + "]"
        case Row(parts):
            return "".join(_written(part) for part in parts)
        case Either(parts):
            return "(?:" + "|".join(_written(part) for part in parts) + ")"
        case Times(part, low, high):
            return f"(?:{_written(part)}){{{low},{'' if high is None else high}}}"


def _char(number: int) -> str:
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


class _Reader:
    """Recursive descent over a pattern."""

    def __init__(self, text: str, at: str) -> None:
        self.text, self.at, self.place = text, at, 0

    def refuse(self) -> NoReturn:
        rest = self.text[self.place : self.place + 20]
        raise problem(
            "value",
            f"This pattern cannot be used from '{rest}' (character {self.place + 1}): characters, classes,"
            " groups, | and repeats are understood",
            f"Ce motif n'est pas utilisable à partir de « {rest} » (caractère {self.place + 1}) : caractères,"
            " classes, groupes, | et répétitions sont compris",
            at=self.at,
        )

    def look(self) -> str:
        return self.text[self.place : self.place + 1]

    def take(self) -> str:
        found = self.look()
        if not found:
            self.refuse()
        self.place += 1
        return found

    def either(self, depth: int) -> Node:
        if depth > DEEPEST:
            self.refuse()
        parts = [self.row(depth)]
        while self.look() == "|":
            self.place += 1
            parts.append(self.row(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def row(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.look() not in ("", "|", ")"):
            parts.append(self.repeated(self.single(depth)))
        return Row(tuple(parts))

    def single(self, depth: int) -> Node:
        match self.look():
            case "(":
                return self.group(depth)
            case "[":
                self.place += 1
                return self.bracket()
            case ".":
                self.place += 1
                return One(_others(((10, 10),)))
            case "\\":
                self.place += 1
                return One(self.escaped())
            case "*" | "+" | "?" | "{" | "}" | "]" | "^" | "$":
                self.refuse()
            case _:
                return One(((ord(self.look()), ord(self.take())),))

    def group(self, depth: int) -> Node:
        self.place += 1
        if self.look() == "?":
            if self.text[self.place : self.place + 2] != "?:":
                self.refuse()
            self.place += 2
        inner = self.either(depth + 1)
        if self.look() != ")":
            self.refuse()
        self.place += 1
        return inner

    def escaped(self) -> tuple[Range, ...]:
        sign = self.take()
        if sign.lower() in _NAMED:
            found = _NAMED[sign.lower()]
            return found if sign.islower() else _others(found)
        if sign in _CONTROLS:
            return ((_CONTROLS[sign], _CONTROLS[sign]),)
        if sign.isalnum():
            self.place -= 1
            self.refuse()
        return ((ord(sign), ord(sign)),)

    def bracket(self) -> Node:
        turned = self.look() == "^"
        self.place += turned
        found: list[Range] = []
        while not found or self.look() != "]":
            low = self.member()
            if self.look() == "-" and self.text[self.place + 1 : self.place + 2] not in ("]", ""):
                self.place += 1
                high = self.member()
                if len(low) > 1 or len(high) > 1 or low[0][0] > high[0][1]:
                    self.refuse()
                low = ((low[0][0], high[0][1]),)
            found += low
        self.place += 1
        return One(_others(tuple(found)) if turned else tuple(found))

    def member(self) -> tuple[Range, ...]:
        sign = self.take()
        return self.escaped() if sign == "\\" else ((ord(sign), ord(sign)),)

    def repeated(self, part: Node) -> Node:
        low, high = 1, None
        match self.look():
            case "*":
                low = 0
            case "+":
                pass
            case "?":
                low, high = 0, 1
            case "{":
                return self.counted(part)
            case _:
                return part
        self.place += 1
        return Times(part, low, high)

    def counted(self, part: Node) -> Node:
        inner, closed, _ = self.text[self.place + 1 :].partition("}")
        low, comma, high = inner.partition(",")
        numbers = [n for n in (low, high) if n]
        # A repeat of a repeat would multiply: the database refuses such an automaton, and so do we.
        fits = closed and low and all(n.isascii() and n.isdigit() and int(n[:4]) <= MOST for n in numbers)
        if not fits or (high and int(high) < int(low)) or _counts(part):
            self.refuse()
        self.place += len(inner) + 2
        return Times(part, int(low), int(high) if high else None if comma else int(low))


def _counts(node: Node) -> bool:
    """Whether there is a counted repeat within."""
    match node:
        case Times(part, low, high):
            return (low, high) not in ((0, None), (1, None), (0, 1)) or _counts(part)
        case Row(parts) | Either(parts):
            return any(_counts(part) for part in parts)
    return False


def _others(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """Every character that is in none of the ranges."""
    found, start = [], 1
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)
