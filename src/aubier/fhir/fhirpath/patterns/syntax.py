"""The text of a regular expression to its parts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from aubier.fhir.fhirpath.evaluation.run import Fault, fault

MAX_LENGTH = 2_000
"""The longest regular expression, in characters."""
_MAX_DEPTH = 40
_MAX_REPEAT = 1_000

Test = Callable[[str], bool]
"""Whether a character is one of a set."""

_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b", "0": "\0"}
_DIGITS = frozenset("0123456789")
_WORD = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_SPACE = frozenset(" \t\n\r\f\v")
_SETS = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_COUNT = re.compile(r"\{([0-9]{1,6})(?:(,)([0-9]{1,6})?)?\}")
_HEXADECIMAL = re.compile(r"x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})")
_CATEGORY = re.compile(r"\{(L|Lu|Ll|Lt|Lm|Lo|M|Mn|N|Nd|Nl|P|S|Z|Zs|C)\}")
_GROUP = re.compile(r"\(\?(?:(:)|P?<([A-Za-z_][A-Za-z0-9_]*)>)")


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a set."""

    test: Test


@dataclass(frozen=True, slots=True)
class Place:
    """`^`, `$`, `\\b` or `\\B`: a place between characters."""

    kind: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts one after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The first of the ways that leads on."""

    ways: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part `least` to `most` times (None: without end), as often as can be when `greedy`."""

    part: Part
    least: int
    most: int | None
    greedy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A part whose text is kept under a number."""

    part: Part
    number: int


Part = Character | Place | Sequence | Choice | Repeat | Group


class Reader:
    """Reads one regular expression: `whole()` gives its parts, then `names` the numbers of named groups."""

    def __init__(self, text: str) -> None:
        self.groups = 0
        self.names: dict[str, int] = {}
        self._fold = text.startswith("(?i)")
        self._text = text[4:] if self._fold else text
        self._at = 0
        self._depth = 0
        if len(text) > MAX_LENGTH:
            raise fault(
                f"a regular expression of more than {MAX_LENGTH} characters",
                f"expression rationnelle de plus de {MAX_LENGTH} caractères",
                kind="too-costly",
            )

    def whole(self) -> Part:
        """The parts of the whole text; Problem `invalid` or `not-supported`."""
        found = self._choice()
        if self._at < len(self._text):
            raise self._unread("unexpected )", ") inattendue")
        return found

    def _choice(self) -> Part:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._unread("nested too deeply", "imbrication trop profonde")
        ways = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            ways.append(self._sequence())
        self._depth -= 1
        return ways[0] if len(ways) == 1 else Choice(tuple(ways))

    def _sequence(self) -> Part:
        parts = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._repeated(self._part()))
        return Sequence(tuple(parts))

    def _repeated(self, part: Part) -> Part:
        while True:
            sign = self._next()
            counted = _COUNT.match(self._text, self._at) if sign == "{" else None
            if counted:
                least = int(counted[1])
                most = least if not counted[2] else int(counted[3]) if counted[3] else None
                self._at = counted.end()
            elif sign and sign in "*+?":
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
                self._at += 1
            else:
                return part
            if max(least, most or 0) > _MAX_REPEAT or (most is not None and most < least):
                raise self._unread("repeated wrongly or too often", "répétition fausse ou trop grande")
            if self._next() == "+":
                raise self._unsupported("a possessive quantifier", "quantificateur possessif")
            greedy = self._next() != "?"
            self._at += not greedy
            part = Repeat(part, least, most, greedy)

    def _part(self) -> Part:
        sign = self._next()
        if sign == "(":
            return self._group()
        if sign and sign in "*+?":
            raise self._unread("nothing to repeat", "rien à répéter")
        self._at += 1
        if sign in "^$":
            return Place(sign)
        if sign == ".":
            return Character(lambda _: True)
        if sign == "[":
            return Character(self._set())
        if sign == "\\":
            if self._next() in ("b", "B"):
                self._at += 1
                return Place(self._text[self._at - 1])
            return Character(self._escaped())
        return Character(self._one(sign))

    def _group(self) -> Part:
        named = _GROUP.match(self._text, self._at)
        if named is None and self._text.startswith("(?", self._at):
            raise self._unsupported(
                "looking around, or a flag, in a group", "regard autour, ou option de groupe"
            )
        self._at = named.end() if named else self._at + 1
        number = 0
        if named is None or named[2]:
            self.groups += 1
            number = self.groups
            if named:
                self.names[named[2]] = number
        inside = self._choice()
        if self._next() != ")":
            raise self._unread("a ) is missing", ") manquante")
        self._at += 1
        return Group(inside, number) if number else inside

    def _set(self) -> Test:
        """What stands between brackets."""
        negated = self._next() == "^"
        self._at += negated
        tests: list[Test] = []
        first = True
        while self._next() != "]" or first:
            if not self._next():
                raise self._unread("a ] is missing", "] manquant")
            first = False
            tests.append(self._range())
        self._at += 1
        return lambda c: any(test(c) for test in tests) is not negated

    def _range(self) -> Test:
        low = self._member()
        text, at = self._text, self._at
        if not isinstance(low, str) or text[at : at + 1] != "-" or text[at + 1 : at + 2] in ("", "]"):
            return self._one(low) if isinstance(low, str) else low
        self._at += 1
        high = self._member()
        if not isinstance(high, str) or high < low:
            raise self._unread("a range that ends before it begins", "intervalle à l'envers")
        if self._fold:
            return lambda c: low <= c <= high or low <= c.lower() <= high or low <= c.upper() <= high
        return lambda c: low <= c <= high

    def _member(self) -> str | Test:
        sign = self._next()
        self._at += 1
        if sign == "\\":
            return self._escaped_character() or self._escaped_set()
        return sign

    def _escaped(self) -> Test:
        found = self._escaped_character()
        return self._one(found) if found else self._escaped_set()

    def _escaped_character(self) -> str:
        """The character that an escape stands for, or nothing when it stands for a set."""
        sign = self._next()
        if sign in ("x", "u") and (found := _HEXADECIMAL.match(self._text, self._at)):
            self._at = found.end()
            code = int(found[1] or found[2] or found[3], 16)
            return chr(code) if code < 0x110000 else "\ufffd"
        if sign in _CONTROL:
            self._at += 1
            return _CONTROL[sign]
        if sign and not sign.isalnum():
            self._at += 1
            return sign
        return ""

    def _escaped_set(self) -> Test:
        sign = self._next()
        self._at += 1
        if sign.lower() in _SETS:
            members, wanted = _SETS[sign.lower()], sign.islower()
            return lambda c: (c in members) is wanted
        if sign in ("p", "P") and (found := _CATEGORY.match(self._text, self._at)):
            self._at = found.end()
            name, wanted = found[1], sign == "p"
            return lambda c: unicodedata.category(c).startswith(name) is wanted
        if sign.isdigit() or sign == "k":
            raise self._unsupported("a reference back to a group", "renvoi à un groupe")
        raise self._unread(f"an unknown escape \\{sign}", f"échappement inconnu \\{sign}")

    def _one(self, sign: str) -> Test:
        if self._fold:
            folded = sign.lower()
            return lambda c: c.lower() == folded
        return lambda c: c == sign

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _unread(self, text: str, fr: str) -> Fault:
        return fault(
            f"the regular expression has {text}, at character {self._at + 1}",
            f"expression rationnelle : {fr}, au caractère {self._at + 1}",
        )

    def _unsupported(self, text: str, fr: str) -> Fault:
        return fault(
            f"the regular expression uses {text}, which could run without end",
            f"expression rationnelle : {fr}, qui pourrait ne pas finir",
            kind="not-supported",
        )
