"""A StructureDefinition held against itself: its type, the paths of its elements, how it tells slices apart,
whether its constraints can be read.

Rule: FHIR R4 4.0.1, structuredefinition-definitions.html#StructureDefinition.type,
elementdefinition-definitions.html#ElementDefinition.path, profiling.html#discriminator.
"""

from __future__ import annotations

import re

from aubier.fhir.definitions import definitions
from aubier.validation.profiles.items import Item, children, element_of, node_of
from aubier.validation.snapshots.base import BASE
from aubier.validation.walks import words
from aubier.validation.walks.rules.expressions import is_read
from aubier.validation.walks.walk import Walk

_CONSTRAINT = "FHIR R4 4.0.1 elementdefinition-definitions.html#ElementDefinition.constraint.expression"
_SOURCE = "FHIR R4 4.0.1 structuredefinition-definitions.html#StructureDefinition.type"
_MISSING = "FHIR R4 4.0.1 elementdefinition-definitions.html#ElementDefinition.meaningWhenMissing"
_name = re.compile(r"[A-Za-z][A-Za-z0-9]*(?=\.|$)", re.ASCII).match


def structure_rules(walk: Walk, item: Item) -> None:
    """What a definition says of itself that cannot be."""
    kind = str(item.value.get("type", ""))
    if item.value.get("derivation") == "specialization":
        _type(walk, item, kind)
    owner = kind.removeprefix(BASE)
    own = "differential" if "differential" in item.value else "snapshot"
    for part in ("differential", "snapshot"):
        for held in children(item, part):
            for row in children(held, "element"):
                _path(walk, row, kind)
                if item.value.get("derivation") == "constraint" and part == "differential":
                    _silence(walk, row, kind)
                if owner in definitions().types and part == "differential":
                    _discriminators(walk, row)
                for constraint in children(row, "constraint") if part == own else ():
                    is_read(walk, constraint, _CONSTRAINT)


def _type(walk: Walk, item: Item, kind: str) -> None:
    """What is new has a name of its own: a type of the specification or an absolute URL, not its base's."""
    if kind and ":" not in kind and kind not in definitions().types:
        text = (
            f"{kind[:80]} is no type of the specification: a type of one's own has an absolute URL",
            f"{kind[:80]} n'est pas un type de la spécification : un type à soi porte une URL absolue",
        )
    elif ":" in kind and kind == str(item.value.get("baseDefinition")).partition("|")[0]:
        text = (
            "A specialization is a new type: its type is not that of its base",
            "Une spécialisation est un nouveau type : son type n'est pas celui de sa base",
        )
    else:
        return
    walk.say(words.issue(f"{item.path}.type", "value", text, rule=_SOURCE))


def _silence(walk: Walk, row: Item, kind: str) -> None:
    """A profile does not say what an absent value means; who defines an element, or an extension, may."""
    if "meaningWhenMissing" in row.value and kind != "Extension":
        text = (
            "A profile does not say what an absent value means: only the definition of a type does",
            "Un profil ne dit pas ce que l'absence signifie : seule la définition d'un type le fait",
        )
        walk.say(words.issue(f"{row.path}.meaningWhenMissing", "structure", text, rule=_MISSING))


def _path(walk: Walk, row: Item, kind: str) -> None:
    """The paths of a definition begin with the last part of its type."""
    start = str(row.value.get("path", "")).partition(".")[0]
    meant = kind.rpartition("/")[2]
    if meant and start != meant:
        text = (
            f"The path begins with {start[:80]}; this definition is of {meant[:80]}",
            f"Le chemin commence par {start[:80]} ; cette définition est de {meant[:80]}",
        )
        rule = "FHIR R4 4.0.1 elementdefinition-definitions.html#ElementDefinition.path"
        walk.say(words.issue(f"{row.path}.path", "value", text, rule=rule))


def _discriminators(walk: Walk, row: Item) -> None:
    """A discriminator goes by what the elements that are sliced have below them."""
    below = _below(str(row.value.get("path", "")))
    for slicing in children(row, "slicing") if below else ():
        for one in children(slicing, "discriminator"):
            path = str(one.value.get("path", ""))
            found = _name(path)
            step = found.group() if found else ""
            if step and step not in below and f"{step}[x]" not in below:
                text = (
                    f"What is sliced has no element {step[:64]}: a discriminator goes by what it has",
                    f"Ce qui est découpé n'a pas d'élément {step[:64]} : un discriminant suit ce qu'il a",
                )
                rule = "FHIR R4 4.0.1 profiling.html#discriminator"
                walk.say(words.issue(f"{one.path}.path", "value", text, rule=rule))


def _below(path: str) -> frozenset[str]:
    """The elements below one of the specification; none where a profile or a choice decides."""
    owner, *names = path.split(".", 32)
    for name in names:
        element = element_of(owner, name)
        if element is None or element.choice:
            return frozenset()
        kinds = {t.code for t in element.types}
        owner = (element.content or element.path) if element.children else "".join(kinds)
    node = node_of(owner)
    return frozenset(getattr(node, "children", None) or getattr(node, "elements", ()) or ())
