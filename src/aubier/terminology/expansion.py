"""The concepts of a value set, by pages that are the same each time they are asked."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aubier.ground.problem import Problem, problem
from aubier.terminology.meaning.concepts import Concept, System, named, words
from aubier.terminology.meaning.predicates import ACTIVE, All, Predicate, by_code, divided, holds, listing
from aubier.terminology.meaning.value_set import Listed
from aubier.terminology.resolving import Part, unknown_system
from aubier.terminology.shelves.library import Library

WHOLE = 10_000
"""The most concepts of one answer: beyond, pages must be asked for."""


@dataclass(frozen=True, slots=True)
class Member:
    """A concept of an expansion, with what the value set itself says of it, and how its list writes it."""

    system: System
    concept: Concept
    listed: Listed | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Expansion:
    """One page: `total` concepts there are, `members` those from `offset` on."""

    total: int
    offset: int
    members: tuple[Member, ...]
    systems: tuple[System, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of an expansion: words that begin words of it, which page, active concepts only."""

    text: str = ""
    offset: int = 0
    count: int | None = None
    active: bool = False


_BLOCK = 1_000
"""Codes of a list that are looked for in one go; of a longer list the codes are kept, not their concepts."""


@dataclass(slots=True)
class _Stretch:
    """A run of an expansion: concepts in hand, codes of a long list, or a condition answered by pages."""

    part: Part
    predicate: Predicate
    size: int
    members: list[Member] | None = None
    codes: list[str] | None = None
    without: Sequence[str] = ()


async def expand(library: Library, parts: Sequence[Part], wanted: Wanted) -> Expansion:
    """A page of the concepts of these parts: each system's, those listed first, then in the system's order.

    Problem `too-costly` when there are more than `WHOLE` and no page is asked; `not-found` for a system that
    is not here, unless its codes are listed.
    """
    asked = words(wanted.text)
    stretches = [s for part in parts for s in await _stretches(library, part, asked, wanted.active)]
    total = sum(s.size for s in stretches)
    if min(wanted.count if wanted.count is not None else WHOLE + 1, total - wanted.offset) > WHOLE:
        raise _too_many(total)
    members: list[Member] = []
    skip, room = wanted.offset, total if wanted.count is None else wanted.count
    for stretch in stretches:
        if room > 0 and skip < stretch.size:
            found = await _slice(library, stretch, asked, (skip, room))
            members += found
            room -= len(found)
        skip = max(0, skip - stretch.size)
    return Expansion(total, wanted.offset, tuple(members), tuple(p.system for p in parts))


async def _stretches(library: Library, part: Part, asked: list[str], active: bool) -> list[_Stretch]:
    predicate = All((part.predicate, ACTIVE)) if active else part.predicate
    listed, rest = divided(predicate)
    found, codes = list[_Stretch](), list[str]()
    if listed is not None:
        stretch, codes = await _listed(library, part, listed, asked)
        found.append(stretch)
    if rest is not None:
        if not part.system.known:
            raise unknown_system(part.system.canonical)
        size = await library.count(part.system, rest, asked, codes)
        found.append(_Stretch(part, rest, size, without=codes))
    return found


async def _listed(
    library: Library, part: Part, predicate: Predicate, asked: list[str]
) -> tuple[_Stretch, list[str]]:
    """What a part takes of its list, each concept once however it is written, and all codes of the list.

    Where the codes alone decide, only these are read; others are served between the blocks of a long list.
    """
    codes = listing(predicate) or []
    if len(codes) <= _BLOCK:
        members = await _members(library, part, codes, predicate)
        held = [m for m in members if not asked or named(m.concept, asked)]
        every = list(dict.fromkeys([*codes, *(m.concept.code for m in members)]))
        return _Stretch(part, predicate, len(held), held), every
    alone = not asked and by_code(predicate) and part.system.case_sensitive and not part.system.partial
    found: dict[str, str] = {}
    for start in range(0, len(codes), _BLOCK):
        await sleep(0)
        block = codes[start : start + _BLOCK]
        if alone:
            known = await library.known(part.system, block)
            found |= {code: code for code in block if code in known and holds(predicate, Concept(code))}
            continue
        for member in await _members(library, part, block, predicate):
            if not asked or named(member.concept, asked):
                found.setdefault(member.concept.code, member.code)
    every = list(dict.fromkeys([*codes, *found]))
    return _Stretch(part, predicate, len(found), codes=list(found.values())), every


async def _members(library: Library, part: Part, codes: Sequence[str], predicate: Predicate) -> list[Member]:
    """Listed codes as concepts, where the condition holds, each once however it is written.

    Where the system is whole, a code that it does not have is left out.
    """
    known = await library.concepts(part.system, codes)
    found: dict[str, Member] = {}
    for code in codes:
        said = part.listed.get(code)
        concept = known.get(code)
        if concept is None and not part.system.partial:
            continue
        if concept is None:
            concept = Concept(code, lineage=frozenset((code,)))
        # Where case means nothing, the list may write it in other letters than its system.
        if any(holds(predicate, replace(concept, code=one)) for one in {code, concept.code}):
            found.setdefault(concept.code, Member(part.system, concept, said, code))
    return list(found.values())


async def _slice(
    library: Library, stretch: _Stretch, asked: list[str], window: tuple[int, int]
) -> list[Member]:
    offset, limit = window
    if stretch.members is not None:
        return stretch.members[offset : offset + limit]
    if stretch.codes is not None:
        codes = stretch.codes[offset : offset + limit]
        return await _members(library, stretch.part, codes, stretch.predicate)
    system = stretch.part.system
    concepts = await library.page(
        system, stretch.predicate, asked, stretch.without, offset=offset, limit=limit
    )
    return [Member(system, concept) for concept in concepts]


def _too_many(total: int) -> Problem:
    return problem(
        "too-costly",
        f"There are {total} concepts; ask for pages with count (at most {WHOLE}) and offset, or filter",
        f"Il y a {total} concepts ; demandez des pages avec count (au plus {WHOLE}) et offset, ou filtrez",
        at="Parameters.parameter.where(name='count')",
        rule="FHIR R4, ValueSet/$expand",
    )
