"""Issues as an OperationOutcome: the one place where they become one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.ground.text import typography

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""What a refusal may quote of a request but a FHIR string may not hold."""

_CODE = {
    "method": "not-supported",
    "not-acceptable": "not-supported",
    "media-type": "not-supported",
    "precondition": "conflict",
}

REASONS = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
"""The code system of what kind of fault with a code it is."""


def outcome(issues: Sequence[Issue], language: str = "en") -> Resource:
    """An OperationOutcome with every issue: the text in the reader's language, the other one as translation.

    `expression` holds the places: FHIRPath, or `http.<name>` for a header or parameter.
    """
    return {"resourceType": "OperationOutcome", "issue": [_issue(i, language) for i in issues]}


def reason_of(issue: Issue) -> Resource:
    """The part of `details` that says the reason by a code, where the issue has one."""
    return {"coding": [{"system": REASONS, "code": issue.reason}]} if issue.reason else {}


def _issue(issue: Issue, language: str) -> Resource:
    french = issue.text if issue.fr == issue.text else typography(issue.fr)
    texts = (french, issue.text) if language == "fr" else (issue.text, french)
    first, second = (_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts)
    other = "en" if language == "fr" else "fr"
    details = reason_of(issue)
    details["text"] = first
    if second != first:
        details["_text"] = {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/translation",
                    "extension": [
                        {"url": "lang", "valueCode": other},
                        {"url": "content", "valueString": second},
                    ],
                }
            ]
        }
    row: Resource = {
        "severity": issue.severity,
        "code": _CODE.get(issue.kind, issue.kind),
        "details": details,
        "diagnostics": f"{first} [{issue.rule}]" if issue.rule else first,
    }
    if issue.at:
        row["expression"] = [_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", place) for place in issue.at]
    return row
