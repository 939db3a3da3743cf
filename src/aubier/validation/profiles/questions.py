"""What a walk asks of terminology, and what the answers make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aubier.fhir.fhirpath.values.quantities import UCUM
from aubier.ground.problem import Issue, Severity

Strength = Literal["required", "extensible", "preferred", "maximum", "system"]
"""`maximum` is the maximum value set that may go with a binding that is not required; `system` asks, without
value set, whether the code of the element at `path` is one of its code system."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One coding. `system` None: the value is a plain `code`, whose system the value set tells."""

    code: str
    system: str | None = None
    version: str = ""
    display: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether one of the codings is in a value set; none: a text stands alone. `rule` names the element."""

    path: str
    strength: Strength
    value_set: str
    codings: tuple[Coded, ...]
    rule: str = ""


class Answers(Protocol):
    """Who knows value sets."""

    async def members(self, asked: Sequence[tuple[str, Coded]]) -> Sequence[bool | None]:
        """For each (value set, coding): whether it is a member; None when the value set cannot be told."""
        ...

    async def names(self, asked: Sequence[Coded]) -> Sequence[str]:
        """For each coding that its system calls otherwise than its display: how; else nothing."""
        ...


DISPLAY = "FHIR R4 4.0.1 datatypes-definitions.html#Coding.display"
"""The rule of a display that is none of its code."""

_SEVERITY: dict[str, Severity] = {
    "required": "error",
    "maximum": "error",
    "extensible": "warning",
    "preferred": "information",
    "system": "error",
}


def codings(value: Any, type: str) -> tuple[Coded, ...] | None:
    """The codings of a bound value; None when there is nothing to ask."""
    if type in ("code", "string", "uri", "canonical", "url"):
        return (Coded(value),) if isinstance(value, str) else None
    if not isinstance(value, dict):
        return None
    if type == "CodeableConcept":
        rows = value.get("coding")
        found = tuple(c for r in rows or () if isinstance(r, dict) for c in _coded(r))
        return found if found or "text" in value else None
    if type in ("Coding", "Quantity") or "code" in value:
        return tuple(_coded(value)) or None
    return None


def among(codings: Sequence[Coded], pairs: Set[tuple[str, str]]) -> bool:
    """Whether one of the codings is among (system, code) pairs; a plain `code` is by its code alone."""
    if any(c.system is None for c in codings):
        return any(c.code == code for c in codings for _, code in pairs)
    return any((c.system, c.code) in pairs for c in codings)


def _coded(row: dict[str, Any]) -> Iterable[Coded]:
    code = row.get("code")
    if isinstance(code, str):
        yield Coded(
            code, str(row.get("system", "")), str(row.get("version", "")), str(row.get("display", ""))
        )


async def settled(questions: Sequence[Question], answers: Answers) -> list[Issue]:
    """The issues of all questions, asked in one batch; the same question is asked once."""
    asked = list(dict.fromkeys((q.value_set, c) for q in questions for c in q.codings))
    told = dict(zip(asked, await answers.members(asked), strict=True)) if asked else {}
    found = [_verdict(q, [told[q.value_set, c] for c in q.codings]) for q in questions]
    return [*(issue for issue in found if issue is not None), *await _misnamed(questions, answers)]


async def _misnamed(questions: Sequence[Question], answers: Answers) -> list[Issue]:
    """Displays that are none of their code: whoever reads them reads something else than what is coded."""
    rows = [(q.path, c) for q in questions if q.strength == "system" for c in q.codings if c.display]
    asked = list(dict.fromkeys(c for _, c in rows))
    names = dict(zip(asked, await answers.names(asked), strict=True)) if asked else {}
    return [_other_name(path, c, names[c]) for path, c in rows if names[c]]


def _other_name(path: str, coded: Coded, name: str) -> Issue:
    return Issue(
        "invalid",
        f"{coded.code[:80]} is called '{name[:200]}', not '{coded.display[:200]}'",
        f"{coded.code[:80]} s'appelle « {name[:200]} », non « {coded.display[:200]} »",
        (f"{path}.display",),
        "warning",
        DISPLAY,
    )


def _verdict(question: Question, told: list[bool | None]) -> Issue | None:
    if any(told):
        return None
    if question.strength == "system":
        return _unknown(question) if None not in told else None
    if None in told:
        return _untold(question) if question.strength != "preferred" else None
    if not told and question.strength == "preferred":
        return None
    named = ", ".join(f"{c.system or ''}|{c.code}"[:120] for c in question.codings[:5])
    shown, (english, french) = named or "A text alone", _MEND[question.strength]
    return Issue(
        "code-invalid",
        f"{shown} is not in the value set {question.value_set} ({question.strength}): {english}",
        f"{named or 'Un texte seul'} n'est pas dans le jeu de valeurs {question.value_set}"
        f" ({question.strength}) : {french}",
        (question.path,),
        _SEVERITY[question.strength],
        question.rule,
    )


def _unknown(question: Question) -> Issue:
    coded = question.codings[0]
    english, french = "take one that it has", "prenez-en un qu'il a"
    if coded.system == UCUM:
        english = "write ug, mL/h, a for years, {tablet} for a count; or unit alone, without system"
        french = "écrivez ug, mL/h, a pour des années, {tablet} pour un compte ; ou unit seul, sans system"
    return Issue(
        "code-invalid",
        f"The code system {(coded.system or '')[:120]} has no code {coded.code[:80]}: {english}",
        f"Le système {(coded.system or '')[:120]} n'a pas de code {coded.code[:80]} : {french}",
        (f"{question.path}.code",),
        _SEVERITY[question.strength],
        question.rule,
    )


_MEND = {
    "required": ("take a code from it", "prenez-y un code"),
    "maximum": ("take a code from it", "prenez-y un code"),
    "extensible": (
        "take a code from it unless none fits",
        "prenez-y un code, sauf si aucun ne convient",
    ),
    "preferred": ("a code from it would be better", "un code de ce jeu serait préférable"),
}


def _untold(question: Question) -> Issue:
    return Issue(
        "not-supported",
        f"The value set {question.value_set} cannot be told here: the code was not checked",
        f"Le jeu de valeurs {question.value_set} n'est pas connu ici : le code n'a pas été vérifié",
        (question.path,),
        "information",
        question.rule,
    )
