"""What a differential says and its base does not allow: each with its place, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Problem, problem
from aubier.validation.snapshots.base import plain_code
from aubier.validation.snapshots.tree import Node

EXTENSIONS = frozenset({"extension", "modifierExtension"})


def misfit(place: str, text: str, fr: str) -> Problem:
    """What a differential says that its base does not allow, and where."""
    return problem(
        "invariant",
        f"The differential does not fit at {place}: {text}",
        f"La différentielle ne convient pas en {place} : {fr}",
        at=place,
        rule="FHIR R4 4.0.1 profiling.html",
    )


def unknown(canonical: str, place: str) -> Problem:
    """A definition that is needed and not at hand."""
    return problem(
        "not-found",
        f"The definition {canonical} is not here: load the package that holds it",
        f"La définition {canonical} n'est pas ici : chargez le paquet qui la contient",
        at=place,
    )


def check_value(key: str, types: Sequence[dict[str, Any]], place: str) -> None:
    """Problem when the value that is demanded (`fixedUri`) has a type that the element cannot have."""
    code = key.removeprefix("fixed").removeprefix("pattern")
    name = code if code in definitions().types else code[:1].lower() + code[1:]
    allowed = [plain_code(t) for t in types]
    if allowed and not any(is_a(name, a) or is_a(a, name) for a in allowed):
        raise misfit(
            f"{place}.{key}",
            f"the element is {', '.join(sorted(allowed))}, it cannot hold a {name}",
            f"l'élément est {', '.join(sorted(allowed))}, il ne peut contenir un {name}",
        )


def check_loosened(had: dict[str, Any], said: dict[str, Any], place: str) -> None:
    """Problem when a differential lets stand what its base forbids: fewer, more, or any code.

    Rule: FHIR R4 4.0.1, conformance-rules.html#cardinality, terminologies.html#required.
    """
    least, most = had.get("min", 0), str(had.get("max", "*"))
    if said.get("min", least) < least:
        raise misfit(
            f"{place}.min",
            f"its base asks for {least} at least: {said['min']} cannot be enough",
            f"sa base en demande au moins {least} : {said['min']} ne peut suffire",
        )
    more = str(said.get("max", most))
    if most.isdecimal() and (more == "*" or (more.isdecimal() and int(more) > int(most))):
        raise misfit(
            f"{place}.max",
            f"its base admits {most} at most, not {more[:20]}",
            f"sa base en admet au plus {most}, non {more[:20]}",
        )
    bound, binding = had.get("binding") or {}, said.get("binding") or {}
    if bound.get("strength") == "required" != binding.get("strength", "required"):
        raise misfit(
            f"{place}.binding",
            f"its base requires a code of {bound.get('valueSet')}: this cannot be less than required",
            f"sa base exige un code de {bound.get('valueSet')} : la liaison ne peut être moins que required",
        )


def check_repeats(base: Node, slicing: dict[str, Any], place: str) -> None:
    """Problem when what is divided into slices can stand but once; a choice is divided by its types.

    Rule: FHIR R4 4.0.1, profiling.html#slicing.
    """
    name = base.path.rpartition(".")[2]
    if name.endswith("[x]") or name in EXTENSIONS or slicing.get("rules") == "closed":
        return
    if str(base.element.get("max")) == "1":
        raise misfit(
            place,
            "its base lets it stand once, so that it has no slices: say it of the element itself",
            "sa base ne l'admet qu'une fois, il n'a donc pas de tranches : dites-le de l'élément lui-même",
        )


def check_named(base: Node, name: str, element: dict[str, Any], place: str) -> None:
    """Problem when a slice has its name in its id only, beside the element that it is a slice of."""
    if element and "sliceName" not in element and not base.path.endswith("[x]"):
        raise misfit(
            place,
            f"its id names the slice {name}, and sliceName is missing",
            f"son id nomme la tranche {name}, et sliceName manque",
        )


def check_typed(base: Node, name: str, element: dict[str, Any], place: str) -> None:
    """Problem when a slice by type of a choice is called by the type alone (`Quantity`, not `valueQuantity`).

    Rule: FHIR R4 4.0.1, profiling.html#slicing: how a choice is sliced by shortcut tells the names.
    """
    rows = (base.element.get("slicing") or {}).get("discriminator") or [{}]
    by_type = all((row.get("type"), row.get("path")) == ("type", "$this") for row in rows)
    codes = codes_of(element)
    if not by_type or len(codes) != 1 or "/" in name:
        return
    code = next(iter(codes))
    meant = base.path.rpartition(".")[2].removesuffix("[x]") + capital(code)
    if name.casefold() == code.casefold() != meant.casefold():
        raise misfit(
            place,
            f"the slice of a choice by the type {code} is called {meant}, not {name}",
            f"la tranche d'un choix par le type {code} s'appelle {meant}, non {name}",
        )


def is_a(code: str, ancestor: str) -> bool:
    """Whether a type is another or descends from it; types that are not of FHIR R4 are let through."""
    if code == ancestor or code not in definitions().types or ancestor not in definitions().types:
        return True
    return ancestor in definitions().type(code).bases


def codes_of(element: dict[str, Any]) -> set[str]:
    """The types that an element may have."""
    return {plain_code(t) for t in element.get("type", ())}


def capital(code: str) -> str:
    """A type as it stands in the name of a choice (`valueString`)."""
    return code[:1].upper() + code[1:]
