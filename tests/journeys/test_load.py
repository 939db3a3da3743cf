"""`aubier load`: files, folders, NDJSON, Bundles and directory extracts."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from aubier.sandbox.extracts import write_extract
from tests.journeys.running import COMMAND, Running, environment, run
from tests.unit.fhir.test_packages import packed
from tests.where import SHARED

GOOD = {"resourceType": "Basic", "id": "load-1", "code": {"text": "un"}}
BAD = {"resourceType": "Basic", "id": "load-2", "code": "not a concept"}


def _written(place: Path, *rows: Any) -> Path:
    place.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return place


def _admin(instance: Running) -> str:
    return instance.token("admin", "system/*.cruds")


def test_a_file(instance: Running, tmp_path: Path) -> None:
    file = _written(tmp_path / "one.json", {**GOOD, "extension": [{"url": "urn:x", "valueDecimal": 1}]})
    file.write_text(file.read_text().replace('"valueDecimal": 1', '"valueDecimal": 1.10'))
    done = run("load", str(file), data=instance.data)
    assert (done.returncode, done.stdout) == (0, "1 created, 0 updated, 0 unchanged, 0 refused\n")
    again = run("load", str(file), data=instance.data)
    assert "0 created, 0 updated, 1 unchanged" in again.stdout
    status, found = instance.ask("/fhir/Basic/load-1", token=_admin(instance))
    assert status == 200 and b"1.10" in found


def test_ndjson_with_some_refused(instance: Running, tmp_path: Path) -> None:
    rows = [{**GOOD, "id": f"nd-{n}"} for n in range(1500)]
    file = _written(tmp_path / "many.ndjson", *rows[:700], BAD, "{nonsense", "", *rows[700:], "[]", '"x"')
    done = run("load", str(file), data=instance.data)
    assert done.returncode == 1
    assert "1500 created, 0 updated, 0 unchanged, 4 refused" in done.stdout
    told = [line for line in done.stdout.splitlines() if line.startswith(f"  {file}:")]
    assert [line.split(":")[1].split()[0] for line in told][:2] == ["701", "702"]
    assert "Basic.code" in told[0]
    status, found = instance.ask(
        "/fhir/Basic?_total=accurate&_count=1&_id=nd-0,nd-1499", token=_admin(instance)
    )
    assert (status, json.loads(found)["total"]) == (200, 2)


def test_a_folder_in_french(instance: Running, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    _written(tmp_path / "deep" / "a.json", {**GOOD, "id": "deep-1"})
    _written(tmp_path / "b.ndjson", {**GOOD, "id": "deep-2"}, BAD)
    (tmp_path / "notes.txt").write_text("not for us")
    done = run("load", str(tmp_path), data=instance.data, environ={"AUBIER_LANGUAGE": "fr"})
    assert done.returncode == 1
    assert "2 créées, 0 mise à jour, 0 inchangée, 1 refusée" in done.stdout


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"resourceType":"Nothing"}',
        *(pytest.param(text, marks=pytest.mark.whole) for text in ("", "[]", '{"a":1,"a":2}', "\ufeff")),
    ],
)
def test_what_is_no_fhir_is_refused_with_a_reason(instance: Running, tmp_path: Path, content: str) -> None:
    file = _written(tmp_path / "odd.json", content)
    done = run("load", str(file), data=instance.data)
    assert done.returncode == 1
    assert "1 refused" in done.stdout and str(file) in done.stdout
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there(instance: Running, tmp_path: Path) -> None:
    done = run("load", str(tmp_path / "none.json"), data=instance.data)
    assert done.returncode == 2 and "none.json" in done.stderr


def test_a_transaction_bundle_keeps_its_own_references(instance: Running, tmp_path: Path) -> None:
    person, weight = "6f1c3c5e-0000-4000-8000-000000000001", "6f1c3c5e-0000-4000-8000-000000000002"
    patient = {"resourceType": "Patient", "name": [{"family": "Lot"}]}
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Poids"},
        "subject": {"reference": f"urn:uuid:{person}"},
    }
    entries = [
        {"fullUrl": f"urn:uuid:{n}", "resource": r, "request": {"method": "POST", "url": r["resourceType"]}}
        for n, r in ((person, patient), (weight, observation))
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    done = run("load", str(_written(tmp_path / "lot.json", bundle)), data=instance.data)
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "2 created"), done.stdout
    path = f"/fhir/Observation?subject=Patient/{person}"
    status, found = instance.ask(path, token=_admin(instance))
    assert status == 200
    assert [e["resource"]["id"] for e in json.loads(found)["entry"]] == [weight]


def test_references_by_criteria_wait_for_what_they_name(instance: Running, tmp_path: Path) -> None:
    """As generators of records write them: patients before their hospitals, named by identifiers."""
    system = "urn:oid:1.2.3.4.5"

    def bundle(name: str, *rows: dict[str, Any]) -> None:
        entries = [{"resource": r, "request": {"method": "POST", "url": r["resourceType"]}} for r in rows]
        _written(tmp_path / name, {"resourceType": "Bundle", "type": "transaction", "entry": entries})

    def visit(logical: str, value: str) -> dict[str, Any]:
        row = {"resourceType": "Encounter", "id": logical, "status": "finished", "class": {"code": "AMB"}}
        return {**row, "serviceProvider": {"reference": f"Organization?identifier={system}|{value}"}}

    hospital = {"resourceType": "Organization", "id": "by-criteria", "name": "CHU"}
    bundle("a.json", visit("criteria-1", "chu"), visit("criteria-2", "chu"))
    bundle("b.json", visit("criteria-3", "nobody"), {**GOOD, "id": "beside"})
    bundle("z.json", {**hospital, "identifier": [{"system": system, "value": "chu"}]})
    done = run("load", str(tmp_path), data=instance.data)
    assert (done.returncode, "4 created, 0 updated, 0 unchanged, 1 refused" in done.stdout) == (1, True)
    assert f"Organization?identifier={system}|nobody" in done.stdout and "b.json#0" in done.stdout
    path = "/fhir/Encounter?service-provider=Organization/by-criteria"
    status, found = instance.ask(path, token=_admin(instance))
    assert status == 200
    ids = sorted(e["resource"]["id"] for e in json.loads(found)["entry"])
    assert ids == ["criteria-1", "criteria-2"]


def test_lines_may_name_by_criteria_too(instance: Running, tmp_path: Path) -> None:
    """As generators write them in bulk: the file of those who are named comes after those who name them."""
    system = "urn:oid:1.2.3.4.6"

    def visit(logical: str, value: str, **more: Any) -> dict[str, Any]:
        row = {"resourceType": "Encounter", "id": logical, "status": "finished", "class": {"code": "AMB"}}
        return {**row, "serviceProvider": {"reference": f"Organization?identifier={system}|{value}"}, **more}

    lines = [visit("line-1", "hosp"), visit("line-2", "nobody"), visit("line-3", "hosp", zzz=1), "{nonsense"]
    _written(tmp_path / "Encounter.ndjson", *lines, visit("line-4", "hosp"))
    hospital = {"resourceType": "Organization", "id": "by-line", "name": "CHU"}
    _written(
        tmp_path / "Organization.ndjson", {**hospital, "identifier": [{"system": system, "value": "hosp"}]}
    )
    done = run("load", str(tmp_path), data=instance.data)
    assert (done.returncode, "3 created, 0 updated, 0 unchanged, 3 refused" in done.stdout) == (1, True)
    told = sorted(line for line in done.stdout.splitlines() if "Encounter.ndjson:" in line)
    assert "Encounter.ndjson:2" in told[0] and f"Organization?identifier={system}|nobody" in told[0]
    assert "Encounter.ndjson:3" in told[1] and "zzz" in told[1] and "Encounter.ndjson:4" in told[2]
    path = "/fhir/Encounter?service-provider=Organization/by-line"
    _, found = instance.ask(path, token=_admin(instance))
    assert sorted(e["resource"]["id"] for e in json.loads(found)["entry"]) == ["line-1", "line-4"]


def test_a_directory_extract(instance: Running, tmp_path: Path) -> None:
    write_extract(tmp_path / "extract", 300, seed="load", stamp="202611220000")
    done = run("load", str(tmp_path / "extract"), data=instance.data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lines in" in done.stdout and "0 left out" in done.stdout
    assert "PractitionerRole" in done.stdout
    again = run("load", str(tmp_path / "extract"), data=instance.data)
    assert again.returncode == 0, again.stdout + again.stderr


def _package(place: Path, version: str) -> Path:
    """A package of published definitions, made as publishers make them."""
    manifest = {"name": "ans.fhir.fr.pdsm", "version": version, "fhirVersions": ["4.0.1"]}
    published = sorted((SHARED / "fixtures/pdsm-3.1.1/conformance").glob("*"))
    rows: list[tuple[str, Any]] = [("package/package.json", manifest), ("package/Basic-x.json", GOOD)]
    rows += [(f"package/{p.name}", p.read_bytes()) for p in published]
    place.write_bytes(packed(rows).getvalue())
    return place


def test_a_package_twice_with_another_version_beside(instance: Running, tmp_path: Path) -> None:
    url = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-folder-comprehensive"
    older = {
        "resourceType": "StructureDefinition",
        "id": "pdsm-folder-comprehensive",
        "url": url,
        "name": "F",
    }
    older |= {"status": "active", "kind": "resource", "abstract": False, "type": "List"}
    rows = [("package/package.json", {"name": "older", "version": "1.1.0"}), ("package/p.json", older)]
    (tmp_path / "older.tgz").write_bytes(packed(rows).getvalue())
    files = [str(_package(tmp_path / "pdsm.tgz", "3.1.1")), str(tmp_path / "older.tgz")]
    first = run("load", *files, data=instance.data)
    assert first.returncode == 0, first.stdout
    assert "ans.fhir.fr.pdsm 3.1.1: 14 created, 0 updated, 0 unchanged, 0 refused" in first.stdout
    assert "older 1.1.0: 1 created" in first.stdout
    assert "left out, without canonical URL: 1 Basic" in first.stdout
    assert "stored as it is, 1 definition:" in first.stdout
    again = run("load", *files, data=instance.data)
    assert all(f" 0 updated, {n} unchanged, 0 refused" in again.stdout for n in (1, 14))
    for query, count in ((f"url={url}", 2), (f"url={url}&version=1.1.0", 1), (f"url={url}&version=3.1.1", 1)):
        status, found = instance.ask(f"/fhir/StructureDefinition?{query}", token=_admin(instance))
        assert (status, len(json.loads(found)["entry"])) == (200, count)


def test_a_package_for_another_release(instance: Running, tmp_path: Path) -> None:
    manifest = {"name": "x", "version": "1", "fhirVersions": ["5.0.0"]}
    (tmp_path / "r5.tgz").write_bytes(packed([("package/package.json", manifest)]).getvalue())
    refused = run("load", str(tmp_path / "r5.tgz"), data=instance.data)
    assert refused.returncode == 8 and "FHIR 5.0.0" in refused.stderr


def _in_parts(place: Path, number: int) -> Path:
    return _written(place, *({**GOOD, "id": f"part-{n}"} for n in range(number)))


@pytest.mark.whole
@pytest.mark.parametrize("order", [signal.SIGKILL, signal.SIGINT])
def test_a_load_that_is_ended_leaves_nobody_behind_and_goes_on(
    instance: Running, tmp_path: Path, order: signal.Signals
) -> None:
    """Its processes end with it, whatever ends it; started again, it brings what was missing."""
    file = _in_parts(tmp_path / "many.ndjson", 6000)
    words = ["load", str(file), "--processes", "2", "--data", str(instance.data)]
    with subprocess.Popen(
        [*COMMAND, *words], env=environment(), stdout=subprocess.PIPE, text=True
    ) as under_way:
        assert under_way.stdout
        assert "resources read" in under_way.stdout.readline()
        children = _children(under_way.pid)
        under_way.send_signal(order)
        under_way.wait(20)
    assert len(children) == 2
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}/stat").exists() for pid in children):
        assert time.monotonic() < until, "a process of the load goes on without it"
        time.sleep(0.02)
    done = run("load", str(file), "--processes", "2", data=instance.data)
    assert done.returncode == 0, done.stdout + done.stderr
    created, _, unchanged = (int(word) for word in re.findall(r"(\d+) (?:cr|up|un)", done.stdout))
    assert created + unchanged == 6000 and unchanged


def _children(pid: int) -> list[int]:
    """The numbers of the processes that load for this one."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words, parent = (
                (place / "cmdline").read_bytes(),
                (place / "stat").read_text().rpartition(")")[2].split()[1],
            )
        except OSError:
            continue
        if int(parent) == pid and b"loading.worker" in words:
            found.append(int(place.name))
    return found
