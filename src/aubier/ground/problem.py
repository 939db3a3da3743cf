"""The one error type of the house, with the kinds of FHIR's issue types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "code-invalid",
    "login",
    "unknown",
    "expired",
    "forbidden",
    "suppressed",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "lock-error",
    "throttled",
    "exception",
    "informational",
    "media-type",
    "not-acceptable",
    "precondition",
    "method",
]
"""FHIR issue types, plus four that only tell HTTP apart (mapped back to FHIR codes by `rest`)."""

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: what, where (FHIRPath or `http.<name>`), in English and French.

    `reason` is what kind of fault with a code it is, as terminology servers tell each other.
    Rule: HL7 FHIR Terminology Ecosystem, code system tx-issue-type.
    """

    kind: Kind
    text: str
    fr: str = ""
    at: tuple[str, ...] = ()
    severity: Severity = "error"
    rule: str = ""
    reason: str = ""

    def said(self, language: str) -> str:
        """The text in `fr` or `en`; in English where there is no French one."""
        return self.fr or self.text if language == "fr" else self.text


@dataclass(eq=False)
class Problem(Exception):
    """A refusal. Carries every issue found; the first one decides the HTTP status and exit code.

    `rule` names document, version and section of the rule that refuses, when one does. `about` is which of
    several things that were asked together is refused, where one is.
    Nothing was written when a Problem is raised.
    """

    issues: tuple[Issue, ...]
    headers: dict[str, str] = field(default_factory=dict)
    about: object = None

    def __str__(self) -> str:
        return "; ".join(f"{i.text} ({', '.join(i.at)})" if i.at else i.text for i in self.issues)

    @property
    def kind(self) -> Kind:
        """The kind of the first issue."""
        return self.issues[0].kind

    def concerning(self, what: object) -> Problem:
        """The same, which tells that it is `about` this."""
        self.about = what
        return self


def problem(
    kind: Kind,
    text: str,
    fr: str = "",
    *,
    at: str | tuple[str, ...] = (),
    rule: str = "",
    reason: str = "",
) -> Problem:
    """A Problem of one issue: English `text`, French `fr`, `at` the FHIRPath place(s)."""
    places = (at,) if isinstance(at, str) else at
    return Problem((Issue(kind, text, fr or text, places, rule=rule, reason=reason),))


def not_found(what: str, fr: str = "") -> Problem:
    """The one answer for hidden and missing alike: `what` is e.g. `Patient/123`; words have their French."""
    return problem("not-found", f"{what} is not known here", f"{fr or what} n'est pas connu ici")
