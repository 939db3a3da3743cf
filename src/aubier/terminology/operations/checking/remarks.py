"""What is worth saying of a code beside whether it is valid: remarks, which change no result.

Rule: HL7 FHIR Terminology Ecosystem, tx-issue-type: code-comment, display-comment, status-check, code-rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from aubier.ground.problem import Issue
from aubier.terminology.api import Coded, Verdict
from aubier.terminology.meaning.concepts import Concept
from aubier.terminology.meaning.value_set import STATUS, ValueSet

_OVER = frozenset(("deprecated", "withdrawn"))
STANDING = {
    "draft": "en projet",
    "experimental": "expérimental",
    "deprecated": "déconseillé",
    "withdrawn": "retiré",
    "retired": "abandonné",
}


def remarks(coded: Coded, verdict: Verdict, asked: ValueSet | None) -> Iterator[Issue]:
    """The remarks on one code, their place relative to it: its code, its display, itself (an empty place)."""
    if verdict.concept is not None:
        yield from _of_case(coded, verdict, verdict.concept)
        yield from _of_status(verdict.concept)
        yield from _of_listing(verdict, asked)
        yield from _of_display(coded, verdict.concept)
    yield from (
        status_of("CodeSystem", verdict.system.canonical, verdict.system.standing)
        if (verdict.system and verdict.member)
        else ()
    )
    if asked is not None and verdict.member:
        yield from status_of("ValueSet", asked.canonical, asked.standing)


def _of_case(coded: Coded, verdict: Verdict, concept: Concept) -> Iterator[Issue]:
    if coded.code != concept.code and verdict.system is not None:
        yield Issue(
            "business-rule",
            f"The code is written '{concept.code}' in {verdict.system.canonical}, not '{coded.code[:100]}'",
            f"Le code s'écrit « {concept.code} » dans {verdict.system.canonical}, pas « {coded.code[:100]} »",
            at=("code",),
            severity="information",
            reason="code-rule",
        )


def _of_status(concept: Concept) -> Iterator[Issue]:
    status = concept.status if concept.status in (*_OVER, "retired") else ""
    if concept.inactive or status:
        said = " ".join(dict.fromkeys(one for one in (status, "inactive" if concept.inactive else "") if one))
        yield Issue(
            "business-rule",
            f"'{concept.code}' is {said}; consider another code",
            f"« {concept.code} » n'est plus en usage ({said}) ; préférez un autre code",
            at=("",) if concept.inactive else ("code",),
            severity="warning",
            reason="code-comment",
        )


def _of_listing(verdict: Verdict, asked: ValueSet | None) -> Iterator[Issue]:
    if asked is not None and verdict.listed is not None and verdict.listed.status in _OVER:
        code, name = verdict.concept.code if verdict.concept else "", asked.canonical or asked.name
        yield Issue(
            "business-rule",
            f"The value set {name} marks '{code}' as {verdict.listed.status}; consider another code",
            f"Le jeu de valeurs {name} marque « {code} » comme"
            f" {STANDING[verdict.listed.status]} ; préférez un autre code",
            at=("code",),
            severity="warning",
            reason="code-comment",
        )


def _of_display(coded: Coded, concept: Concept) -> Iterator[Issue]:
    """A display that is right, but only by a designation that should no longer be used."""
    wanted = coded.display.casefold()
    if not wanted or wanted == concept.display.casefold():
        return
    said = [d for d in concept.designations if str(d.get("value", "")).casefold() == wanted]
    over = [
        any(e.get("url") == STATUS and e.get("valueCode") in _OVER for e in d.get("extension") or ())
        for d in said
    ]
    if said and all(over):
        yield Issue(
            "invalid",
            f"'{concept.code}' is no longer called '{coded.display[:200]}' but '{concept.display}'",
            f"« {concept.code} » ne s'appelle plus « {coded.display[:200]} » mais « {concept.display} »",
            at=("display",),
            severity="warning",
            reason="display-comment",
        )


def status_of(kind: str, canonical: str, standing: tuple[str, ...]) -> Iterator[Issue]:
    """What makes a definition less than in force, as information."""
    for one in standing:
        yield Issue(
            "business-rule",
            f"{kind} {canonical} is {one}",
            f"{kind} {canonical} : {STANDING[one]}",
            severity="information",
            reason="status-check",
        )
