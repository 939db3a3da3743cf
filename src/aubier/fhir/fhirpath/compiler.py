"""Expressions to code: paths, operators, and the meeting of collections with truth values."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from aubier.fhir.fhirpath.functions import FUNCTIONS, OPERATORS, SIGNS, Function, mentions, subject
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
from aubier.fhir.fhirpath.grammar.variables import Define, Held
from aubier.fhir.fhirpath.library.arguments import INTEGERS
from aubier.fhir.fhirpath.types import SYSTEM, is_a, is_text, json_class, knows, plain, steps
from aubier.fhir.fhirpath.values.moments import moment
from aubier.fhir.fhirpath.values.quantities import CALENDAR, Amount, written

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
        if operand is None:
            self._start(node, scope, then, wanted)
            return
        known: set[bool] = set()

        def each(item: Item) -> None:
            known.add(self.apply(node, item, scope, then, wanted))

        if self.strict and isinstance(node, TypeFilter) and node.single:
            found = self.collect(operand, scope)
            self.loop(Collected(f"only({found.name})", found.type), each)
        elif not self._cut(operand, node, scope, each):
            narrowed = self.type_named(node.type) if isinstance(node, TypeFilter) else ""
            self.emit(operand, scope, each, wanted=narrowed)
        if self.strict and known == {False}:
            self._unknown(node)

    def apply(self, node: Node, item: Item, scope: Scope, then: Then, wanted: str = "") -> bool:
        """Writes what the last step of `node` makes of one `item` of its operand.

        Gives whether the item can have such an element, as far as its type tells.
        """
        match node:
            case Member(_, name):
                return self.step(item, name, then, wanted=wanted)
            case TypeFilter(_, type):
                self.narrow(item, self.type_named(type), then)
            case Call() if (each := self.row(node).each) is not None:
                each(self, node, item, scope, then)
        return True

    def _unknown(self, node: Node) -> None:
        """Refuses an element that no type it could stand on defines."""
        name = node.name if isinstance(node, Member | Root) else ""
        raise self.refuse(
            f"there is no element {name} here", f"pas d'élément {name} ici", node, kind="invalid"
        )

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
        if not self.indexing:
            self.write(f"w.spend({name})")
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
            case Binary("~" | "!~" | "<" | "<=" | ">" | ">=" | "in" | "contains") if self.indexing:
                self._need_run(node, node.operator)
            case Binary("~" | "!~" as operator, left, right):
                alike = f"equivalent(w, {self.collect(left, scope).name}, {self.collect(right, scope).name})"
                return alike if operator == "~" else f"(not {alike})"
            case Binary("<" | "<=" | ">" | ">=" as operator, left, right):
                order = f"before({self.collect(left, scope).name}, {self.collect(right, scope).name})"
                return f"verdict({order}, {operator!r})"
            case Binary("in", left, right):
                return f"member(w, {self.collect(left, scope).name}, {self.collect(right, scope).name})"
            case Binary("contains", left, right):
                return self.test(Binary("in", right, left, at=node.at), scope)
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
        if type.namespace in {"FHIR", "System"} and (knows(type.name) or type.name in SYSTEM):
            return f"{type.namespace}.{type.name}"  # a type of the other namespace: nothing is of it
        raise self.refuse(f"the type {type.name} is not known", f"type {type.name} inconnu", type)

    def loop(self, found: Collected, then: Then) -> None:
        """Writes a loop over a list of items."""
        value, sibling, kind = (self.name(stem) for stem in "vst")
        with self.block(f"for {value}, {sibling}, {kind} in {found.name}:"):
            then(Item(value, found.type, sibling, kind))

    def _cut(self, operand: Node, node: Node, scope: Scope, then: Then) -> bool:
        """Cuts a long path: its beginning is gathered in a list first, over which `then` goes on."""
        length = self._length(node)
        if length < _LONG or length % _LONG:
            return False
        self.loop(self._apart(operand, scope), then)
        return True

    def _length(self, node: Node) -> int:
        """How many steps a path has. It is asked of every beginning of a path: each step is walked once."""
        road = []
        while id(node) not in self._lengths and (operand := operand_of(node)) is not None:
            road.append(node)
            node = operand
        length = self._lengths[id(node)][1] if id(node) in self._lengths else 0
        for step in reversed(road):
            length += 1
            self._lengths[id(step)] = step, length
        return length

    def _start(self, node: Node, scope: Scope, then: Then, wanted: str) -> None:
        """The nodes that are not a step of a path."""
        match node:
            case Root():
                self._root(node, scope, then, wanted)
            case Variable("total") if scope.total != "None":
                self.loop(Collected(scope.total), then)
            case Variable():
                self.present(self._variable(node, scope), then)
            case Binary("|"):
                self._union(node, scope, then)
            case Index(operand, index):
                self._index(operand, index, scope, then)
            case Call():
                self._call(node, scope, then)
            case Define():
                self.loop(self._define(node, scope), then)
            case Held(key):
                self.loop(Collected(f"w.held[{key}]", self._held.get(key, "")), then)
            case Unary(sign, operand) if not isinstance(operand, Literal) or operand.kind != "number":
                self._library(SIGNS[sign], (operand,), scope, then)
            case Binary(operator, left, right) if operator in OPERATORS:
                self._library(OPERATORS[operator], (left, right), scope, then)
            case Literal() | Quantity() | Constant() | Unary() | Empty():
                self._value(node, scope, then)
            case _:
                self._truth(node, scope, then)

    def _call(self, node: Call, scope: Scope, then: Then) -> None:
        row = self.row(node)
        if row.written:
            self._need_run(node, f"{node.name}()")
        if self.strict and row.ordered:
            self._need_order(node)
        if row.run is not None:
            self._library(row, (subject(node), *node.arguments), scope, then, node)
        elif row.written is not None:
            self.loop(row.written(self, node, scope), then)
        elif row.whole is not None:
            found = self.collect(subject(node), scope)
            self.loop(Collected(row.whole(found.name), found.type), then)
        elif row.value is not None:
            then(Item(row.value(self.collect(subject(node), scope).name), row.type))
        elif row.each is not None:
            self._counted(node, scope, then)
        else:
            self._truth(node, scope, then)

    def _define(self, node: Define, scope: Scope) -> Collected:
        """Keeps what a variable holds, for what follows; gives what it is defined on."""
        self._need_run(node, "defineVariable()")
        found = self.collect(node.operand, scope)
        self._keep(-node.key, found)
        self._keep(node.key, self.collect(node.value, scope) if node.value is not None else found)
        return found

    def _keep(self, key: int, found: Collected) -> None:
        self._held[key] = found.type
        self.write(f"w.held[{key}] = {found.name}")

    def _library(
        self, row: Function, operands: tuple[Node, ...], scope: Scope, then: Then, call: Call | None = None
    ) -> None:
        """A function of the library, over the collections of its operands."""
        self._need_run(call or operands[0], f"{call.name}()" if call else "this operator")
        found = [self.collect(operand, scope) for operand in operands]
        first = found[0].type
        if self.strict and call and row.takes and first and plain(first) != row.takes:
            raise self.refuse(
                f"{call.name}() is for a {row.takes}, not for {first}",
                f"{call.name}() s'applique à un {row.takes}, pas à {first}",
                call,
                kind="invalid",
            )
        made = self.name("c")
        self.write(f"{made} = {row.name}(w, {', '.join(f.name for f in found)})")
        self.write(f"w.spend({made})")
        self.loop(Collected(made, first if row.keeps else row.type), then)

    def _need_run(self, node: Node, what: str) -> None:
        """Refuses, while indexing, what must be counted or may be an error."""
        if self.indexing:
            raise self.refuse(
                f"{what} is not for search parameters",
                f"{what} n'est pas admis dans un paramètre de recherche",
                node,
            )

    def _need_order(self, call: Call) -> None:
        operand = call.operand
        if isinstance(operand, Call) and operand.name in {"children", "descendants"}:
            raise self.refuse(
                f"what {operand.name}() gives has no order, which {call.name}() needs",
                f"ce que donne {operand.name}() n'a pas d'ordre, et {call.name}() en veut un",
                call,
                kind="invalid",
            )

    def present(self, item: Item, then: Then) -> None:
        """`item`, when there is one."""
        if not item.absent:
            then(item)
            return
        with self.block(f"if {item.kind} is not None:"):
            then(replace(item, absent=False))

    def _counted(self, call: Call, scope: Scope, then: Then) -> None:
        """A function whose argument asks for `$index`."""
        index = self.name("i")

        def count(item: Item) -> None:
            self.write(f"{index} += 1")
            self.apply(call, item, replace(scope, index=index), then)

        self.write(f"{index} = -1")
        self.emit(subject(call), scope, count)

    def _truth(self, node: Node, scope: Scope, then: Then) -> None:
        flag = self.name("b")
        self.write(f"{flag} = {self.test(node, scope)}")
        with self.block(f"if {flag} is not None:"):
            then(Item(flag, "System.Boolean"))

    def _root(self, node: Root, scope: Scope, then: Then, wanted: str) -> None:
        if scope.this.absent:
            self.present(scope.this, lambda i: self._root(node, replace(scope, this=i), then, wanted))
            return
        name = node.name
        if name[:1].isupper() and knows(name):
            if self.strict and scope.this.type and not is_a(scope.this.type, name):
                raise self.refuse(
                    f"{name} is not what this is evaluated on: {scope.this.type}",
                    f"{name} n'est pas ce sur quoi on évalue : {scope.this.type}",
                    node,
                    kind="invalid",
                )
            self.narrow(scope.this, name, then)
        elif not self.step(scope.this, name, then, wanted=wanted) and self.strict:
            self._unknown(node)

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
        union = f"union({whole})" if self.indexing else f"do_distinct(w, {whole})"
        self.loop(Collected(union, types.pop() if len(types) == 1 else ""), then)

    def _index(self, operand: Node, index: Node, scope: Scope, then: Then) -> None:
        found, place = self.collect(operand, scope), self.collect(index, scope)
        self.loop(Collected(f"at({found.name}, {place.name})", found.type), then)

    def _value(self, node: Node, scope: Scope, then: Then) -> None:
        match node:
            case Literal("number", Decimal() as value):
                then(self._number(value, node))
            case Literal("date" | "dateTime" | "time" as kind, str() as text):
                if moment(text) is None:
                    raise self.refuse(
                        f"no such {kind}: {text}", f"date ou heure fausse : {text}", node, kind="invalid"
                    )
                then(Item(repr(text.strip("T")), _LITERAL_TYPES[kind]))
            case Literal(kind, value):
                then(Item(repr(value), _LITERAL_TYPES[kind]))
            case Unary(sign, Literal("number", Decimal() as value)):
                then(self._number(-value if sign == "-" else value, node))
            case Quantity(value, unit, calendar):
                amount = Amount(value, CALENDAR[unit] if calendar else unit, calendar)
                then(Item(repr(written(amount)), "System.Quantity"))
            case Constant():
                self._constant(node, scope, then)

    def _number(self, value: Decimal, node: Node) -> Item:
        if "." in str(value):
            return Item(repr(value), "System.Decimal")
        if int(value) not in INTEGERS:
            raise self.refuse(
                "an Integer of more than 32 bits", "entier de plus de 32 bits", node, kind="invalid"
            )
        return Item(repr(int(value)), "System.Integer")

    def _constant(self, node: Constant, scope: Scope, then: Then) -> None:
        name = node.name
        if name == "context" or (self.indexing and name in {"resource", "rootResource"}):
            then(scope.root)
        elif name in {"resource", "rootResource"}:
            value = self.name("v")
            self.write(f"{value} = w.{'resource' if name == 'resource' else 'root'}")
            with self.block(f"if {value}.__class__ is dict:"):
                then(Item(value, "", "None", f"kind_of({value})"))
        elif name in self.constants:
            self.loop(Collected(f"constant(w, {name!r})"), then)
        else:
            then(Item(repr(self._url(node)), "System.String"))

    def _url(self, node: Constant) -> str:
        """The URLs that the specification gives names to."""
        name = node.name
        if name.startswith("vs-"):
            return f"http://hl7.org/fhir/ValueSet/{name[3:]}"
        if name.startswith("ext-"):
            return f"http://hl7.org/fhir/StructureDefinition/{name[4:]}"
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        raise self.refuse(f"%{name} is not known", f"%{name} inconnu", node)

    def _apart(self, node: Node, scope: Scope) -> Collected:
        """The items of `node` from a function of its own; `$this` and the resource are handed over."""
        name, types = self.name("f"), set()
        this, root = scope.this, scope.root

        def keep(item: Item) -> None:
            types.add(item.type)
            self.write(f"found.append(({item.value}, {item.sibling}, {item.type_code}))")

        inner = Scope(
            Item("v", this.type, "s", "t", this.absent),
            Item("r", root.type, "None", "k"),
            "None" if scope.index == "None" else "i",
            "None" if scope.total == "None" else "a",
        )
        with self.function(f"def {name}(w, r, k, v, s, t, i, a):"):
            self.write("found = []")
            self.emit(node, inner, keep)
            self.write("return found" if self.indexing else "w.spend(found); return found")
        handed = (
            root.value,
            root.type_code,
            this.value,
            this.sibling,
            this.type_code,
            scope.index,
            scope.total,
        )
        result = self.name("c")
        self.write(f"{result} = {name}({self.world}, {', '.join(handed)})")
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
        if operand == Call(None, "resolve", ()) and not is_a(type, "System.Any") and not scope.this.absent:
            return f"names_type({self.world}, {scope.root.value}, {scope.this.value}, {type!r})"
        found = self.collect(operand, scope).name
        several = f" if len({found}) < 2 else None" if self.indexing else ""
        return f"(is_type({found}, {type!r}){several})"

    def _equal(self, left: Node, right: Node, scope: Scope) -> str:
        if isinstance(right, Literal) and (value := self._plain(left, right, scope)):
            return value
        found = self.collect(left, scope).name, self.collect(right, scope).name
        return f"equal({self.world}, {', '.join(found)})"

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
