"""Concept maps read into mappings from code to code. Rule: FHIR R4, ConceptMap."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aubier.ground.rows import Resource

NO_MATCH = frozenset({"unmatched", "disjoint"})
_TURNED = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}

_R5 = {
    "related-to": "relatedto",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "disjoint",
}
"""The relationships of R5, from the source; the equivalences of R4 say what the target is."""


@dataclass(frozen=True, slots=True)
class Link:
    """One source code and one of its targets. `detail` holds FHIR JSON: displays, comment, dependsOn,
    product, versions. `map` is the canonical of the concept map.
    """

    source_system: str
    source_code: str
    target_system: str
    target_code: str
    equivalence: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    map: str = ""

    def turned(self) -> Link:
        """The same, read from target to source."""
        detail = {k: v for k, v in self.detail.items() if k in ("comment", "source_display", "display")}
        detail["display"], detail["source_display"] = (
            detail.get("source_display", ""),
            detail.get("display", ""),
        )
        return replace(
            self,
            source_system=self.target_system,
            source_code=self.target_code,
            target_system=self.source_system,
            target_code=self.source_code,
            equivalence=_TURNED.get(self.equivalence, self.equivalence),
            detail=detail,
        )


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What a group says of codes that it does not map."""

    source: str
    target: str
    mode: str
    code: str = ""
    display: str = ""
    url: str = ""


def mappings(resource: Resource, code: Collection[str] = (), *, to: Collection[str] = ()) -> Iterator[Link]:
    """Every mapping of a concept map, in order: those from a `code`, or `to` one, where any are given.

    An element without target maps to nothing and is left out.
    """
    name = canonical(resource)
    for group in resource.get("group") or ():
        for element in group.get("element") or ():
            if code and str(element.get("code", "")) not in code:
                continue
            for target in element.get("target") or ():
                if not to or str(target.get("code", "")) in to:
                    yield _link(group, element, target, name)


def _link(group: Resource, element: Resource, target: Resource, name: str) -> Link:
    detail = {
        "source_display": element.get("display"),
        "display": target.get("display"),
        "comment": target.get("comment"),
        "version": group.get("targetVersion"),
        "dependsOn": _rows(target.get("dependsOn")),
        "product": _rows(target.get("product")),
    }
    return Link(
        str(group.get("source", "")),
        str(element.get("code", "")),
        str(group.get("target", "")),
        str(target.get("code", "")),
        str(target.get("equivalence") or _R5.get(str(target.get("relationship", "")), "equivalent")),
        {k: v for k, v in detail.items() if v},
        name,
    )


def _rows(given: Any) -> list[Resource]:
    """A list of objects. TypeError for anything else."""
    rows = list(given or ())
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("not a list of objects")
    return rows


def unmapped(resource: Resource) -> list[Unmapped]:
    """What the groups say of codes that they do not map."""
    found = []
    for group in resource.get("group") or ():
        row = group.get("unmapped")
        if row:
            texts = {k: str(row.get(k, "")) for k in ("mode", "code", "display", "url")}
            found.append(Unmapped(str(group.get("source", "")), str(group.get("target", "")), **texts))
    return found


def canonical(resource: Resource) -> str:
    """`url|version` of a resource."""
    url, version = str(resource.get("url", "")), str(resource.get("version", ""))
    return f"{url}|{version}" if version else url


def scope(resource: Resource, side: str) -> str:
    """The value set that a map goes from (`source`) or to (`target`), by its canonical."""
    return str(resource.get(f"{side}Uri") or resource.get(f"{side}Canonical") or "")


def applies(mapping: Link, known: Mapping[str, frozenset[str]]) -> bool:
    """Whether everything that a mapping depends on is known to be so: element to the values it has."""
    wanted: Sequence[Resource] = mapping.detail.get("dependsOn", ())
    return all(str(row.get("value", "")) in known.get(str(row.get("property", "")), ()) for row in wanted)
