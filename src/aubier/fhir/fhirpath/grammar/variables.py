"""`defineVariable()`: which definition each `%name` means, told from the tree alone.

A variable is seen by what follows in its path and by the arguments there, never beside it: two sides of an
operator, or two arguments, do not see each other's.
Rule: FHIRPath 3.0.0 (trial use), defineVariable; its name is a written text here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from aubier.fhir.fhirpath.grammar.syntax import (
    Binary,
    Call,
    Constant,
    Index,
    Literal,
    Member,
    Node,
    Root,
    TypeFilter,
    TypeTest,
    Unary,
    Variable,
    refusal,
)

_GIVEN = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})
_OF_NOTHING = frozenset({"now", "today", "timeOfDay", "iif"})
"""Calls that are not made on `$this` when they stand first, or on one item of it."""
_Seen = Mapping[str, int]
_Step = TypeVar("_Step", bound=Member | TypeFilter | TypeTest | Unary | Index)


@dataclass(frozen=True, slots=True)
class Define(Node):
    """`operand.defineVariable(name, value)`: gives its operand. `value` is None for the operand itself.

    In `value`, what is said of `$this` is said of `Held(-key)`, which is all of the operand.
    """

    operand: Node
    key: int
    value: Node | None


@dataclass(frozen=True, slots=True)
class Held(Node):
    """What the variable of this number holds."""

    key: int


def bound(node: Node, constants: frozenset[str], expression: str) -> Node:
    """The tree with its variables bound. Problem for a name that is taken or is no written text."""
    return _Binding(constants | _GIVEN, expression).walk(node, {})[0]


@dataclass(slots=True)
class _Binding:
    taken: frozenset[str]
    expression: str
    keys: list[int] = field(default_factory=list)

    def walk(self, node: Node, seen: _Seen) -> tuple[Node, _Seen]:
        """The node bound, and what is seen by what follows it."""
        match node:
            case Constant(name) if name in seen:
                return Held(seen[name], at=node.at), seen
            case Call():
                return self._call(node, seen)
            case Index():
                made, after = self._step(node, seen)
                return replace(made, index=self.walk(node.index, after)[0]), after
            case Member() | TypeFilter():
                return self._step(node, seen)
            case TypeTest() | Unary():
                return self._step(node, seen)[0], seen
            case Binary():
                left, right = self.walk(node.left, seen)[0], self.walk(node.right, seen)[0]
                return replace(node, left=left, right=right), seen
        return node, seen

    def _step(self, node: _Step, seen: _Seen) -> tuple[_Step, _Seen]:
        operand, after = self.walk(node.operand, seen)
        return replace(node, operand=operand), after

    def _call(self, node: Call, seen: _Seen) -> tuple[Node, _Seen]:
        operand, after = self.walk(node.operand, seen) if node.operand else (None, seen)
        if node.name == "defineVariable":
            return self._define(node, operand or Variable("this", at=node.at), after)
        arguments = tuple(self.walk(argument, after)[0] for argument in node.arguments)
        return replace(node, operand=operand, arguments=arguments), after

    def _define(self, node: Call, operand: Node, seen: _Seen) -> tuple[Node, _Seen]:
        match node.arguments:
            case (Literal("string", str() as name), *values) if len(values) < 2:
                pass
            case _:
                raise self._refused(
                    node,
                    "defineVariable() takes a written name and a value",
                    "defineVariable() prend un nom écrit tel quel et une valeur",
                )
        if name in seen or name in self.taken or name.startswith(("vs-", "ext-")):
            raise self._refused(node, f"%{name[:40]} is defined already", f"%{name[:40]} est déjà défini")
        key = len(self.keys) + 1
        self.keys.append(key)
        value = self.walk(_over(values[0], -key), seen)[0] if values else None
        return Define(operand, key, value, at=node.at), {**seen, name: key}

    def _refused(self, node: Node, text: str, fr: str) -> Exception:
        return refusal(text, fr, expression=self.expression, at=node.at)


def _over(node: Any, key: int) -> Any:
    """An expression with what it says of `$this` said of a variable, arguments apart."""
    match node:
        case Variable("this"):
            return Held(key, at=node.at)
        case Root(name) if not name[:1].isupper():
            return Member(Held(key, at=node.at), name, at=node.at)
        case Call(None, name) if name not in _OF_NOTHING:
            return replace(node, operand=Held(key, at=node.at))
        case Binary():
            return replace(node, left=_over(node.left, key), right=_over(node.right, key))
        case Call(Node()) | Member() | TypeFilter() | TypeTest() | Unary() | Index():
            return replace(node, operand=_over(node.operand, key))
    return node
