"""Code systems and value sets that come with a question, and are known for that question alone.

Rule: HL7 FHIR Terminology Ecosystem, requirements, parameter `tx-resource`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.code_system import concepts_of, system_of
from aubier.terminology.meaning.concepts import Concept, System
from aubier.terminology.meaning.hierarchy import with_lineage
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.meaning.versions import fits, numbers

MOST = 50_000
"""The most concepts that may come with one question."""


@dataclass(slots=True)
class Given:
    """What came: systems with their concepts, supplements by what they add to, value sets."""

    systems: list[tuple[System, dict[str, Concept]]] = field(default_factory=list)
    supplements: list[tuple[str, str, dict[str, Concept]]] = field(default_factory=list)
    value_sets: list[ValueSet] = field(default_factory=list)
    refused: dict[str, Problem] = field(default_factory=dict)
    held: int = 0

    def add(self, resource: Resource) -> None:
        """Takes a CodeSystem or a ValueSet; others say nothing here. Problem `too-costly` beyond `MOST`."""
        if resource.get("resourceType") == "ValueSet":
            try:
                self.value_sets.append(value_set.read(resource))
            except Problem as refusal:
                # One that nobody asks for is nobody's trouble.
                self.refused[str(resource.get("url", ""))] = refusal
        elif resource.get("resourceType") == "CodeSystem" and resource.get("content") != "not-present":
            concepts = self._counted(resource)
            system = replace(system_of(resource), key=None, size=len(concepts))
            if system.content == "supplement":
                self.supplements.append((system.canonical, str(resource.get("supplements", "")), concepts))
            else:
                self.systems.append((system, concepts))

    def _counted(self, resource: Resource) -> dict[str, Concept]:
        found: dict[str, Concept] = {}
        for concept in concepts_of(resource):
            self.held += 1
            if self.held > MOST:
                raise problem(
                    "too-costly",
                    f"At most {MOST} concepts come with a question; load the code system",
                    f"Au plus {MOST} concepts viennent avec une question ; chargez le système de codes",
                    at="Parameters.parameter.where(name='tx-resource')",
                )
            found.setdefault(concept.code, concept)
        return with_lineage(found)

    def system(self, url: str, version: str) -> System | None:
        """The newest of the systems of that URL whose version fits."""
        fitting = [s for s, _ in self.systems if s.url == url and fits(s.version, version)]
        return max(fitting, key=lambda s: numbers(s.version)) if fitting else None

    def concepts(self, system: System) -> Mapping[str, Concept] | None:
        """The concepts of a system that came, by code; None for another."""
        return next((concepts for one, concepts in self.systems if one == system), None)

    def added(self, system: System) -> Iterable[Mapping[str, Concept]]:
        """What supplements that came add to a system."""
        return (more for _, what, more in self.supplements if what in (system.url, system.canonical))

    def supplement(self, url: str, version: str) -> str:
        """The canonical of a supplement that came, by its own URL; empty when there is none."""
        names = (name for name, _, _ in self.supplements)
        return next(
            (n for n in names if n == f"{url}|{version}" or (not version and n.split("|")[0] == url)), ""
        )

    def value_set(self, url: str, version: str) -> ValueSet | None:
        """The newest of the value sets of that URL whose version fits. Problem of one not understood."""
        if url in self.refused:
            raise self.refused[url]
        fitting = [v for v in self.value_sets if v.url == url and fits(v.version, version)]
        return max(fitting, key=lambda v: numbers(v.version)) if fitting else None
