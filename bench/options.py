"""What is measured this time."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
WORKLOADS = ("limits", "fill", "size", "read", "search", "everything", "terminology", "export")
WORKLOADS += ("transaction", "crud", "load", "bulk", "day", "soak")
SERVERS = ("aubier", "hapi", "helios")
"""The last takes half an hour to build, so it is measured when it is asked for by name."""
MODES = ("off", "on")


@dataclass(frozen=True, slots=True)
class Options:
    """People; seconds of a run, and runs; connections at once; arrivals per second; seconds of day and soak.

    `only`, `servers` and `modes` choose among what there is; `like` among the rows, by part of their name.
    `gate` is how many questions of each shape are judged.
    """

    patients: int = 1000
    seconds: float = 10.0
    runs: int = 5
    connections: tuple[int, ...] = (1, 8, 32)
    only: tuple[str, ...] = WORKLOADS
    servers: tuple[str, ...] = SERVERS[:2]
    modes: tuple[str, ...] = MODES
    like: str = ""
    rate: float = 20.0
    day: float = 60.0
    soak: float = 900.0
    gate: int = 4

    @property
    def lasting(self) -> dict[str, Any]:
        """What must be the same for finished cells to be kept: not what was chosen to run."""
        apart = ("only", "servers", "modes", "like", "runs", "connections")
        return {k: v for k, v in asdict(self).items() if k not in apart}


QUICK = Options(patients=100, seconds=1.0, runs=1, connections=(1, 8), rate=10.0, day=5.0, soak=10.0, gate=2)


@dataclass(frozen=True, slots=True)
class Places:
    """Where results are saved and where the run lives meanwhile; `fresh` begins anew."""

    into: Path
    home: Path
    fresh: bool


def _names(among: Sequence[str]) -> Any:
    def read(text: str) -> tuple[str, ...]:
        found = tuple(part.strip() for part in text.split(",") if part.strip())
        if wrong := [name for name in found if name not in among]:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: choose among {', '.join(among)}")
        return found

    return read


def _numbers(text: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in text.split(","))
    if min(found) < 1:
        raise argparse.ArgumentTypeError("at least one connection")
    return found


_ABOUT: dict[str, tuple[Any, str]] = {
    "patients": (int, "people of the corpus, about forty resources each"),
    "seconds": (float, "of one run"),
    "runs": (int, "of each cell"),
    "connections": (_numbers, "at once, as in 1,8,32"),
    "only": (_names(WORKLOADS), f"workloads among {', '.join(WORKLOADS)}"),
    "servers": (_names(SERVERS), f"among {', '.join(SERVERS)}"),
    "modes": (_names(MODES), "off for nothing to check, on for a professional's rights; peers have no on"),
    "like": (str, "only rows whose name has this in it"),
    "rate": (float, "arrivals per second of the national day and of the soak"),
    "day": (float, "seconds of the national day"),
    "soak": (float, "seconds of the soak"),
    "gate": (int, "questions of each shape that are judged"),
}


def read(arguments: Sequence[str] | None = None) -> tuple[Options, Places]:
    """From the command line. `--quick` has small numbers; those given beside it count."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures, and saves the figures.")
    parser.add_argument("--quick", action="store_true", help="the smallest run: only shows that it works")
    parser.add_argument("--into", type=Path, default=RESULTS, help="where the results are saved")
    parser.add_argument("--home", type=Path, default=ROOT / ".build" / "bench", help="where the run lives")
    parser.add_argument("--fresh", action="store_true", help="keep no cell of an earlier run")
    for field in fields(Options):
        kind, about = _ABOUT[field.name]
        parser.add_argument(f"--{field.name}", type=kind, help=f"{about} (usually {_shown(field.default)})")
    found = vars(parser.parse_args(arguments))
    given = {f.name: found[f.name] for f in fields(Options) if found[f.name] is not None}
    base = asdict(QUICK if found["quick"] else Options())
    return Options(**{**base, **given}), Places(found["into"], found["home"].absolute(), found["fresh"])


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
