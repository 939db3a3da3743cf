"""Looks for inputs that break our readers, led by which code each input reaches. `make fuzz` runs it.

`python tools/fuzz.py --seconds 60 json xml` gives each of these targets a minute (default: every target).
What is learnt is kept under `.cache/fuzz/<target>`, outside git, and the next run goes on from there. An
input that breaks a target is kept under `.cache/fuzz/found` and shown; `--again FILE TARGET` runs a target on
it once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".cache" / "fuzz"
LARGEST = 16_384
SLOWEST = 20
"""Seconds after which an input counts as a hang."""
_BROKEN = 77


def targets() -> dict[str, object]:
    """The readers under trial, by name; without the fuzzing library, for it must see them being imported."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    found = importlib.import_module("tests.fuzz.targets").TARGETS
    return {target.name: target for target in found}


def fuzz(name: str, arguments: list[str]) -> None:
    """Runs one target until its time is over or an input breaks it. Never returns: the library ends it."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["aubier"], enable_loader_override=False):
        target = targets()[name]
    mutated = importlib.import_module("tests.fuzz.mutation").mutated
    seeds = KEPT / name
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):  # type: ignore[attr-defined]
        (seeds / f"seed-{number}").write_bytes(seed)

    def change(data: bytes, most: int, chance: int) -> bytes:
        """Half the time as the grammar's words suggest, else as the library does."""
        if chance % 2:
            return bytes(atheris.Mutate(data, most))
        return bytes(mutated(Random(chance), [data], target.words)[:most])  # type: ignore[attr-defined]

    atheris.Setup(
        [sys.argv[0], *arguments, str(seeds)],
        target.run,  # type: ignore[attr-defined]
        custom_mutator=change,
        internal_libfuzzer=True,
    )
    atheris.Fuzz()


def one(name: str, seconds: int) -> bool:
    """Whether a target holds, in a process of its own."""
    found = KEPT / "found"
    found.mkdir(parents=True, exist_ok=True)
    words = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", f"-timeout={SLOWEST}", "-rss_limit_mb=2048"]
    words += [f"-error_exitcode={_BROKEN}", f"-artifact_prefix={found / name}-", "-print_final_stats=1"]
    print(f"== {name}: {seconds} s", flush=True)
    done = subprocess.run(
        [sys.executable, __file__, "--inside", name, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    told = done.stdout.splitlines()
    if done.returncode == 0:
        print("\n".join(line for line in told if line.startswith("Done ")), flush=True)
        return True
    print("\n".join(told[-60:]), flush=True)
    print(f"== {name} is broken by the newest file of {found}", flush=True)
    return False


def again(name: str, path: Path) -> None:
    """Runs a target once on what is kept in a file: what breaks it shows its trace."""
    targets()[name].run(path.read_bytes())  # type: ignore[attr-defined]
    print(f"{name} holds on {path}")


def main() -> int:
    """0 when no target was broken."""
    if sys.argv[1:2] == ["--inside"]:
        fuzz(sys.argv[2], sys.argv[3:])
    reading = argparse.ArgumentParser(description="Fuzzing of every reader, led by coverage.")
    reading.add_argument("targets", nargs="*", help="names of targets (default: all)")
    reading.add_argument("--seconds", type=int, default=60, help="how long each is tried")
    reading.add_argument("--again", type=Path, help="run the one target named on this file, once")
    asked = reading.parse_args()
    known = targets()
    if unknown := [name for name in asked.targets if name not in known]:
        reading.error(f"no target {', '.join(unknown)}; there are {', '.join(known)}")
    if asked.again:
        again(asked.targets[0], asked.again)
        return 0
    try:
        importlib.import_module("atheris")
    except ImportError:
        print("atheris is not there for this Python: install the extra 'fuzz' under CPython 3.11 on Linux")
        return 1 if os.environ.get("CI") == "true" else 0
    broken = [name for name in asked.targets or known if not one(name, asked.seconds)]
    print(f"== broken: {' '.join(broken)}" if broken else "== every target held")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
