"""Which slice a value belongs to.

Rule: FHIR R4 4.0.1, profiling.html#discriminator: value, pattern, exists, type, profile, over paths of
element names, `$this`, `resolve()`, `extension('url')` and `ofType(Type)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from aubier.ground.memory import remembered
from aubier.ground.problem import Problem
from aubier.validation.profiles.comparing import fits, same
from aubier.validation.profiles.items import Item, children, keys_of, named_type
from aubier.validation.profiles.library import Library
from aubier.validation.profiles.questions import among, codings
from aubier.validation.profiles.shapes import Slice
from aubier.validation.snapshots.base import plain_code
from aubier.validation.snapshots.tree import Node


class Judge(Protocol):
    """What deciding needs of the walk."""

    library: Library

    def resolve(self, reference: Item) -> Item | None:
        """What a reference names here."""
        ...

    def conforms(self, item: Item, canonical: str) -> bool:
        """Whether an item conforms to a profile; true for one that is not here."""
        ...


Test = Callable[[Judge, Item], bool]
Charge = Callable[[int], None]
"""Counts work; raises when there is too much."""

MAX_DEPTH = 8
"""Levels below a discriminator at which values are looked for."""

_LOOK = 20
"""What looking at an element costs, in the work of a validation."""
_LONGEST = 1_000
"""Characters of a discriminator path, at most: it is cut step by step."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a discriminator path: `name`, `resolve`, `extension` or `ofType`, with its word."""

    kind: str
    word: str = ""


@remembered(2_000_000, lambda found, path: 60 * len(path) + 300)
def steps(path: str) -> tuple[Step, ...] | None:
    """The steps of a path, `$this` being none; None when it is not of the restricted grammar."""
    if len(path) > _LONGEST:
        return None
    found: list[Step] = []
    rest = path.strip()
    while rest:
        word, mark, rest = _word(rest)
        if mark == "(":
            inside, closed, rest = rest.partition(")")
            inside = inside.strip().strip("'\"")
            if not closed or word not in ("resolve", "extension", "ofType") or rest[:1] not in ("", "."):
                return None
            found.append(Step(word, inside))
            rest = rest[1:]
        elif word != "$this":
            if not word.isidentifier():
                return None
            found.append(Step("name", word))
    return tuple(found)


def _word(rest: str) -> tuple[str, str, str]:
    """The next word, what ends it (a point, a bracket or nothing), and what follows."""
    for n, sign in enumerate(rest):
        if sign in ".(":
            return rest[:n], sign, rest[n + 1 :]
    return rest, "", ""


def tests_of(
    library: Library, slice: Slice, discriminators: list[dict[str, str]], charge: Charge
) -> list[Test] | None:
    """One test for each discriminator; None when the slice does not say what one of them needs.

    `charge` hears of each element looked at below a discriminator: profiles that hold each other have no end.
    """
    tests: list[Test] = []
    for row in discriminators:
        path = steps(str(row.get("path", "")))
        nodes = _nodes(library, slice.node, path) if path is not None else []
        test = _test(library, str(row.get("type")), nodes, path or (), charge)
        if test is None:
            return None
        tests.append(test)
    return tests or None


def _test(
    library: Library, kind: str, nodes: list[Node], path: tuple[Step, ...], charge: Charge
) -> Test | None:
    if kind == "exists":
        return _exists(nodes, path)
    if kind == "type":
        return _type(library, nodes, path)
    if kind == "profile":
        return _profile(library, nodes, path)
    if nodes and all(n.element.get("max") == "0" for n in nodes):
        return lambda judge, item: not _found(judge, item, path)
    wanted = [w for n in nodes if (w := _wanted(library, n, charge)) is not None]
    if not wanted:
        return None
    return lambda judge, item: any(w(judge, found) for found in _found(judge, item, path) for w in wanted)


# -- what a slice says at a path ------------------------------------------------------------------------


def _nodes(library: Library, node: Node, path: tuple[Step, ...]) -> list[Node]:
    """The nodes of a slice's definition at a path."""
    here = [node]
    for step in path:
        here = [found for n in here for found in _step_nodes(library, n, step)]
    return here


def _step_nodes(library: Library, node: Node, step: Step) -> list[Node]:
    if step.kind == "resolve":
        aimed = [p for t in node.element.get("type", ()) for p in t.get("targetProfile", ())]
        return [_aimed(p, library) for p in aimed]
    if step.kind == "ofType":
        return [node]
    inside = _part(node, step)
    if inside is not None:
        return [inside]
    held = library.unfolded(node).children
    if step.kind == "extension":
        rows = held.get("extension", Node({})).slices.values()
        return [r for r in rows if _url_of(library, r) == step.word]
    found = held.get(step.word) or held.get(f"{step.word}[x]")
    if found is None:
        return []
    return [found, *found.slices.values()]


def _part(node: Node, step: Step) -> Node | None:
    """What the value that an element must have (`fixedContactPoint`) says of one of its parts, or None."""
    values = (
        v for k, v in node.element.items() if k.startswith(("fixed", "pattern")) and isinstance(v, dict)
    )
    said = next((v[step.word] for v in values if step.kind == "name" and step.word in v), None)
    first = next(iter(said), None) if isinstance(said, list) else said
    return Node({"pattern": first}) if first is not None else None


def _aimed(canonical: str, library: Library) -> Node:
    """The target of a reference, as a node that names its type and profile."""
    tree = library.tree(canonical)
    row = {"type": [{"code": library.type_of(canonical), "profile": [canonical]}], "min": 0}
    return Node(row, tree.children if tree else {})


def _url_of(library: Library, extension: Node) -> str:
    """The url of an extension slice: fixed in it, in its definition, or that definition's own."""
    url = library.unfolded(extension).children.get("url")
    if url is not None and "fixedUri" in url.element:
        return str(url.element["fixedUri"])
    named = [p for t in extension.element.get("type", ()) for p in t.get("profile", ())]
    return str(named[0]).partition("|")[0] if named else ""


# -- what data says at a path ---------------------------------------------------------------------------


def _found(judge: Judge, item: Item, path: tuple[Step, ...]) -> list[Item]:
    """The items of the data at a path."""
    here = [item]
    for step in path:
        here = [found for i in here for found in _step_items(judge, i, step)]
    return here


def _step_items(judge: Judge, item: Item, step: Step) -> list[Item]:
    if step.kind == "resolve":
        found = judge.resolve(item)
        return [found] if found is not None else []
    if step.kind == "ofType":
        return [item] if item.type == step.word else []
    if step.kind == "extension":
        return [x for x in children(item, "extension") if x.value.get("url") == step.word]
    name = step.word if step.word in keys_of(item.type) else f"{step.word}[x]"
    return children(item, name)


# -- the tests ------------------------------------------------------------------------------------------


def _exists(nodes: list[Node], path: tuple[Step, ...]) -> Test | None:
    if not nodes:
        return None
    row = nodes[0].element
    if str(row.get("max")) == "0":
        return lambda judge, item: not _found(judge, item, path)
    if int(row.get("min", 0)) > 0:
        return lambda judge, item: bool(_found(judge, item, path))
    return None


def _type(library: Library, nodes: list[Node], path: tuple[Step, ...]) -> Test | None:
    codes = {plain_code(t) for n in nodes for t in n.element.get("type", ())}
    # A resource may be said by its profile alone.
    codes |= {
        library.type_of(p) for n in nodes for t in n.element.get("type", ()) for p in t.get("profile", ())
    }
    codes -= {"", "Resource"}
    if not codes:
        return None
    return lambda judge, item: not codes.isdisjoint(_kinds(judge, item, path))


def _kinds(judge: Judge, item: Item, path: tuple[Step, ...]) -> list[str]:
    """The types of the data at a path; of what a reference names and is not here, the type that it tells."""
    if not path or path[-1].kind != "resolve":
        return [found.type for found in _found(judge, item, path)]
    named = [(one, judge.resolve(one)) for one in _found(judge, item, path[:-1])]
    return [found.type if found is not None else named_type(one) for one, found in named]


def _profile(library: Library, nodes: list[Node], path: tuple[Step, ...]) -> Test | None:
    """By conformance to a profile; of one that is not here nothing can be told."""
    named = [p for n in nodes for t in n.element.get("type", ()) for p in t.get("profile", ())]
    if not named or not all(_is_here(library, p) for p in named):
        return None
    return lambda judge, item: any(
        judge.conforms(found, p) for found in _found(judge, item, path) for p in named
    )


def _is_here(library: Library, canonical: str) -> bool:
    try:
        return library.profile(canonical) is not None
    except Problem:
        return False


def _wanted(library: Library, node: Node, charge: Charge) -> Test | None:
    """The test of what a node demands: fixed or pattern, else required codes, else values below it."""
    return _own(node) or _codes(library, node) or _below(library, node, 0, charge)


def _own(node: Node) -> Test | None:
    for key, value in node.element.items():
        if key.startswith("fixed"):
            return partial(_is, value)
        if key.startswith("pattern"):
            return partial(_holds, value)
    return None


def _below(library: Library, node: Node, depth: int, charge: Charge) -> Test | None:
    below: list[tuple[str, bool, Test]] = []
    for name, child in library.unfolded(node).children.items() if depth < MAX_DEPTH else ():
        if name in ("id", "extension", "modifierExtension"):
            continue
        for each in (child, *child.slices.values()):
            charge(_LOOK)
            test = _own(each) or _below(library, each, depth + 1, charge)
            if test is not None:
                below.append((name, int(each.element.get("min", 0)) == 0, test))
    return _all_of(below) if below else None


def _is(wanted: Any, judge: Judge, item: Item) -> bool:
    return same(item.value, wanted)


def _holds(pattern: Any, judge: Judge, item: Item) -> bool:
    return fits(item.value, pattern)


def _all_of(below: list[tuple[str, bool, Test]]) -> Test:
    """What is demanded holds where it is; what is optional may be absent, but not everything."""

    def test(judge: Judge, item: Item) -> bool:
        seen = False
        for name, optional, one in below:
            found = children(item, name)
            if not found and optional:
                continue
            if not any(one(judge, each) for each in found):
                return False
            seen = True
        return seen

    return test


def _codes(library: Library, node: Node) -> Test | None:
    row = node.element.get("binding") or {}
    if row.get("strength") != "required" or "valueSet" not in row:
        return None
    pairs = library.value_set(str(row["valueSet"]).partition("|")[0])
    return (
        (lambda judge, item: among(codings(item.value, item.type) or (), pairs))
        if pairs is not None
        else None
    )
