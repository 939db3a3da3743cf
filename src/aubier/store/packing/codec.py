"""How resource bytes are kept: zstd with a numbered dictionary, exact bytes back."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import zstandard

PLAIN = 0
"""Dictionary number of rows compressed without a dictionary."""


@lru_cache(maxsize=1)
def newest_dictionary() -> int:
    """The highest dictionary shipped in `dictionaries`, or PLAIN."""
    folder = files("aubier.store.packing").joinpath("dictionaries")
    numbers = [int(f.name.partition(".")[0]) for f in folder.iterdir()] if folder.is_dir() else []
    return max(numbers, default=PLAIN)


@lru_cache(maxsize=64)
def _dictionary(number: int) -> zstandard.ZstdCompressionDict | None:
    if number == PLAIN:
        return None
    name = f"{number:04d}.zdict"
    return zstandard.ZstdCompressionDict(
        files("aubier.store.packing").joinpath("dictionaries").joinpath(name).read_bytes()
    )


@lru_cache(maxsize=64)
def _compressor(number: int) -> zstandard.ZstdCompressor:
    """The number stands in the row: the frame need not repeat it."""
    return zstandard.ZstdCompressor(level=1, dict_data=_dictionary(number), write_dict_id=False)


@lru_cache(maxsize=64)
def _decompressor(number: int) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(number))


def pack(data: bytes) -> tuple[int, bytes]:
    """The number of the dictionary used, and the compressed bytes."""
    number = newest_dictionary()
    return number, _compressor(number).compress(data)


def unpack(number: int, packed: bytes) -> bytes:
    """The bytes that were packed under dictionary `number`."""
    return _decompressor(number).decompress(packed)
