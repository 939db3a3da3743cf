"""The scripts that set up and check the project are well formed and may be run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.where import ROOT

SCRIPTS = (ROOT / ".ci" / "run", ROOT / "tools" / "system_packages", ROOT / "tools" / "lock")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_can_be_run_and_stops_at_the_first_fault(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_says_what_can_be_made() -> None:
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.returncode == 0
    for target in ("demo", "test", "test-all", "lint", "bench", "docs", "clean"):
        line = next(line for line in shown.stdout.splitlines() if line.split()[1:2] == [target])
        assert len(line.split()) > 4, "a target says what it does"


def test_without_chromium_nor_right_one_sentence_says_it(tmp_path: Path) -> None:
    for name in ("bash", "id", "env"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    run = [str(ROOT / "tools" / "system_packages")]
    calm = subprocess.run(run, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert calm.returncode == 0
    assert calm.stdout.startswith("Missing, and not to be installed from here: chromium ")
    assert "apt-get install chromium" in calm.stdout
    strict = {"PATH": str(tmp_path), "CI": "true"}
    assert subprocess.run(run, env=strict, capture_output=True, check=False).returncode == 1
