"""The one place where a Problem becomes an HTTP status and its OperationOutcome."""

from __future__ import annotations

from dataclasses import replace

from aubier.fhir.outcome import outcome as outcome_of
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.validation.drafts import LIMIT
from aubier.validation.telling import bounded

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
    """An OperationOutcome with the issues of a refusal, in the reader's language and the other one.

    Of more than `LIMIT` the first are told, and that there are more.
    """
    few = len(problem.issues) <= LIMIT
    return outcome_of(problem.issues if few else bounded(problem.issues), language)


def said(text: str, fr: str) -> Resource:
    """An OperationOutcome that only informs."""
    issue = Issue("informational", text, fr, severity="information")
    return outcome_of([issue])
