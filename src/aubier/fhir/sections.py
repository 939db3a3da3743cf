"""Files of named sections: what the specification defines, packed so that each part is read by itself.

A line that tells the form, a line of JSON (source, licence, digest of the package, place of each section),
then the sections: compact JSON packed with Zstandard. Made by `tools/build_definitions.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import zstandard

MAGIC = b"aubier-definitions 1"


class Sections:
    """A file of sections in memory. ValueError when it is no such file."""

    def __init__(self, data: bytes) -> None:
        magic, header, self._body = data.split(b"\n", 2)
        if magic != MAGIC:
            raise ValueError("not a definitions file of this version")
        self.header: Mapping[str, Any] = MappingProxyType(json.loads(header))

    def __contains__(self, name: str) -> bool:
        return name in self.header["sections"]

    def read(self, name: str) -> Any:
        """The content of a section, read anew each time. KeyError when there is none of that name."""
        start, size, _ = self.header["sections"][name]
        return msgspec.json.decode(zstandard.ZstdDecompressor().decompress(self._body[start : start + size]))
