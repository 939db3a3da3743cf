"""Reports held against the Measure that they report."""

from typing import Any

import pytest

from aubier.validation.reports import report as reading
from aubier.validation.reports import reported, wanted_measures

SYSTEM = "http://terminology.hl7.org/CodeSystem/"
POPULATION, SCORING = SYSTEM + "measure-population", SYSTEM + "measure-scoring"


def concept(code: str, system: str = POPULATION) -> dict[str, Any]:
    """A CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code}]}


def part(code: str = "", **more: Any) -> dict[str, Any]:
    """A group or a population with this code, or none."""
    return {**({"code": concept(code)} if code else {}), **more}


def measure(*groups: dict[str, Any], scoring: str = "proportion") -> dict[str, Any]:
    """A Measure."""
    own = {"resourceType": "Measure", "status": "active", "scoring": concept(scoring, SCORING)}
    return {**own, "group": list(groups)}


def report(*groups: dict[str, Any], type: str = "summary") -> dict[str, Any]:
    """A report."""
    own = {"resourceType": "MeasureReport", "status": "complete", "type": type}
    return {**own, "measure": "http://example.org/Measure/m", "group": list(groups)}


def wrong(given: dict[str, Any], defined: dict[str, Any]) -> list[tuple[str, str]]:
    """Place (below the report) and kind of what is refused."""
    found = reported(given, defined)
    assert all(i.fr and i.severity == "error" for i in found)
    return [(i.at[0].removeprefix("MeasureReport."), i.kind) for i in found]


COUNTS = [part("initial-population"), part("numerator")]
ONE = measure(part(population=COUNTS))
TWO = measure(part("young", population=COUNTS), part("old", population=COUNTS[:1]))


@pytest.mark.parametrize(
    ("given", "defined", "places"),
    [
        (report(part(population=COUNTS[:1], measureScore={"value": 1})), ONE, []),
        (report(part(population=[part("denominator")])), ONE, ["group[0].population[0]"]),
        (report(part("old", population=COUNTS[:1]), part("young", population=COUNTS)), TWO, []),
        (report(part("old", population=COUNTS)), TWO, ["group[0].population[1]"]),
        (report(part("other")), TWO, ["group[0]"]),
        (report(part()), TWO, ["group[0]"]),
        (report(part(population=[part("anything")])), measure(part()), []),
    ],
    ids=["alone", "population", "by code", "of its own group", "group", "which group", "nothing said"],
)
def test_each_part_is_one_of_the_measure(given: Any, defined: Any, places: list[str]) -> None:
    assert wrong(given, defined) == [(place, "code-invalid") for place in places]


def test_a_measure_is_read_once_however_many_parts_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    read, codes = [], reading._codes
    monkeypatch.setattr(reading, "_codes", lambda part: read.append(part) or codes(part))
    many = [part(f"code-{n}") for n in range(200)]
    assert wrong(report(part("a", population=many)), measure(part("a", population=many))) == []
    assert len(read) < 3 * len(many)


def test_stratifiers_go_by_their_codes_and_alone_by_none() -> None:
    by_sex = {"code": [concept("sex", "http://example.org")]}
    defined = measure(part(stratifier=[{"code": by_sex["code"][0]}, {"code": concept("age")}]))
    assert wrong(report(part(stratifier=[by_sex])), defined) == []
    place = ("group[0].stratifier[0]", "code-invalid")
    assert wrong(report(part(stratifier=[{"code": [concept("town")]}])), defined) == [place]
    plain = measure(part(stratifier=[{}]))
    assert wrong(report(part(stratifier=[{}])), plain) == []
    assert wrong(report(part(stratifier=[{}])), measure(part(stratifier=[{}, {}]))) == [place]


def test_a_cohort_has_no_score_and_subjects_are_listed_where_they_are_asked_for() -> None:
    scored = part(measureScore={"value": 1})
    cohort = measure(part(), scoring="cohort")
    assert wrong(report(scored), cohort) == [("group[0].measureScore", "business-rule")]
    listed = part(population=[part("initial-population", subjectResults={"reference": "List/1"})])
    place = ("group[0].population[0].subjectResults", "business-rule")
    assert wrong(report(listed), ONE) == [place]
    assert wrong(report(listed, type="subject-list"), ONE) == []


def test_reports_are_found_where_they_stand_and_faults_have_a_bound() -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": report()}]}
    assert [place for place, _ in wanted_measures(bundle)] == ["Bundle.entry[0].resource"]
    assert len(reported(report(*[part("x")] * 1000), TWO)) == 200
