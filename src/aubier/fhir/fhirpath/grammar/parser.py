"""FHIRPath text to syntax tree: the whole grammar of FHIRPath N1 (2.0.0, appendix A), by precedence."""

from __future__ import annotations

from decimal import Decimal

from aubier.fhir.fhirpath.grammar.lexer import Word, words
from aubier.fhir.fhirpath.grammar.syntax import (
    MAX_DEPTH,
    Binary,
    Call,
    Constant,
    Empty,
    Index,
    Literal,
    Member,
    Node,
    Quantity,
    Root,
    TypeFilter,
    TypeName,
    TypeTest,
    Unary,
    Variable,
    refusal,
)
from aubier.ground.memory import remembered
from aubier.ground.problem import Problem

_PRECEDENCE = {
    operator: level
    for level, operators in enumerate(
        (
            ("implies",),
            ("or", "xor"),
            ("and",),
            ("in", "contains"),
            ("=", "~", "!=", "!~"),
            ("<=", "<", ">", ">="),
            ("|",),
            ("is", "as"),
            ("+", "-", "&"),
            ("*", "/", "div", "mod"),
        ),
        start=1,
    )
    for operator in operators
}
_UNARY = 11
_NAMES_TOO = frozenset({"as", "contains", "in", "is"})
"""Operators that the grammar also allows as names."""
_RESERVED = frozenset(_PRECEDENCE) - _NAMES_TOO | {"true", "false"}
_CALENDAR = frozenset(
    unit + plural
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
)


def _size(found: Node, expression: str) -> int:
    return 40 * len(expression) + 400


@remembered(8_000_000, _size)
def parse(expression: str) -> Node:
    """The syntax tree of `expression`; Problem `invalid` (or `too-long`, `too-costly`) names the column."""
    reader = _Reader(expression)
    node = reader.expression(0)
    if reader.word.kind != "end":
        raise reader.unexpected()
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._words = words(text)
        self._next = 0
        self._depth = 0

    @property
    def word(self) -> Word:
        return self._words[self._next]

    def expression(self, floor: int) -> Node:
        """An expression whose operators bind at least as tightly as `floor`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refusal("nested too deeply", "imbrication trop profonde", costly=True)
        left = self._unary()
        while (level := _PRECEDENCE.get(self._operator(), 0)) and level >= floor:
            left = self._infix(left, level)
        self._depth -= 1
        return left

    def unexpected(self) -> Problem:
        word = self.word
        if word.kind == "end":
            return self._refusal("unfinished", "inachevé")
        return self._refusal(f"unexpected {word.text!r}", f"{word.text!r} inattendu")

    def _refusal(self, text: str, fr: str, *, costly: bool = False) -> Problem:
        kind = "too-costly" if costly else "invalid"
        return refusal(text, fr, expression=self._text, at=self.word.at, kind=kind)  # type: ignore[arg-type]

    def _take(self) -> Word:
        word = self.word
        self._next += 1
        return word

    def _is(self, symbol: str) -> bool:
        return self.word.kind == "symbol" and self.word.text == symbol

    def _expect(self, symbol: str) -> Word:
        if not self._is(symbol):
            raise self.unexpected()
        return self._take()

    def _operator(self) -> str:
        return self.word.text if self.word.kind in {"symbol", "identifier"} else ""

    def _infix(self, left: Node, level: int) -> Node:
        word = self._take()
        if word.text in {"is", "as"}:
            if word.text == "is":
                return TypeTest(left, self._type(), at=word.at)
            return TypeFilter(left, self._type(), single=True, at=word.at)
        return Binary(word.text, left, self.expression(level + 1), at=word.at)

    def _unary(self) -> Node:
        if not (self._is("+") or self._is("-")):
            return self._postfix(self._term())
        word = self._take()
        return Unary(word.text, self.expression(_UNARY), at=word.at)

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._is("."):
                self._take()
                node = self._invocation(node)
            elif self._is("["):
                at = self._take().at
                node = Index(node, self.expression(0), at=at)
                self._expect("]")
            else:
                return node

    def _term(self) -> Node:
        word = self.word
        if self._is("("):
            self._take()
            node = self.expression(0)
            self._expect(")")
            return node
        if self._is("{"):
            self._take()
            self._expect("}")
            return Empty(at=word.at)
        if self._is("%"):
            return self._constant()
        if word.kind in {"identifier*", "variable"}:
            return self._invocation(None)
        if word.kind == "identifier" and word.text not in {"true", "false"}:
            return self._invocation(None)
        return self._literal()

    def _constant(self) -> Node:
        at = self._take().at
        if self.word.kind not in {"identifier", "identifier*", "string"}:
            raise self.unexpected()
        return Constant(self._take().text, at=at)

    def _literal(self) -> Node:
        word = self.word
        if word.kind == "identifier" and word.text in {"true", "false"}:
            return Literal("boolean", self._take().text == "true", at=word.at)
        if word.kind == "number":
            return self._number()
        if word.kind == "long":
            return Literal("long", int(self._take().text[:-1]), at=word.at)
        if word.kind in {"string", "date", "dateTime", "time"}:
            self._take()
            return Literal(word.kind, word.text, at=word.at)  # type: ignore[arg-type]
        raise self.unexpected()

    def _number(self) -> Node:
        word = self._take()
        value = Decimal(word.text)
        unit = self.word
        if unit.kind == "string":
            return Quantity(value, self._take().text, at=word.at)
        if unit.kind == "identifier" and unit.text in _CALENDAR:
            return Quantity(value, self._take().text, calendar=True, at=word.at)
        return Literal("number", value, at=word.at)

    def _invocation(self, operand: Node | None) -> Node:
        word = self.word
        if word.kind == "variable":
            if operand is not None:
                raise self.unexpected()
            return Variable(self._take().text, at=word.at)
        if operand is not None and self._operator() == "div":
            # The one element of R4 that bears the name of an operator; after a dot it can be nothing else.
            return Member(operand, self._take().text, at=word.at)
        name = self._identifier()
        if self._is("("):
            return self._call(operand, name, at=word.at)
        return Root(name, at=word.at) if operand is None else Member(operand, name, at=word.at)

    def _identifier(self) -> str:
        word = self.word
        if word.kind == "identifier*" or (word.kind == "identifier" and word.text not in _RESERVED):
            return self._take().text
        raise self.unexpected()

    def _call(self, operand: Node | None, name: str, *, at: int) -> Node:
        self._expect("(")
        if name in {"as", "is", "ofType"}:
            type_name = self._type()
            self._expect(")")
            subject = operand or Variable("this", at=at)
            if name == "is":
                return TypeTest(subject, type_name, at=at)
            return TypeFilter(subject, type_name, single=name == "as", at=at)
        arguments: list[Node] = []
        while not self._is(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.expression(0))
        self._take()
        return Call(operand, name, tuple(arguments), at=at)

    def _type(self) -> TypeName:
        at = self.word.at
        name = self._identifier()
        if not self._is("."):
            return TypeName(name, at=at)
        self._take()
        return TypeName(self._identifier(), name, at=at)
