"""The answer of `$validate-code`: what came of each code, as one result with its issues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from aubier.fhir.outcome import reason_of
from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.terminology.api import Coded, Verdict
from aubier.terminology.judging import not_active, outside
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.checking.remarks import STANDING, remarks, status_of
from aubier.terminology.operations.language import shown
from aubier.terminology.operations.parameters import Asked, answer, message, part, translated

_WRONG = frozenset({"invalid-code", "invalid-display"})
"""What makes a coding wrong in itself, whatever the others of its CodeableConcept are."""

_PLACES = {"invalid-display": "display", "vs-invalid": "version", "version-error": "version", "": "code"}


def told(
    ctx: Any,
    call: Asked,
    codes: Sequence[Coded],
    verdicts: Sequence[Verdict],
    asked: ValueSet | None = None,
    *,
    used: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Resource:
    """One answer: of a CodeableConcept one coding must be valid, and none of them wrong in itself.

    Out: result, message, issues (an OperationOutcome), and of the code that decides: display, code, system,
    version, inactive, status, normalized-code; the CodeableConcept as sent; the system that is not here.
    """
    pairs = list(
        zip(codes, [_as_asked(call, c, v, asked) for c, v in zip(codes, verdicts, strict=True)], strict=True)
    )
    best = next((n for n, (_, v) in enumerate(pairs) if v.ok), 0)
    several = any(True for _ in call.each("codeableConcept"))
    issues = _of_concept(pairs, asked) if several else _of_code(call, pairs[0], asked)
    (coded, verdict), known = pairs[best], not several or any(_decides(v) for _, v in pairs)
    right = verdict.ok and not any(issue.severity == "error" for issue in issues)
    if pairs[best][1].member:
        issues += [i for url, less in used.items() for i in status_of("ValueSet", url, less)]
    parts = [{"name": "result", "valueBoolean": right}, message(_told_aloud(issues), ctx.language)]
    if known:
        parts += _of_best(call, coded, verdict)
    if several:
        parts.append(
            part(
                "codeableConcept",
                "valueCodeableConcept",
                call.structure("codeableConcept", "valueCodeableConcept"),
            )
        )
    parts += _missing(verdicts)
    return answer([*parts, _outcome(issues, ctx.language)])


def _decides(verdict: Verdict) -> bool:
    """Whether a coding is the one that an answer on a CodeableConcept is about."""
    return verdict.member or (
        verdict.concept is not None and all(i.reason != "not-in-vs" for i in verdict.issues)
    )


def _of_best(call: Asked, coded: Coded, verdict: Verdict) -> list[Resource | None]:
    system, concept = verdict.system, verdict.concept
    display = shown(concept, system, coded.languages, verdict.display) if concept else verdict.display
    if not display and concept is not None and system is not None and system.grammar:
        display = concept.code  # a unit is called what it is written
    inactive = concept is not None and concept.inactive
    status = concept.status if concept is not None else ""
    return [
        part("display", "valueString", display),
        part("code", "valueCode", coded.code),
        part("system", "valueUri", coded.system or (system.url if system and concept else "")),
        part("version", "valueString", system.version if system and (concept or coded.system) else ""),
        part("inactive", "valueBoolean", True if inactive else None),
        part("status", "valueCode", status if status in STANDING else ""),
        part("normalized-code", "valueCode", concept.code if concept and concept.code != coded.code else ""),
    ]


def _missing(verdicts: Sequence[Verdict]) -> Iterator[Resource]:
    """The systems that are not here: those that were asked for, those that the code alone names."""
    for canonical in dict.fromkeys(v.missing for v in verdicts if v.missing):
        yield {"name": "x-caused-by-unknown-system", "valueCanonical": canonical}
    for canonical in dict.fromkeys(v.strange for v in verdicts if v.strange):
        yield {"name": "x-unknown-system", "valueCanonical": canonical}


def _told_aloud(issues: Sequence[Issue]) -> list[Issue]:
    return [issue for issue in issues if issue.severity != "information"]


def _as_asked(call: Asked, coded: Coded, verdict: Verdict, asked: ValueSet | None) -> Verdict:
    """The verdict under what the call overlooks: a display, or what is inactive."""
    if call.flag("activeOnly") and verdict.member and verdict.concept and verdict.concept.inactive:
        gone = not_active(verdict.concept.code)
        issues = (gone,) if asked is None else (*outside(coded, asked).issues, gone)
        return replace(verdict, ok=False, member=False, issues=(*verdict.issues, *issues))
    lenient = call.flag("lenient-display-validation") or call.flag("valueset-membership-only")
    if call.flag("valueset-membership-only"):
        return replace(
            verdict, ok=verdict.member, issues=tuple(i for i in verdict.issues if i.reason not in _WRONG)
        )
    if not lenient or not any(i.reason == "invalid-display" for i in verdict.issues):
        return verdict
    soft = tuple(
        replace(i, severity="warning") if i.reason == "invalid-display" else i for i in verdict.issues
    )
    return replace(verdict, ok=verdict.member, issues=soft)


def _of_code(call: Asked, pair: tuple[Coded, Verdict], asked: ValueSet | None) -> list[Issue]:
    inside = "Coding" if any(True for _ in call.each("coding")) else ""
    coded, verdict = pair
    return [_placed(issue, inside) for issue in (*verdict.issues, *remarks(coded, verdict, asked))]


def _of_concept(pairs: Sequence[tuple[Coded, Verdict]], asked: ValueSet | None) -> list[Issue]:
    """The issues of codings side by side: that one is not in the value set is no fault when another is."""
    found: list[Issue] = []
    outside_all = not any(v.member for _, v in pairs) and any(
        i.reason == "not-in-vs" for _, v in pairs for i in v.issues
    )
    if asked is not None and outside_all:
        found.append(_none_of_them(asked))
    right = any(v.ok for _, v in pairs)
    for n, (coded, verdict) in enumerate(pairs):
        for issue in (*verdict.issues, *remarks(coded, verdict, asked)):
            if issue.reason == "not-in-vs":
                issue = replace(issue, severity="information", reason="this-code-not-in-vs")
            elif right and issue.reason not in _WRONG and issue.severity == "error":
                issue = replace(issue, severity="warning")
            found.append(_placed(issue, f"CodeableConcept.coding[{n}]"))
    return found


def _none_of_them(asked: ValueSet) -> Issue:
    name = asked.canonical or asked.name or "ValueSet"
    return Issue(
        "code-invalid",
        f"None of the codings is in the value set {name}",
        f"Aucun des codings n'est dans le jeu de valeurs {name}",
        reason="not-in-vs",
    )


def _placed(issue: Issue, inside: str) -> Issue:
    """Where in what was sent the fault is: its display, its system, its version, its code, or itself.

    What is wrong with the value set has no place in what was sent.
    """
    if issue.reason in ("not-found", "invalid-data", "status-check"):
        relative = issue.at[0] if issue.at in (("system",), ("",)) else None
    else:
        relative = issue.at[0] if issue.at else _PLACES.get(issue.reason, "code")
    if relative is None:
        return replace(issue, at=())
    return replace(issue, at=(".".join(one for one in (inside, relative) if one) or "code",))


def _outcome(issues: Sequence[Issue], language: str) -> Resource | None:
    if not issues:
        return None
    rows: list[Resource] = []
    for issue in issues:
        row: Resource = {"severity": issue.severity, "code": issue.kind}
        rows.append(row | {"details": reason_of(issue) | translated("text", [issue], language)})
        if issue.at:
            rows[-1]["expression"] = list(issue.at)
    return {"name": "issues", "resource": {"resourceType": "OperationOutcome", "issue": rows}}
