"""Builds the sandbox's table of communes from two published sources.

Usage: `python tools/build_communes.py PACKAGE.tgz COORDINATES.csv OUTPUT.csv.zst`

- PACKAGE.tgz: the npm package `@etalab/decoupage-administratif` 6.0.0, as `npm pack` gives it (MIT; its
  data come from INSEE and La Poste under Licence Ouverte 2.0): code, name, postal code, population.
- COORDINATES.csv: `code_insee,lat,lon`, derived from GeoNames (CC BY 4.0, attribution "GeoNames").

The digest of the package is checked, so that the same table comes out everywhere.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

import zstandard

PACKAGE_SHA256 = "c189ffd5b33fe40c2f19e1a923ce557f190622f39228745d3195d746dfe00c4a"
HEADER = (
    "# Communes of France: names, postal codes, populations: INSEE and La Poste, Licence Ouverte 2.0, "
    "through @etalab/decoupage-administratif 6.0.0 (MIT). Coordinates: GeoNames, CC BY 4.0. "
    "Derived by tools/build_communes.py. kind: C commune, D municipal arrondissement."
)
COLUMNS = ("code", "kind", "name", "postal_code", "population", "lat", "lon")
KINDS = {"commune-actuelle": "C", "arrondissement-municipal": "D"}


def read_package(path: Path) -> list[dict]:
    """The communes and municipal arrondissements of the package, in code order."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != PACKAGE_SHA256:
        raise SystemExit(f"{path} is not @etalab/decoupage-administratif 6.0.0 (digest differs)")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile("package/data/communes.json")
        rows = json.load(member) if member else []
    return sorted((row for row in rows if row["type"] in KINDS), key=lambda row: row["code"])


def read_coordinates(path: Path) -> dict[str, tuple[str, str]]:
    """Latitude and longitude (decimal degrees, WGS 84) by INSEE code."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["code_insee"]: (row["lat"], row["lon"]) for row in csv.DictReader(lines)}


def table(communes: list[dict], places: dict[str, tuple[str, str]]) -> str:
    """The table as text, one line per commune that has people, a postal code and coordinates."""
    out = io.StringIO()
    out.write(HEADER + "\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in communes:
        postal, where = row.get("codesPostaux"), places.get(row["code"])
        if postal and where and row.get("population"):
            fields = (row["code"], KINDS[row["type"]], row["nom"], postal[0], row["population"], *where)
            writer.writerow(fields)
    return out.getvalue()


def main(package: str, coordinates: str, output: str) -> None:
    """Writes the compressed table and says how many communes it holds."""
    text = table(read_package(Path(package)), read_coordinates(Path(coordinates)))
    packed = zstandard.ZstdCompressor(level=19).compress(text.encode())
    Path(output).write_bytes(packed)
    print(f"{output}: {text.count(chr(10)) - 2} communes, {len(packed)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:4])
