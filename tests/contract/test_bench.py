"""The bench runs, judges, saves, and goes on where it was stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import machine
from bench.options import WORKLOADS

from tests.where import ROOT

FEW = ["--quick", "--patients", "20", "--seconds", "1", "--servers", "aubier", "--connections", "2"]
FEW += ["--day", "2", "--soak", "2", "--rate", "5"]


def _bench(home: Path, *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "bench",
        *FEW,
        "--home",
        str(home),
        "--into",
        str(home / "results"),
        *more,
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.whole
def test_a_run_that_is_stopped_goes_on_and_every_row_passes_the_gate(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    first = _bench(tmp_path)
    assert first.stderr
    for line in first.stderr:
        if "run 1" in line and "search" in line:
            break
    os.kill(first.pid, signal.SIGINT)
    first.communicate(timeout=60)
    assert first.returncode
    kept = (tmp_path / "20" / "cells.ndjson").read_text().splitlines()[1:]
    (page,) = (tmp_path / "results").glob("*.md")
    assert "What the machine can do" in page.read_text(), "what is finished is shown at a stop too"
    second = _bench(tmp_path)
    said, progress = second.communicate(timeout=560)
    assert second.returncode == 0, progress
    assert f"going on: {len(kept)} cells are finished" in progress
    (data,) = (tmp_path / "results").glob("*.json")
    results = json.loads(data.read_text())
    faults = {(r["mode"], r["name"]): r["fault"] for r in results["cells"] if r.get("fault")}
    assert not faults
    assert {r["workload"] for r in results["cells"]} == set(WORKLOADS)
    assert "What the machine can do" in said and results["commit"] in data.name
    for line in kept:
        assert json.loads(line)["figures"].items() <= _cell(results, json.loads(line)["cell"]).items()


def _cell(results: dict[str, list[dict[str, object]]], key: str) -> dict[str, object]:
    names = ("server", "mode", "workload", "name", "connections", "run")
    wanted = dict(zip(names, json.loads(key), strict=True))
    (found,) = [row for row in results["cells"] if wanted.items() <= row.items()]
    return found


def test_the_disk_is_asked_truly(tmp_path: Path) -> None:
    assert 0 < machine.fsync_seconds(tmp_path, 0.1) < 1
    assert not list(tmp_path.iterdir())


_SERVES = """
import sys, time
from pathlib import Path
from bench.servers.server import Process, free_port
port = free_port()
command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
process = Process(command, port, "/", {}, Path(sys.argv[1]))
process.start()
print(process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_who_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SERVES, str(tmp_path / "log")]
    bench = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}, stdout=subprocess.PIPE
    )
    assert bench.stdout
    child = int(bench.stdout.readline())
    assert machine.tree_resident(child) > 0
    bench.kill()
    bench.communicate()
    until = time.monotonic() + 30
    while machine.tree_resident(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert machine.tree_resident(child) == 0


def test_the_processor_time_and_memory_of_a_whole_tree() -> None:
    busy = "sum(i * i for i in range(2_000_000))"
    shell = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{busy}'])"
    shell += "; print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout
    child.stdout.readline()
    spent, held = machine.tree_seconds(child.pid), machine.tree_resident(child.pid)
    alone = machine.tree_private(child.pid)
    child.communicate(b"\n")
    assert spent > 0.02, "what an ended grandchild took counts"
    (name,) = alone
    assert name.endswith(f" {child.pid}") and 1 << 20 < alone[name] <= held
    assert not machine.tree_private(child.pid)
    assert held > 1 << 20 and machine.tree_resident(child.pid) == 0
