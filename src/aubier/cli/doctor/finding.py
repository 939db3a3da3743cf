"""What a check gives."""

from __future__ import annotations

from aubier.ground.problem import Problem

Finding = tuple[bool, str, str]
"""Whether it is well, and the sentence in French and English."""


def refused(refusal: Problem, fr: str = "", en: str = "") -> Finding:
    """The finding for what a Problem says, after a beginning."""
    issue = refusal.issues[0]
    french, english = issue.fr or issue.text, issue.text
    if not fr:
        french, english = french[:1].upper() + french[1:], english[:1].upper() + english[1:]
    at = f" ({', '.join(issue.at)})" if issue.at else ""
    return False, f"{fr}{french}{at}", f"{en}{english}{at}"
