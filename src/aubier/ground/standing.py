"""What somebody's credentials stood on when they were judged: asked again with each question they ask."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stands:
    """Places where changes of credentials leave marks, and their marks at that moment.

    The store's `proof.standing` says how they are left and asked.
    """

    places: tuple[int, ...]
    mark: int
