"""The functions of FHIRPath, each as the code it becomes.

Four kinds by what a function does. `each`: one item in, any number out. `whole`: a collection to a
collection. `test`: a collection to a truth value. `value`: a collection to one value of a known type.
A new function is a row here, and a function in `runtime` when it has work to do at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

from aubier.fhir.fhirpath.generator import Generator, Item, Scope, Then
from aubier.fhir.fhirpath.grammar.syntax import Call, Literal, Node, Variable

Each: TypeAlias = Callable[[Generator, Call, Item, Scope, Then], None]
"""Writes what becomes of one item."""
Whole: TypeAlias = Callable[[str], str]
"""From the name of a list of items to source that gives another."""
Test: TypeAlias = Callable[[Generator, Call, Scope], str]
"""Writes what must come before; gives source of True, False or None."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of one kind: `least` to `most` arguments, what writes it, the type of a `value`."""

    least: int
    most: int
    each: Each | None = None
    whole: Whole | None = None
    test: Test | None = None
    value: Whole | None = None
    type: str = ""


def subject(call: Call) -> Node:
    """What a call is made on; `$this` when it stands first."""
    return call.operand or Variable("this", at=call.at)


def mentions(node: Node, variable: str) -> bool:
    """Whether `$variable` occurs in an expression."""
    if isinstance(node, Variable):
        return node.name == variable
    parts = (getattr(node, f.name) for f in fields(node))
    nested = (p for part in parts for p in (part if isinstance(part, tuple) else (part,)))
    return any(mentions(p, variable) for p in nested if isinstance(p, Node))


def _where(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    test = generator.test(call.arguments[0], replace(scope, this=item))
    with generator.block(f"if {test}:"):
        then(item)


def _select(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    generator.emit(call.arguments[0], replace(scope, this=item), then)


def _extension(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    (argument,) = call.arguments
    if isinstance(argument, Literal):
        url = repr(argument.value)
    else:
        url = f"text_of({generator.collect(argument, scope).name})"

    def named(extension: Item) -> None:
        with generator.block(f"if {extension.value}.get('url') == {url}:"):
            then(extension)

    generator.step(item, "extension", lambda i: named(i if i.type else replace(i, type="Extension")))


def _resolve(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    value, kind = generator.name("v"), generator.name("t")
    with generator.block(f"for {value}, {kind} in resolve({scope.root.value}, {item.value}):"):
        then(Item(value, "", "None", kind))


def _found(generator: Generator, call: Call, scope: Scope) -> str:
    """The name of a flag: whether the call's subject has an item (that meets the first argument)."""
    flag = generator.name("b")

    def mark(item: Item) -> None:
        generator.write(f"{flag} = True")

    generator.write(f"{flag} = False")
    if call.arguments:
        call = Call(call.operand, "where", call.arguments, at=call.at)
        generator.emit(call, scope, mark)
    else:
        generator.emit(subject(call), scope, mark)
    return flag


def _empty(generator: Generator, call: Call, scope: Scope) -> str:
    return f"(not {_found(generator, call, scope)})"


def _not(generator: Generator, call: Call, scope: Scope) -> str:
    return f"negated({generator.test(subject(call), scope)})"


def _all(generator: Generator, call: Call, scope: Scope) -> str:
    flag = generator.name("b")

    def check(item: Item) -> None:
        test = generator.test(call.arguments[0], replace(scope, this=item))
        generator.write(f"if not ({test}): {flag} = False")

    generator.write(f"{flag} = True")
    generator.emit(subject(call), scope, check)
    return flag


def _has_extension(generator: Generator, call: Call, scope: Scope) -> str:
    return _found(
        generator, Call(Call(call.operand, "extension", call.arguments, at=call.at), "exists", ()), scope
    )


FUNCTIONS: dict[str, Function] = {
    "where": Function(1, 1, each=_where),
    "select": Function(1, 1, each=_select),
    "extension": Function(1, 1, each=_extension),
    "resolve": Function(0, 0, each=_resolve),
    "first": Function(0, 0, whole="{}[:1]".format),
    "last": Function(0, 0, whole="{}[-1:]".format),
    "tail": Function(0, 0, whole="{}[1:]".format),
    "distinct": Function(0, 0, whole="union({})".format),
    "exists": Function(0, 1, test=_found),
    "empty": Function(0, 0, test=_empty),
    "not": Function(0, 0, test=_not),
    "all": Function(1, 1, test=_all),
    "hasExtension": Function(1, 1, test=_has_extension),
    "count": Function(0, 0, value="len({})".format, type="System.Integer"),
}
