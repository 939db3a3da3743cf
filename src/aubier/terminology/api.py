"""The terminology service for the other rooms.

terminology = Terminology(ctx.store)
told = await terminology.validate("http://loinc.org", "8480-6", value_set="http://...")
told.ok, told.display, told.issues
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aubier.ground.problem import Issue, problem
from aubier.terminology.expansion import Expansion, Wanted, expand
from aubier.terminology.meaning.concepts import Concept, System, in_language
from aubier.terminology.meaning.predicates import EVERYTHING, holds, listing
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.resolving import Part, Resolver, unknown_system, unknown_value_set
from aubier.terminology.shelves.library import Library, Store

Relation = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]


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
class Finding(Issue):
    """An issue about a code. `reason` is what kind of fault it is, as terminology servers tell each other.

    Rule: HL7 FHIR Terminology Ecosystem, code system tx-issue-type.
    """

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check.

    `ok`: the code is valid, in the value set if one was asked, and called what it was said to be called.
    `member`: the same but for the display. `checked` False: the system or value set is not here, so nothing
    can be said. `issues` tell what is wrong; those of severity `warning` leave `ok` as it is.
    """

    ok: bool
    member: bool
    checked: bool = True
    display: str = ""
    concept: Concept | None = None
    system: System | None = None
    issues: tuple[Issue, ...] = ()


@dataclass(slots=True)
class Terminology:
    """Questions about codes, through a store. One object serves one request: it looks for things once."""

    library: Library

    def __init__(self, store: Store) -> None:
        self.library = Library(store)

    async def validate(
        self,
        system: str,
        code: str,
        display: str = "",
        *,
        value_set: str | ValueSet = "",
        version: str = "",
        abstract: bool = True,
    ) -> Verdict:
        """Whether one code is valid; see `validate_all`."""
        coded = Coded(system, code, display, version)
        return (await self.validate_all([coded], value_set, abstract=abstract))[0]

    async def validate_all(
        self,
        codes: Sequence[Coded],
        value_set: str | ValueSet = "",
        *,
        abstract: bool = True,
        resolver: Resolver | None = None,
    ) -> list[Verdict]:
        """A verdict for each code, in order; one question to the store for each system, not for each code.

        `value_set` is a canonical URL (`url|version`) or one read by `meaning.value_set.read`; empty, the
        system alone decides. `abstract` False refuses concepts that only group others. An unknown code,
        system or value set is a verdict, never a Problem; a value set that is itself wrong is a Problem.
        `resolver` says which versions the value set takes from, where it leaves them open.
        """
        asked = await self._value_set(value_set)
        if isinstance(asked, Issue):
            return [Verdict(False, False, checked=False, issues=(asked,)) for _ in codes]
        found: list[Verdict] = [_nothing() for _ in codes]
        for (url, version), places in _by_system(codes).items():
            group = [codes[n] for n in places]
            follow = replace(resolver or Resolver(self.library), only=url, wished=version, followed=0)
            verdicts = await self._system(version, group, asked, follow)
            for n, verdict in zip(places, verdicts, strict=True):
                found[n] = verdict if abstract else _concrete(verdict)
        return found

    async def validate_each(self, asks: Sequence[tuple[Coded, str]]) -> list[Verdict]:
        """A verdict for each (code, value set canonical or nothing): all the codes of a resource at once.

        The systems and value sets that are named are looked for together; then as `validate_all`.
        """
        sets: dict[str, list[int]] = {}
        for n, (_, url) in enumerate(asks):
            sets.setdefault(url, []).append(n)
        await self.library.expect(
            {coded.system for coded, _ in asks if coded.system and not coded.version},
            {url for url in sets if url and "|" not in url},
        )
        found = [_nothing() for _ in asks]
        for url, places in sets.items():
            verdicts = await self.validate_all([asks[n][0] for n in places], url)
            for n, verdict in zip(places, verdicts, strict=True):
                found[n] = verdict
        return found

    async def _value_set(self, asked: str | ValueSet) -> ValueSet | Issue | None:
        if isinstance(asked, ValueSet) or not asked:
            return asked or None
        found = await self.library.value_set(asked)
        return found if found is not None else unknown_value_set(asked).issues[0]

    async def _system(
        self, version: str, codes: Sequence[Coded], asked: ValueSet | None, resolver: Resolver
    ) -> list[Verdict]:
        if asked is None:
            system = await self.library.system(resolver.only, version)
            known = await self.library.concepts(system, [c.code for c in codes])
            return [_judged(c, system, known.get(c.code), None) for c in codes]
        parts = await resolver.parts(asked)
        parts = [p for p in parts if not version or p.system.version in (version, "")]
        best = [outside(c, asked) for c in codes]
        for part in parts:
            known = await self.library.concepts(part.system, [c.code for c in codes])
            for n, coded in enumerate(codes):
                if not best[n].ok:
                    found = _within(coded, part, known.get(coded.code), asked, best[n])
                    best[n] = found if found.ok or not best[n].member else best[n]
        return best

    async def expand(
        self, value_set: ValueSet, wanted: Wanted, resolver: Resolver | None = None
    ) -> Expansion:
        """A page of the concepts of a value set. Problem: see `expansion.expand` and `Resolver`."""
        resolver = resolver or Resolver(self.library)
        return await expand(self.library, await resolver.parts(value_set), wanted)

    async def find_value_set(self, canonical: str, version: str = "") -> ValueSet:
        """A value set by its canonical URL. Problem `not-found`."""
        found = await self.library.value_set(canonical, version)
        if found is None:
            raise unknown_value_set(f"{canonical}|{version}" if version else canonical)
        return found

    async def lookup(self, system: str, code: str, version: str = "") -> tuple[System, Concept]:
        """A code's system and concept. Problem `not-found` when either is not here."""
        found = await self.library.system(system, version)
        if not found.known:
            raise unknown_system(found.canonical)
        concepts = await self.library.concepts(found, [code])
        if code not in concepts:
            issue = _unknown_code(code, found)
            raise problem("not-found", issue.text, issue.fr)
        return found, concepts[code]

    async def subsumes(self, system: str, a: str, b: str, version: str = "") -> Relation:
        """How A stands to B in the hierarchy of their system. Problem `not-found` for what is not here."""
        _, first = await self.lookup(system, a, version)
        _, second = await self.lookup(system, b, version)
        if first.code == second.code:
            return "equivalent"
        if first.code in second.lineage:
            return "subsumes"
        return "subsumed-by" if second.code in first.lineage else "not-subsumed"


def judge(system: System, concepts: Iterable[Concept], codes: Sequence[Coded]) -> list[Verdict]:
    """The verdicts of a system that came with a question."""
    known = {concept.code: concept for concept in concepts}
    return [_judged(coded, system, known.get(coded.code), None) for coded in codes]


def _by_system(codes: Sequence[Coded]) -> dict[tuple[str, str], list[int]]:
    """The places of the codes by system and version."""
    found: dict[tuple[str, str], list[int]] = {}
    for n, coded in enumerate(codes):
        found.setdefault((coded.system, coded.version), []).append(n)
    return found


def _nothing() -> Verdict:
    return Verdict(False, False)


def _judged(coded: Coded, system: System, concept: Concept | None, part: Part | None) -> Verdict:
    """The verdict of a system on one of its codes, or on one that it does not have."""
    if not system.known and part is None:
        return Verdict(
            False, False, checked=False, system=system, issues=unknown_system(system.canonical).issues
        )
    if concept is None:
        issue = _unknown_code(coded.code, system)
        if system.partial:
            # Rule: FHIR R4, codesystem-content-mode: of a fragment, other codes may be valid.
            return Verdict(
                True, True, False, coded.display, None, system, (replace(issue, severity="warning"),)
            )
        return Verdict(False, False, system=system, issues=(issue,))
    return _displayed(coded, system, concept, part)


def _displayed(coded: Coded, system: System, concept: Concept, part: Part | None) -> Verdict:
    listed = part.listed.get(concept.code) if part is not None else None
    names = [concept.display, listed.display if listed is not None else ""]
    names += [
        str(one.get("value", ""))
        for one in (*concept.designations, *(listed.designations if listed is not None else ()))
        if not coded.languages or not one.get("language") or in_language((one,), coded.languages)
    ]
    display = (listed.display if listed is not None else "") or concept.display
    right = not coded.display or not any(names) or _plain(coded.display) in {_plain(n) for n in names if n}
    issues = () if right else (_other_display(coded, display),)
    return Verdict(right, True, True, display, concept, system, issues)


def _within(coded: Coded, part: Part, concept: Concept | None, asked: ValueSet, before: Verdict) -> Verdict:
    if concept is None and part.system.partial:
        if part.system.known and part.predicate == EVERYTHING:
            return _judged(coded, part.system, None, part)
        if not _is_listed(coded.code, part):
            return before if part.system.known else _unchecked(coded, part, before)
        return _displayed(coded, part.system, Concept(coded.code), part)
    if concept is None:
        verdict = _judged(coded, part.system, None, part)
        return replace(
            verdict, ok=False, member=False, issues=(*outside(coded, asked).issues, *verdict.issues)
        )
    if not holds(part.predicate, concept):
        verdict = outside(coded, asked)
        return replace(verdict, system=part.system, concept=concept, display=concept.display)
    return _displayed(coded, part.system, concept, part)


def _is_listed(code: str, part: Part) -> bool:
    """Whether a value set that lists its codes has this one, where the system cannot be asked."""
    codes = listing(part.predicate)
    return (
        codes is not None
        and code in codes
        and holds(part.predicate, Concept(code, lineage=frozenset((code,))))
    )


def _unchecked(coded: Coded, part: Part, before: Verdict) -> Verdict:
    if listing(part.predicate) is not None:
        return before
    return Verdict(
        False, False, checked=False, system=part.system, issues=unknown_system(coded.system).issues
    )


def _concrete(verdict: Verdict) -> Verdict:
    if not verdict.member or verdict.concept is None or not verdict.concept.abstract:
        return verdict
    code = verdict.concept.code
    issue = Finding(
        "business-rule",
        f"'{code}' only groups other codes; choose one below it",
        f"« {code} » ne fait que regrouper d'autres codes ; choisissez-en un au-dessous",
        reason="code-rule",
    )
    return replace(verdict, ok=False, member=False, issues=(issue,))


def _unknown_code(code: str, system: System) -> Finding:
    return Finding(
        "code-invalid",
        f"The code '{code[:100]}' does not exist in {system.canonical}",
        f"Le code « {code[:100]} » n'existe pas dans {system.canonical}",
        reason="invalid-code",
    )


def outside(coded: Coded, asked: ValueSet) -> Verdict:
    """The verdict on a code that is not in a value set."""
    name = asked.canonical or asked.name or "ValueSet"
    what = f"{coded.system}#{coded.code}" if coded.system else coded.code
    issue = Finding(
        "code-invalid",
        f"The code '{what[:300]}' is not in the value set {name}",
        f"Le code « {what[:300]} » n'est pas dans le jeu de valeurs {name}",
        reason="not-in-vs",
    )
    return Verdict(False, False, issues=(issue,))


def _other_display(coded: Coded, display: str) -> Finding:
    return Finding(
        "invalid",
        f"'{coded.code[:100]}' is not called '{coded.display[:200]}' but '{display}'",
        f"« {coded.code[:100]} » ne s'appelle pas « {coded.display[:200]} » mais « {display} »",
        reason="invalid-display",
    )


def _plain(text: str) -> str:
    """Displays are compared without regard to case; spaces, accents and signs count."""
    return text.casefold()
