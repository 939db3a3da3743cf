"""Nearly valid inputs: a valid one, changed a little, as grammars are broken and as attackers try.

Everything is decided by the `Random` that is given: Hypothesis's own (which shrinks), or one that was seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

LARGEST = 16_384
"""Bytes of the largest input made: what grows is for the tests of growth."""
_MOST_CHANGES = 6
_INTERESTING = (
    b"\x00",
    b"\xff",
    b"\xc3\xa9",
    b"0",
    b"9" * 20,
    b"-1",
    b"\xed\xa0\x80",
    b" ",
    b"\n",
    b"A" * 64,
)

Change = Callable[[Random, bytes, Sequence[bytes]], bytes]


def mutated(random: Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """One of the `seeds` after a few changes, some of which bring `words` of the grammar."""
    data = random.choice(seeds)
    pieces = (*words, *_INTERESTING)
    for _ in range(random.randint(0, _MOST_CHANGES)):
        data = random.choice(CHANGES)(random, data, pieces if random.random() < 0.9 else seeds)
    return data[:LARGEST]


def _span(random: Random, data: bytes) -> tuple[int, int]:
    """A stretch: often short, sometimes long."""
    start = random.randint(0, len(data))
    return start, min(len(data), start + random.choice((0, 1, 1, 2, 4, 8, 32, 256)))


def _insert(random: Random, data: bytes, pieces: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(pieces) + data[at:]


def _replace(random: Random, data: bytes, pieces: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:start] + random.choice(pieces) + data[end:]


def _remove(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _repeat(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[start:end] * random.choice((2, 2, 3, 20, 100)) + data[end:]


def _move(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    rest = data[:start] + data[end:]
    at = random.randint(0, len(rest))
    return rest[:at] + data[start:end] + rest[at:]


def _turn(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """One bit the other way."""
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def _cut(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: random.randint(0, len(data))]


CHANGES: tuple[Change, ...] = (_insert, _replace, _replace, _remove, _repeat, _move, _turn, _cut)
