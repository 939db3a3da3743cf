"""Chance with a name: every draw comes from a stream that its key alone decides."""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """Things to draw from, each with a weight (any positive number; only proportions count)."""

    __slots__ = ("_ceiling", "_steps", "items")

    def __init__(self, pairs: Iterable[tuple[T, float]]) -> None:
        rows = [(item, weight) for item, weight in pairs if weight > 0]
        self.items: list[T] = [item for item, _ in rows]
        self._steps = list(accumulate(weight for _, weight in rows))
        self._ceiling = self._steps[-1]

    def at(self, share: float) -> T:
        """The item that covers `share` (0 <= share < 1) of the total weight."""
        return self.items[min(bisect(self._steps, share * self._ceiling), len(self.items) - 1)]


def zipf(items: Sequence[T], flatness: float = 3.0) -> Weighted[T]:
    """Items in rank order with weights 1/(rank + flatness), as surnames and given names go."""
    return Weighted((item, 1 / (rank + flatness)) for rank, item in enumerate(items))


class Draw:
    """A stream of draws named by its key parts, e.g. `Draw(seed, "household", 12)`."""

    __slots__ = ("_bits", "unit")

    def __init__(self, *key: object) -> None:
        source = random.Random("/".join(map(str, key)))
        self.unit = source.random
        self._bits = source.getrandbits

    def uuid(self) -> str:
        """A lower-case UUID (version 4 shape)."""
        return _uuid(self._bits(128))

    def chance(self, probability: float) -> bool:
        """True with this probability (0 to 1)."""
        return self.unit() < probability

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self.unit() * limit)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[int(self.unit() * len(items))]

    def of(self, table: Weighted[T]) -> T:
        """One of the table's items, by weight."""
        return table.at(self.unit())

    def around(self, mean: float, spread: float) -> float:
        """A bell-shaped draw (sum of four uniforms): no libm, so the same bits everywhere."""
        unit = self.unit
        return mean + spread * 1.7320508 * (unit() + unit() + unit() + unit() - 2)

    def rounded(self, expected: float) -> int:
        """A whole number whose mean is `expected`."""
        whole = int(expected)
        return whole + (self.unit() < expected - whole)


def _uuid(bits: int) -> str:
    text = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def fixed_id(*key: object) -> str:
    """A UUID that the key alone decides: `fixed_id(seed, "story", "yann")` is always the same."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return _uuid(int.from_bytes(digest[:16], "big"))
