"""Names by birth decade and region, and where people live: our own lists, weighted by rank."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from aubier.sandbox.territory.draw import Draw, Weighted, zipf

_DATA = Path(__file__).with_name("data")
_SHARES = {"breton": 0.62, "french": 0.31, "world": 0.07}


def lines(name: str) -> list[str]:
    """The lines of a data file, without comments and blanks."""
    text = (_DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def _surnames() -> dict[str, Weighted[str]]:
    rows = lines("surnames.txt")
    return {group: zipf(names.split(", "), 12) for group, names in zip(rows[::2], rows[1::2], strict=True)}


@lru_cache(maxsize=1)
def _given_names() -> dict[tuple[str, int], Weighted[str]]:
    rows = (line.split(" ", 2) for line in lines("given_names.txt"))
    return {(sex, int(decade)): zipf(names.split(", ")) for sex, decade, names in rows}


@lru_cache(maxsize=1)
def _streets() -> Weighted[str]:
    return zipf(lines("streets.txt"), 20)


_GROUPS: Weighted[str] = Weighted(_SHARES.items())


def surname(draw: Draw) -> str:
    """A family name as Brittany bears them; one in sixty is double."""
    name = draw.of(_surnames()[draw.of(_GROUPS)])
    if draw.chance(1 / 60):
        other = draw.of(_surnames()["breton"])
        return name if other == name else f"{name}-{other}"
    return name


def given(draw: Draw, sex: str, birth: date, count: int = 0) -> tuple[str, ...]:
    """The birth given names in order (one to three, or `count`), none twice; `sex` is M or F."""
    decade = min(max(birth.year // 10 * 10, 1920), 2020)
    wanted = count or 1 + draw.chance(0.85) + draw.chance(0.55)
    names = [draw.of(_given_names()[sex, decade])]
    while len(names) < wanted:
        older = max(decade - 10 * draw.between(1, 4), 1920)
        name = draw.of(_given_names()[sex, older])
        if name not in names:
            names.append(name)
    return tuple(names)


def street(draw: Draw) -> str:
    """A house number and a street."""
    suffix = " bis" if draw.chance(0.05) else ""
    return f"{1 + int(draw.unit() * draw.unit() * 90)}{suffix} {draw.of(_streets())}"
