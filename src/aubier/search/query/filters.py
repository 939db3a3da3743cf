"""`_filter`: conditions joined by `and`, `or` and `not`.

A parser of its own reads the text into steps that `Criteria` reads like the parameters of any search, so that
a filter asks for nothing that a search could not. Rule: HL7 FHIR R4 4.0.1, search_filter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from aubier.search.model import Condition, Logic
from aubier.search.parameters import Registry
from aubier.search.query.criteria import Criteria, known, known_type
from aubier.search.query.values import refused

NAME = "_filter"
MAX_COMPARISONS = 60
MAX_NESTED = 20

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>[()\[\]])|(?P<word>[^\s()\[\]"]+))""", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = re.compile(r"(\\.)|([,$])", re.DOTALL)
_LITERAL = re.compile(r"([\\,|$])")

_PREFIXES = frozenset({"gt", "lt", "ge", "le", "sa", "eb", "ap"})
_RANGED = frozenset({"date", "number", "quantity"})
_OPERATORS: dict[str, dict[str, str]] = {
    "string": {"eq": "equals", "co": "contains", "sw": "", "ew": "ends"},
    "token": {"eq": "", "in": "in", "ss": "above", "sb": "below"},
    "reference": {"eq": "", "re": ""},
    "uri": {"eq": "", "sw": "below", "ss": "above", "sb": "below"},
    "date": {"eq": "", "po": "overlaps"},
    "number": {"eq": ""},
    "quantity": {"eq": ""},
}
"""What an operator asks of a parameter of a type, as a modifier.

`ne` and `ni` are the negation of a value that is there, `pr` says whether one is.
"""
_NEGATED = {"ne": "eq", "ni": "in"}


def filter_of(registry: Registry, type: str, text: str) -> Condition:
    """The condition that a filter on `type` stands for.

    Problem `invalid`, with the place in the text, for what cannot be read; `not-supported` for an operator
    that the parameter does not take; `too-costly` beyond 60 comparisons or 20 levels.
    """
    return _Reader(registry, text).whole(known_type(type, name="type"))


@dataclass(slots=True)
class _Word:
    """A word of the text: `kind` is text, sign, word or end."""

    kind: str
    text: str
    at: int


class _Reader:
    def __init__(self, registry: Registry, text: str) -> None:
        self._criteria = Criteria(registry, NAME, filtering=True)
        self._registry = registry
        self._words = self._cut(text)
        self._next = 0
        self._left = MAX_COMPARISONS

    def whole(self, type: str) -> Condition:
        """All of the text."""
        found = self._joined(type, 0)
        if self._now.kind != "end":
            self._refuse("and, or, or the end", "and, or, ou la fin")
        return found

    @property
    def _now(self) -> _Word:
        return self._words[self._next]

    def _take(self) -> _Word:
        found = self._now
        self._next += found.kind != "end"
        return found

    def _took(self, text: str) -> bool:
        """Takes the next word if it is this one; a text in quotes never is."""
        same = self._now.kind != "text" and self._now.text == text
        self._next += same
        return same

    def _joined(self, type: str, depth: int) -> Condition:
        """Parts joined by one and the same word: which of two goes first is for parentheses to say."""
        if depth > MAX_NESTED:
            raise refused(
                NAME,
                f"more than {MAX_NESTED} levels of parentheses",
                f"plus de {MAX_NESTED} niveaux de parenthèses",
                "too-costly",
            )
        parts = [self._part(type, depth)]
        operator = self._now.text if self._now.kind == "word" else ""
        while operator in ("and", "or") and self._took(operator):
            parts.append(self._part(type, depth))
            if self._now.kind == "word" and self._now.text in {"and", "or"} - {operator}:
                self._refuse("parentheses: and stands beside or", "des parenthèses : and et or se suivent")
        return Logic(type, operator, tuple(parts)) if len(parts) > 1 else parts[0]

    def _part(self, type: str, depth: int) -> Condition:
        negated = self._took("not")
        if negated and self._now.text != "(":
            self._refuse("( after not", "( après not")
        if not self._took("("):
            return self._comparison(type)
        found = self._joined(type, depth + 1)
        self._close(")")
        return Logic(type, "not", (found,)) if negated else found

    def _close(self, sign: str) -> None:
        if not self._took(sign):
            self._refuse(sign, sign)

    def _comparison(self, type: str) -> Condition:
        path = self._path()
        if self._took("["):
            raise refused(
                NAME,
                "a filter inside brackets is not supported: compare each with its path, as subject.gender",
                "pas de filtre entre crochets : comparez chacun par son chemin, comme subject.gender",
                "not-supported",
            )
        self._left -= 1
        if self._left < 0:
            text, fr = "more than {} comparisons", "plus de {} comparaisons"
            raise refused(NAME, text.format(MAX_COMPARISONS), fr.format(MAX_COMPARISONS), "too-costly")
        operator, value = self._take(), self._take()
        if operator.kind != "word" or value.kind not in ("word", "text"):
            self._next -= 1
            self._refuse("an operator and a value", "un opérateur et une valeur")
        text = _ESCAPED.sub(r"\1", value.text[1:-1]) if value.kind == "text" else value.text
        return self._compared(type, path, operator.text, text)

    def _path(self) -> str:
        if self._now.kind != "word":
            self._refuse("a parameter", "un paramètre")
        return self._take().text

    def _compared(self, type: str, path: str, operator: str, value: str) -> Condition:
        last = self._type_of(type, path)
        if operator == "pr":
            truth = {"true": "false", "false": "true"}.get(value, value)
            return self._criteria.read(type, f"{path}:missing", truth)
        if operator in _NEGATED:
            if operator == "ne" and last in _RANGED:
                return self._criteria.read(type, path, "ne" + _escaped(value, last))
            same = self._compared(type, path, _NEGATED[operator], value)
            there = self._criteria.read(type, f"{path}:missing", "false")
            return Logic(type, "and", (there, Logic(type, "not", (same,))))
        if operator in _PREFIXES and last in _RANGED:
            return self._criteria.read(type, path, operator + _escaped(value, last))
        modifier = _OPERATORS.get(last, {}).get(operator)
        if modifier is None:
            known = ", ".join(sorted({*_OPERATORS.get(last, {}), "ne", "pr"}))
            raise refused(
                NAME,
                f"{path[:60]} ({last}) is not compared by {operator[:20]!r}; it is by {known}",
                f"{path[:60]} ({last}) ne se compare pas par {operator[:20]!r}, mais par {known}",
                "not-supported",
            )
        return self._criteria.read(type, f"{path}:{modifier}" if modifier else path, _escaped(value, last))

    def _type_of(self, type: str, path: str) -> str:
        """The type of the parameter at the end of a path."""
        head, dot, rest = path.partition(".")
        code, _, only = head.partition(":")
        parameter = known(self._registry, type, code, name=NAME)
        if not dot:
            return parameter.type
        following = rest.partition(".")[0].partition(":")[0]
        ways = (only,) if only else parameter.targets
        of = self._registry
        targets = [t for t in ways if of.get(t, following) or of.pending(t, following)]
        # A path that leads nowhere is refused by who reads it.
        return self._type_of(targets[0], rest) if targets else "token"

    def _refuse(self, due: str, fr: str) -> NoReturn:
        word = self._now
        found = repr(word.text[:40]) if word.text else "the end"
        trouve = repr(word.text[:40]) if word.text else "la fin"
        raise refused(
            NAME,
            f"at character {word.at + 1}: {due} is due, not {found}",
            f"au caractère {word.at + 1} : il faut {fr}, pas {trouve}",
        )

    @staticmethod
    def _cut(text: str) -> list[_Word]:
        words: list[_Word] = []
        at = 0
        while match := _TOKEN.match(text, at):
            words.append(_Word(match.lastgroup or "", match[0].strip(), match.start(match.lastgroup or 0)))
            at = match.end()
        if text[at:].strip():
            raise refused(
                NAME,
                f"at character {at + 1}: a text in quotes that does not end",
                f"au caractère {at + 1} : un texte entre guillemets qui ne finit pas",
            )
        return [*words, _Word("end", "", len(text))]


def _escaped(value: str, type: str) -> str:
    """A value of a filter, which is one, as a list of one: a bar still parts the system from the code."""
    if type == "string":
        return _LITERAL.sub(r"\\\1", value)
    return _MEANT.sub(lambda m: m[1] or "\\" + m[2], value)
