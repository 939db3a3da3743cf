"""FHIR packages: read as a stream, bounded, never led outside of themselves; versions side by side."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from typing import Any

import pytest

from aubier.fhir import packages
from aubier.fhir.packages import Bounds, Canonicals, version_key
from aubier.ground.problem import Problem

MANIFEST = {
    "name": "example.ig",
    "version": "1.2.0",
    "canonical": "http://example.org/ig",
    "fhirVersions": ["4.0.1"],
    "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
}
VALUE_SET = {"resourceType": "ValueSet", "url": "http://example.org/vs", "status": "active"}


def packed(rows: Iterable[tuple[str, Any]], kind: bytes = tarfile.REGTYPE) -> io.BytesIO:
    """A .tgz of (path, content); bytes are written as they are, other values as JSON."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, content in rows:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(path)
            member.size, member.type = len(data), kind
            archive.addfile(member, io.BytesIO(data))
    return io.BytesIO(out.getvalue())


def test_the_manifest() -> None:
    found = packages.manifest(packed([("package/a.json", VALUE_SET), ("package/package.json", MANIFEST)]))
    assert (found.name, found.version, found.canonical) == ("example.ig", "1.2.0", "http://example.org/ig")
    assert found.fhir_versions == ("4.0.1",)
    assert found.dependencies == {"hl7.fhir.r4.core": "4.0.1"}


def test_the_resources_of_its_main_folder_only() -> None:
    stream = packed(
        [
            ("package/package.json", MANIFEST),
            ("package/.index.json", {"files": []}),
            ("package/ValueSet-a.json", VALUE_SET),
            ("package/broken.json", b"{"),
            ("package/other.txt", b"no"),
            ("package/example/Patient-b.json", {"resourceType": "Patient"}),
            ("other/ValueSet-c.json", VALUE_SET),
        ]
    )
    found = list(packages.resources(stream))
    assert [place for place, _ in found] == ["package/ValueSet-a.json", "package/broken.json"]
    assert found[0][1] == VALUE_SET
    assert isinstance(found[1][1], Problem)


@pytest.mark.parametrize("path", ["../evil.json", "/etc/x.json", "package/../../x.json", "a\\..\\x.json"])
def test_a_path_that_leads_outside_refuses_the_whole(path: str) -> None:
    with pytest.raises(Problem) as refused:
        list(packages.resources(packed([(path, VALUE_SET)])))
    assert refused.value.kind == "invalid" and refused.value.issues[0].fr


def test_a_link_refuses_the_whole() -> None:
    with pytest.raises(Problem, match="no plain file"):
        list(packages.resources(packed([("package/a.json", b"")], tarfile.SYMTYPE)))


@pytest.mark.parametrize("bounds", [Bounds(total=5_000), Bounds(members=1), Bounds(member=10)])
def test_bounds(bounds: Bounds) -> None:
    rows = [("package/a.json", VALUE_SET), ("package/b.json", b" " * 20_000)]
    with pytest.raises(Problem) as refused:
        list(packages.resources(packed(rows), bounds))
    assert refused.value.kind == "too-costly"


@pytest.mark.parametrize(
    "data",
    [b"", b"not an archive", gzip.compress(b"not a tar" * 200), packed([("a", b"x" * 9000)]).getvalue()[:60]],
    ids=["nothing", "words", "no tar", "cut short"],
)
def test_what_is_no_archive(data: bytes) -> None:
    with pytest.raises(Problem) as refused:
        packages.manifest(io.BytesIO(data))
    assert refused.value.kind == "structure"


@pytest.mark.parametrize(
    "manifest", [{}, {"name": "x"}, {"name": "", "version": "1"}, {"name": 1, "version": 2}]
)
def test_a_manifest_without_name_and_version(manifest: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        packages.manifest(packed([("package/package.json", manifest)]))
    assert refused.value.kind == "required"


def test_versions_sort_as_people_mean_them() -> None:
    versions = ["2.0.0", "1.10.0", "1.2.0", "2.0.0-ballot", "2.0.0-ballot2", "0.9", "2.0.1"]
    expected = ["0.9", "1.2.0", "1.10.0", "2.0.0-ballot", "2.0.0-ballot2", "2.0.0", "2.0.1"]
    assert sorted(versions, key=version_key) == expected


def test_canonicals_find_the_version_asked_or_the_latest() -> None:
    found: Canonicals[str] = Canonicals()
    for version in ("1.0.0", "1.10.0", "1.2.0", "2.0.0-ballot"):
        found.add("http://example.org/p", version, version)
    assert found.find("http://example.org/p|1.2.0") == "1.2.0"
    assert found.find("http://example.org/p|1") == "1.10.0"
    assert found.find("http://example.org/p") == "2.0.0-ballot"
    assert found.find("http://example.org/p#part") == "2.0.0-ballot"
    assert found.find("http://example.org/p|3") is None
    assert found.find("http://example.org/q") is None
    assert len(found) == len(list(found)) == 4
    found.add("http://example.org/q", "9" * 5_000, "long")
    assert found.find("http://example.org/q") == "long"
