"""What is coded, in words."""

from __future__ import annotations

from collections.abc import Iterable

from aubier.ground.rows import Resource


def concept_words(concept: Resource) -> str:
    """A CodeableConcept in words: its text, else the first display; empty when it has neither."""
    coded = next((c["display"] for c in concept.get("coding", []) if c.get("display")), "")
    return str(concept.get("text") or coded)


def first_words(concepts: Iterable[Resource]) -> str:
    """The words of the first concept that has any."""
    return next((words for concept in concepts if (words := concept_words(concept))), "")
