"""The bench runs, and saves what it says it saves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench import client, machine

from tests.where import ROOT

SCENARIOS = {"hello", "read off", "read on", "search off", "search on", "create off", "create on"}


@pytest.mark.whole
def test_the_quick_bench_measures_every_scenario_and_saves_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--into", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (data,) = tmp_path.glob("*.json")
    results = json.loads(data.read_text())
    assert results["http"].keys() >= SCENARIOS
    assert all(run["requests"] and not run["refused"] for runs in results["http"].values() for run in runs)
    assert all(row["copy"]["rate"] > row["off"]["rate"] > 100 for row in results["bulk"])
    (page,) = tmp_path.glob("*.md")
    assert "of hello-world" in page.read_text() and results["commit"] in page.name


def test_the_disk_is_asked_truly(tmp_path: Path) -> None:
    assert 0 < machine.fsync_seconds(tmp_path, 0.1) < 1
    assert not list(tmp_path.iterdir())


def test_latencies_are_read_at_their_place() -> None:
    times = [n / 1000 for n in range(1, 101)]
    assert [client._percentile(times, p) for p in (50, 95, 99)] == [51.0, 96.0, 100.0]
