"""FHIRPath syntax tree to Python source.

The generated code pushes: a step becomes a test or a loop, and what follows is written inside it. The
type of each value is known while generating wherever the definitions tell it, so that `value as
Quantity` becomes one look at `valueQuantity` and what cannot match becomes nothing at all. Where only
the data tells (a contained resource, the value of an extension) the code asks `runtime`.

A value is written as an `Item`; a collection at run time is a list of `(value, sibling, type)`, where
`sibling` holds the `id` and extensions of a primitive. Every text that comes from the expression goes
into the source through `repr` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from aubier.fhir.fhirpath.grammar.syntax import Node, refusal
from aubier.fhir.fhirpath.types import Step, is_a, is_open, json_class, plain, steps
from aubier.ground.problem import Kind

MAX_LINES = 20_000
"""More generated lines than this are refused."""
_MANY_TYPES = 12
"""A choice of more types than this is walked at run time."""
_DEEP = 10
"""Beyond this indentation a part becomes a function of its own (Python bounds nested loops to 20)."""

_CLASS_TEST = {
    "str": "{0}.__class__ is str",
    "bool": "{0}.__class__ is bool",
    "number": "{0}.__class__ in NUMBERS",
    "dict": "{0}.__class__ is dict",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A value in the generated code: Python names, and its FHIR type when it is known while generating.

    `type` is empty when only the run tells; then `kind` is the Python expression that gives it.
    `absent` tells that there may be no item at all: then `kind` gives None.
    """

    value: str
    type: str
    sibling: str = "None"
    kind: str = ""
    absent: bool = False

    @property
    def type_code(self) -> str:
        """Python source that gives the type at run time."""
        return repr(self.type) if self.type else self.kind


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression sees: `$this`, `$index`, `$total`, and the resource it is evaluated on."""

    this: Item
    root: Item
    index: str = "None"
    total: str = "None"


@dataclass(frozen=True, slots=True)
class Collected:
    """A list of `(value, sibling, type)` named `name`; `type` when all items have the same."""

    name: str
    type: str = ""


Then = Callable[[Item], object]


class Generator(ABC):
    """Source under construction: lines, names, steps. The compiler adds the expressions.

    `indexing` is for search: primitives that have extensions and no value are left out, several
    values where one is due count as none instead of a refusal, and there is no world to ask nor work to
    count. `strict` refuses what no instance can have: an element that the type does not define.
    `constants` are the `%names` that the environment will give.
    """

    def __init__(
        self,
        expression: str,
        *,
        indexing: bool = False,
        strict: bool = False,
        constants: frozenset[str] = frozenset(),
    ) -> None:
        self.expression = expression
        self.indexing = indexing
        self.strict = strict
        self.constants = constants
        self.world = "None" if indexing else "w"
        self.functions: list[str] = []
        self._lengths: dict[int, tuple[Node, int]] = {}
        self._held: dict[int, str] = {}
        self._lines: list[str] = []
        self._indent = 1
        self._names = 0
        self._written = 0

    @abstractmethod
    def emit(self, node: Node, scope: Scope, then: Then, *, wanted: str = "") -> None:
        """Writes the code that finds the items of `node`, and inside it what `then` writes for each."""

    @abstractmethod
    def collect(self, node: Node, scope: Scope) -> Collected:
        """Writes the code that puts the items of `node` in a list."""

    @abstractmethod
    def test(self, node: Node, scope: Scope) -> str:
        """Writes what must come before, and gives Python source of True, False or None (empty)."""

    def write(self, line: str) -> None:
        """One line at the present indentation."""
        self._written += 1
        if self._written > MAX_LINES:
            raise self.refuse("too much work in one expression", "expression trop coûteuse", costly=True)
        self._lines.append(" " * self._indent + line)

    def name(self, stem: str) -> str:
        """A name not used before."""
        self._names += 1
        return f"{stem}{self._names}"

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """The lines written inside stand under `header`; nothing written, nothing left of it."""
        self.write(header)
        mark = len(self._lines)
        self._indent += 1
        yield
        self._indent -= 1
        if len(self._lines) == mark:
            self._lines.pop()

    @contextmanager
    def function(self, header: str) -> Iterator[None]:
        """The lines written inside become a function beside the others."""
        lines, indent = self._lines, self._indent
        self._lines, self._indent = [], 1
        yield
        self.functions += [header, *self._lines]
        self._lines, self._indent = lines, indent

    def finished(self, header: str, root: Item, *, before: str, after: str) -> str:
        """The whole source: the functions apart, then one of this `header` over what was written.

        It gives `before` at once when the `root` is not of its JSON class, `after` in the end.
        """
        test = class_test(root.value, root.type) if root.type else f"{root.value}.__class__ is dict"
        return "\n".join(
            [
                *self.functions,
                header,
                f" if not {test}: return {before}",
                *self._lines,
                f" return {after}",
                "",
            ]
        )

    @property
    def deep(self) -> bool:
        """Whether what comes should be a function of its own."""
        return self._indent > _DEEP

    def refuse(
        self,
        text: str,
        fr: str,
        node: Node | None = None,
        *,
        costly: bool = False,
        kind: Kind = "not-supported",
    ) -> Exception:
        """A Problem at the place of `node`: `too-costly`, or of a `kind`."""
        at = node.at if node else 0
        return refusal(text, fr, expression=self.expression, at=at, kind="too-costly" if costly else kind)

    def step(self, item: Item, name: str, then: Then, *, wanted: str = "") -> bool:
        """What `name` finds below `item`; of a choice, only the types that can be `wanted`.

        Gives whether an item of that type can have such an element.
        """
        if not item.type:
            self._open_step(item, name, then)
            return True
        found = steps(item.type).get(name)
        primitive = json_class(item.type) != "dict"
        own = item.type.startswith("System.")
        if primitive and name == "value" and not (own or self.indexing):
            with self.block(f"if {item.value} is not None:"):
                then(Item(item.value, f"System.{plain(item.type)}"))
            return True
        if found is None:
            return False
        if primitive:
            self._below_primitive(item, found, then)
        else:
            self._below(item, found, name, then, wanted)
        return True

    def _below(self, item: Item, found: Step, name: str, then: Then, wanted: str) -> None:
        parent = item.value
        if wanted:
            found = replace(found, keys=tuple(k for k in found.keys if is_a(k[1], wanted) or is_open(k[1])))
        if len(found.keys) > _MANY_TYPES:
            self._open_step(item, name, then)
            return
        for key, type in found.keys:
            self._key(parent, key, type, found.many, then=then)

    def _below_primitive(self, item: Item, found: Step, then: Then) -> None:
        """`id` and `extension` of a primitive stand in its sibling."""
        if item.sibling == "None":
            return
        with self.block(f"if {item.sibling}.__class__ is dict:"):
            for key, type in found.keys:
                self._key(item.sibling, key, type, found.many, then=then)

    def _key(self, parent: str, key: str, type: str, many: bool, *, then: Then) -> None:
        if not self.indexing and json_class(type) != "dict":
            self._primitive(parent, key, type, many, then=then)
        elif many:
            each, value = self.name("l"), self.name("v")
            counted = "" if self.indexing else f" and w.spend({each})"
            with (
                self.block(f"if ({each} := {parent}.get({key!r})).__class__ is list{counted}:"),
                self.block(f"for {value} in {each}:"),
                self.block(f"if {class_test(value, type)}:"),
            ):
                then(self.item(value, type))
        else:
            value = self.name("v")
            with self.block(f"if {class_test(f'({value} := {parent}.get({key!r}))', type)}:"):
                then(self.item(value, type))

    def _primitive(self, parent: str, key: str, type: str, many: bool, *, then: Then) -> None:
        value, sibling = self.name("v"), self.name("s")
        found = "pairs(w, " if many else "pair("
        beside = "_" + key
        with (
            self.block(f"for {value}, {sibling} in {found}{parent}.get({key!r}), {parent}.get({beside!r})):"),
            self.block(f"if {value} is None or {class_test(value, type)}:"),
        ):
            then(Item(value, type, sibling))

    def item(self, value: str, type: str, sibling: str = "None") -> Item:
        """The item named `value`; the type of a resource is read from it."""
        if is_open(type):
            return Item(value, "", sibling, f"kind_of({value})")
        return Item(value, type, sibling)

    def _open_step(self, item: Item, name: str, then: Then) -> None:
        names = [self.name(stem) for stem in "vst"]
        found = f"children({self.world}, {item.value}, {item.sibling}, {item.type_code}, {name!r})"
        with self.block(f"for {', '.join(names)} in {found}:"):
            then(Item(names[0], "", names[1], names[2]))

    def narrow(self, item: Item, type: str, then: Then) -> None:
        """`item` when its type is `type` or descends from it.

        A primitive only when it is exactly that: `as string` is not for codes. Search finds more than one
        asks for rather than less, and takes both.
        """
        exact = not self.indexing and json_class(type) != "dict"
        if item.type:
            if item.type == type or (is_a(item.type, type) and not exact):
                then(item)
            return
        with self.block(f"if {item.kind} == {type!r}:" if exact else f"if is_a({item.kind}, {type!r}):"):
            vague = is_open(type) or type in {"Element", "BackboneElement"}
            then(item if vague else replace(item, type=type, kind=""))


def class_test(value: str, type: str) -> str:
    """Python source of the test that the expression `value` has the JSON class of `type`."""
    return _CLASS_TEST[json_class(type)].format(value)
