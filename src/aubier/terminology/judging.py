"""What is said of a code: by its system, and by what a value set takes of that system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from aubier.ground.problem import Issue
from aubier.terminology.grammars import impossible
from aubier.terminology.meaning.concepts import Concept, System, in_language
from aubier.terminology.meaning.predicates import EVERYTHING, holds, listing
from aubier.terminology.meaning.value_set import Listed, ValueSet
from aubier.terminology.resolving import Part, unknown_system


@dataclass(frozen=True, slots=True)
class Coded:
    """A code to check. Without a system, a value set tells which one has it.

    With `languages`, what it is called in others does not count; its display always does.
    """

    system: str
    code: str
    display: str = ""
    version: str = ""
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check.

    `ok`: the code is valid, in the value set if one was asked, and called what it was said to be called.
    `member`: the same but for the display. `checked` False: the system or value set is not here, so nothing
    can be said. `issues` tell what is wrong; those of severity `warning` or `information` leave `ok` as it
    is. `listed` is what the value set itself says of the code, `missing` the system asked for that is not
    here, `strange` one that nobody but the code names. Of a code without system, `rivals` are those of the
    value set that have it.
    """

    ok: bool
    member: bool
    checked: bool = True
    display: str = ""
    concept: Concept | None = None
    system: System | None = None
    issues: tuple[Issue, ...] = ()
    listed: Listed | None = None
    missing: str = ""
    strange: str = ""
    rivals: tuple[str, ...] = ()


NOTHING = Verdict(False, False)
"""Before anything is known."""


def judge(system: System, concepts: Iterable[Concept], codes: Sequence[Coded]) -> list[Verdict]:
    """The verdicts of a system that came with a question."""
    known = {concept.code: concept for concept in concepts}
    return [judged(coded, system, known.get(coded.code), None) for coded in codes]


def judged(coded: Coded, system: System, concept: Concept | None, part: Part | None) -> Verdict:
    """The verdict of a system on one of its codes, or on one that it does not have."""
    if not system.known and part is None:
        why = impossible(system.url, coded.code)
        return (
            absent(system)
            if why is None
            else Verdict(False, False, system=system, issues=(_slip(coded, why),))
        )
    if concept is None:
        issue = unknown_code(coded.code, system)
        if system.partial:
            # Rule: FHIR R4, codesystem-content-mode: of a fragment, other codes may be valid.
            return Verdict(
                True, True, False, coded.display, None, system, (replace(issue, severity="warning"),)
            )
        return Verdict(False, False, system=system, issues=(issue,))
    return _displayed(coded, system, concept, part)


def within(coded: Coded, part: Part, concept: Concept | None, asked: ValueSet, before: Verdict) -> Verdict:
    """The verdict of what a value set takes of one system; `before` when it says nothing of the code."""
    if concept is None and part.system.partial:
        if part.system.known and part.predicate == EVERYTHING:
            return judged(coded, part.system, None, part)
        if not _is_listed(coded.code, part):
            return before if part.system.known else _unchecked(part, before)
        return _displayed(coded, part.system, Concept(coded.code), part)
    if concept is None:
        verdict = judged(coded, part.system, None, part)
        return replace(
            verdict, ok=False, member=False, issues=(*outside(coded, asked).issues, *verdict.issues)
        )
    if _takes(part, concept):
        return _displayed(coded, part.system, concept, part)
    found = replace(outside(coded, asked), system=part.system, concept=concept, display=concept.display)
    if concept.inactive and holds(part.predicate, concept.as_active()):
        found = replace(found, issues=(*found.issues, not_active(concept.code)))
    return found


def _takes(part: Part, concept: Concept) -> bool:
    """Whether a part takes a concept, also where it lists it in other letters and case means nothing."""
    if holds(part.predicate, concept):
        return True
    others = (replace(concept, code=code) for code in part.written(concept.code))
    return any(holds(part.predicate, other) for other in others)


def _displayed(coded: Coded, system: System, concept: Concept, part: Part | None) -> Verdict:
    both = (concept.code, coded.code) if part is not None else ()
    listed = next((part.listed[code] for code in both if part and code in part.listed), None)
    said = (*concept.designations, *(listed.designations if listed is not None else ()))
    names = [concept.display, listed.display if listed is not None else ""]
    own = [str(d.get("value", "")) for d in said]
    if coded.languages:
        own = [
            str(d.get("value", ""))
            for d in said
            if not d.get("language") or in_language((d,), coded.languages)
        ]
    display = (listed.display if listed is not None else "") or concept.display
    wanted = _plain(coded.display)
    right = not coded.display or not any((*names, *own)) or wanted in {_plain(n) for n in (*names, *own) if n}
    issues: tuple[Issue, ...] = () if right else (_other_display(coded, display),)
    if coded.display and coded.languages and (other := _other_language(coded, system, said)):
        # Nothing is said in the language that was asked: then a name in the system's own is right.
        plain = {_plain(str(d.get("value", ""))) for d in said if d.get("language") == system.language}
        if right or wanted in plain:
            right, issues = True, (other,)
    return Verdict(right, True, True, display, concept, system, issues, listed)


def _other_language(coded: Coded, system: System, said: Sequence[object]) -> Issue | None:
    if not system.language or in_language(({"language": system.language, "value": "-"},), coded.languages):
        return None
    if in_language(said, coded.languages):  # type: ignore[arg-type]
        return None
    tongue, asked = system.language, ", ".join(coded.languages)[:100]
    return Issue(
        "invalid",
        f"'{coded.code[:100]}' has no name in {asked}; '{coded.display[:200]}' is one in {tongue}",
        f"« {coded.code[:100]} » n'a pas de nom en {asked} ; « {coded.display[:200]} » en est un en {tongue}",
        severity="information",
        reason="invalid-display",
    )


def _is_listed(code: str, part: Part) -> bool:
    """Whether a value set that lists its codes has this one, where the system cannot be asked."""
    codes = listing(part.predicate)
    return (
        codes is not None
        and code in codes
        and holds(part.predicate, Concept(code, lineage=frozenset((code,))))
    )


def _unchecked(part: Part, before: Verdict) -> Verdict:
    return before if listing(part.predicate) is not None else absent(part.system)


def absent(system: System) -> Verdict:
    """The verdict where the system is not here, or not in that version."""
    issues = unknown_system(system.canonical, "system").issues
    return Verdict(False, False, checked=False, system=system, issues=issues, missing=system.canonical)


def concrete(verdict: Verdict, coded: Coded, asked: ValueSet | None) -> Verdict:
    """The verdict where a concept that only groups others will not do."""
    if not verdict.member or verdict.concept is None or not verdict.concept.abstract:
        return verdict
    code = verdict.concept.code
    issue = Issue(
        "business-rule",
        f"'{code}' only groups other codes; choose one below it",
        f"« {code} » ne fait que regrouper d'autres codes ; choisissez-en un au-dessous",
        reason="code-rule",
    )
    issues = (issue,) if asked is None else (*outside(coded, asked).issues, issue)
    return replace(verdict, ok=False, member=False, issues=issues)


def unknown_code(code: str, system: System) -> Issue:
    """A code that its system does not have."""
    return Issue(
        "code-invalid",
        f"The code '{code[:100]}' does not exist in {system.canonical}",
        f"Le code « {code[:100]} » n'existe pas dans {system.canonical}",
        reason="invalid-code",
    )


def _slip(coded: Coded, why: tuple[str, str]) -> Issue:
    """A code that cannot be one of its system, though the system is not here."""
    return Issue(
        "code-invalid",
        f"'{coded.code[:100]}' is no code of {coded.system}: {why[0]}",
        f"« {coded.code[:100]} » n'est pas un code de {coded.system} : {why[1]}",
        reason="invalid-code",
    )


def not_active(code: str) -> Issue:
    """A concept that is right but for being inactive."""
    return Issue(
        "business-rule",
        f"'{code[:100]}' is inactive; choose one in use",
        f"« {code[:100]} » est inactif ; choisissez-en un en usage",
        reason="code-rule",
    )


def outside(coded: Coded, asked: ValueSet) -> Verdict:
    """The verdict on a code that is not in a value set."""
    name = asked.canonical or asked.name or "ValueSet"
    what = f"{coded.system}#{coded.code}" if coded.system else coded.code
    issue = Issue(
        "code-invalid",
        f"The code '{what[:300]}' is not in the value set {name}",
        f"Le code « {what[:300]} » n'est pas dans le jeu de valeurs {name}",
        reason="not-in-vs",
    )
    return Verdict(False, False, issues=(issue,))


def other_version(version: str, part: Part, *, open_: bool) -> Issue:
    """A code of one version of a system, where the value set takes from another.

    `open_`: the value set names none, and the version that the code names is not here: that is the fault.
    """
    takes = part.said or part.system.version or "-"
    return Issue(
        "invalid",
        f"The code is said to be of version {version[:60]} of {part.system.url}; the value set takes"
        f" from version {takes[:60]}",
        f"Le code est dit de la version {version[:60]} de {part.system.url} ; le jeu de valeurs puise"
        f" dans la version {takes[:60]}",
        severity="warning" if open_ else "error",
        reason="vs-invalid",
        at=("version",),
    )


def _other_display(coded: Coded, display: str) -> Issue:
    return Issue(
        "invalid",
        f"'{coded.code[:100]}' is not called '{coded.display[:200]}' but '{display}'",
        f"« {coded.code[:100]} » ne s'appelle pas « {coded.display[:200]} » mais « {display} »",
        reason="invalid-display",
    )


def _plain(text: str) -> str:
    """Displays are compared without regard to case; spaces, accents and signs count."""
    return text.casefold()
