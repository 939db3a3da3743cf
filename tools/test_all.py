"""Runs every family of tests whole, one after the other, and goes on where it was interrupted.

A family that passed is noted under `.build/test-all/` with the state of the sources; it runs again only
when the sources changed. `python tools/test_all.py contract journeys` runs these only.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DONE = ROOT / ".build" / "test-all"
FAMILIES = ("house", "unit", "fuzz", "docs", "spec", "contract", "journeys", "browser")
_NOTHING_COLLECTED = 5


def state() -> str:
    """A digest of every file that the tests depend on."""
    digest = hashlib.sha256()
    for folder in ("src", "tests", "tools", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def run(family: str, now: str) -> bool:
    """Whether the family passes, now or before on the same sources."""
    note = DONE / family
    if note.exists() and note.read_text() == now:
        print(f"== {family}: passed before on the same sources", flush=True)
        return True
    print(f"== {family}", flush=True)
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-q"]
    command += ["-m", "not chaos", f"tests/{family}"]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"== {family}: {time.monotonic() - begun:.0f} s", flush=True)
    if code not in (0, _NOTHING_COLLECTED):
        return False
    DONE.mkdir(parents=True, exist_ok=True)
    note.write_text(now)
    return True


def main() -> int:
    """0 when every family passed."""
    now = state()
    failed = [family for family in sys.argv[1:] or FAMILIES if not run(family, now)]
    print(f"== failed: {' '.join(failed)}" if failed else "== every family passed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
