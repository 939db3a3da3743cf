"""Issues as an OperationOutcome that is an answer, not a refusal."""

from __future__ import annotations

from collections.abc import Sequence

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource

_TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
_FINE = Issue("informational", "No fault was found", "Aucun défaut n'a été trouvé", severity="information")
_ORDER = {"fatal": 0, "error": 1, "warning": 2, "information": 3}


def outcome(issues: Sequence[Issue], language: str) -> Resource:
    """Every issue, the gravest first, in the reader's language with the other one as a translation."""
    told = sorted(issues, key=lambda i: _ORDER[i.severity]) or [_FINE]
    return {"resourceType": "OperationOutcome", "issue": [_row(i, language) for i in told]}


def _row(issue: Issue, language: str) -> Resource:
    other = "en" if language == "fr" else "fr"
    first, second = issue.said(language), issue.said(other)
    parts = [{"url": "lang", "valueCode": other}, {"url": "content", "valueString": second}]
    details: Resource = {"text": first}
    if second != first:
        details["_text"] = {"extension": [{"url": _TRANSLATION, "extension": parts}]}
    row: Resource = {"severity": issue.severity, "code": issue.kind, "details": details}
    row["diagnostics"] = f"{first} [{issue.rule}]" if issue.rule else first
    return row | ({"expression": list(issue.at)} if issue.at else {})
