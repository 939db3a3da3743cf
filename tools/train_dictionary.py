"""Trains the compression dictionary of stored resources, on invented people only.

    .venv/bin/python tools/train_dictionary.py [NUMBER]

Writes `src/aubier/store/packing/dictionaries/NUMBER.zdict`, by default the number after the newest. A
dictionary that was released is never changed nor removed, for rows name it. The same program gives the same
bytes.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from time import perf_counter

import zstandard

from aubier.sandbox.plan import generate
from aubier.store.packing import codec
from aubier.store.writing import stamped

FOLDER = Path(__file__).resolve().parents[1] / "src" / "aubier" / "store" / "packing" / "dictionaries"
SIZE = 64 << 10
LEVEL = 3
CITIZENS, SEED, TODAY = 400, "dictionary", date(2026, 11, 22)
UPDATED = 1_795_000_000_000
MOST_OF_A_TYPE = 600
JUDGE_SEED = "judge"


def samples(seed: str) -> Iterator[tuple[str, bytes]]:
    """(resource type, bytes as they are packed) of a territory of its own."""
    for resource in generate(CITIZENS, seed, TODAY):
        kind = resource["resourceType"]
        begins = codec.head(kind, resource["id"], 1, UPDATED)
        yield kind, stamped(resource, resource["id"], 1, UPDATED).removeprefix(begins)


def balanced(found: Iterable[tuple[str, bytes]]) -> list[bytes]:
    """At most so many of each type, so that the rare ones count too."""
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for kind, data in found:
        if len(by_type[kind]) < MOST_OF_A_TYPE:
            by_type[kind].append(data)
    return [data for kind in sorted(by_type) for data in by_type[kind]]


def train(found: Iterable[tuple[str, bytes]]) -> bytes:
    """The dictionary: fixed parameters, so that training is repeatable."""
    made = zstandard.train_dictionary(SIZE, balanced(found), k=1024, d=8, level=LEVEL)
    return made.as_bytes()


def judge(name: str, dictionary: zstandard.ZstdCompressionDict | None, data: list[bytes]) -> None:
    """Prints how small and how fast, on people the training has not seen."""
    pack = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary).compress
    unpack = zstandard.ZstdDecompressor(dict_data=dictionary).decompress
    begun = perf_counter()
    packed = [pack(one) for one in data]
    packing = perf_counter() - begun
    begun = perf_counter()
    for one in packed:
        unpack(one)
    unpacking = perf_counter() - begun
    plain, small = sum(map(len, data)), sum(map(len, packed))
    print(
        f"{name}: {plain / len(data):.0f} -> {small / len(data):.0f} bytes, ratio {plain / small:.2f},"
        f" in {packing / len(data) * 1e6:.1f} us, out {unpacking / len(data) * 1e6:.1f} us"
    )


def main() -> None:
    """Trains, judges, writes."""
    FOLDER.mkdir(exist_ok=True)
    newest = max((int(f.stem) for f in FOLDER.glob("*.zdict")), default=0)
    number = int(sys.argv[1]) if len(sys.argv) > 1 else newest + 1
    place = FOLDER / f"{number:04d}.zdict"
    if place.exists():
        sys.exit(f"{place} is there already, and rows may name it: a dictionary is never changed")
    made = train(samples(SEED))
    unseen = [data for _, data in samples(JUDGE_SEED)]
    judge("without dictionary", None, unseen)
    judge("with the new one", zstandard.ZstdCompressionDict(made), unseen)
    place.write_bytes(made)
    print(f"{place.name}: {len(made)} bytes")


if __name__ == "__main__":
    main()
