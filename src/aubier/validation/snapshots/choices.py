"""A choice (`value[x]`) in a differential: shortcuts (`valueQuantity`), and what its slices make of it.

Rule: FHIR R4 4.0.1, profiling.html#slicing.
"""

from __future__ import annotations

from typing import Any

from aubier.validation.snapshots.base import plain_code
from aubier.validation.snapshots.misfits import capital, codes_of, misfit
from aubier.validation.snapshots.tree import Node


def choice_of(base: Node, name: str) -> tuple[str, str] | None:
    """The choice element (`value[x]`) and the type that a name (`valueQuantity`) stands for."""
    for own, child in base.children.items():
        if own.endswith("[x]") and name.startswith(own[:-3]):
            for type in child.element.get("type", ()):
                if name == own[:-3] + capital(plain_code(type)):
                    return own, plain_code(type)
    return None


def speaks_of_itself(name: str, choice: Node, children: dict[str, Node], diff: Node) -> bool:
    """Whether a shortcut speaks of the choice itself: nothing else does, and no slice is meant."""
    named = diff.slices or "sliceName" in diff.element
    sliced = choice.slices or "slicing" in choice.element
    return not (named or sliced) and sum(each.startswith(name[:-3]) for each in children) == 1


def of_type(choice: Node, code: str) -> list[dict[str, Any]]:
    """Those of the types of a choice that have this code."""
    return [t for t in choice.element.get("type", ()) if plain_code(t) == code]


def shortcuts(choice: Node, name: str, code: str, diff: Node) -> dict[str, Node]:
    """A shortcut (`valueQuantity`) as the slices of that type of the choice `value[x]`."""
    slices = dict(diff.slices)
    if diff.element or diff.children or not slices:
        row = {k: v for k, v in diff.element.items() if k not in ("id", "path")}
        slices[name] = Node({**row, "sliceName": name}, diff.children)
    types = of_type(choice, code)
    return {n: Node({"type": types, **s.element}, s.children, s.slices) for n, s in slices.items()}


def narrow(choice: Node, before: Node, diff: Node, place: str) -> None:
    """What the slices of a choice make of it.

    It has the type of a mandatory slice alone, and is closed where each of its types has a slice. Who says
    of the value of an extension no more than one type (`valueString`) means that type alone.
    """
    element = choice.element
    told = {name: choice.slices[name].element for name in diff.slices if name in choice.slices}
    must = [e for e in told.values() if e.get("min", 0) and len(e.get("type", ())) == 1]
    for one in must:
        element |= {"type": one["type"], "min": max(element.get("min", 0), one["min"])}
        for name, other in told.items():
            if other.get("max") != "0" and codes_of(other).isdisjoint(codes_of(one)):
                raise misfit(
                    f"{place}:{name}",
                    "another slice of this choice is mandatory, so this one can never stand: give it max 0",
                    "une autre tranche de ce choix est obligatoire, celle-ci est impossible : max 0",
                )
    alone = next(iter(told.values())) if len(told) == 1 and not diff.element else {}
    value = (
        str(element.get("base", {}).get("path")) == "Extension.value[x]" and "slicing" not in before.element
    )
    if value and len(alone.get("type", ())) == 1:
        element["type"] = alone["type"]
    told_apart = [codes_of(each.element) for each in choice.slices.values()]
    covered = {code for codes in told_apart if len(codes) == 1 for code in codes}
    if codes_of(element) and codes_of(element) <= covered and "slicing" in element:
        element["slicing"] = {**element["slicing"], "rules": "closed"}
        if len(choice.slices) == 1:
            only = next(iter(choice.slices.values())).element
            only["min"] = max(only.get("min", 0), element.get("min", 0))
