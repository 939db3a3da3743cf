"""What this process remembers of code systems and value sets, and what that stands on.

Every change of a code system, of a supplement or of a value set leaves a mark at the place of its URL, in the
transaction of that change (`tables.MARKED`). What is read comes with the mark of its place, in one snapshot;
an answer made of what was remembered holds once the store found that these marks are still the same
(`aubier.store.proof.standing`), in a statement that begins after the question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Any, Protocol

from aubier.ground.memory import Memory
from aubier.ground.standing import Stands
from aubier.terminology.meaning.concepts import Concept, System

Rows = Sequence[Mapping[str, Any]]

WHOLE = 5_000
"""The most concepts of a system that is kept whole."""

_BYTES = 64_000_000
"""Of all that is remembered of systems, value sets and concepts, about."""

_ROW, _CONCEPT = 1_000, 1_200
"""Bytes of what was read with its key, and of a concept, beside their texts, about."""

_WORTH = 40
"""Concepts that are read in the time of one question: after so many questions a system is read whole."""


class Store(Protocol):
    """What this room needs of the store: its own statements."""

    async def run(self, name: str, *args: Any) -> list[Mapping[str, Any]]:
        """The rows of a named statement."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read, and the mark that its place bore then."""

    value: Any
    place: int
    mark: int


@dataclass(slots=True)
class Remembered:
    """What was read before, by the question, for every request of this process; at most `_BYTES`.

    A system is kept whole once it was asked about so often that reading it is no dearer: systems that many
    ask in turns are not read again and again.
    """

    kept: Memory[tuple[Any, ...], _Read] = field(default_factory=lambda: Memory(_BYTES))
    asked: Counter[tuple[int, int]] = field(default_factory=Counter)

    def worth(self, system: tuple[int, int], size: int) -> bool:
        """Whether a system of that number and mark, asked once more, should be read whole."""
        if len(self.asked) > 10_000:
            self.asked.clear()
        self.asked[system] += 1
        if self.asked[system] * _WORTH < size:
            return False
        del self.asked[system]
        return True


@dataclass(slots=True)
class Reading:
    """What one answer is made of: rows read for it, or remembered when there is a memory.

    `marks` are those of the places it stands on; `recalled`: some of it was remembered, so the marks must be
    asked before the answer is given. `anew`: nothing is taken from memory, and all that is read goes there.
    """

    store: Store
    memory: Remembered | None = None
    anew: bool = False
    recalled: bool = False
    torn: bool = False
    marks: dict[int, int] = field(default_factory=dict)

    @property
    def stands(self) -> Stands | None:
        """What the answer stands on; None when two marks of a place were met."""
        return None if self.torn else Stands(tuple(self.marks), reduce(xor, self.marks.values(), 0))

    async def rows(self, name: str, *args: Any) -> Rows:
        """The rows of a statement whose rows bear `place` and `moved`, and are `here`."""
        key = (name, *args)
        found = self._recall(key)
        if found is None:
            rows = await self.store.run(name, *args)
            kept = [row for row in rows if row["here"]]
            found = _Read(kept, rows[0]["place"], rows[0]["moved"])
            self._keep(key, found, _ROW + 4 * len(str(kept)) + 8 * len(str(args)))
        self._lean(found)
        rows_: Rows = found.value
        return rows_

    async def whole(
        self, system: System, concept: Callable[[Mapping[str, Any]], Concept]
    ) -> Mapping[str, Concept] | None:
        """Every concept of a system, in order, when it is small and was asked about often; else None."""
        if self.memory is None or system.key is None or not system.place or not 0 < system.size <= WHOLE:
            return None
        # A number alone may be that of another system, in a database that takes the place of this one.
        key = (system.key, system.mark)
        found = self._recall(("whole", *key))
        if found is None:
            if not self.memory.worth(key, system.size):
                return None
            rows = await self.store.run("terminology.all", system.key, 0, system.size - 1)
            read = {row["code"]: concept(row) for row in rows}
            size = sum(_CONCEPT + 2 * len(row["display"]) + 8 * len(row["detail"]) for row in rows)
            found = _Read(read, system.place, system.mark)
            self._keep(("whole", *key), found, size)
        self._lean(found)
        concepts: Mapping[str, Concept] = found.value
        return concepts

    def _recall(self, key: tuple[Any, ...]) -> _Read | None:
        if self.memory is None or self.anew:
            return None
        found = self.memory.kept.get(key)
        self.recalled = self.recalled or found is not None
        return found

    def _keep(self, key: tuple[Any, ...], found: _Read, size: int) -> None:
        if self.memory is not None:
            self.memory.kept.keep(key, found, size)

    def _lean(self, found: _Read) -> None:
        self.torn = self.torn or self.marks.setdefault(found.place, found.mark) != found.mark
