"""The communes of France, with population and coordinates, from the table shipped beside this file.

Sources (first line of the table): INSEE and La Poste (Licence Ouverte 2.0) through the MIT package
`@etalab/decoupage-administratif` 6.0.0; coordinates GeoNames (CC BY 4.0). Built by `tools/build_communes.py`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import zstandard

from aubier.sandbox.territory.draw import Weighted

_TABLE = Path(__file__).with_name("communes.csv.zst")
_DIVIDED = frozenset({"75056", "69123", "13055"})
BRITTANY = ("22", "29", "35", "56")
"""Departments of Brittany: Côtes-d'Armor, Finistère, Ille-et-Vilaine, Morbihan."""


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune or municipal arrondissement: INSEE code, name, postal code, people, WGS 84 degrees (text)."""

    code: str
    name: str
    postal_code: str
    population: int
    latitude: str
    longitude: str

    @property
    def department(self) -> str:
        """The department's code: two characters, three overseas."""
        return self.code[:3] if self.code.startswith("97") else self.code[:2]

    @property
    def spot(self) -> tuple[float, float]:
        """A place on a plane, in thousandths of a degree of latitude, good enough to compare distances."""
        return float(self.latitude) * 1000, float(self.longitude) * 668


@dataclass(frozen=True, slots=True)
class Atlas:
    """All communes by code, and the tables that draws use."""

    by_code: dict[str, Commune]
    homes: Weighted[Commune]
    maternities: dict[str, Weighted[Commune]]
    elsewhere: Weighted[Commune]

    def named(self, name: str) -> Commune:
        """The Breton commune of this exact name, the most populous when several bear it."""
        found = [c for c in self.homes.items if c.name == name]
        return max(found, key=lambda c: c.population)


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """The table, read once (35,000 communes, about 0.2 s)."""
    communes = _read()
    breton = [c for c in communes.values() if c.department in BRITTANY]
    births = [c for c in communes.values() if c.code not in _DIVIDED]
    return Atlas(
        by_code=communes,
        homes=Weighted((c, c.population) for c in breton),
        maternities={d: _birth_towns(breton, d) for d in BRITTANY},
        elsewhere=Weighted((c, c.population) for c in births if c.department not in BRITTANY),
    )


def _birth_towns(communes: list[Commune], department: str) -> Weighted[Commune]:
    towns = sorted((c for c in communes if c.department == department), key=lambda c: -c.population)
    return Weighted((c, c.population) for c in towns[:9])


def _read() -> dict[str, Commune]:
    text = zstandard.ZstdDecompressor().decompress(_TABLE.read_bytes()).decode()
    rows = csv.reader(text.splitlines()[2:])
    return {r[0]: Commune(r[0], r[2], r[3], int(r[4]), r[5], r[6]) for r in rows}
