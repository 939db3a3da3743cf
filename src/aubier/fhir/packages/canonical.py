"""Definitions by canonical URL, several versions side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_part = re.compile(r"\d{1,30}|[A-Za-z]+")
"""Of a number no more than 30 digits: a version is any text, and Python refuses to read thousands."""


def split(canonical: str) -> tuple[str, str]:
    """URL and version (empty: none said) of `url|version`; a `#fragment` is left out."""
    url, _, version = canonical.partition("|")
    return url.partition("#")[0], version.partition("#")[0]


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """What versions sort by: numbers as numbers, a pre-release (`2.0.0-ballot`) before its release."""
    main, mark, label = version.partition("+")[0].partition("-")
    parts = [(1, int(p), "") if p.isdecimal() else (0, 0, p.lower()) for p in _part.findall(main)]
    after = [(-1, 0, "")] if mark else [(0, -1, "")]
    after += [(1, int(p), "") if p.isdecimal() else (0, 0, p.lower()) for p in _part.findall(label)]
    return (*parts, *after)


class Canonicals(Generic[T]):
    """Values by `url|version`. `find` without a version gives the latest one."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, T]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._found.values()))

    def __iter__(self) -> Iterator[T]:
        return (value for versions in self._found.values() for value in versions.values())

    def add(self, url: str, version: str, value: T) -> None:
        """Puts a value at `url|version`; the last one put there counts."""
        self._found.setdefault(url, {})[version] = value

    def find(self, canonical: str) -> T | None:
        """The value at `url|version`; at `url` alone, that of the highest version.

        A version given in part (`|2.0`) gives the highest that begins so.
        """
        url, version = split(canonical)
        versions = self._found.get(url)
        if not versions:
            return None
        if version in versions:
            return versions[version]
        fitting = [v for v in versions if not version or v.startswith(f"{version}.")]
        return versions[max(fitting, key=version_key)] if fitting else None
