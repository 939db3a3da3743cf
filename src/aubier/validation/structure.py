"""Compiles a checker for each type out of its definition, once.

The closures are built so that a valid value costs one dictionary look-up, one call and one lexical test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from aubier.fhir.definitions import Element, Property, definitions
from aubier.fhir.primitives import CHECKS
from aubier.validation.drafts import (
    LIMIT,
    Draft,
    below,
    contained_deeper,
    contained_twice,
    empty,
    lone_null,
    missing,
    need_array,
    need_object,
    no_array,
    no_sibling,
    no_such_type,
    only_id,
    only_null,
    sibling_length,
    too_few,
    too_many,
    two_choices,
    unknown_element,
    wrong_form,
)
from aubier.validation.narrative import narrative
from aubier.validation.values import Checker, State, absolute_url, bound, refers

Rule = Callable[[Any, dict[str, Any], State], list[Draft] | None]
"""Checks one JSON property of an object: its value, the object (for siblings), the state."""

Found = list[Draft] | None

_checkers: dict[str, Checker] = {}
_begun: dict[str, Checker] = {}
_compiling = RLock()
_TOP_EXTENSION = "Extension/top"


def checker(name: str) -> Checker:
    """The checker of a type (`Patient`, `HumanName`) or backbone element (`Patient.contact`)."""
    found = _checkers.get(name)
    return found if found is not None else _compiled(name)


def _compiled(name: str) -> Checker:
    """The same, compiled with all that it refers to; another thread never sees one without its rules."""
    with _compiling:
        if found := _checkers.get(name) or _begun.get(name):
            return found
        outermost = not _begun
        try:
            found = _compile(name)
            if outermost:
                _checkers.update(_begun)
        finally:
            if outermost:
                _begun.clear()
        return found


def _compile(name: str) -> Checker:
    """Registers the checker before its rules are filled in: types refer to each other in circles."""
    root, _, path = name.removesuffix("/top").partition(".")
    kind = definitions().type(root)
    node = kind.find(path) if path else kind
    if node is None:
        raise KeyError(name)
    elements = node.children if isinstance(node, Element) else node.elements
    rules: dict[str, Rule] = {}
    check = _object(
        rules,
        required=_required(elements),
        choices=_choices(elements),
        told=name != "Element",
        after=(absolute_url,) if name == _TOP_EXTENSION else (),
    )
    _begun[name] = check
    for key, one in node.properties.items():
        if one.element.max != 0:
            _add_rules(rules, key, one, owner=name)
    if kind.kind == "resource" and not path:
        rules["resourceType"] = _pass
    return check


def _pass(value: Any, node: dict[str, Any], state: State) -> Found:
    """`resourceType`: already read by whoever chose this checker."""
    return None


def _required(elements: Mapping[str, Element]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """For each mandatory element its name and the JSON properties of which one must be there."""
    return tuple(
        (e.name, tuple(p + n for n in _names(e) for p in ("", "_"))) for e in elements.values() if e.min > 0
    )


def _choices(elements: Mapping[str, Element]) -> tuple[tuple[str, frozenset[str]], ...]:
    """For each choice element its name and its JSON properties, with their siblings."""
    return tuple(
        (e.name.removesuffix("[x]"), frozenset(p + n for n in _names(e) for p in ("", "_")))
        for e in elements.values()
        if e.choice
    )


def _names(element: Element) -> list[str]:
    """The JSON properties of an element, without siblings."""
    stem = element.name.removesuffix("[x]")
    if not element.choice:
        return [stem]
    return [stem + t.code[0].upper() + t.code[1:] for t in element.types]


def _object(
    rules: Mapping[str, Rule],
    *,
    required: tuple[tuple[str, tuple[str, ...]], ...],
    choices: tuple[tuple[str, frozenset[str]], ...],
    told: bool,
    after: tuple[Checker, ...],
) -> Checker:
    """The checker of an object: each property by its rule, then what is missing, then `after`.

    `told`: an id alone says nothing (ele-1). `after` only sees objects whose structure is right.
    """

    def check(node: Any, state: State) -> Found:
        if type(node) is not dict:
            return [need_object(node)]
        if not node:
            return [empty("object { }", "Objet { }")]
        if told and len(node) == 1 and "id" in node:
            return [only_id()]
        out: list[Draft] = []
        for key, value in node.items():
            rule = rules.get(key)
            found = rule(value, node, state) if rule is not None else [unknown_element(key, rules)]
            if found:
                out += found
                if len(out) > LIMIT:
                    return out
        for name, keys in required:
            if keys[0] not in node and not any(k in node for k in keys):
                out.append(missing(name))
        for name, names in choices:
            given = names.intersection(node)
            if len(given) > 1 and len({n.removeprefix("_") for n in given}) > 1:
                out.append(two_choices(name, [n for n in node if n in given]))
        if not out:
            for one in after:
                out += one(node, state) or ()
        return out or None

    return check


def _add_rules(rules: dict[str, Rule], key: str, one: Property, *, owner: str) -> None:
    """The rule of a property and, for a primitive, of its sibling with `_`."""
    code, element = one.type.code, one.element
    step = f".{key}"
    if element.choice:
        step = f".{element.name[:-3]}.ofType({code})"
    if code in CHECKS:
        value = _value_rule(code, element, step, owner)
        rules[key] = value
        if _bare(key, owner):
            rules[f"_{key}"] = lambda value, node, state: [no_sibling(key)]
        else:
            rules[f"_{key}"] = _siblings(key, step) if element.many else _sibling(key, step)
        return
    check = _checker_of(one, owner)
    rules[key] = _many(check, element, step) if element.many else _single(check, step)


def _bare(key: str, owner: str) -> bool:
    """Whether a primitive has neither id nor extensions: one of FHIRPath's own types, and XHTML.

    Rule: FHIR R4 4.0.1, resource-definitions.html#Resource.id, element-definitions.html#Element.id,
    extensibility.html#Extension.url: System.String; narrative.html.
    """
    owner = owner.partition("/")[0]
    return key == "id" or (owner, key) in (("Extension", "url"), ("Narrative", "div"))


def _checker_of(one: Property, owner: str) -> Checker:
    """The checker of a complex value, with what its place adds: targets, binding, absolute URL."""
    code, element = one.type.code, one.element
    if code == "Resource":
        return _inside if element.name == "contained" else resource
    if element.children:
        return checker(element.content or element.path)
    if code == "Extension" and owner.partition("/")[0] != "Extension":
        return checker(_TOP_EXTENSION)
    base = checker(code)
    extra = refers(one.type.targets) if code == "Reference" else bound(element.binding, code)
    return _both(base, extra) if extra is not None else base


def _both(first: Checker, second: Checker) -> Checker:
    """`second` is asked when `first` finds nothing."""

    def check(value: Any, state: State) -> Found:
        return first(value, state) or second(value, state)

    return check


def _value_rule(code: str, element: Element, step: str, owner: str) -> Rule:
    """The rule of a primitive: lexical form, then binding or narrative."""
    extra = bound(element.binding, code)
    if code == "xhtml":
        extra = _div
    name = element.name
    if element.many:
        return _values(CHECKS[code], code, extra, (name, step, element.min, element.max))
    return _value(CHECKS[code], code, extra, step)


def _div(value: Any, state: State) -> Found:
    return narrative(value)


def _value(test: Callable[[Any], bool], code: str, extra: Checker | None, step: str) -> Rule:
    """The rule of a primitive that does not repeat."""
    if extra is None:

        def plain(value: Any, node: dict[str, Any], state: State) -> Found:
            return None if test(value) else below(step, [wrong_form(code, value)])

        return plain

    def both(value: Any, node: dict[str, Any], state: State) -> Found:
        if not test(value):
            return below(step, [wrong_form(code, value)])
        found = extra(value, state)
        return below(step, found) if found else None

    return both


def _values(
    test: Callable[[Any], bool],
    code: str,
    extra: Checker | None,
    place: tuple[str, str, int, int | None],
) -> Rule:
    """The rule of a primitive that repeats; null where the sibling has something."""
    name, step, least, most = place

    def rule(value: Any, node: dict[str, Any], state: State) -> Found:
        if fault := _array_fault(value, least, most):
            return below(step, [fault])
        out: list[Draft] = []
        for index, one in enumerate(value):
            if test(one):
                found = extra(one, state) if extra else None
            elif one is None:
                found = None if _has_sibling(node, name, index) else [lone_null()]
            else:
                found = [wrong_form(code, one)]
            if found:
                out += below(f"{step}[{index}]", found)
                if len(out) > LIMIT:
                    break
        return out or None

    return rule


def _array_fault(value: Any, least: int, most: int | None) -> Draft | None:
    """What is wrong with an array before its items are looked at."""
    if type(value) is not list:
        return need_array() if value is not None else need_object(value)
    if not value:
        return empty("array [ ]", "Tableau [ ]")
    if len(value) < least:
        return too_few(len(value), least)
    return too_many(len(value), most) if most is not None and len(value) > most else None


def _has_sibling(node: dict[str, Any], name: str, index: int) -> bool:
    """Whether the sibling array has an object at this place."""
    sibling = node.get(f"_{name}")
    return isinstance(sibling, list) and index < len(sibling) and isinstance(sibling[index], dict)


def _sibling(key: str, step: str) -> Rule:
    """The rule of `_name`: the id and extensions of a primitive; without a value, more than an id."""

    def rule(value: Any, node: dict[str, Any], state: State) -> Found:
        found = checker("Element")(value, state)
        if not found and key not in node and value.keys() == {"id"}:
            found = [only_id()]
        return below(step, found) if found else None

    return rule


def _siblings(key: str, step: str) -> Rule:
    """The rule of `_name` when the primitive repeats: as long as its array, null where there is nothing."""

    def rule(value: Any, node: dict[str, Any], state: State) -> Found:
        if fault := _array_fault(value, 0, None):
            return below(step, [fault])
        values = node.get(key)
        if isinstance(values, list) and len(values) != len(value):
            return below(step, [sibling_length(len(values), len(value))])
        out: list[Draft] = []
        for index, one in enumerate(value):
            if one is None:
                found = [lone_null()] if values is None else None
            else:
                found = checker("Element")(one, state)
                alone = values is None or (type(values) is list and values[index] is None)
                if not found and alone and one.keys() == {"id"}:
                    found = [only_id()]
            out += below(f"{step}[{index}]", found or [])
            if len(out) > LIMIT:
                break
        if not any(one is not None for one in value):
            out.append(only_null(step))
        return out[: LIMIT + 1] or None

    return rule


def _single(check: Checker, step: str) -> Rule:
    """The rule of a complex element that does not repeat."""

    def rule(value: Any, node: dict[str, Any], state: State) -> Found:
        if type(value) is list:
            return below(step, [no_array()])
        found = check(value, state)
        return below(step, found) if found else None

    return rule


def _many(check: Checker, element: Element, step: str) -> Rule:
    """The rule of a complex element that repeats."""
    least, most = element.min, element.max

    def rule(value: Any, node: dict[str, Any], state: State) -> Found:
        if fault := _array_fault(value, least, most):
            return below(step, [fault])
        out: list[Draft] = []
        for index, one in enumerate(value):
            found = check(one, state)
            if found:
                out += below(f"{step}[{index}]", found)
                if len(out) > LIMIT:
                    break
        return out or None

    return rule


def resource(value: Any, state: State) -> Found:
    """Checks a resource that stands by itself: alone, in a Bundle entry or a parameter."""
    if type(value) is not dict:
        return [need_object(value)]
    around = state.contained, state.transaction
    state.contained, twice = _contained_ids(value)
    if value.get("resourceType") == "Bundle":
        state.transaction = value.get("type") == "transaction"
    try:
        found = _typed(value, state)
        return [*twice, *(found or ())] if twice else found
    finally:
        state.contained, state.transaction = around


def _inside(value: Any, state: State) -> Found:
    """Checks a contained resource, in the container it is in."""
    found = _typed(value, state)
    if type(value) is dict and value.get("contained"):
        return [contained_deeper(), *(found or ())]
    return found


def _typed(value: Any, state: State) -> Found:
    """Checks a resource by its resourceType."""
    if type(value) is not dict:
        return [need_object(value)]
    name = value.get("resourceType")
    if name is None:
        return [missing("resourceType")]
    if type(name) is not str or name not in definitions().resource_types:
        return [no_such_type(name, ".resourceType")]
    return checker(name)(value, state)


def _contained_ids(value: dict[str, Any]) -> tuple[dict[str, str], list[Draft]]:
    """What `#id` names, `#` the resource itself, with its type; and the ids that come again."""
    rows = value.get("contained")
    found = {"": str(value.get("resourceType", ""))}
    twice: list[Draft] = []
    for n, row in enumerate(rows if type(rows) is list else ()):
        if type(row) is dict and "id" in row:
            own = str(row["id"])
            if own in found:
                twice.append(contained_twice(n, own))
            found[own] = str(row.get("resourceType", ""))
    return found, twice
