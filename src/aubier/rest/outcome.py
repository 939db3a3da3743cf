"""The one place where a Problem becomes an OperationOutcome and an HTTP status."""

from __future__ import annotations

import re
from dataclasses import replace

from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource

STATUS = {
    "structure": 400,
    "invalid": 400,
    "value": 400,
    "required": 400,
    "not-supported": 400,
    "code-invalid": 422,
    "invariant": 422,
    "business-rule": 422,
    "processing": 422,
    "login": 401,
    "expired": 401,
    "unknown": 401,
    "forbidden": 403,
    "suppressed": 403,
    "not-found": 404,
    "method": 405,
    "not-acceptable": 406,
    "conflict": 409,
    "duplicate": 409,
    "deleted": 410,
    "precondition": 412,
    "multiple-matches": 412,
    "too-long": 413,
    "media-type": 415,
    "too-costly": 422,
    "lock-error": 423,
    "throttled": 429,
    "exception": 500,
    "transient": 503,
}
"""The HTTP status of each kind."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""What a refusal may quote of a request but a FHIR string may not hold."""

_CODE = {
    "method": "not-supported",
    "not-acceptable": "not-supported",
    "media-type": "not-supported",
    "precondition": "conflict",
}


def placed(refusal: Problem, place: str) -> Problem:
    """The same refusal, in which every issue names a place: `place` where it named none."""
    return Problem(tuple(i if i.at else replace(i, at=(place,)) for i in refusal.issues), refusal.headers)


def status_of(problem: Problem) -> int:
    """The HTTP status: that of the first issue.

    What the body names and does not hold (`#id` of nothing) is a fault of the body, not a missing address.
    """
    first = problem.issues[0]
    if first.kind == "not-found" and any(not place.startswith("http.") for place in first.at):
        return 422
    return STATUS.get(first.kind, 500)


def outcome(problem: Problem, language: str = "en") -> Resource:
    """An OperationOutcome with every issue: the text in the reader's language, the other one as translation.

    `expression` holds the places: FHIRPath, or `http.<name>` for a header or parameter.
    """
    return {"resourceType": "OperationOutcome", "issue": [_issue(i, language) for i in problem.issues]}


def _issue(issue: Issue, language: str) -> Resource:
    texts = (issue.fr, issue.text) if language == "fr" else (issue.text, issue.fr)
    first, second = (_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts)
    other = "en" if language == "fr" else "fr"
    details: Resource = {"text": first}
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


def said(text: str, fr: str) -> Resource:
    """An OperationOutcome that only informs."""
    issue = Issue("informational", text, fr, severity="information")
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue, "en")]}
