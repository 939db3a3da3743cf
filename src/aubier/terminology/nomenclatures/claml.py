"""ClaML, the XML in which the WHO and its centres publish classifications: ICD-10, and CIM-10 by the ATIH.

Chapters, blocks and categories are concepts; a class modified by fourth or fifth characters gets a concept
for each, unless the file lists it. Rule: ClaML 2.0.0 (CEN/TS 14463); rubric kinds as in the ICD-10 files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from aubier.terminology.meaning.concepts import Concept, Property, System
from aubier.terminology.nomenclatures.nomenclature import Nomenclature, opened, plain, unreadable

ICD10 = "http://hl7.org/fhir/sid/icd-10"
_PREFERRED = ("preferredLong", "preferred")
_NOTES = ("definition", "inclusion", "exclusion", "note", "coding-hint")
_GROUPS = ("chapter", "block")
_MOST_MODIFIERS = 200
"""Classes of one modifier, of which the ICD-10 has ten."""
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def recognised(path: Path) -> Path | None:
    """The path itself, when it is an XML file whose beginning names ClaML."""
    if path.is_dir() or not plain(path).lower().endswith((".xml", ".claml")):
        return None
    with opened(path) as file:
        return path if b"<ClaML" in file.read(16_384) else None


def read(path: Path) -> Nomenclature:
    """The classes of a file. Problem `structure` when it is not well-formed or names no title."""
    title = _title(path)
    system = System(
        ICD10,
        str(title.get("version", "")),
        title=(title.text or "").strip(),
        name=str(title.get("name", "")),
    )
    return Nomenclature(system, lambda: _concepts(path))


def _title(path: Path) -> Any:
    found = next(_elements(path, "Title"), None)
    if found is None:
        raise unreadable(path, "it has no Title", "il n'a pas de Title")
    return found


def _elements(path: Path, *names: str) -> Iterator[Any]:
    """Elements of these names as they end; each is dropped once it was looked at."""
    options = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    with opened(path) as file:
        try:
            for _, element in etree.iterparse(file, events=("end",), tag=names, **options):
                yield element
                element.clear()
                above = element.getparent()  # none above the root, whatever comments stand before it
                while above is not None and element.getprevious() is not None:
                    del above[0]
        except etree.XMLSyntaxError as error:
            place = f"line {error.lineno}"
            raise unreadable(path, f"not well-formed, {place}", f"XML mal formé, {place}") from error


@dataclass(slots=True)
class _Modifiers:
    """The further characters: by modifier, the codes and what they mean."""

    classes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def read(self, path: Path) -> None:
        """Reads every ModifierClass of a file: a few hundred."""
        for one in _elements(path, "ModifierClass"):
            row = str(one.get("code", "")), _rubric(one, _PREFERRED)
            of = self.classes.setdefault(str(one.get("modifier", "")), [])
            of.append(row)
            if len(of) > _MOST_MODIFIERS:
                # Each class modified gets a concept for each: a file could ask for their product.
                raise unreadable(path, "a modifier has too many classes", "un modificateur a trop de classes")


def _concepts(path: Path) -> Iterator[Concept]:
    modifiers = _Modifiers()
    modifiers.read(path)
    for one in _elements(path, "Class"):
        concept = _concept(one)
        yield concept
        below = {str(e.get("code", "")) for e in one.iterchildren("SubClass")}
        excluded = {str(e.get("code", "")) for e in one.iterchildren("ExcludeModifier")}
        for modified in one.iterchildren("ModifiedBy"):
            name = str(modified.get("code", ""))
            if name not in excluded and one.get("kind") not in _GROUPS:
                yield from _modified(concept, modified, modifiers.classes.get(name, []), below)


def _concept(one: Any) -> Concept:
    kind = str(one.get("kind", ""))
    properties = [Property("kind", "valueCode", kind)]
    if one.get("usage"):
        properties.append(Property("usage", "valueCode", str(one.get("usage"))))
    properties += [
        Property(str(m.get("name", "")), "valueString", str(m.get("value", "")))
        for m in one.iterchildren("Meta")
        if m.get("name") and m.get("value")
    ]
    if kind in _GROUPS:
        properties.append(Property("notSelectable", "valueBoolean", True))
    return Concept(
        str(one.get("code", "")),
        _rubric(one, _PREFERRED),
        "\n".join(_notes(one)),
        tuple(str(e.get("code", "")) for e in one.iterchildren("SuperClass")),
        properties=tuple(properties),
        designations=tuple(_others(one)),
    )


def _modified(
    concept: Concept, modified: Any, classes: list[tuple[str, str]], below: set[str]
) -> Iterator[Concept]:
    valid = {str(e.get("code", "")) for e in modified.iterchildren("ValidModifierClass")}
    for digit, label in classes:
        code = concept.code + (digit if "." not in concept.code else digit.lstrip("."))
        if code not in below and (not valid or digit in valid):
            properties = (Property("kind", "valueCode", "category"),)
            yield Concept(code, f"{concept.display}, {label}", "", (concept.code,), properties=properties)


def _rubric(one: Any, kinds: tuple[str, ...]) -> str:
    for kind in kinds:
        for rubric in one.iterchildren("Rubric"):
            if rubric.get("kind") == kind:
                return _text(rubric)
    return ""


def _notes(one: Any) -> Iterator[str]:
    for rubric in one.iterchildren("Rubric"):
        if rubric.get("kind") in _NOTES and (found := _text(rubric)):
            yield f"{rubric.get('kind')}: {found}"[:1_000]


def _others(one: Any) -> Iterator[dict[str, Any]]:
    """The short name where there is a long one, and names in other languages."""
    for rubric in one.iterchildren("Rubric"):
        if rubric.get("kind") not in _PREFERRED:
            continue
        for label in rubric.iterchildren("Label"):
            row = {"value": " ".join("".join(label.itertext()).split())}
            if language := str(label.get(_LANG, "")):
                row = {"language": language, **row}
            if row["value"]:
                yield row


def _text(rubric: Any) -> str:
    label = next(rubric.iterchildren("Label"), None)
    return "" if label is None else " ".join("".join(label.itertext()).split())
