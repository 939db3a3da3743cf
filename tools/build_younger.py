"""Builds the list of codes that HL7's code systems gained after FHIR R4 4.0.1 was published.

Usage: `python -m tools.build_younger PACKAGE.tgz OUTPUT.csv`

PACKAGE.tgz is HL7's terminology as a FHIR package (hl7.terminology.r4, CC0-1.0), in any version. Listed is
each code of a system that `definitions.bin` holds whole, in an older version, but codes that are retired or
only group others; with what it is called and the code that it stands below, where that one is known too.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.build_definitions import resources_of

from aubier.fhir.definitions import CodeSystem, definitions

Json = dict[str, Any]
COLUMNS = ("system", "code", "display", "parent")


def younger(systems: list[Json]) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the list, by system."""
    for row in sorted(systems, key=lambda one: str(one["url"])):
        known = definitions().published(row["url"])
        if known is None or known.content != "complete" or not known.concepts:
            continue
        concepts = list(_concepts(row.get("concept", ()), ""))
        codes = {concept["code"] for concept, _ in concepts}
        for concept, above in concepts:
            if concept["code"] not in known.concepts and not _left_out(concept):
                parent = _parent(concept, above, known, codes)
                yield row["url"], concept["code"], concept.get("display", ""), parent


def _concepts(rows: Any, above: str) -> Iterator[tuple[Json, str]]:
    for row in rows:
        yield row, above
        yield from _concepts(row.get("concept", ()), row["code"])


def _said(concept: Json, name: str) -> list[str]:
    rows = (p for p in concept.get("property", ()) if p.get("code") == name)
    return [
        str(v).lower() if v in (True, False) else str(v) for p in rows for k, v in p.items() if k != "code"
    ]


def _left_out(concept: Json) -> bool:
    return "retired" in _said(concept, "status") or "true" in _said(concept, "notSelectable")


def _parent(concept: Json, above: str, known: CodeSystem, codes: set[str]) -> str:
    named = [above, *_said(concept, "subsumedBy"), *_said(concept, "parent")]
    return next((code for code in named if code in known.concepts and code in codes), "")


def table(systems: list[Json]) -> str:
    """The list as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(younger(systems))
    return out.getvalue()


def main() -> int:
    """Reads the package, writes the list."""
    package, target = map(Path, sys.argv[1:3])
    target.write_text(table(resources_of(package.read_bytes())["CodeSystem"]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
