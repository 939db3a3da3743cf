"""The parts of a report, each beside the part of the Measure that its code names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aubier.ground.problem import Issue, Kind
from aubier.ground.rows import Resource
from aubier.validation.profiles.items import root
from aubier.validation.walks.walk import resources_in

_SCORING = "http://terminology.hl7.org/CodeSystem/measure-scoring"
_RULE = "FHIR R4 4.0.1 measurereport-definitions.html#MeasureReport."
_MOST = 200
"""Issues of one report, at most."""

Node = dict[str, Any]
Code = tuple[str, str]


def wanted_measures(resource: Resource) -> list[tuple[str, Resource]]:
    """The reports in a resource (itself, entries, contained) with their places."""
    found = resources_in(root(resource))
    return [(i.path, i.value) for i in found if i.type == "MeasureReport"]


def reported(report: Resource, measure: Resource, place: str = "MeasureReport") -> list[Issue]:
    """Everything wrong with a report as one of this Measure."""
    return [issue for issue, _ in zip(_groups(report, _Parts(measure), place), range(_MOST), strict=False)]


@dataclass(frozen=True, slots=True)
class _Defined:
    """Parts of a Measure of one kind, and the place of the first of each code."""

    rows: list[Node]
    places: dict[Code, int]


class _Parts:
    """The parts of a Measure, each list of them read once, however many of the report ask."""

    def __init__(self, measure: Resource) -> None:
        self.measure = measure
        self._kept: dict[tuple[int, str], _Defined] = {}

    def of(self, node: Node, name: str) -> _Defined:
        """Those of a kind below a node of the Measure."""
        key = id(node), name
        if key not in self._kept:
            rows, places = _rows(node, name), dict[Code, int]()
            for n, row in enumerate(rows):
                for code in _codes(row):
                    places.setdefault(code, n)
            self._kept[key] = _Defined(rows, places)
        return self._kept[key]


def _groups(report: Resource, parts: _Parts, place: str) -> Iterator[Issue]:
    defined, given = parts.of(parts.measure, "group"), _rows(report, "group")
    cohort = _is_cohort(parts.measure)
    for n, group in enumerate(given):
        at = f"{place}.group[{n}]"
        if cohort and "measureScore" in group:
            yield _scored(at)
        if report.get("type") != "subject-list":
            yield from _listed(group, at)
        meant = _meant(group, given, defined)
        if meant is None:
            yield _no_such(at, "group", group, defined)
            continue
        yield from _populations(group, parts.of(meant, "population"), at)
        yield from _stratifiers(group, parts.of(meant, "stratifier"), at)


def _populations(group: Node, defined: _Defined, at: str) -> Iterator[Issue]:
    given = _rows(group, "population")
    for n, population in enumerate(given if defined.rows else ()):
        if _meant(population, given, defined) is None:
            yield _no_such(f"{at}.population[{n}]", "group.population", population, defined)


def _stratifiers(group: Node, defined: _Defined, at: str) -> Iterator[Issue]:
    given = _rows(group, "stratifier")
    for n, stratifier in enumerate(given):
        if _meant(stratifier, given, defined) is None:
            yield _no_such(f"{at}.stratifier[{n}]", "group.stratifier", stratifier, defined)


def _listed(group: Node, at: str) -> Iterator[Issue]:
    """Subjects are listed in a report that is a list of them."""
    for n, population in enumerate(_rows(group, "population")):
        if "subjectResults" in population:
            yield _issue(
                f"{at}.population[{n}].subjectResults",
                "business-rule",
                "Subjects are listed in a report of type subject-list only",
                "Les sujets ne sont listés que dans un rapport de type subject-list",
                "group.population.subjectResults",
            )


def _meant(part: Node, given: list[Node], defined: _Defined) -> Node | None:
    """The part of the Measure that one of the report is about: by its code, or the only one there is."""
    codes = _codes(part)
    fitting = [defined.places[code] for code in codes if code in defined.places]
    if fitting:
        return defined.rows[min(fitting)]
    alone = len(given) == len(defined.rows) == 1
    return defined.rows[0] if alone and not (codes and defined.places) else None


def _codes(part: Node) -> set[Code]:
    """What the code of a part says: codings, or a text where there is none. A stratifier may have several."""
    code = part.get("code")
    concepts = [c for c in (code if isinstance(code, list) else [code]) if isinstance(c, dict)]
    told = {(str(r.get("system", "")), str(r.get("code", ""))) for c in concepts for r in _rows(c, "coding")}
    return told or {("", str(c["text"])) for c in concepts if "text" in c}


def _is_cohort(measure: Resource) -> bool:
    scoring = measure.get("scoring")
    rows = _rows(scoring if isinstance(scoring, dict) else {}, "coding")
    return any((r.get("system"), r.get("code")) == (_SCORING, "cohort") for r in rows)


def _rows(node: Node, name: str) -> list[Node]:
    found = node.get(name)
    return [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []


def _issue(at: str, kind: Kind, text: str, fr: str, element: str) -> Issue:
    return Issue(kind, text, fr, (at,), rule=_RULE + element)


def _scored(at: str) -> Issue:
    return _issue(
        f"{at}.measureScore",
        "business-rule",
        "The Measure is scored as a cohort, which has no measureScore: take it out",
        "La mesure est de type cohorte, qui n'a pas de measureScore : retirez-le",
        "group.measureScore",
    )


def _no_such(at: str, element: str, part: Node, defined: _Defined) -> Issue:
    named = ", ".join(sorted(code for _, code in _codes(part)))[:80]
    known = ", ".join(sorted({code for _, code in defined.places})[:12])[:200]
    return _issue(
        at,
        "code-invalid",
        f"The Measure has none with this code ({named or 'none'}); it has {known or 'none with a code'}",
        f"La mesure n'en a pas de ce code ({named or 'aucun'}) ; elle a {known or 'aucun code'}",
        element,
    )
