"""A new resource on its way into the tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from aubier.ground.rows import Resource
from aubier.store.packing.rows import Indexed


@dataclass(slots=True, eq=False)
class Item:
    """One resource of a chunk: what is stored of it, and where.

    `waiting`: a row of id_map stands for it already, because another resource named it before it came.
    """

    kind: str
    id: str
    resource: Resource
    labels: list[str]
    indexed: Indexed
    pat: int = 0
    rid: int = 0
    also: dict[int, bool] = field(default_factory=dict)
    waiting: bool = False
