"""Composites that compare the resource itself: both parts hold, and no row of their own is kept.

`code-value-quantity` compares an Observation's code with its value, of which it has one. What `code` and
`value-quantity` keep answers it, with the mark that says that the value is of the type it compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from aubier.fhir.fhirpath.compiler import operand_of
from aubier.fhir.fhirpath.grammar.parser import parse
from aubier.fhir.fhirpath.grammar.syntax import Member, Node, Root
from aubier.search.model import Group, Parameter, Part, Terms
from aubier.search.parameters import is_single, registry
from aubier.search.terms.kept import operands, unions


@dataclass(frozen=True, slots=True)
class Whole:
    """The parameters that keep the two parts, and the composite that a resource of both has a value for."""

    code: Parameter
    value: Parameter
    present: str


@lru_cache(maxsize=1024)
def whole(kind: str, group: Group) -> Whole | None:
    """What answers a group whose element is the resource itself; None where rows of its own do.

    A published composite must compare this group alone: that it has a value tells that the one there is comes
    from what the group reads, and not from another type that the same parameter takes.
    """
    if group.expression != kind or len(group.parts) != 2:
        return None
    alone = [p.code for p in registry().of(kind) if [g.name for g in p.groups] == [group.name]]
    code, value = (_keeping(kind, part) for part in group.parts)
    return Whole(code, value, alone[0]) if alone and code and value else None


def told(parameters: Sequence[Parameter]) -> dict[str, tuple[Group, Whole, list[str]]]:
    """The groups of which others of these parameters read both parts, which tell whether they are there.

    A group stands under its name, with these and the codes of the parameters that compare it.
    """
    found: dict[str, tuple[Group, Whole, list[str]]] = {}
    for parameter in parameters:
        for group in parameter.groups:
            kept = whole(parameter.base, group)
            if kept and kept.code in parameters and kept.value in parameters:
                found.setdefault(group.name, (group, kept, []))[2].append(parameter.code)
    return found


def tell(terms: Terms, composites: Sequence[str], code: str, value: str) -> None:
    """Tells composites present when a code, and a value, were found under the parameters that keep them."""
    coded = any(row[0] == code and row[2] for row in (*terms.tokens, *terms.identifiers))
    lists = (terms.quantities, terms.tokens, terms.strings, terms.dates, terms.numbers)
    others = (terms.references, terms.identifiers, terms.uris)
    if coded and any(row[0] == value for rows in (*lists, *others) for row in rows):
        terms.present.update(composites)


def _keeping(kind: str, part: Part) -> Parameter | None:
    """The parameter that keeps the values of a part, and in a resource that has these no others."""
    read = frozenset(operands(parse(part.expression)))
    for parameter in registry().of(kind):
        if parameter.type != part.parameter.type or parameter.groups or parameter.code in unions(kind):
            continue
        takes = {_seen_from(kind, each) for each in operands(parse(parameter.expression))}
        if read == takes or (read < takes and _one_element(kind, takes)):
            return parameter
    return None


def _seen_from(kind: str, node: Node) -> Node:
    """A path that begins with the type of the resource, as written from within it."""
    operand = operand_of(node)
    if operand is None:
        return node
    if isinstance(node, Member) and operand == Root(kind):
        return Root(node.name)
    return replace(node, operand=_seen_from(kind, operand))  # type: ignore[call-arg]


def _one_element(kind: str, paths: Iterable[Node]) -> bool:
    """Whether all paths begin at one element, which a resource has once: only one of them leads anywhere."""
    firsts = {_first(path) for path in paths}
    return len(firsts) == 1 and is_single(kind, *firsts)


def _first(path: Node) -> str:
    while (operand := operand_of(path)) is not None:
        path = operand
    return path.name if isinstance(path, Root) else ""
