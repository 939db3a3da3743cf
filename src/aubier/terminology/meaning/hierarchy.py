"""What stands above each concept, worked out in memory and within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from aubier.ground.problem import problem
from aubier.terminology.meaning.concepts import Concept

MOST_STEPS = 1_000_000
"""The most steps upwards of all concepts together: fifty thousand may each have twenty above them."""


def with_lineage(concepts: Mapping[str, Concept]) -> dict[str, Concept]:
    """The concepts, those named as children given their parents, with everything above them.

    Problem `too-costly` beyond `MOST_STEPS`: a chain of ten thousand is no classification.
    """
    parents, steps, found = parents_of(concepts.values()), 0, {}
    for code, concept in concepts.items():
        lineage, taken = above(code, parents, MOST_STEPS - steps)
        steps += taken
        found[code] = replace(concept, parents=tuple(parents[code]), lineage=lineage)
    return found


def check_lineage(concepts: Iterable[Concept]) -> None:
    """The same Problem, and nothing else."""
    parents, steps = parents_of(concepts), 0
    if any(parents.values()):
        for code in parents:
            steps += above(code, parents, MOST_STEPS - steps)[1]


def parents_of(concepts: Iterable[Concept]) -> dict[str, list[str]]:
    """Every code with those just above it, by its own word or by that of its parent."""
    children: list[tuple[str, str]] = []
    parents: dict[str, list[str]] = {}
    for concept in concepts:
        parents.setdefault(concept.code, list(concept.parents))
        children += [(p.text, concept.code) for p in concept.properties if p.code == "child"]
    for child, parent in children:
        if child in parents and parent not in parents[child]:
            parents[child].append(parent)
    return parents


def above(code: str, parents: Mapping[str, list[str]], most: int) -> tuple[frozenset[str], int]:
    """A code with every code above it, and how many steps that took. Problem `too-costly` beyond `most`."""
    found, pending, steps = {code}, [code], 0
    while pending:
        for one in parents.get(pending.pop(), ()):
            steps += 1
            if steps > most:
                raise _too_deep()
            if one not in found:
                found.add(one)
                pending.append(one)
    return frozenset(found), steps


def _too_deep() -> Exception:
    return problem(
        "too-costly",
        f"The hierarchy is too deep: counted from each concept up to the top, more than {MOST_STEPS} steps",
        f"La hiérarchie est trop profonde : en remontant de chaque concept, plus de {MOST_STEPS} pas en tout",
        at="CodeSystem.concept",
    )
