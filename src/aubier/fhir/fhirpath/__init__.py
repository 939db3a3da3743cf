"""FHIRPath (N1, 2.0.0) compiled to Python.

An expression becomes a syntax tree (`parser`), the tree becomes Python source for one starting type
(`compiler`), the source is compiled once. Nothing is run that was not written from the tree.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aubier.fhir.fhirpath import runtime
from aubier.fhir.fhirpath.compiler import Compiler
from aubier.fhir.fhirpath.generator import Item, Scope
from aubier.fhir.fhirpath.grammar.parser import parse
from aubier.fhir.fhirpath.grammar.syntax import MAX_DEPTH, MAX_LENGTH, refusal
from aubier.fhir.fhirpath.types import is_open, knows

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "compile", "parse", "source", "typed"]

NAMES: dict[str, Any] = {
    **{name: getattr(runtime, name) for name in dir(runtime) if not name.startswith("_")},
    "Decimal": Decimal,
}
"""What generated code may call."""

Triple = runtime.Triple


@lru_cache(maxsize=8192)
def compile(expression: str, type: str) -> Callable[[Any], list[Any]]:
    """A function from a resource (or element) of `type` to the values of `expression`, JSON values as stored.

    A primitive that has extensions and no value gives none. Problem `invalid` names the column of what
    cannot be read, `not-supported` a function or type unknown here, `too-costly` what is too much.
    The function raises a Problem only where FHIRPath says that evaluation is an error.
    """
    find = typed(expression, type)
    return lambda resource: [value for value, _, _ in find(resource) if value is not None]


@lru_cache(maxsize=8192)
def typed(expression: str, type: str) -> Callable[[Any], list[Triple]]:
    """As `compile`, each value with its sibling (the `id` and extensions of a primitive) and its type."""
    space = dict(NAMES)
    code = source(expression, type)
    exec(python(code, expression), space)  # noqa: S102 - source written from the syntax tree alone
    return space["evaluate"]  # type: ignore[no-any-return]


def source(expression: str, type: str) -> str:
    """The Python source that `expression` becomes for `type`: a function `evaluate(r)`."""
    if not knows(type.partition(".")[0]):
        raise refusal(f"the type {type} is not known", f"type {type} inconnu", expression=expression, at=0)
    compiler = Compiler(expression)
    root = Item("r", "", "None", "kind_of(r)") if is_open(type) else Item("r", type)
    try:
        found = compiler.collect(parse(expression), Scope(root, root))
    except RecursionError:
        raise compiler.refuse("nested too deeply", "imbrication trop profonde", costly=True) from None
    return compiler.finished("def evaluate(r):", root, before="[]", after=found.name)


def python(code: str, expression: str) -> Any:
    """Generated source as a code object; Problem `too-costly` when it is nested more than Python allows."""
    try:
        return builtins.compile(code, f"<fhirpath {expression[:80]}>", "exec")
    except (SyntaxError, RecursionError, MemoryError):
        raise refusal(
            "nested too deeply", "imbrication trop profonde", expression=expression, at=0, kind="too-costly"
        ) from None
