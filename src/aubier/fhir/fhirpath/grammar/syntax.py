"""The syntax tree of a FHIRPath expression, and the refusals that name a place in its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal as Choice

from aubier.ground.problem import Kind, Problem, problem

MAX_LENGTH = 4_000
"""The longest expression read, in characters."""
MAX_DEPTH = 40
"""The deepest nesting of parentheses, arguments, brackets and operands."""

LiteralKind = Choice["boolean", "string", "number", "long", "date", "dateTime", "time"]


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of an expression; `at` is its offset in the text, which does not count in comparisons."""

    at: int = field(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Empty(Node):
    """`{}`: the empty collection."""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A written value: `true`, `'text'`, `1.50`, `@2020-01`, `@T12:00`; dates and times keep their text."""

    kind: LiteralKind
    value: bool | str | Decimal | int


@dataclass(frozen=True, slots=True)
class Quantity(Node):
    """A number with a unit: `4 days`, `5.4 'mg'`; `calendar` tells `days` from `'d'`."""

    value: Decimal
    unit: str
    calendar: bool = False


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """`%name`, `` %`name` `` or `%'name'`: a value from outside."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$this`, `$index` or `$total`; `name` is without the dollar."""

    name: str


@dataclass(frozen=True, slots=True)
class Root(Node):
    """A first identifier, seen from the focus: a type name or an element."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`operand.name`."""

    operand: Node
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`operand.name(arguments)`; `operand` is None when the call stands first."""

    operand: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`operand[index]`."""

    operand: Node
    index: Node


@dataclass(frozen=True, slots=True)
class TypeName(Node):
    """A type as written after `is`, `as` or `ofType`: `Quantity`, `FHIR.Patient`, `System.String`."""

    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class TypeTest(Node):
    """`operand is type`."""

    operand: Node
    type: TypeName


@dataclass(frozen=True, slots=True)
class TypeFilter(Node):
    """`operand as type`, `operand.as(type)` or `operand.ofType(type)`.

    `single` tells the first two, that are meant for one item; it does not count in comparisons.
    """

    operand: Node
    type: TypeName
    single: bool = field(default=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`+operand` or `-operand`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right`, for every infix operator but `is` and `as`."""

    operator: str
    left: Node
    right: Node


def refusal(text: str, fr: str, *, expression: str, at: int, kind: Kind = "invalid") -> Problem:
    """A Problem about `expression` at offset `at`; columns are counted from 1."""
    shown = expression if len(expression) <= 120 else expression[:117] + "..."
    return problem(
        kind,
        f"FHIRPath, column {at + 1}: {text}, in: {shown}",
        f"FHIRPath, colonne {at + 1} : {fr}, dans : {shown}",
    )
