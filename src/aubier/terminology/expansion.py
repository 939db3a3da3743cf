"""The concepts of a value set, by pages that are the same each time they are asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from aubier.ground.problem import Problem, problem
from aubier.terminology.meaning.concepts import Concept, System, named, words
from aubier.terminology.meaning.predicates import ACTIVE, All, Predicate, divided, holds, listing
from aubier.terminology.meaning.value_set import Listed
from aubier.terminology.resolving import Part, unknown_system
from aubier.terminology.shelves.library import Library

WHOLE = 10_000
"""The most concepts of one answer: beyond, pages must be asked for."""


@dataclass(frozen=True, slots=True)
class Member:
    """A concept of an expansion, with what the value set itself says of it."""

    system: System
    concept: Concept
    listed: Listed | None = None


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


@dataclass(slots=True)
class _Stretch:
    """A run of an expansion: concepts in hand, or a condition that the library answers by pages."""

    system: System
    size: int
    members: list[Member] = field(default_factory=list)
    predicate: Predicate | None = None
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
    found, codes = [], listing(listed) or [] if listed is not None else []
    if listed is not None:
        every = await _members(library, part, codes, listed)
        codes = list(dict.fromkeys([*codes, *(m.concept.code for m in every)]))
        members = [m for m in every if not asked or named(m.concept, asked)]
        found.append(_Stretch(part.system, len(members), members))
    if rest is not None:
        if not part.system.known:
            raise unknown_system(part.system.canonical)
        size = await library.count(part.system, rest, asked, codes)
        found.append(_Stretch(part.system, size, predicate=rest, without=codes))
    return found


async def _members(
    library: Library, part: Part, codes: Sequence[str], predicate: Predicate
) -> Collection[Member]:
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
            found.setdefault(concept.code, Member(part.system, concept, said))
    return found.values()


async def _slice(
    library: Library, stretch: _Stretch, asked: list[str], window: tuple[int, int]
) -> list[Member]:
    offset, limit = window
    if stretch.predicate is None:
        return stretch.members[offset : offset + limit]
    concepts = await library.page(
        stretch.system, stretch.predicate, asked, stretch.without, offset=offset, limit=limit
    )
    return [Member(stretch.system, concept) for concept in concepts]


def _too_many(total: int) -> Problem:
    return problem(
        "too-costly",
        f"There are {total} concepts; ask for pages with count (at most {WHOLE}) and offset, or filter",
        f"Il y a {total} concepts ; demandez des pages avec count (au plus {WHOLE}) et offset, ou filtrez",
        at="Parameters.parameter.where(name='count')",
        rule="FHIR R4, ValueSet/$expand",
    )
