"""What FHIR adds, and what only the caller knows: references, value sets, profiles, the time.

Rule: FHIR R4 4.0.1, fhirpath.html#functions; FHIRPath N1 2.0.0, sections 5.9 and 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath.evaluation import runtime
from aubier.fhir.fhirpath.evaluation.run import Fault, Items, Run, Triple, fault
from aubier.fhir.fhirpath.library.arguments import of, one, text_in, wrong
from aubier.fhir.fhirpath.types import is_a, json_class, knows, plain, steps
from aubier.ground.clock import instant

_CORE = "http://hl7.org/fhir/StructureDefinition/"


def children(run: Run, items: Items) -> Items:
    """`children()`: everything one step below."""
    found: Items = []
    for item in items:
        found += _below(run, item)
    return found


def descendants(run: Run, items: Items) -> Items:
    """`descendants()`: everything below, however deep. Walked once for each object of one evaluation.

    Published invariants ask it of the same resource again for each of its parts: dom-3, four times each.
    """
    if len(items) != 1 or items[0][0].__class__ is not dict:
        return _walked(run, items)
    value, _, type = items[0]
    known = run.below.get((id(value), type))
    if known is None:
        known = run.below[id(value), type] = value, _walked(run, items)
    return list(known[1])


def _walked(run: Run, items: Items) -> Items:
    found: Items = []
    level = items
    while level := children(run, level):
        found += level
    return found


def _below(run: Run, item: Triple) -> Iterator[Triple]:
    value, sibling, type = item
    here = value if json_class(type) == "dict" else sibling
    if here.__class__ is not dict or type.startswith("System."):
        return
    run.spend(here)
    for name in steps(type):
        yield from runtime.children(run, value, sibling, type, name)


def has_value(run: Run, items: Items) -> Items:
    """`hasValue()`: whether there is one primitive and it has a value, not extensions only."""
    present = len(items) == 1 and items[0][0] is not None and json_class(items[0][2]) != "dict"
    return of(present, "Boolean")


def get_value(run: Run, items: Items) -> Items:
    """`getValue()`: the value of one primitive, in FHIRPath's own type."""
    if len(items) != 1 or items[0][0] is None or json_class(items[0][2]) == "dict":
        return []
    return of(items[0][0], plain(items[0][2]))


def type_of(run: Run, items: Items) -> Items:
    """`type()`: namespace and name of the type of each item, and of what it specialises."""
    return [_info(kind) for _, _, kind in items]


def _info(kind: str) -> Triple:
    space, name = ("System", kind[7:]) if kind.startswith("System.") else ("FHIR", kind)
    if space == "System":
        base = "System.Any"
    elif knows(kind):
        base = next((f"FHIR.{b}" for b in definitions().type(kind).bases), "System.Any")
    else:
        base = "FHIR.BackboneElement"
    shape = "SimpleTypeInfo" if space == "System" or json_class(kind) != "dict" else "ClassInfo"
    return ({"namespace": space, "name": name, "baseType": base}, None, f"System.{shape}")


def constant(run: Run, name: str) -> Items:
    """A `%name` that the caller gives: one value or a list of them."""
    value = run.environment.constants.get(name)
    if value is None and name not in run.environment.constants:
        raise fault(f"%{name} was not given a value", f"%{name} n'a pas reçu de valeur", kind="not-supported")
    values = value if value.__class__ is list else [value]
    return [(v, None, _kind(v)) for v in values if v is not None]


def _kind(value: Any) -> str:
    if value.__class__ is dict:
        return runtime.kind_of(value) or ("Coding" if "code" in value and "system" in value else "")
    return {bool: "System.Boolean", int: "System.Integer", str: "System.String"}.get(
        value.__class__, "System.Decimal"
    )


def now(run: Run, items: Items) -> Items:
    """`now()`: the instant that the caller gives; the same throughout an evaluation."""
    return of(instant(_clock(run)), "DateTime")


def today(run: Run, items: Items) -> Items:
    """`today()`: its date, in UTC."""
    return of(instant(_clock(run))[:10], "Date")


def time_of_day(run: Run, items: Items) -> Items:
    """`timeOfDay()`: its time, in UTC."""
    return of(instant(_clock(run))[11:23], "Time")


def _clock(run: Run) -> datetime:
    if run.environment.now is None:
        raise _ungiven("now(), today() and timeOfDay()", "now(), today() et timeOfDay()")
    return run.environment.now


def conforms_to(run: Run, items: Items, profile: Items) -> Items:
    """`conformsTo(url)`. Another base type than the item's is refused without asking; its own is granted."""
    item, url = one(items), text_in(profile)
    if item is None or url is None:
        return []
    core = url.removeprefix(_CORE) if url.startswith(_CORE) else ""
    if core and knows(core) and not is_a(item[2], core):
        return of(False, "Boolean")
    ask = run.environment.conforms_to
    verdict = ask(item[0], url) if ask is not None else None
    if verdict is None and core and knows(core):
        return of(True, "Boolean")
    if verdict is None:
        raise _ungiven(f"the profile {url}", f"le profil {url}")
    return of(verdict, "Boolean")


def member_of(run: Run, items: Items, value_set: Items) -> Items:
    """`memberOf(url)`: whether a code, Coding or CodeableConcept is in a value set.

    Without an answer of the caller, those that the specification lists code by code are known.
    """
    item, url = one(items), text_in(value_set)
    if item is None or url is None:
        return []
    ask = run.environment.member_of
    verdict = ask(item[0], url) if ask is not None else None
    if verdict is None:
        listed = definitions().value_set(url)
        if listed is None:
            raise _ungiven(f"the value set {url}", f"le jeu de valeurs {url}")
        verdict = any(_listed(coding, listed) for coding in _codings(item))
    return of(verdict, "Boolean")


def _codings(item: Triple) -> list[Any]:
    if item[2] == "CodeableConcept":
        codings = item[0].get("coding")
        return codings if codings.__class__ is list else []
    return [item[0]]


def _listed(coding: Any, listed: frozenset[tuple[str, str]]) -> bool:
    if coding.__class__ is str:
        return any(code == coding for _, code in listed)
    return coding.__class__ is dict and (str(coding.get("system")), str(coding.get("code"))) in listed


def subsumes(run: Run, items: Items, other: Items) -> Items:
    """`subsumes(code)`: whether a concept is, or is above, the other."""
    return _subsumed(run, items, other)


def subsumed_by(run: Run, items: Items, other: Items) -> Items:
    """`subsumedBy(code)`: whether a concept is, or is below, the other."""
    return _subsumed(run, other, items)


def _subsumed(run: Run, above: Items, below: Items) -> Items:
    first, second = one(above), one(below)
    if first is None or second is None:
        return []
    verdicts = [_is_above(run, a, b) for a in _codings(first) for b in _codings(second)]
    return of(True in verdicts, "Boolean")


def _is_above(run: Run, above: Any, below: Any) -> bool:
    if above.__class__ is not dict or below.__class__ is not dict:
        return bool(above == below)
    if (above.get("system"), above.get("code")) == (below.get("system"), below.get("code")):
        return True
    ask = run.environment.subsumes
    verdict = ask(above, below) if ask is not None else None
    if verdict is None:
        system = above.get("system")
        raise _ungiven(f"the hierarchy of {system}", f"la hiérarchie de {system}")
    return verdict


def html_checks(run: Run, items: Items) -> Items:
    """`htmlChecks()`: whether the text of a narrative is what FHIR allows."""
    item = one(items)
    if item is None or item[0] is None:
        return []
    if item[0].__class__ is not str:
        raise wrong(item, "a narrative", "un récit (narrative)")
    if run.environment.html_checks is None:
        raise _ungiven("a check of narratives", "la vérification des récits")
    return of(run.environment.html_checks(item[0]), "Boolean")


def in_slice(run: Run, items: Items, structure: Items, name: Items) -> Items:
    """`slice(structure, name)`: the items that belong to a slice of a profile."""
    url, slice_name = text_in(structure), text_in(name)
    if url is None or slice_name is None or not items:
        return []
    ask = run.environment.in_slice
    found: Items = []
    for item in items:
        verdict = ask(item[0], url, slice_name) if ask is not None else None
        if verdict is None:
            raise _ungiven(f"the slices of {url}", f"les tranches de {url}")
        if verdict:
            found.append(item)
    return found


def element_definition(run: Run, items: Items) -> Items:
    """`elementDefinition()`: refused, because what a part is an element of is not carried along."""
    raise fault(
        "elementDefinition() is not supported; ask the StructureDefinition itself",
        "elementDefinition() n'est pas prise en charge ; interrogez la StructureDefinition",
        kind="not-supported",
    )


def check_modifiers(run: Run, items: Items, *known: Items) -> Items:
    """`checkModifiers(url...)`: the items; Problem `invalid` when one has a modifier extension not named."""
    urls = {text_in(url) for url in known}
    for value, _, _ in items:
        found = value.get("modifierExtension") if value.__class__ is dict else None
        for extension in found if found.__class__ is list else ():
            url = extension.get("url") if extension.__class__ is dict else None
            if url not in urls:
                raise fault(
                    f"the modifier extension {url} is not known", f"extension modificatrice {url} inconnue"
                )
    return items


def _ungiven(what: str, fr: str) -> Fault:
    """What the evaluation would have to know, and was not told."""
    return fault(
        f"{what} cannot be known here; the caller gives it in the environment",
        f"{fr} : inconnu ici ; l'appelant le donne dans l'environnement",
        kind="not-supported",
    )
