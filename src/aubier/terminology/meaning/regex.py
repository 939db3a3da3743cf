"""The regular expressions of value set filters, without the ones that never end.

A pattern is parsed into a small tree: characters, classes, groups, alternatives, bounded repeats. The tree
is matched here by sets of states, in time that grows with pattern times text, or written again for the
database. Back references and look-around do not exist. Rule: FHIR R4, valueset-filter-operator, regex.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from aubier.ground.problem import problem

LONGEST, DEEPEST, MOST, STATES = 500, 20, 255, 10_000
"""Bounds of a pattern: characters, nested groups, the number in a repeat, states of what it becomes."""

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
    """The tree of a pattern, which matches whole values.

    Problem `value`, saying where reading stopped; `too-long` or `too-costly` beyond the bounds.
    """
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
    try:
        _machine(node)
    except OverflowError:
        raise problem(
            "too-costly",
            "This pattern repeats too much: ask for fewer repeats, or shorter ones",
            "Ce motif répète trop : demandez moins de répétitions, ou de plus courtes",
            at=at,
        ) from None
    return node


WORK = 10_000_000
"""States looked at, at most, for all the texts that one condition is asked about: some five seconds."""


class Work:
    """What a condition may still look at. Texts may be long, and many: pattern times text has no end."""

    def __init__(self) -> None:
        self.left = WORK

    def spend(self, states: int) -> None:
        """Counts states. Problem `too-costly` when nothing is left."""
        self.left -= states
        if self.left < 0:
            raise problem(
                "too-costly",
                "This pattern takes too much work on the concepts here: ask for a simpler one",
                "Ce motif demande trop de travail sur les concepts d'ici : donnez-en un plus simple",
                at="ValueSet.compose",
            )


def matches(node: Node, text: str, work: Work | None = None) -> bool:
    """Whether the whole text is what the tree describes. Problem `too-costly` when `work` is spent."""
    return _machine(node).takes(text, work or Work())


class _Machine:
    """A tree as states: one that passes a character within ranges, or one that is free to go on to others.

    All the ways through a text are followed at once, so that its time grows with states times characters.
    """

    def __init__(self, node: Node) -> None:
        self.ranges: list[tuple[Range, ...]] = []
        self.then: list[tuple[int, ...]] = []
        self.end = self.state((), ())
        self.start = self.built(node, self.end)

    def state(self, ranges: tuple[Range, ...], then: tuple[int, ...]) -> int:
        """A further state; without ranges it passes no character."""
        if len(self.then) >= STATES:
            raise OverflowError
        self.ranges.append(ranges)
        self.then.append(then)
        return len(self.then) - 1

    def built(self, node: Node, then: int) -> int:
        """The state where `node` begins, when `then` is where one goes on."""
        match node:
            case One(ranges):
                return self.state(ranges, (then,))
            case Row(parts):
                for part in reversed(parts):
                    then = self.built(part, then)
                return then
            case Either(parts):
                return self.state((), tuple(self.built(part, then) for part in parts))
            case Times(part, low, high):
                begun = self.repeated(part, then) if high is None else then
                for _ in range((high or low) - low):
                    begun = self.state((), (self.built(part, begun), then))
                for _ in range(low):
                    begun = self.built(part, begun)
                return begun

    def repeated(self, part: Node, then: int) -> int:
        """Any number of times."""
        turn = self.state((), ())
        self.then[turn] = (self.built(part, turn), then)
        return turn

    def takes(self, text: str, work: Work) -> bool:
        """Whether there is a way through all of the text."""
        now = self.reached({self.start})
        for sign in map(ord, text):
            work.spend(len(now))
            passing = (n for n in now if any(a <= sign <= b for a, b in self.ranges[n]))
            now = self.reached({self.then[n][0] for n in passing})
            if not now:
                return False
        return self.end in now

    def reached(self, states: set[int]) -> set[int]:
        """These states, and those that are reached from them without a character."""
        waiting = list(states)
        while waiting:
            at = waiting.pop()
            if not self.ranges[at]:
                more = [n for n in self.then[at] if n not in states]
                states.update(more)
                waiting += more
        return states


_machine = lru_cache(maxsize=32)(_Machine)


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
        ranges = _others(tuple(found)) if turned else tuple(found)
        if not ranges:
            self.refuse()  # no character at all, as in [^\\s\\S]: the database has no such class
        self.place += 1
        return One(ranges)

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
        fits = closed and low and all(_few(n) for n in numbers)
        if not fits or (high and int(high) < int(low)) or _counts(part):
            self.refuse()
        self.place += len(inner) + 2
        return Times(part, int(low), int(high) if high else None if comma else int(low))


def _few(number: str) -> bool:
    """Whether a text is a number of repeats that is allowed."""
    return len(number) <= 3 and number.isascii() and number.isdigit() and int(number) <= MOST


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
