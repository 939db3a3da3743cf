"""Index values of a resource: one generated function per resource type.

The expressions of all parameters of a type are merged where they begin alike (`Patient.name`,
`Patient.name.family`), and written as one Python function by the FHIRPath compiler.
"""

from __future__ import annotations

import builtins
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

from msgspec import structs

from aubier.fhir.fhirpath import NAMES
from aubier.fhir.fhirpath.compiler import Compiler, operand_of
from aubier.fhir.fhirpath.generator import Item, Scope
from aubier.fhir.fhirpath.grammar.parser import parse
from aubier.fhir.fhirpath.grammar.syntax import Call, Empty, Member, Node, TypeFilter
from aubier.fhir.fhirpath.types import is_resource
from aubier.ground.problem import Problem
from aubier.search.model import Group, Parameter, Terms
from aubier.search.parameters import Registry, is_indexed, registry
from aubier.search.terms import adders
from aubier.search.terms.kept import operands, unions, with_unions
from aubier.search.terms.pairs import pairs
from aubier.search.terms.whole import Whole, tell, told, whole

_HERE = Empty()
_LONG_PATH = 8
_LISTS = (
    *("tokens", "identifiers", "references", "strings", "uris", "dates", "numbers", "quantities"),
    *("pairs", "places", "inside"),
)


def extract(resource: Mapping[str, Any], *, of: Registry | None = None) -> Terms:
    """The index values of a resource (FHIR JSON), for every parameter of its type in the registry `of`.

    Nothing raises: values that cannot be read are left out, a resource of no R4 type has no terms.
    No value is given twice; what only unites others (`terms.kept`) is told present, and gives no values.
    """
    found = Terms()
    kind = resource.get("resourceType")
    if kind.__class__ is str and is_resource(kind):
        compiled((of or registry()).holder(kind), kind)(resource, found)
        found.spare = None
        for name in _LISTS:
            rows = getattr(found, name)
            if len(rows) > 1:
                setattr(found, name, list(dict.fromkeys(rows)))
        if unions(kind):
            found.present = with_unions(kind, found.present)
    return found


@lru_cache(maxsize=1024)
def compiled(of: Registry, type: str) -> Any:
    """The generated function of a resource type: `function(resource, terms)` adds to `terms`."""
    space = {**NAMES, **{f.__name__: f for f in _CALLED}, "Problem": Problem}
    exec(builtins.compile(source(of, type), f"<extract {type}>", "exec"), space)  # noqa: S102 - from the tree
    return space["extract"]


def source(of: Registry, type: str) -> str:
    """The Python source of the extraction for `type`."""
    compiler = Compiler(f"the parameters of {type}", indexing=True)
    root = Item("r", type)
    read = [p for p in of.of(type) if is_indexed(p) and p.code not in unions(type)]
    found = told(read)
    for start, branch in _merged(read, found).items():
        compiler.emit(start, Scope(root, root), partial(_write, compiler, root, branch))
    for group, kept, codes in found.values():
        write = partial(_write_told, compiler, kept, tuple(codes))
        compiler.emit(parse(group.parts[1].expression), Scope(root, root), write)
    return compiler.finished("def extract(r, terms):", root, before="None", after="None")


OPEN = frozenset({"", "Extension"})
"""What stands among the types of values for those that may be of any type: the data tells."""


@lru_cache(maxsize=8192)
def value_types(parameter: Parameter) -> frozenset[str]:
    """The FHIR types that the values of a parameter have (`Identifier`, `CodeableConcept`, `code`...).

    Empty text stands for a type that only the data tells.
    """
    compiler = Compiler(parameter.expression, indexing=True)
    root = Item("r", parameter.base)
    found: set[str] = set()
    for part in operands(parse(parameter.expression)):
        compiler.emit(part, Scope(root, root), lambda item: found.add(item.type))
    return frozenset(found)


def is_text(parameter: Parameter) -> bool:
    """Whether all values of a parameter are strings, of which a token search says nothing about case.

    Rule: FHIR R4 4.0.1, search 3.1.1.4.10.
    """
    return value_types(parameter) == _TEXT


_TEXT = frozenset({"string"})
_CALLED = (*adders.ADDERS.values(), adders.add_open, pairs, tell)
"""What the generated code calls."""


@dataclass(slots=True)
class _Branch:
    """What is done with an item: parameters it is a value of, groups of composites, further steps.

    A group stands under its name with the codes of the parameters that compare it.
    """

    ends: list[Parameter] = field(default_factory=list)
    groups: dict[str, tuple[Group, list[str]]] = field(default_factory=dict)
    steps: dict[Node, _Branch] = field(default_factory=dict)


def _merged(parameters: Sequence[Parameter], others: Container[str]) -> dict[Node, _Branch]:
    """The expressions of all parameters but for the groups in `others`, those that begin alike together."""
    starts: dict[Node, _Branch] = {}
    for parameter in parameters:
        for group in parameter.groups:
            if group.name not in others:
                branch = _branch(starts, parse(group.expression))
                branch.groups.setdefault(group.name, (group, []))[1].append(parameter.code)
        for part in operands(parse(parameter.expression)) if not parameter.groups else ():
            branch = _branch(starts, part)
            if parameter not in branch.ends:
                branch.ends.append(parameter)
    return starts


def _branch(starts: dict[Node, _Branch], path: Node) -> _Branch:
    """Where a path leads, made on the way."""
    start, steps = _path(path)
    branch = starts.setdefault(start, _Branch())
    for step in steps:
        branch = branch.steps.setdefault(step, _Branch())
    return branch


def _path(node: Node) -> tuple[Node, list[Node]]:
    """Where a path begins, and its steps, each without what precedes it. A long path is not taken apart."""
    whole, steps = node, []
    while (operand := operand_of(node)) is not None:
        steps.append(_alone(node))
        node = operand
    return (node, steps[::-1]) if len(steps) <= _LONG_PATH else (whole, [])


def _alone(node: Node) -> Node:
    if isinstance(node, Member | TypeFilter | Call):
        return replace(node, operand=_HERE)
    return node


def _write(compiler: Compiler, root: Item, branch: _Branch, item: Item) -> None:
    """The code of a branch for one item."""
    for parameter in branch.ends:
        _write_end(compiler, parameter, item)
    for group, codes in branch.groups.values():
        _write_group(compiler, root.type, group, codes, Scope(item, root))
    for step, following in branch.steps.items():
        compiler.apply(step, item, Scope(root, root), partial(_write, compiler, root, following))


def _write_group(compiler: Compiler, kind: str, group: Group, codes: Sequence[str], scope: Scope) -> None:
    """The code that adds what stands together in one element; the code is read where there are values."""
    name = compiler.name("parts")
    compiler.write(f"{name} = terms.part()")
    (code, *values) = (
        (structs.replace(part.parameter, code=str(n)), parse(part.expression))
        for n, part in enumerate(group.parts, 1)
    )
    for parameter, path in values:
        compiler.emit(path, scope, partial(_write_end, compiler, parameter, into=name))
    with compiler.block(f"if {name}.present:"):
        compiler.emit(code[1], scope, partial(_write_end, compiler, code[0], into=name))
        kept = "" if whole(kind, group) else group.name
        compiler.write(f"pairs(terms, {tuple(codes)!r}, {kept!r}, {len(group.parts)}, {name})")


def _write_told(compiler: Compiler, kept: Whole, codes: tuple[str, ...], item: Item) -> None:
    """The code that tells composites present where a value was found already, with its code."""
    compiler.write(f"tell(terms, {codes!r}, {kept.code.code!r}, {kept.value.code!r})")


def _write_end(compiler: Compiler, parameter: Parameter, item: Item, into: str = "terms") -> None:
    """The code that adds one value; an extension stands for its value."""
    code, type = parameter.code, parameter.type
    if item.type == "Extension":
        compiler.step(item, "value", lambda i: _write_end(compiler, parameter, i, into))
    elif not item.type:
        compiler.write(f"add_open({into}, {code!r}, {type!r}, {item.value}, {item.kind})")
    elif (adder := adders.ADDERS.get((type, item.type))) is not None:
        value = f"{item.value}.casefold()" if type == "token" and is_text(parameter) else item.value
        compiler.write(f"{adder.__name__}({into}, {code!r}, {value})")
