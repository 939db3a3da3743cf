"""What is remembered of what others send: bounded in bytes, because they choose how long each thing is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")

_MISSING: Any = object()


class Memory(Generic[K, V]):
    """Values by key, those lately used, of up to `most` bytes in all by the sizes that are given.

    Kept in two halves: what is found in the older one goes to the newer one, and when that is full the
    older one is let go. A hit is one look into a dict, and several threads do each other no harm.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._new: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._filled = 0

    def __len__(self) -> int:
        return len(self._new.keys() | self._old.keys())

    @property
    def held(self) -> int:
        """Bytes of all that is kept: never more than `most`."""
        return sum(size for half in (self._new, self._old) for _, size in half.values())

    def get(self, key: K, default: Any = None) -> V | Any:
        """The value of a key, or `default`."""
        found = self._new.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                return default
            self._put(key, found)
        return found[0]

    def keep(self, key: K, value: V, size: int) -> None:
        """Keeps a value of `size` bytes, its key counted; one larger than half of all is not kept."""
        if size <= self.most // 2:
            self._put(key, (value, size))

    def forget(self, key: K) -> None:
        """Forgets one key, if it is there."""
        found = self._new.pop(key, None)
        self._filled -= found[1] if found else 0
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forgets everything."""
        self._new, self._old, self._filled = {}, {}, 0

    def _put(self, key: K, row: tuple[V, int]) -> None:
        if self._filled + row[1] > self.most // 2:
            self._old, self._new, self._filled = self._new, {}, 0
        self._new[key] = row
        self._filled += row[1]


class Remembering(Generic[P, V]):
    """A function that remembers what it gave; see `remembered`."""

    def __init__(self, call: Callable[P, V], most: int, size: Callable[..., int]) -> None:
        update_wrapper(self, call)
        self.memory: Memory[Hashable, V] = Memory(most)
        self.call, self._size = call, size

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> V:
        key = (args, *kwargs.items()) if kwargs else args
        found = self.memory.get(key, _MISSING)
        if found is _MISSING:
            found = self.call(*args, **kwargs)
            self.memory.keep(key, found, self._size(found, *args, **kwargs))
        return found

    def cache_clear(self) -> None:
        """Forgets everything."""
        self.memory.clear()


def remembered(most: int, size: Callable[..., int]) -> Callable[[Callable[P, V]], Remembering[P, V]]:
    """Makes a function of hashable arguments remember its answers, up to `most` bytes in all.

    `size(answer, *arguments)` says how many bytes an answer and its arguments take, about. What raises is
    not remembered.
    """
    return lambda call: Remembering(call, most, size)
