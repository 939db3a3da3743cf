"""How resource bytes are kept: zstd with a numbered dictionary, exact bytes back.

Every version begins with its type, id, number and date (`head`), which are columns of its row too. They are
left out of what is packed, and put before it again when it is read. A row says so by the number of its
dictionary below zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from threading import get_ident
from typing import Any

import msgspec
import zstandard

from aubier.ground.clock import instant_of
from aubier.store.keys import type_names

PLAIN = 0
"""Dictionary number of rows compressed without a dictionary."""
_LEVEL = 3
"""Of zstd. Without the head it takes no longer than level 1 with it, and gives a tenth less."""
_MAGIC = zstandard.FRAME_HEADER
"""The first four bytes of every zstd frame, left out together with the head."""

COLUMNS = "r.type, r.id, r.ver, r.upd, r.dict, r.raw"
"""What `kept` reads of a row."""


@lru_cache(maxsize=1)
def newest_dictionary() -> int:
    """The highest dictionary shipped in `dictionaries`."""
    folder = files("aubier.store.packing").joinpath("dictionaries")
    return max(int(f.name.partition(".")[0]) for f in folder.iterdir())


@lru_cache(maxsize=64)
def _dictionary(number: int) -> zstandard.ZstdCompressionDict | None:
    if number == PLAIN:
        return None
    name = f"{number:04d}.zdict"
    return zstandard.ZstdCompressionDict(
        files("aubier.store.packing").joinpath("dictionaries").joinpath(name).read_bytes()
    )


@lru_cache(maxsize=64)
def _compressor(number: int, thread: int) -> zstandard.ZstdCompressor:
    """That of a thread, as it serves one at a time. The number stands in the row: no frame need repeat it."""
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=_dictionary(number), write_dict_id=False)


@lru_cache(maxsize=64)
def _decompressor(number: int, thread: int) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(number))


def head(kind: str, logical: str, version: int, updated: int) -> bytes:
    """How the bytes of a version begin (`writing.stamped`); `updated` in ms."""
    named, when = _quoted(logical).decode(), instant_of(updated)
    return (
        f'{{"resourceType":"{kind}","id":{named},"meta":{{"versionId":"{version}","lastUpdated":"{when}"'
    ).encode()


_quoted = msgspec.json.Encoder().encode


def pack(rest: bytes) -> tuple[int, bytes]:
    """The number of the dictionary used, below zero, and the compressed bytes of what follows the `head`.

    Above zero are the numbers of versions that a release before packed whole.
    """
    number = newest_dictionary()
    return -number, _compressor(number, get_ident()).compress(rest)[len(_MAGIC) :]


def unpack(number: int, packed: bytes, begins: bytes) -> bytes:
    """The bytes that were packed as `number` says, in a row whose `head` is `begins`."""
    if number < 0:
        return begins + _decompressor(-number, get_ident()).decompress(_MAGIC + packed)
    return _decompressor(number, get_ident()).decompress(packed)


def kept(row: Mapping[str, Any]) -> bytes:
    """The bytes of a version, of a row that has `COLUMNS`."""
    begins = head(type_names()[row["type"]], row["id"], row["ver"], row["upd"])
    return unpack(row["dict"], row["raw"], begins)
