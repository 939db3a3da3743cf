"""Issues as an OperationOutcome that is an answer, not a refusal."""

from __future__ import annotations

from collections.abc import Sequence

from aubier.fhir.outcome import outcome as outcome_of
from aubier.ground.problem import Issue
from aubier.ground.rows import Resource

_FINE = Issue("informational", "No fault was found", "Aucun défaut n'a été trouvé", severity="information")
_ORDER = {"fatal": 0, "error": 1, "warning": 2, "information": 3}


def outcome(issues: Sequence[Issue], language: str) -> Resource:
    """Every issue, the gravest first, in the reader's language with the other one as a translation."""
    return outcome_of(sorted(issues, key=lambda i: _ORDER[i.severity]) or [_FINE], language)
