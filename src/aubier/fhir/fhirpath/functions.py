"""The functions of FHIRPath, each as the code it becomes.

Kinds by what a function does. `each`: one item in, any number out. `whole`: a collection to a collection.
`test`: a collection to a truth value. `value`: a collection to one value of a known type. `run`: a
collection and those of its arguments to a collection, by a function of `library`. `written`: code of its
own, because its arguments are looked at item by item, or not at all.
A new function is a row here, and a function in `library` when it has work to do at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

from aubier.fhir.fhirpath.generator import Collected, Generator, Item, Scope, Then
from aubier.fhir.fhirpath.grammar.syntax import Call, Literal, Node, Unary, Variable
from aubier.fhir.fhirpath.library import conversions, numbers, precision, sets, texts, world
from aubier.fhir.fhirpath.types import plain

Each: TypeAlias = Callable[[Generator, Call, Item, Scope, Then], None]
"""Writes what becomes of one item."""
Whole: TypeAlias = Callable[[str], str]
"""From the name of a list of items to source that gives another."""
Test: TypeAlias = Callable[[Generator, Call, Scope], str]
"""Writes what must come before; gives source of True, False or None."""
Written: TypeAlias = Callable[[Generator, Call, Scope], Collected]
"""Writes the code; gives the list of what was found."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of one kind: `least` to `most` arguments, what writes it, the type of what it gives.

    `keeps` tells that what it gives is of the type of what it is called on; `ordered` that it asks for an
    order; `takes` the one type of FHIRPath's own that it can be called on.
    """

    least: int
    most: int
    each: Each | None = None
    whole: Whole | None = None
    test: Test | None = None
    value: Whole | None = None
    run: Callable[..., Any] | None = None
    written: Written | None = None
    type: str = ""
    keeps: bool = False
    ordered: bool = False
    takes: str = ""

    @property
    def name(self) -> str:
        """What generated code calls the function of `library`."""
        return "do_" + self.run.__name__ if self.run else ""


def subject(call: Call) -> Node:
    """What a call is made on; `$this` when it stands first."""
    return call.operand or Variable("this", at=call.at)


def mentions(node: Node, variable: str) -> bool:
    """Whether `$variable` occurs in an expression."""
    if isinstance(node, Variable):
        return node.name == variable
    parts = (getattr(node, f.name) for f in fields(node))
    nested = (p for part in parts for p in (part if isinstance(part, tuple) else (part,)))
    return any(mentions(p, variable) for p in nested if isinstance(p, Node))


def _where(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    test = generator.test(call.arguments[0], replace(scope, this=item))
    with generator.block(f"if {test}:"):
        then(item)


def _select(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    generator.emit(call.arguments[0], replace(scope, this=item), then)


def _extension(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    (argument,) = call.arguments
    if isinstance(argument, Literal):
        url = repr(argument.value)
    else:
        url = f"text_of({generator.collect(argument, scope).name})"

    def named(extension: Item) -> None:
        with generator.block(f"if {extension.value}.get('url') == {url}:"):
            then(extension)

    generator.step(item, "extension", lambda i: named(i if i.type else replace(i, type="Extension")))


def _resolve(generator: Generator, call: Call, item: Item, scope: Scope, then: Then) -> None:
    value, kind = generator.name("v"), generator.name("t")
    found = f"resolve({generator.world}, {scope.root.value}, {item.value})"
    with generator.block(f"for {value}, {kind} in {found}:"):
        then(Item(value, "", "None", kind))


def _found(generator: Generator, call: Call, scope: Scope) -> str:
    """The name of a flag: whether the call's subject has an item (that meets the first argument)."""
    flag = generator.name("b")

    def mark(item: Item) -> None:
        generator.write(f"{flag} = True")

    generator.write(f"{flag} = False")
    if call.arguments:
        call = Call(call.operand, "where", call.arguments, at=call.at)
        generator.emit(call, scope, mark)
    else:
        generator.emit(subject(call), scope, mark)
    return flag


def _empty(generator: Generator, call: Call, scope: Scope) -> str:
    return f"(not {_found(generator, call, scope)})"


def _not(generator: Generator, call: Call, scope: Scope) -> str:
    return f"negated({generator.test(subject(call), scope)})"


def _all(generator: Generator, call: Call, scope: Scope) -> str:
    flag = generator.name("b")

    def check(inside: Scope) -> None:
        test = generator.test(call.arguments[0], inside)
        generator.write(f"if not ({test}): {flag} = False")

    generator.write(f"{flag} = True")
    if mentions(call.arguments[0], "index"):
        _item_by_item(generator, generator.collect(subject(call), scope), scope, check)
    else:
        generator.emit(subject(call), scope, lambda item: check(replace(scope, this=item)))
    return flag


def _item_by_item(
    generator: Generator, found: Collected, scope: Scope, body: Callable[[Scope], None]
) -> Item:
    """Writes a loop over a list in which `$this` and `$index` are known; gives the item."""
    index, value, sibling, kind = (generator.name(stem) for stem in "ivst")
    item = Item(value, found.type, sibling, kind)
    with generator.block(f"for {index}, ({value}, {sibling}, {kind}) in enumerate({found.name}):"):
        body(replace(scope, this=item, index=index))
    return item


def _has_extension(generator: Generator, call: Call, scope: Scope) -> str:
    return _found(
        generator, Call(Call(call.operand, "extension", call.arguments, at=call.at), "exists", ()), scope
    )


def _iif(generator: Generator, call: Call, scope: Scope) -> Collected:
    """Only the side that the criterion chooses is evaluated."""
    if call.operand is not None:
        scope = _on_one(generator, call.operand, scope)
    criterion = generator.collect(call.arguments[0], scope)
    if generator.strict and criterion.type and plain(criterion.type) != "Boolean":
        fr = "critère d'iif() non booléen"
        raise generator.refuse("the criterion of iif() is no Boolean", fr, call, kind="invalid")
    chosen, flag = generator.name("c"), generator.name("b")
    generator.write(f"{chosen} = []")
    generator.write(f"{flag} = condition({criterion.name})")
    types: set[str] = set()
    for test, argument in zip((flag, f"not {flag}"), call.arguments[1:], strict=False):
        with generator.block(f"if {test}:"):
            found = generator.collect(argument, scope)
            generator.write(f"{chosen} = {found.name}")
        types.add(found.type)
    return Collected(chosen, types.pop() if len(types) == 1 else "")


def _on_one(generator: Generator, operand: Node, scope: Scope) -> Scope:
    """What is seen when `$this` is the one item of `operand`, or nothing."""
    found = generator.collect(operand, scope)
    value, sibling, kind = (generator.name(stem) for stem in "vst")
    generator.write(f"{value}, {sibling}, {kind} = one({found.name}) or (None, None, None)")
    return replace(scope, this=Item(value, "", sibling, kind, absent=True))


def _repeat(generator: Generator, call: Call, scope: Scope) -> Collected:
    found, work = generator.collect(subject(call), scope), generator.name("c")
    value, sibling, kind = (generator.name(stem) for stem in "vst")
    generator.write(f"{work} = Repeated(w, {found.name})")
    with generator.block(f"for {value}, {sibling}, {kind} in {work}:"):
        inside = replace(scope, this=Item(value, "", sibling, kind))
        generator.write(f"{work}.add({generator.collect(call.arguments[0], inside).name})")
    return Collected(f"{work}.items")


def _aggregate(generator: Generator, call: Call, scope: Scope) -> Collected:
    found, total = generator.collect(subject(call), scope), generator.name("a")
    first = generator.collect(call.arguments[1], scope).name if len(call.arguments) > 1 else "[]"
    generator.write(f"{total} = {first}")

    def body(inside: Scope) -> None:
        made = generator.collect(call.arguments[0], replace(inside, total=total))
        generator.write(f"{total} = {made.name}")

    _item_by_item(generator, found, scope, body)
    return Collected(total)


def _sort(generator: Generator, call: Call, scope: Scope) -> Collected:
    """A `-` before a criterion sorts downwards."""
    found, rows = generator.collect(subject(call), scope), generator.name("c")
    down = [isinstance(a, Unary) and a.operator == "-" for a in call.arguments] or [False]
    criteria = [a.operand if isinstance(a, Unary) else a for a in call.arguments] or [Variable("this")]
    generator.write(f"{rows} = []")

    def body(inside: Scope) -> None:
        keys = ", ".join(generator.collect(each, inside).name for each in criteria)
        this = inside.this
        generator.write(f"{rows}.append((({this.value}, {this.sibling}, {this.type_code}), [{keys}]))")

    _item_by_item(generator, found, scope, body)
    return Collected(f"sort(w, {rows}, {tuple(down)!r})", found.type)


def _trace(generator: Generator, call: Call, scope: Scope) -> Collected:
    found = generator.collect(subject(call), scope)
    name = generator.collect(call.arguments[0], scope).name
    shown = found.name
    if len(call.arguments) > 1:
        shown = generator.name("c")
        generator.write(f"{shown} = []")
        _item_by_item(
            generator,
            found,
            scope,
            lambda inside: generator.write(f"{shown} += {generator.collect(call.arguments[1], inside).name}"),
        )
    generator.write(f"traced(w, {name}, {shown})")
    return found


FUNCTIONS: dict[str, Function] = {
    "where": Function(1, 1, each=_where),
    "select": Function(1, 1, each=_select),
    "extension": Function(1, 1, each=_extension),
    "resolve": Function(0, 0, each=_resolve),
    "first": Function(0, 0, whole="{}[:1]".format, ordered=True),
    "last": Function(0, 0, whole="{}[-1:]".format, ordered=True),
    "tail": Function(0, 0, whole="{}[1:]".format, ordered=True),
    "distinct": Function(0, 0, whole="union({})".format),
    "exists": Function(0, 1, test=_found),
    "empty": Function(0, 0, test=_empty),
    "not": Function(0, 0, test=_not),
    "all": Function(1, 1, test=_all),
    "hasExtension": Function(1, 1, test=_has_extension),
    "count": Function(0, 0, value="len({})".format, type="System.Integer"),
    # collections
    "skip": Function(1, 1, run=sets.skip, keeps=True, ordered=True),
    "take": Function(1, 1, run=sets.take, keeps=True, ordered=True),
    "single": Function(0, 0, run=sets.single, keeps=True),
    "isDistinct": Function(0, 0, run=sets.is_distinct, type="System.Boolean"),
    "union": Function(1, 1, run=sets.union),
    "combine": Function(1, 1, run=sets.combine),
    "intersect": Function(1, 1, run=sets.intersect, keeps=True),
    "exclude": Function(1, 1, run=sets.exclude, keeps=True),
    "subsetOf": Function(1, 1, run=sets.subset_of, type="System.Boolean"),
    "supersetOf": Function(1, 1, run=sets.superset_of, type="System.Boolean"),
    "allTrue": Function(0, 0, run=sets.all_true, type="System.Boolean"),
    "anyTrue": Function(0, 0, run=sets.any_true, type="System.Boolean"),
    "allFalse": Function(0, 0, run=sets.all_false, type="System.Boolean"),
    "anyFalse": Function(0, 0, run=sets.any_false, type="System.Boolean"),
    "repeat": Function(1, 1, written=_repeat),
    "aggregate": Function(1, 2, written=_aggregate),
    "sort": Function(0, 8, written=_sort),
    "trace": Function(1, 2, written=_trace),
    "iif": Function(2, 3, written=_iif),
    "children": Function(0, 0, run=world.children),
    "descendants": Function(0, 0, run=world.descendants),
    # texts
    "indexOf": Function(1, 1, run=texts.index_of, type="System.Integer", takes="String"),
    "lastIndexOf": Function(1, 1, run=texts.last_index_of, type="System.Integer", takes="String"),
    "substring": Function(1, 2, run=texts.substring, type="System.String", takes="String"),
    "startsWith": Function(1, 1, run=texts.starts_with, type="System.Boolean", takes="String"),
    "endsWith": Function(1, 1, run=texts.ends_with, type="System.Boolean", takes="String"),
    "contains": Function(1, 1, run=texts.contains, type="System.Boolean", takes="String"),
    "upper": Function(0, 0, run=texts.upper, type="System.String", takes="String"),
    "lower": Function(0, 0, run=texts.lower, type="System.String", takes="String"),
    "trim": Function(0, 0, run=texts.trim, type="System.String", takes="String"),
    "length": Function(0, 0, run=texts.length, type="System.Integer", takes="String"),
    "toChars": Function(0, 0, run=texts.to_chars, type="System.String", takes="String"),
    "replace": Function(2, 2, run=texts.replace, type="System.String", takes="String"),
    "matches": Function(1, 1, run=texts.matches, type="System.Boolean", takes="String"),
    "matchesFull": Function(1, 1, run=texts.matches_full, type="System.Boolean", takes="String"),
    "replaceMatches": Function(2, 2, run=texts.replace_matches, type="System.String", takes="String"),
    "split": Function(1, 1, run=texts.split, type="System.String", takes="String"),
    "join": Function(0, 1, run=texts.join, type="System.String", takes="String"),
    "encode": Function(1, 1, run=texts.encode, type="System.String", takes="String"),
    "decode": Function(1, 1, run=texts.decode, type="System.String", takes="String"),
    "escape": Function(1, 1, run=texts.escape, type="System.String", takes="String"),
    "unescape": Function(1, 1, run=texts.unescape, type="System.String", takes="String"),
    # numbers
    "abs": Function(0, 0, run=numbers.absolute),
    "ceiling": Function(0, 0, run=numbers.ceiling, type="System.Integer"),
    "floor": Function(0, 0, run=numbers.floor, type="System.Integer"),
    "truncate": Function(0, 0, run=numbers.truncate, type="System.Integer"),
    "round": Function(0, 1, run=numbers.round_, type="System.Decimal"),
    "exp": Function(0, 0, run=numbers.exp, type="System.Decimal"),
    "ln": Function(0, 0, run=numbers.ln, type="System.Decimal"),
    "log": Function(1, 1, run=numbers.log, type="System.Decimal"),
    "sqrt": Function(0, 0, run=numbers.sqrt, type="System.Decimal"),
    "power": Function(1, 1, run=numbers.power),
    # precision
    "lowBoundary": Function(0, 1, run=precision.low_boundary),
    "highBoundary": Function(0, 1, run=precision.high_boundary),
    "precision": Function(0, 0, run=precision.precision, type="System.Integer"),
    "comparable": Function(1, 1, run=precision.comparable, type="System.Boolean"),
    # conversions
    "toBoolean": Function(0, 0, run=conversions.to_boolean, type="System.Boolean"),
    "toInteger": Function(0, 0, run=conversions.to_integer, type="System.Integer"),
    "toDecimal": Function(0, 0, run=conversions.to_decimal, type="System.Decimal"),
    "toDate": Function(0, 0, run=conversions.to_date, type="System.Date"),
    "toDateTime": Function(0, 0, run=conversions.to_date_time, type="System.DateTime"),
    "toTime": Function(0, 0, run=conversions.to_time, type="System.Time"),
    "toString": Function(0, 0, run=conversions.to_string, type="System.String"),
    "toQuantity": Function(0, 1, run=conversions.to_quantity, type="System.Quantity"),
    "convertsToBoolean": Function(0, 0, run=conversions.converts_to_boolean, type="System.Boolean"),
    "convertsToInteger": Function(0, 0, run=conversions.converts_to_integer, type="System.Boolean"),
    "convertsToDecimal": Function(0, 0, run=conversions.converts_to_decimal, type="System.Boolean"),
    "convertsToDate": Function(0, 0, run=conversions.converts_to_date, type="System.Boolean"),
    "convertsToDateTime": Function(0, 0, run=conversions.converts_to_date_time, type="System.Boolean"),
    "convertsToTime": Function(0, 0, run=conversions.converts_to_time, type="System.Boolean"),
    "convertsToString": Function(0, 0, run=conversions.converts_to_string, type="System.Boolean"),
    "convertsToQuantity": Function(0, 1, run=conversions.converts_to_quantity, type="System.Boolean"),
    # the world
    "type": Function(0, 0, run=world.type_of),
    "hasValue": Function(0, 0, run=world.has_value, type="System.Boolean"),
    "getValue": Function(0, 0, run=world.get_value),
    "now": Function(0, 0, run=world.now, type="System.DateTime"),
    "today": Function(0, 0, run=world.today, type="System.Date"),
    "timeOfDay": Function(0, 0, run=world.time_of_day, type="System.Time"),
    "conformsTo": Function(1, 1, run=world.conforms_to, type="System.Boolean"),
    "memberOf": Function(1, 1, run=world.member_of, type="System.Boolean"),
    "subsumes": Function(1, 1, run=world.subsumes, type="System.Boolean"),
    "subsumedBy": Function(1, 1, run=world.subsumed_by, type="System.Boolean"),
    "htmlChecks": Function(0, 0, run=world.html_checks, type="System.Boolean"),
    "slice": Function(2, 2, run=world.in_slice, keeps=True),
    "elementDefinition": Function(0, 0, run=world.element_definition),
    "checkModifiers": Function(1, 32, run=world.check_modifiers, keeps=True),
}

OPERATORS: dict[str, Function] = {
    sign: Function(2, 2, run=run)
    for sign, run in {
        "+": numbers.plus,
        "-": numbers.minus,
        "*": numbers.multiply,
        "/": numbers.divide,
        "div": numbers.div,
        "mod": numbers.mod,
        "&": texts.concatenate,
    }.items()
}
"""The operators that give a value; the others give a truth value."""

SIGNS: dict[str, Function] = {
    "-": Function(1, 1, run=numbers.negative),
    "+": Function(1, 1, run=numbers.positive),
}
"""The signs before a value."""

LIBRARY: dict[str, Callable[..., Any]] = {
    row.name: row.run for row in (*FUNCTIONS.values(), *OPERATORS.values(), *SIGNS.values()) if row.run
}
"""What generated code may call of the library, by the name it has there."""
