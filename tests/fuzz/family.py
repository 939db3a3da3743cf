"""A shape of input that grows, and the reader it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.targets import TARGETS

_RUNS = {target.name: target.run for target in TARGETS}


@dataclass(frozen=True, slots=True)
class Family:
    """Inputs of one shape. `make(n)` is about `n` of it, from `least`, for the target `reader`."""

    name: str
    reader: str
    make: Callable[[int], bytes]
    least: int = 120

    def run(self, data: bytes) -> None:
        """Reads one of them."""
        _RUNS[self.reader](data)
