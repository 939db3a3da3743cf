"""Expressions to code: paths, operators, and the meeting of collections with truth values."""

from __future__ import annotations

from decimal import Decimal

from aubier.fhir.fhirpath.functions import FUNCTIONS, Function, mentions, subject
from aubier.fhir.fhirpath.generator import Collected, Generator, Item, Scope, Then, class_test
from aubier.fhir.fhirpath.grammar.syntax import (
    Binary,
    Call,
    Constant,
    Empty,
    Index,
    Literal,
    Member,
    Node,
    Quantity,
    Root,
    TypeFilter,
    TypeName,
    TypeTest,
    Unary,
    Variable,
)
from aubier.fhir.fhirpath.types import SYSTEM, is_a, is_text, json_class, knows, steps

_LOGIC = {"and": "both", "or": "either", "xor": "one_of_two", "implies": "implied"}
_LONG = 10
"""A path of more steps is cut into parts, because Python bounds nested loops."""
_LITERAL_TYPES = {
    "boolean": "System.Boolean",
    "string": "System.String",
    "long": "System.Integer",
    "date": "System.Date",
    "dateTime": "System.DateTime",
    "time": "System.Time",
}
_CONSTANTS = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}


class Compiler(Generator):
    """Writes the code of whole expressions."""

    def emit(self, node: Node, scope: Scope, then: Then, *, wanted: str = "") -> None:
        """Writes the code that finds the items of `node`, and inside it what `then` writes for each."""
        operand = operand_of(node)
        if operand is not None and not self._cut(operand, node, scope, then):
            narrowed = self.type_named(node.type) if isinstance(node, TypeFilter) else ""
            self.emit(operand, scope, lambda i: self.apply(node, i, scope, then, wanted), wanted=narrowed)
        elif operand is None:
            self._start(node, scope, then, wanted)

    def apply(self, node: Node, item: Item, scope: Scope, then: Then, wanted: str = "") -> None:
        """Writes what the last step of `node` makes of one `item` of its operand."""
        match node:
            case Member(_, name):
                self.step(item, name, then, wanted=wanted)
            case TypeFilter(_, type):
                self.narrow(item, self.type_named(type), then)
            case Call() if (each := self.row(node).each) is not None:
                each(self, node, item, scope, then)

    def collect(self, node: Node, scope: Scope) -> Collected:
        """Writes the code that puts the items of `node` in a list."""
        if self.deep:
            return self._apart(node, scope)
        name, types = self.name("c"), set()

        def keep(item: Item) -> None:
            types.add(item.type)
            self.write(f"{name}.append(({item.value}, {item.sibling}, {item.type_code}))")

        self.write(f"{name} = []")
        self.emit(node, scope, keep)
        return Collected(name, types.pop() if len(types) == 1 else "")

    def test(self, node: Node, scope: Scope) -> str:
        """Writes what must come before, and gives Python source of True, False or None (empty)."""
        match node:
            case Literal("boolean", value):
                return repr(value)
            case Binary(operator, left, right) if operator in _LOGIC:
                return f"{_LOGIC[operator]}({self._flag(left, scope)}, {self._flag(right, scope)})"
            case Binary("=", left, right):
                return self._equal(left, right, scope)
            case Binary("!=", left, right):
                return f"negated({self._equal(left, right, scope)})"
            case TypeTest(operand, type):
                return self._type_test(operand, self.type_named(type), scope)
            case Call() if (test := self.row(node).test) is not None:
                return test(self, node, scope)
        truth = "truth_or_none" if self.indexing else "truth"
        return f"{truth}({self.collect(node, scope).name})"

    def row(self, call: Call) -> Function:
        """The row of the function called; Problem when there is none or the number of arguments is wrong."""
        found = FUNCTIONS.get(call.name)
        if found is None:
            raise self.refuse(
                f"the function {call.name}() is not known here", f"fonction {call.name}() inconnue ici", call
            )
        if not found.least <= len(call.arguments) <= found.most:
            raise self.refuse(
                f"{call.name}() takes {found.least} to {found.most} arguments, not {len(call.arguments)}",
                f"{call.name}() attend de {found.least} à {found.most} arguments, pas {len(call.arguments)}",
                call,
            )
        return found

    def type_named(self, type: TypeName) -> str:
        """The type a name means: FHIR's first, then FHIRPath's own (`System.String`)."""
        if type.namespace in {"", "FHIR"} and knows(type.name):
            return type.name
        if type.namespace in {"", "System"} and type.name in SYSTEM:
            return f"System.{type.name}"
        raise self.refuse(f"the type {type.name} is not known", f"type {type.name} inconnu", type)

    def loop(self, found: Collected, then: Then) -> None:
        """Writes a loop over a list of items."""
        value, sibling, kind = (self.name(stem) for stem in "vst")
        with self.block(f"for {value}, {sibling}, {kind} in {found.name}:"):
            then(Item(value, found.type, sibling, kind))

    def _cut(self, operand: Node, node: Node, scope: Scope, then: Then) -> bool:
        """Cuts a long path: its beginning is gathered in a list first."""
        length = _length(node)
        if length < _LONG or length % _LONG:
            return False
        self.loop(self._apart(operand, scope), lambda i: self.apply(node, i, scope, then))
        return True

    def _start(self, node: Node, scope: Scope, then: Then, wanted: str) -> None:
        """The nodes that are not a step of a path."""
        match node:
            case Root(name):
                self._root(name, scope, then, wanted)
            case Variable():
                then(self._variable(node, scope))
            case Binary("|"):
                self._union(node, scope, then)
            case Index(operand, index):
                self._index(operand, index, scope, then)
            case Call():
                self._call(node, scope, then)
            case Literal() | Quantity() | Constant() | Unary() | Empty():
                self._value(node, scope, then)
            case Binary(operator) if operator not in {*_LOGIC, "=", "!="}:
                raise self.refuse(
                    f"the operator {operator} is not known here", f"opérateur {operator} inconnu ici", node
                )
            case _:
                self._truth(node, scope, then)

    def _call(self, node: Call, scope: Scope, then: Then) -> None:
        row = self.row(node)
        if row.whole is not None:
            found = self.collect(subject(node), scope)
            self.loop(Collected(row.whole(found.name), found.type), then)
        elif row.value is not None:
            then(Item(row.value(self.collect(subject(node), scope).name), row.type))
        elif row.each is not None:
            self._counted(node, scope, then)
        else:
            self._truth(node, scope, then)

    def _counted(self, call: Call, scope: Scope, then: Then) -> None:
        """A function whose argument asks for `$index`."""
        index = self.name("i")

        def count(item: Item) -> None:
            self.write(f"{index} += 1")
            self.apply(call, item, Scope(scope.this, scope.root, index), then)

        self.write(f"{index} = -1")
        self.emit(subject(call), scope, count)

    def _truth(self, node: Node, scope: Scope, then: Then) -> None:
        flag = self.name("b")
        self.write(f"{flag} = {self.test(node, scope)}")
        with self.block(f"if {flag} is not None:"):
            then(Item(flag, "System.Boolean"))

    def _root(self, name: str, scope: Scope, then: Then, wanted: str) -> None:
        if name[:1].isupper() and knows(name):
            self.narrow(scope.this, name, then)
        else:
            self.step(scope.this, name, then, wanted=wanted)

    def _variable(self, node: Variable, scope: Scope) -> Item:
        if node.name == "this":
            return scope.this
        if node.name == "index" and scope.index != "None":
            return Item(scope.index, "System.Integer")
        raise self.refuse(f"${node.name} has no meaning here", f"${node.name} n'a pas de sens ici", node)

    def _union(self, node: Binary, scope: Scope, then: Then) -> None:
        parts: list[Node] = []
        rest: Node = node
        while isinstance(rest, Binary) and rest.operator == "|":
            parts.append(rest.right)
            rest = rest.left
        found = [self.collect(part, scope) for part in (rest, *reversed(parts))]
        types = {f.type for f in found}
        whole = " + ".join(f.name for f in found)
        self.loop(Collected(f"union({whole})", types.pop() if len(types) == 1 else ""), then)

    def _index(self, operand: Node, index: Node, scope: Scope, then: Then) -> None:
        found, place = self.collect(operand, scope), self.collect(index, scope)
        self.loop(Collected(f"at({found.name}, {place.name})", found.type), then)

    def _value(self, node: Node, scope: Scope, then: Then) -> None:
        match node:
            case Literal("number", Decimal() as value):
                whole = value == int(value) and "." not in str(value)
                item = Item(
                    repr(int(value) if whole else value), f"System.{'Integer' if whole else 'Decimal'}"
                )
            case Literal(kind, value):
                item = Item(repr(value), _LITERAL_TYPES[kind])
            case Unary(sign, Literal("number", Decimal() as value)):
                self._value(Literal("number", -value if sign == "-" else value, at=node.at), scope, then)
                return
            case Constant():
                item = self._constant(node, scope)
            case Empty():
                return
            case _:
                raise self.refuse("quantities and signs come later", "quantités et signes : pas encore", node)
        then(item)

    def _constant(self, node: Constant, scope: Scope) -> Item:
        name = node.name
        if name in {"resource", "rootResource", "context"}:
            return scope.root
        if name.startswith("vs-"):
            return Item(repr(f"http://hl7.org/fhir/ValueSet/{name[3:]}"), "System.String")
        if name.startswith("ext-"):
            return Item(repr(f"http://hl7.org/fhir/StructureDefinition/{name[4:]}"), "System.String")
        if name in _CONSTANTS:
            return Item(repr(_CONSTANTS[name]), "System.String")
        raise self.refuse(f"%{name} is not known", f"%{name} inconnu", node)

    def _apart(self, node: Node, scope: Scope) -> Collected:
        """The items of `node` from a function of its own; `$this` and the resource are handed over."""
        name, types = self.name("f"), set()
        this, root = scope.this, scope.root

        def keep(item: Item) -> None:
            types.add(item.type)
            self.write(f"found.append(({item.value}, {item.sibling}, {item.type_code}))")

        inner = Scope(Item("v", this.type, "s", "t"), Item("r", root.type, "None", "k"), "i")
        if scope.index == "None":
            inner = Scope(inner.this, inner.root)
        with self.function(f"def {name}(r, k, v, s, t, i):"):
            self.write("found = []")
            self.emit(node, inner, keep)
            self.write("return found")
        handed = (root.value, root.type_code, this.value, this.sibling, this.type_code, scope.index)
        result = self.name("c")
        self.write(f"{result} = {name}({', '.join(handed)})")
        return Collected(result, types.pop() if len(types) == 1 else "")

    def _flag(self, node: Node, scope: Scope) -> str:
        """A truth value in a name, so that what follows may write more lines."""
        source = self.test(node, scope)
        if source.isidentifier():
            return source
        flag = self.name("b")
        self.write(f"{flag} = {source}")
        return flag

    def _type_test(self, operand: Node, type: str, scope: Scope) -> str:
        if operand == Call(None, "resolve", ()) and not is_a(type, "System.Any"):
            return f"names_type({scope.root.value}, {scope.this.value}, {type!r})"
        found = self.collect(operand, scope).name
        several = f" if len({found}) < 2 else None" if self.indexing else ""
        return f"(is_type({found}, {type!r}){several})"

    def _equal(self, left: Node, right: Node, scope: Scope) -> str:
        if isinstance(right, Literal) and (value := self._plain(left, right, scope)):
            return value
        return f"equal({self.collect(left, scope).name}, {self.collect(right, scope).name})"

    def _plain(self, left: Node, right: Literal, scope: Scope) -> str:
        """`system = 'phone'` at its cheapest: an element of `$this` that cannot repeat, and a literal."""
        found = steps(scope.this.type).get(left.name) if isinstance(left, Root) else None
        if found is None or found.many or len(found.keys) > 1 or json_class(scope.this.type) != "dict":
            return ""
        key, type = found.keys[0]
        alike = is_text(type) if right.kind == "string" else type == right.kind == "boolean"
        if not alike:
            return ""
        value = self.name("v")
        self.write(f"{value} = {scope.this.value}.get({key!r})")
        return f"(({value} == {right.value!r}) if {class_test(value, type)} else None)"


def operand_of(node: Node) -> Node | None:
    """What a step of a path is taken from; None when `node` does not work item by item."""
    if isinstance(node, Member | TypeFilter):
        return node.operand
    if not isinstance(node, Call):
        return None
    found = FUNCTIONS.get(node.name)
    by_index = any(mentions(a, "index") for a in node.arguments)
    return subject(node) if found and found.each and not by_index else None


def _length(node: Node) -> int:
    """How many steps a path has."""
    steps_ = 0
    while (operand := operand_of(node)) is not None:
        node, steps_ = operand, steps_ + 1
    return steps_
