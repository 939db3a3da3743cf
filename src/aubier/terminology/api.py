"""The terminology service for the other rooms.

terminology = Terminology(ctx.store)
told = await terminology.validate("http://loinc.org", "8480-6", value_set="http://...")
told.ok, told.display, told.issues
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aubier.ground.problem import Issue, Problem, problem
from aubier.terminology.expansion import Expansion, Wanted, expand
from aubier.terminology.judging import (
    NOTHING,
    Coded,
    Verdict,
    absent,
    concrete,
    judged,
    other_version,
    outside,
    unknown_code,
    within,
)
from aubier.terminology.meaning.concepts import Concept, System
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.resolving import Part, Resolver, newest_first, unknown_system, unknown_value_set
from aubier.terminology.shelves.library import Library, Store
from aubier.terminology.shelves.remembering import Reading

__all__ = ["Coded", "Relation", "Terminology", "Verdict"]

Relation = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]


@dataclass(slots=True)
class Terminology:
    """Questions about codes, through a store. One object serves one request: it looks for things once."""

    library: Library

    def __init__(self, store: Store | Reading) -> None:
        self.library = Library(store if isinstance(store, Reading) else Reading(store))

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
        found: list[Verdict] = [NOTHING for _ in codes]
        for (url, version), places in _by_system(codes).items():
            group = [codes[n] for n in places]
            follow = replace(
                resolver or Resolver(self.library), only=url, wished=version, followed=0, unmet=[]
            )
            verdicts = await self._system(version, group, asked, follow)
            for n, verdict in zip(places, verdicts, strict=True):
                found[n] = verdict if abstract else concrete(verdict, codes[n], asked)
        return found

    async def validate_each(self, asks: Sequence[tuple[Coded, str]]) -> list[Verdict]:
        """A verdict for each (code, value set canonical or nothing): all the codes of a resource at once.

        The systems and value sets that are named are looked for together; then as `validate_all`, but that a
        value set that cannot be used (it takes from one that is not here, it is wrong) leaves its own codes
        unchecked, not all. Problem `transient`: the store does not answer.
        """
        sets: dict[str, list[int]] = {}
        for n, (_, url) in enumerate(asks):
            sets.setdefault(url, []).append(n)
        await self.library.expect(
            {coded.system for coded, _ in asks if coded.system and not coded.version},
            {url for url in sets if url and "|" not in url},
        )
        found = [NOTHING for _ in asks]
        for url, places in sets.items():
            try:
                verdicts = await self.validate_all([asks[n][0] for n in places], url)
            except Problem as refusal:
                if refusal.kind == "transient":
                    raise
                verdicts = [Verdict(False, False, checked=False, issues=refusal.issues) for _ in places]
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
            return [judged(c, system, known.get(c.code), None) for c in codes]
        parts = await resolver.parts(asked)
        fitting = [p for p in parts if not version or p.system.version in (version, "") or p.system.grammar]
        best = await self._best(codes, fitting or parts, asked)
        if parts and not fitting:
            contest = await self._conflict(version, parts[0])
            best = [_contested(verdict, contest) for verdict in best]
        unmet = Verdict(False, False, issues=tuple(resolver.unmet))
        return [_contested(verdict, unmet) for verdict in best] if resolver.unmet else best

    async def _best(self, codes: Sequence[Coded], parts: Sequence[Part], asked: ValueSet) -> list[Verdict]:
        """What the parts say of each code: the first that has it, of each system the newest version first."""
        best = [outside(c, asked) for c in codes]
        owners: list[dict[str, None]] = [{} for _ in codes]
        for part in newest_first(parts):
            known = await self.library.concepts(part.system, [c.code for c in codes])
            for n, coded in enumerate(codes):
                found = within(coded, part, known.get(coded.code), asked, best[n])
                if found.member and not coded.system:
                    owners[n][part.system.url] = None
                if found.ok > best[n].ok or found.member > best[n].member or best[n].concept is None:
                    best[n] = found
        return [replace(v, rivals=tuple(own)) if own else v for v, own in zip(best, owners, strict=True)]

    async def _conflict(self, version: str, part: Part) -> Verdict:
        """What is wrong with a version that no part of the value set takes from."""
        named = await self.library.system(part.system.url, version)
        issue = other_version(version, part, open_=not named.known and not part.said)
        if named.known:
            return Verdict(False, False, issues=(issue,))
        found = absent(named)
        return replace(found, issues=(issue, *found.issues))

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
        found, concepts = await self.lookup_all(system, [code], version)
        return found, concepts[code]

    async def lookup_all(
        self, system: str, codes: Sequence[str], version: str = ""
    ) -> tuple[System, dict[str, Concept]]:
        """A system and the concepts of these codes. Problem `not-found`: it, or one of them, is not here."""
        found = await self.library.system(system, version)
        if not found.known:
            raise unknown_system(found.canonical)
        concepts = await self.library.concepts(found, codes)
        for code in codes:
            if code not in concepts:
                issue = unknown_code(code, found)
                raise problem("not-found", issue.text, issue.fr)
        return found, concepts

    async def subsumes(self, system: str, a: str, b: str, version: str = "") -> Relation:
        """How A stands to B in the hierarchy of their system. Problem `not-found` for what is not here."""
        _, first = await self.lookup(system, a, version)
        _, second = await self.lookup(system, b, version)
        if first.code == second.code:
            return "equivalent"
        if first.code in second.lineage:
            return "subsumes"
        return "subsumed-by" if second.code in first.lineage else "not-subsumed"


def _by_system(codes: Sequence[Coded]) -> dict[tuple[str, str], list[int]]:
    """The places of the codes by system and version."""
    found: dict[tuple[str, str], list[int]] = {}
    for n, coded in enumerate(codes):
        found.setdefault((coded.system, coded.version), []).append(n)
    return found


def _contested(verdict: Verdict, contest: Verdict) -> Verdict:
    """A verdict on a code of which something else is wrong: the version that it, or the call, names."""
    said = () if verdict.ok else verdict.issues
    return replace(
        verdict,
        ok=False,
        member=False,
        issues=(*contest.issues, *said),
        missing=contest.missing or verdict.missing,
    )
