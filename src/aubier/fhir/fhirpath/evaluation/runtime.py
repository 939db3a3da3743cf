"""What the generated code calls when the data decides: types, references, equality, siblings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from aubier.fhir.fhirpath.evaluation.run import Items, Run, Triple, fault
from aubier.fhir.fhirpath.types import is_a, is_resource, json_class, plain, steps
from aubier.fhir.fhirpath.values import equality

NUMBERS = (int, Decimal)
_CLASSES: dict[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "number": NUMBERS, "dict": (dict,)}


def kind_of(value: Any) -> str:
    """The type a resource says it has; empty when it is none of R4."""
    kind = value.get("resourceType")
    return kind if kind.__class__ is str and is_resource(kind) else ""


def pairs(run: Run | None, values: Any, siblings: Any) -> Iterable[tuple[Any, Any]]:
    """The values of a repeating primitive, each with its sibling; places with neither are left out."""
    values = values if values.__class__ is list else ()
    if run is not None:
        run.spend(values)
    siblings = siblings if siblings.__class__ is list else ()
    if not siblings:
        return ((v, None) for v in values if v is not None)
    return (p for p in zip_longest(values, siblings) if p[0] is not None or p[1].__class__ is dict)


def pair(value: Any, sibling: Any) -> tuple[tuple[Any, Any], ...]:
    """A primitive that does not repeat, with its sibling, or nothing."""
    return ((value, sibling),) if value is not None or sibling.__class__ is dict else ()


def children(run: Run | None, value: Any, sibling: Any, kind: str, name: str) -> Iterator[Triple]:
    """What a step finds below a value whose type only the data tells. Counted, but while indexing."""
    step = steps(kind).get(name)
    if step is None:
        if name == "value" and run is not None and value is not None and _of_fhir(kind):
            yield value, None, f"System.{plain(kind)}"
        return
    parent = value if json_class(kind) == "dict" else sibling
    if parent.__class__ is not dict:
        return
    here = {key.removeprefix("_") for key in parent}
    for key, type in step.keys:
        if key not in here:
            continue  # nearly always: `value[x]` of an extension may be of fifty types
        found, beside = parent.get(key), parent.get("_" + key)
        if run is not None and found.__class__ is list:
            run.spend(found)
        for each, extra in pairs(None, found, beside) if step.many else pair(found, beside):
            if each is None or each.__class__ in _CLASSES[json_class(type)]:
                yield (
                    each,
                    extra,
                    (kind_of(each) if json_class(type) == "dict" and is_resource(type) else type),
                )


def _of_fhir(kind: str) -> bool:
    """Whether a type is a primitive of FHIR, whose value is of FHIRPath's own."""
    return json_class(kind) != "dict" and not kind.startswith("System.")


def union(items: Items) -> Items:
    """The items without repetition, in order."""
    kept: dict[object, Triple] = {}
    for item in items:
        kept.setdefault(equality.key(item), item)
    return list(kept.values())


def truth(items: Items) -> bool | None:
    """A collection where a truth value is due: empty is None, one item that is no boolean is True.

    Several items: Problem `invalid`.
    """
    if len(items) > 1:
        raise fault(
            f"{len(items)} values where one truth value is due",
            f"{len(items)} valeurs là où il faut une valeur de vérité",
        )
    return truth_or_none(items)


def truth_or_none(items: Items) -> bool | None:
    """As `truth`, but several items are None."""
    if len(items) != 1:
        return None
    value = items[0][0]
    return value if value.__class__ is bool else True


def text_of(items: Items) -> str | None:
    """The one text of a collection, or None."""
    value = items[0][0] if len(items) == 1 else None
    return value if isinstance(value, str) else None


def both(left: bool | None, right: bool | None) -> bool | None:
    """`and` of three-valued logic."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: bool | None, right: bool | None) -> bool | None:
    """`or` of three-valued logic."""
    if left or right:
        return True
    return None if left is None or right is None else False


def one_of_two(left: bool | None, right: bool | None) -> bool | None:
    """`xor`: empty when either is."""
    return None if left is None or right is None else left is not right


def implied(left: bool | None, right: bool | None) -> bool | None:
    """`implies` of three-valued logic."""
    return either(negated(left), right)


def negated(value: bool | None) -> bool | None:
    """`not()`: empty stays empty."""
    return None if value is None else not value


def is_type(items: Items, type: str) -> bool | None:
    """`is`: empty for nothing; the type or a descendant. Several items: Problem `invalid`."""
    if len(items) > 1:
        return truth(items)
    return is_a(items[0][2], type) if items else None


def only(items: Items) -> Items:
    """The operand of `as`: one item or none. Several: Problem `invalid`."""
    if len(items) > 1:
        raise fault(
            f"{len(items)} values before 'as'; use ofType() for several",
            f"{len(items)} valeurs devant « as » ; employez ofType() pour plusieurs",
        )
    return items


def at(items: Items, index: Items) -> Items:
    """`[index]`: the item at a place counted from 0, or nothing."""
    place = index[0][0] if len(index) == 1 else None
    if not isinstance(place, int) or place < 0:
        return []
    return items[place : place + 1]


def verdict(before: int | None, sign: str) -> bool | None:
    """The verdict of `<`, `<=`, `>` or `>=` on an order of -1, 0 or 1."""
    if before is None:
        return None
    return {"<": before < 0, "<=": before <= 0, ">": before > 0, ">=": before >= 0}[sign]


def target_type(root: Any, reference: Any) -> str:
    """The type of the resource that a Reference (or the text of one) names, empty when nothing tells.

    A contained resource is looked up in `root`; otherwise the text decides, then `Reference.type`.
    """
    text = reference.get("reference") if reference.__class__ is dict else reference
    if text.__class__ is str:
        if text[:1] == "#":
            found = contained(root, text[1:])
            return kind_of(found) if found else ""
        if named := (_named if len(text) <= _OFTEN else _named.__wrapped__)(text):
            return named
    said = reference.get("type") if reference.__class__ is dict else None
    return said if said.__class__ is str and is_resource(said) else ""


_OFTEN = 150
"""Characters of a reference that is worth remembering."""


@lru_cache(maxsize=8192)
def _named(text: str) -> str:
    """The type in the text of a reference; empty when it tells none."""
    parts = text.partition("/_history/")[0].split("/")
    return parts[-2] if len(parts) > 1 and is_resource(parts[-2]) else ""


def contained(root: Any, id: str) -> dict[str, Any] | None:
    """The contained resource `id` of `root`, or `root` itself for an empty id."""
    if not id:
        return root if root.__class__ is dict else None
    inside = root.get("contained") if root.__class__ is dict else None
    for each in inside if inside.__class__ is list else ():
        if each.__class__ is dict and each.get("id") == id:
            return each
    return None


def resolve(run: Run | None, root: Any, reference: Any) -> tuple[tuple[Any, str], ...]:
    """What a reference names: a contained resource, what the environment finds.

    Where there is nobody to ask, its type and id as the reference tells them. `root` is what is evaluated on,
    which may be a part of the resource (or itself contained in one) that holds what is contained.
    """
    text = reference.get("reference") if reference.__class__ is dict else reference
    if text.__class__ is str and text[:1] == "#":
        found = contained(root if run is None else run.root, text[1:])
        if found or run is None or run.environment.resolve is None:
            return ((found, kind_of(found)),) if found else ()
    if run is not None and run.environment.resolve is not None:
        asked = run.environment.resolve(reference) if text.__class__ is str else None
        return ((asked, kind_of(asked)),) if asked else ()
    kind = target_type(root, reference)
    if not kind:
        return ()
    path = text.partition("/_history/")[0].rpartition("/") if text.__class__ is str else ("", "", "")
    id = path[2] if path[0] else ""
    return (({"resourceType": kind, "id": id} if id else {"resourceType": kind}, kind),)


def names_type(run: Run | None, root: Any, reference: Any, type: str) -> bool | None:
    """`resolve() is type`: empty when nothing tells what the reference names."""
    kind = target_type(root if run is None else run.root, reference)
    if not kind and run is not None:  # a `urn:uuid:` says no type: whoever finds the target knows it
        kind = next((found for _, found in resolve(run, root, reference)), "")
    return is_a(kind, type) if kind else None
