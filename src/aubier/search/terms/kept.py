"""Under which parameters a value is kept, so that none is kept twice.

Two kinds of published parameter find nothing of their own. `combo-code` takes what `code` and
`component-code` take: a question reads these two. `patient` takes those of `subject` that name a Patient:
what names one of this server is kept under `subject`, and found there by its type.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from aubier.fhir.fhirpath.grammar.parser import parse
from aubier.fhir.fhirpath.grammar.syntax import Binary, Node
from aubier.search.model import Parameter
from aubier.search.parameters import registry
from aubier.search.terms.paths import type_of


def operands(node: Node) -> list[Node]:
    """The parts of a union."""
    if isinstance(node, Binary) and node.operator == "|":
        return [*operands(node.left), *operands(node.right)]
    return [node]


@lru_cache(maxsize=256)
def unions(kind: str) -> dict[str, tuple[str, ...]]:
    """The parameters of a type that take just what others take together, with these."""
    parts = {
        p: frozenset(operands(parse(p.expression)))
        for p in registry().of(kind)
        if p.type in ("token", "quantity") and not p.groups and p.expression
    }
    return {p.code: found for p in parts if (found := _covering(p, parts))}


def _covering(whole: Parameter, parts: dict[Parameter, frozenset[Node]]) -> tuple[str, ...]:
    inside = [p for p in parts if p.type == whole.type and parts[p] < parts[whole]]
    covered = frozenset().union(*(parts[p] for p in inside))
    return tuple(sorted(p.code for p in inside)) if covered == parts[whole] else ()


@lru_cache(maxsize=256)
def typed(kind: str) -> dict[str, tuple[str, str]]:
    """The parameters of a type that take, of another, what names one type of resource; with that and it."""
    links = [p for p in registry().of(kind) if p.type == "reference"]
    found = {
        p.code: (of.code, target)
        for p in links
        for of in links
        for target in p.targets
        if p.targets == (target,) and p.expression == f"{of.expression}.where(resolve() is {target})"
    }
    return {code: held for code, held in found.items() if held[0] not in found}


def kept(kind: str, code: str) -> tuple[str, ...]:
    """The codes under which what a parameter takes is kept: its own, or those of which it is the union.

    With `:text` or the like behind it, so are they.
    """
    name, colon, rest = code.partition(":")
    found = unions(type_of(kind)).get(name)
    return tuple(part + colon + rest for part in found) if found else (code,)


def link(kind: str, code: str, target: str) -> str:
    """The code under which a reference parameter keeps what names a resource of the type `target` here."""
    of, held = typed(type_of(kind)).get(code, ("", ""))
    return of if of and held == target else code


def elsewhere(kind: str, code: str, target: str) -> bool:
    """Whether what a reference parameter takes, naming `target`, is kept under another one."""
    return link(kind, code, target.partition("/")[0]) != code


def with_unions(kind: str, present: Iterable[str]) -> set[str]:
    """The parameters that have a value, when these have one."""
    found = set(present)
    return found | {whole for whole, parts in unions(kind).items() if not found.isdisjoint(parts)}
