"""Element definitions as a tree, and the tree as a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.ground.problem import Problem, problem

MAX_ELEMENTS = 20_000
"""Elements of one definition, at most."""
MAX_NAMES = 64
"""Names in the path of an element, at most: trees are walked by calls within calls."""


@dataclass(slots=True)
class Node:
    """An element with what is below it, by defined name, and its slices, by name.

    `element` is the ElementDefinition; `id` and `path` in it are written anew by `listed`.
    """

    element: dict[str, Any]
    children: dict[str, Node] = field(default_factory=dict)
    slices: dict[str, Node] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path as the definition has it."""
        return str(self.element.get("path", ""))

    def copy(self, budget: Budget) -> Node:
        """A copy down to the elements, whose own values are shared. Problem when the budget is spent."""
        budget.spend()
        return Node(dict(self.element), *self.copied_below(budget))

    def count(self) -> int:
        """How many elements there are, itself included."""
        found, pending = 0, [self]
        while pending:
            node = pending.pop()
            found += 1
            pending += [*node.children.values(), *node.slices.values()]
        return found

    def copied_below(self, budget: Budget) -> tuple[dict[str, Node], dict[str, Node]]:
        """Copies of the children and of the slices."""
        return (
            {name: child.copy(budget) for name, child in self.children.items()},
            {name: each.copy(budget) for name, each in self.slices.items()},
        )


@dataclass(slots=True)
class Budget:
    """Elements that the making of one definition may copy: slices of slices would otherwise know no end."""

    left: int = MAX_ELEMENTS

    def spend(self, elements: int = 1) -> None:
        """Counts elements."""
        self.left -= elements
        if self.left < 0:
            raise problem(
                "too-costly",
                "This definition unfolds into too many elements: divide it",
                "Cette définition se déplie en trop d'éléments : divisez-la",
                at="StructureDefinition.differential",
            )


MALFORMED = (TypeError, ValueError, AttributeError, KeyError, IndexError)
"""What reading a definition raises whose values are not of the types that they should be."""


def malformed(name: str) -> Problem:
    """The Problem of a definition that is stored and not what the specification calls one."""
    return problem(
        "structure",
        f"The definition {name[:200]} is malformed: validate it by itself, mend it and load it again",
        f"La définition {name[:200]} est mal formée : validez-la seule, corrigez-la et chargez-la à nouveau",
        at="StructureDefinition",
    )


Step = tuple[str, str]
"""A name (`value[x]`) and the slice it goes through, or an empty text."""


def planted(elements: Sequence[dict[str, Any]]) -> Node:
    """The tree of a list of elements; steps that the list leaves out are empty. Problem for what is no list.

    The place of an element comes from its id when that agrees with its path, else from its path and the
    slices that stand before it, so that a differential in disorder is read all the same.
    """
    if not elements or len(elements) > MAX_ELEMENTS:
        raise _unreadable("element", f"{len(elements)}")
    root = Node({})
    open_steps: list[Step] = []
    renamed: dict[tuple[Step, ...], str] = {}
    for element in elements:
        node = root
        before, open_steps = open_steps, _steps(element, open_steps)
        _rename(element, open_steps, renamed)
        if before and before[0][0] != open_steps[0][0]:
            raise _unreadable("element.path", f"{element['path']}, elsewhere {before[0][0]}")
        for name, slice in open_steps[1:]:
            node = node.children.setdefault(name, Node({}))
            if slice:
                node = node.slices.setdefault(slice, Node({}))
        node.element = {**element}
    return root


def _rename(element: dict[str, Any], steps: list[Step], renamed: dict[tuple[Step, ...], str]) -> None:
    """A slice that its id calls otherwise keeps its sliceName, also in the ids of what is below it."""
    names = steps[-1][0], str(element.get("id", "")).rpartition(".")[2].partition(":")[2]
    said = steps[-1][1]
    if said and names[1] and names[1] != said and element.get("sliceName") == said:
        renamed[(*steps[:-1], names)] = said
    for n in range(1, len(steps) + 1) if renamed else ():
        meant = renamed.get(tuple(steps[:n]))
        if meant is not None:
            steps[n - 1] = (steps[n - 1][0], meant)


def _steps(element: dict[str, Any], before: list[Step]) -> list[Step]:
    """The steps to an element from the root on, given those of the element before it."""
    path = element.get("path")
    if not isinstance(path, str) or not path:
        raise _unreadable("element.path", str(path))
    names = path.split(".", MAX_NAMES)
    if len(names) > MAX_NAMES:
        raise problem(
            "too-costly",
            f"An element of this definition is nested more than {MAX_NAMES} deep: {path[:80]}",
            f"Un élément de cette définition est imbriqué à plus de {MAX_NAMES} niveaux : {path[:80]}",
            at="StructureDefinition",
        )
    told = _told(str(element.get("id", "")), names, element.get("sliceName"))
    if told:
        return told
    steps: list[Step] = []
    for n, name in enumerate(names[:-1]):
        same = len(steps) == n < len(before) and before[n][0] == name and before[:n] == steps
        steps.append((name, before[n][1] if same else ""))
    return [*steps, (names[-1], str(element.get("sliceName", "")))]


def _told(id: str, names: list[str], slice: Any) -> list[Step] | None:
    """The steps that an id says, when it agrees with the path and the slice name."""
    parts = id.split(".")
    # A slice name may hold points: then the id cannot be cut here, and the path tells.
    if len(parts) != len(names):
        return None
    steps = [(p.partition(":")[0], p.partition(":")[2]) for p in parts]
    if any(not _same(a, b) for (a, _), b in zip(steps, names, strict=True)):
        return None
    if slice and steps[-1][1] != slice:
        return None
    return steps


def _same(name: str, other: str) -> bool:
    """Whether two steps name the same element; `valueQuantity` is a `value[x]`."""
    stem = name.removesuffix("[x]")
    return name == other or (stem != name and other.startswith(stem))


def listed(root: Node, kind: str) -> Iterator[dict[str, Any]]:
    """The elements of a tree in the order of a snapshot, with their ids and paths."""
    yield from _listed(root, kind, kind)


def _listed(node: Node, path: str, id: str) -> Iterator[dict[str, Any]]:
    rest = {k: v for k, v in node.element.items() if k not in ("id", "path")}
    yield {"id": id, "path": path, **rest}
    for name, child in node.children.items():
        yield from _listed(child, f"{path}.{name}", f"{id}.{name}")
    for name, each in node.slices.items():
        yield from _listed(each, path, f"{id}:{name}")


def _unreadable(what: str, found: str) -> Problem:
    return problem(
        "structure",
        f"This definition cannot be read: {what} is {found[:80]}",
        f"Définition illisible : {what} vaut {found[:80]}",
        at="StructureDefinition",
    )
