"""The measures that reports are about, read from the store, and the reports held against them."""

from __future__ import annotations

from typing import Any

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.store.aside import by_length
from aubier.validation.reports import reported, wanted_measures
from aubier.validation.service.named import read_named


async def report_issues(store: Any, resource: Resource) -> list[Issue]:
    """What is wrong with the reports in a resource as reports of their Measure; one not here is told.

    `store` is the view of whoever asks: a Measure that they may not see is not here.
    """
    reports = await by_length(wanted_measures, resource)
    if not reports:
        return []
    measures = await read_named(store, "Measure", [str(r.get("measure", "")) for _, r in reports])
    issues: list[Issue] = []
    for place, report in reports:
        measure = measures.find(str(report.get("measure", "")))
        issues += reported(report, measure, place) if measure is not None else [_absent(place, report)]
    return issues


def _absent(place: str, report: Resource) -> Issue:
    named = str(report.get("measure", ""))[:200]
    return Issue(
        "not-found",
        f"The Measure {named} is not here: the report was not held against it",
        f"La mesure {named} n'est pas ici : le rapport n'y a pas été confronté",
        (f"{place}.measure",),
        "information",
    )
