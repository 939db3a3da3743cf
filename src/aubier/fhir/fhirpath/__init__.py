"""FHIRPath (N1, 2.0.0) compiled to Python.

An expression becomes a syntax tree (`parser`), the tree becomes Python source for one starting type
(`compiler`), the source is compiled once. Nothing is run that was not written from the tree.
What the data alone does not tell comes from an `Environment` that the caller gives.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from aubier.fhir.fhirpath.compiler import Compiler
from aubier.fhir.fhirpath.evaluation import runtime
from aubier.fhir.fhirpath.evaluation.run import NOWHERE, Environment, Fault, Run, Tally, Triple, located
from aubier.fhir.fhirpath.functions import LIBRARY
from aubier.fhir.fhirpath.generator import Item, Scope
from aubier.fhir.fhirpath.grammar.parser import parse
from aubier.fhir.fhirpath.grammar.syntax import MAX_DEPTH, MAX_LENGTH, refusal
from aubier.fhir.fhirpath.grammar.variables import bound
from aubier.fhir.fhirpath.library.arguments import one
from aubier.fhir.fhirpath.library.conversions import condition
from aubier.fhir.fhirpath.library.sets import Repeated, distinct, member, traced
from aubier.fhir.fhirpath.library.world import constant
from aubier.fhir.fhirpath.types import is_open, knows
from aubier.fhir.fhirpath.values.equality import before, equal, equivalent, sort
from aubier.ground.memory import Memory

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Environment", "Tally", "compile", "parse", "source", "typed"]

NAMES: dict[str, Any] = {
    **{name: getattr(runtime, name) for name in dir(runtime) if not name.startswith("_")},
    **LIBRARY,
    **{f.__name__: f for f in (before, condition, constant, equal, equivalent, member, one, sort, traced)},
    "Decimal": Decimal,
    "Repeated": Repeated,
    "do_distinct": distinct,
}
"""What generated code may call."""


class Finder(Protocol):
    """A compiled expression: the values it finds in a resource or element."""

    def __call__(self, resource: Any, environment: Environment = NOWHERE) -> list[Any]:
        """The values, in order; Problem where FHIRPath says that evaluation is an error."""


class TypedFinder(Protocol):
    """A compiled expression: the values it finds, each with its sibling and type."""

    def __call__(self, resource: Any, environment: Environment = NOWHERE) -> list[Triple]:
        """The values, in order; Problem where FHIRPath says that evaluation is an error."""


_KEPT: Memory[tuple[str, str, bool, frozenset[str]], TypedFinder] = Memory(32_000_000)
"""Compiled expressions: published ones take a fifth of it."""


def compile(
    expression: str, type: str, *, strict: bool = False, constants: frozenset[str] = frozenset()
) -> Finder:
    """A function from a resource (or element) of `type` to the values of `expression`, JSON values as stored.

    A primitive that has extensions and no value gives none. An amount is a Quantity. `strict` refuses
    elements that the type does not define, as one wants of what a person writes; published expressions are
    written for several types at once. `constants` are the `%names` that the environment will give.
    Problem `invalid` names the column of what cannot be read, `not-supported` a function or type unknown
    here, `too-costly` what is too much. The function raises a Problem only where FHIRPath says that
    evaluation is an error, where the environment does not know, or where the budget is spent.
    """
    find = typed(expression, type, strict=strict, constants=constants)

    def values(resource: Any, environment: Environment = NOWHERE) -> list[Any]:
        return [value for value, _, _ in find(resource, environment) if value is not None]

    return values


def typed(
    expression: str, type: str, *, strict: bool = False, constants: frozenset[str] = frozenset()
) -> TypedFinder:
    """As `compile`, each value with its sibling (the `id` and extensions of a primitive) and its type."""
    key = expression, type, strict, constants
    found: TypedFinder | None = _KEPT.get(key)
    if found is None:
        code = source(expression, type, strict=strict, constants=constants)
        found = _made(code, expression)
        _KEPT.keep(key, found, 6 * len(code) + 6_000)
    return found


def _made(code: str, expression: str) -> TypedFinder:
    """The function that generated source writes."""
    space = dict(NAMES)
    exec(python(code, expression), space)  # noqa: S102 - source written from the syntax tree alone
    evaluate: Callable[[Any, Run], list[Triple]] = space["evaluate"]

    def find(resource: Any, environment: Environment = NOWHERE) -> list[Triple]:
        run = Run(resource, environment)
        try:
            return evaluate(resource, run)
        except Fault as found:
            raise located(found, expression) from None
        except RecursionError:
            raise refusal(
                "the data is nested too deeply",
                "données trop profondes",
                expression=expression,
                at=0,
                kind="too-costly",
            ) from None
        finally:
            if environment.tally is not None:
                environment.tally.left -= environment.budget - run.left

    return find


def source(
    expression: str,
    type: str,
    *,
    strict: bool = False,
    constants: frozenset[str] = frozenset(),
    indexing: bool = False,
) -> str:
    """The Python source that `expression` becomes for `type`: a function `evaluate(r, w)`.

    With `indexing`, what search makes of it; a Problem `not-supported` where search can make nothing of it.
    """
    if not knows(type.partition(".")[0]):
        raise refusal(f"the type {type} is not known", f"type {type} inconnu", expression=expression, at=0)
    compiler = Compiler(expression, indexing=indexing, strict=strict, constants=constants)
    root = Item("r", "", "None", "kind_of(r)") if is_open(type) else Item("r", type)
    try:
        tree = parse(expression)
        if "defineVariable" in expression:
            tree = bound(tree, constants, expression)
        found = compiler.collect(tree, Scope(root, root))
    except RecursionError:
        raise compiler.refuse("nested too deeply", "imbrication trop profonde", costly=True) from None
    return compiler.finished("def evaluate(r, w):", root, before="[]", after=found.name)


def python(code: str, expression: str) -> Any:
    """Generated source as a code object; Problem `too-costly` when it is nested more than Python allows."""
    try:
        return builtins.compile(code, f"<fhirpath {expression[:80]!r}>", "exec")
    except (SyntaxError, RecursionError, MemoryError):
        raise refusal(
            "nested too deeply", "imbrication trop profonde", expression=expression, at=0, kind="too-costly"
        ) from None
