"""A regular expression as a program, run over a text once, every way at a time (after Thompson and Pike)."""

from __future__ import annotations

import re
from collections.abc import Callable

from aubier.fhir.fhirpath.evaluation.run import fault
from aubier.fhir.fhirpath.patterns.syntax import (
    Character,
    Choice,
    Group,
    Part,
    Place,
    Reader,
    Repeat,
    Sequence,
    Test,
)
from aubier.ground.memory import remembered

MAX_PROGRAM = 6_000
"""The most steps that a regular expression may become."""
_REFERENCE = re.compile(r"\$(?:([0-9]{1,2})|\{([A-Za-z0-9_]+)\})|\\([\\$])")

Charge = Callable[[int], None]
"""Counts work; a Problem `too-costly` when there is too much."""
Thread = tuple[int, tuple[int, ...]]
"""A step of the program and the places kept so far."""


def _size(found: Pattern, text: str) -> int:
    return 200 * found.length + len(text)


@remembered(8_000_000, _size)
def pattern(text: str) -> Pattern:
    """The regular expression that `text` writes; Problem `invalid`, `not-supported` or `too-costly`."""
    reader = Reader(text)
    part = reader.whole()
    program = Program()
    program.save(0)
    program.add(part)
    program.save(1)
    program.steps.append(("end", None, 0, 0))
    return Pattern(program.steps, 2 * reader.groups + 2, reader.names)


class Program:
    """Steps: (kind, what, next, other next); `test` a character, `place`, `save`, `fork`, `end`."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Test | str | int | None, int, int]] = []

    def _write(self, kind: str, what: Test | str | int | None = None) -> int:
        if len(self.steps) >= MAX_PROGRAM:
            raise fault(
                "the regular expression repeats too much",
                "l'expression rationnelle répète trop",
                kind="too-costly",
            )
        here = len(self.steps)
        self.steps.append((kind, what, here + 1, here + 1))
        return here

    def _lead(self, step: int, first: int, second: int) -> None:
        kind, what, _, _ = self.steps[step]
        self.steps[step] = (kind, what, first, second)

    def save(self, slot: int) -> None:
        """Keeps the place."""
        self._write("save", slot)

    def add(self, part: Part) -> None:
        """Writes the steps of a part."""
        match part:
            case Character(test):
                self._write("test", test)
            case Place(kind):
                self._write("place", kind)
            case Sequence(parts):
                for each in parts:
                    self.add(each)
            case Group(inside, number):
                self.save(2 * number)
                self.add(inside)
                self.save(2 * number + 1)
            case Choice(ways):
                self._choice(ways)
            case Repeat(inside, least, most, greedy):
                self._repeat(inside, least, most, greedy=greedy)

    def _choice(self, ways: tuple[Part, ...]) -> None:
        ends = []
        for way in ways[:-1]:
            fork = self._write("fork")
            self.add(way)
            ends.append(self._write("fork"))
            self._lead(fork, fork + 1, len(self.steps))
        self.add(ways[-1])
        for end in ends:
            self._lead(end, len(self.steps), len(self.steps))

    def _repeat(self, inside: Part, least: int, most: int | None, *, greedy: bool) -> None:
        begun = len(self.steps)
        for _ in range(least):
            self.add(inside)
            if len(self.steps) == begun:
                return  # nothing, so often: it would never reach the bound of steps
        forks = []
        for _ in range(1 if most is None else most - least):
            forks.append(self._write("fork"))
            self.add(inside)
        if most is None:
            back = self._write("fork")
            self._lead(back, forks[0], forks[0])
        for fork in forks:
            on, past = fork + 1, len(self.steps)
            self._lead(fork, *((on, past) if greedy else (past, on)))


class Pattern:
    """A compiled regular expression. Its time is bounded by steps times characters, whatever the text."""

    def __init__(
        self,
        steps: list[tuple[str, Test | str | int | None, int, int]],
        slots: int,
        names: dict[str, int],
    ) -> None:
        self._steps = steps
        self._slots = slots
        self._names = names

    @property
    def length(self) -> int:
        """How many steps it has."""
        return len(self._steps)

    def matches(self, text: str, *, whole: bool, charge: Charge) -> bool:
        """Whether it matches somewhere in `text`, or all of it when `whole`."""
        return self._run(text, 0, charge, whole=whole) is not None

    def replaced(self, text: str, by: str, *, charge: Charge) -> str:
        """`text` with each match, from the left, replaced by `by`, where `$1` and `${name}` are groups."""
        made: list[str] = []
        at = done = 0
        while at <= len(text) and (found := self._run(text, at, charge)) is not None:
            start, end = found[0], found[1]
            made += [text[done:start], self._substituted(by, text, found)]
            charge(1 + (len(made[-1]) >> 6))
            done = end
            at = end if end > start else end + 1
        return "".join([*made, text[done:]])

    def _substituted(self, by: str, text: str, found: tuple[int, ...]) -> str:
        def group(match: re.Match[str]) -> str:
            if match[3]:
                return match[3]
            name = match[1] or match[2]
            number = int(name) if name.isdigit() else self._names.get(name, -1)
            if not 0 <= 2 * number < len(found):
                raise fault(f"there is no group {name}", f"pas de groupe {name}")
            start, end = found[2 * number], found[2 * number + 1]
            return text[start:end] if start >= 0 else ""

        return _REFERENCE.sub(group, by)

    def _run(self, text: str, begin: int, charge: Charge, *, whole: bool = False) -> tuple[int, ...] | None:
        """The places kept by the first match from `begin` on, leftmost; None when there is none."""
        nothing = (-1,) * self._slots
        threads: list[Thread] = []
        found: tuple[int, ...] | None = None
        for at in range(begin, len(text) + 1):
            seen: set[int] = set()
            now: list[Thread] = []
            for step, kept in threads:
                self._follow((step, kept), text, at, now, seen)
            if found is None and (at == begin or not whole):
                self._follow((0, nothing), text, at, now, seen)
            charge(1 + (len(seen) >> 2))
            threads = []
            sign = text[at : at + 1]
            for step, kept in now:
                kind, what, after, _ = self._steps[step]
                if kind == "end":
                    if whole and at < len(text):
                        continue
                    found = kept
                    break
                if sign and what(sign):  # type: ignore[operator, misc]
                    threads.append((after, kept))
            if not threads and (found is not None or whole):
                break
        return found

    def _follow(self, thread: Thread, text: str, at: int, now: list[Thread], seen: set[int]) -> None:
        """Goes on from a step to those that need a character; each once, the preferred first."""
        waiting = [thread]
        while waiting:
            step, kept = waiting.pop()
            if step in seen:
                continue
            seen.add(step)
            kind, what, after, other = self._steps[step]
            if kind in ("test", "end"):
                now.append((step, kept))
            elif kind == "fork":
                waiting += [(other, kept), (after, kept)]
            elif kind == "save":
                slot = int(what)  # type: ignore[arg-type]
                waiting.append((after, (*kept[:slot], at, *kept[slot + 1 :])))
            elif _holds(str(what), text, at):
                waiting.append((after, kept))


def _holds(place: str, text: str, at: int) -> bool:
    """Whether a place between characters is of a kind."""
    if place == "^":
        return at == 0
    if place == "$":
        return at == len(text)
    beside = (text[max(at - 1, 0) : at], text[at : at + 1])
    inside, outside = (bool(c) and (c.isalnum() or c == "_") for c in beside)
    return (inside != outside) is (place == "b")
