"""The answer of `$validate-code`: what came of each code, as one result with its issues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.terminology.api import Coded, Finding, Verdict
from aubier.terminology.meaning.concepts import in_language, languages
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.parameters import Asked, answer, message, part, translated

_REASONS = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
_WRONG = frozenset({"invalid-code", "invalid-display"})
"""What makes a coding wrong in itself, whatever the others of its CodeableConcept are."""


def told(
    ctx: Any, call: Asked, codes: Sequence[Coded], verdicts: Sequence[Verdict], asked: ValueSet | None = None
) -> Resource:
    """One answer: of a CodeableConcept one coding must be valid, and none of them wrong in itself.

    Out: result, message, issues (an OperationOutcome), display, code, system, version.
    """
    verdicts = [_as_asked(call, one) for one in verdicts]
    best = next((n for n, v in enumerate(verdicts) if v.ok), 0)
    several = any(True for _ in call.each("codeableConcept"))
    issues = _of_concept(verdicts, asked) if several else _of_code(call, verdicts[0])
    right = verdicts[best].ok and not any(issue.severity == "error" for issue in issues)
    verdict, coded = verdicts[best], codes[best]
    display = verdict.display
    if verdict.concept is not None:
        spoken = languages(call.text("displayLanguage"))
        display = in_language(verdict.concept.designations, spoken) or display
    system = verdict.system
    if several and not any(v.member for v in verdicts):
        said = message(_told_aloud(issues), ctx.language)
        return answer([{"name": "result", "valueBoolean": False}, said, _outcome(issues, ctx.language)])
    return answer(
        [
            {"name": "result", "valueBoolean": right},
            message(_told_aloud(issues), ctx.language),
            part("display", "valueString", display),
            part("code", "valueCode", coded.code),
            part("system", "valueUri", coded.system or (system.url if system else "")),
            part("version", "valueString", system.version if system else ""),
            _outcome(issues, ctx.language),
        ]
    )


def _told_aloud(issues: Sequence[Issue]) -> list[Issue]:
    return [issue for issue in issues if issue.severity != "information"]


def _as_asked(call: Asked, verdict: Verdict) -> Verdict:
    """The verdict under what the call overlooks: a display, or what is inactive."""
    if call.flag("activeOnly") and verdict.member and verdict.concept and verdict.concept.inactive:
        code = verdict.concept.code
        gone = Finding("code-invalid", f"'{code}' is inactive", f"« {code} » est inactif", reason="not-in-vs")
        return replace(verdict, ok=False, member=False, issues=(*verdict.issues, gone))
    lenient = call.flag("lenient-display-validation") or call.flag("valueset-membership-only")
    if not lenient or not any(_reason(i) == "invalid-display" for i in verdict.issues):
        return verdict
    soft = tuple(
        replace(i, severity="warning") if _reason(i) == "invalid-display" else i for i in verdict.issues
    )
    kept = () if call.flag("valueset-membership-only") else soft
    return replace(verdict, ok=verdict.member, issues=kept)


def _reason(issue: Issue) -> str:
    return issue.reason if isinstance(issue, Finding) else "not-found" if issue.kind == "not-found" else ""


def _of_code(call: Asked, verdict: Verdict) -> list[Issue]:
    inside = "Coding." if any(True for _ in call.each("coding")) else ""
    return [_placed(issue, inside) for issue in verdict.issues]


def _of_concept(verdicts: Sequence[Verdict], asked: ValueSet | None) -> list[Issue]:
    """The issues of codings side by side: that one is not in the value set is no fault when another is."""
    found: list[Issue] = []
    if asked is not None and not any(v.member for v in verdicts):
        found.append(_none_of_them(asked))
    for n, verdict in enumerate(verdicts):
        for issue in verdict.issues:
            mild = isinstance(issue, Finding) and issue.reason == "not-in-vs"
            if mild and isinstance(issue, Finding):
                issue = replace(issue, severity="information", reason="this-code-not-in-vs")
            elif any(v.ok for v in verdicts) and _reason(issue) not in _WRONG and issue.severity == "error":
                issue = replace(issue, severity="warning")
            found.append(_placed(issue, f"CodeableConcept.coding[{n}]."))
    return found


def _none_of_them(asked: ValueSet) -> Finding:
    name = asked.canonical or asked.name or "ValueSet"
    return Finding(
        "code-invalid",
        f"None of the codings is in the value set {name}",
        f"Aucun des codages n'est dans le jeu de valeurs {name}",
        reason="not-in-vs",
    )


def _placed(issue: Issue, inside: str) -> Issue:
    """Where in what was sent the fault is: its display, its system, or its code."""
    match _reason(issue):
        case "invalid-display":
            place = "display"
        case "not-found":
            place = "system"
        case "invalid-data":
            return replace(issue, at=(inside.rstrip(".") or "code",))
        case _:
            place = "code"
    return replace(issue, at=(inside + place,))


def _outcome(issues: Sequence[Issue], language: str) -> Resource | None:
    if not issues:
        return None
    rows: list[Resource] = []
    for issue in issues:
        details: Resource = {} if not _reason(issue) else {"coding": [_coding(_reason(issue))]}
        row: Resource = {"severity": issue.severity, "code": issue.kind}
        rows.append(row | {"details": details | translated("text", [issue], language)})
        if issue.at:
            rows[-1]["expression"] = list(issue.at)
    return {"name": "issues", "resource": {"resourceType": "OperationOutcome", "issue": rows}}


def _coding(reason: str) -> Resource:
    return {"system": _REASONS, "code": reason}
