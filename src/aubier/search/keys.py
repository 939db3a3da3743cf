"""The keys under which index values are kept: keyed hashes, and bounds on exact text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

_LONGEST = 160
"""Characters of an exact value kept in an index; PostgreSQL's btree takes rows of at most 2.7 kB."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """Names what is hashed, so that a code and a reference that look alike never meet.

    `term` gives a signed 64-bit number for strings, under the secret of this store. Each is itself alone.
    """

    term: Callable[..., int]

    def param(self, kind: str, code: str) -> int:
        """The key of a search parameter of a type: its rows in ident, ref, str, dat and num."""
        return _param(self.term, kind, code)

    def token(self, kind: str, code: str, system: str, value: str) -> int:
        """`code=system|value`."""
        return self.term("t", kind, code, system, value)

    def code(self, kind: str, code: str, value: str) -> int:
        """`code=value`, whatever the system."""
        return self.term("c", kind, code, value)

    def system(self, kind: str, code: str, system: str) -> int:
        """`code=system|`, whatever the value."""
        return self.term("s", kind, code, system)

    def pair(self, kind: str, group: str, part: int, code: str, system: str | None = None) -> int:
        """Part `part` of a composite beside the code of its first part, of any system or of `system`."""
        of = (code,) if system is None else (code, system)
        return self.term("x", kind, group, str(part), *of)

    def second(self, pair: int, code: str, system: str | None = None) -> int:
        """A code as the second part of a composite, of any system or of `system`."""
        return self.term("y", str(pair), code, *(() if system is None else (system,)))

    def present(self, kind: str, code: str) -> int:
        """`code:missing=false`."""
        return self.term("m", kind, code)


@lru_cache(maxsize=8192)
def _param(term: Callable[..., int], kind: str, code: str) -> int:
    """Nearly every row of an index begins with one of a few thousand."""
    return term("p", kind, code)


def bounded(value: str) -> str:
    """An exact value short enough for an index: a long one ends in its SHA-256, so it stays exact."""
    if len(value) <= _LONGEST:
        return value
    return value[:96] + "#" + sha256(value.encode()).hexdigest()[:63]


def bounded_text(text: str) -> str:
    """The beginning of a text, as far as string search looks: 160 characters."""
    return text[:_LONGEST]
