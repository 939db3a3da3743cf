"""The finished cells of a run, kept as they come: a run that was stopped goes on from there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure to find: a row of a workload, of a server and of who asks, at so many connections, once."""

    server: str
    mode: str
    workload: str
    name: str
    connections: int
    run: int

    @property
    def key(self) -> str:
        """Its name in the file."""
        return json.dumps([self.server, self.mode, self.workload, self.name, self.connections, self.run])


class Journal:
    """A file of one JSON line per finished cell, after one that says what the run is.

    A line counts when it is whole; each is on the disk before the next cell begins.
    """

    def __init__(self, place: Path, about: dict[str, Any], *, fresh: bool = False) -> None:
        """Opens what is there if it is of the same run (`about`), else begins anew; `kept` says which."""
        place.parent.mkdir(parents=True, exist_ok=True)
        self._place = place
        self.cells: dict[str, dict[str, Any]] = {}
        self.kept = False
        if not fresh:
            self._read(about)
        if not self.kept:
            self.cells = {}
            place.write_text(json.dumps(about) + "\n", "utf-8")

    def _read(self, about: dict[str, Any]) -> None:
        if not self._place.exists():
            return
        text = self._place.read_text("utf-8")
        whole, _, torn = text.rpartition("\n")
        lines = whole.split("\n")
        try:
            self.kept = json.loads(lines[0]) == json.loads(json.dumps(about))
            rows = [json.loads(line) for line in lines[1:]] if self.kept else []
        except ValueError:
            self.kept = False
            return
        self.cells = {row["cell"]: row["figures"] for row in rows}
        if self.kept and torn:
            self._place.write_text(whole + "\n", "utf-8")

    def __contains__(self, cell: Cell) -> bool:
        return cell.key in self.cells

    def keep(self, cell: Cell, figures: dict[str, Any]) -> None:
        """Adds a finished cell."""
        self.cells[cell.key] = figures
        with self._place.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"cell": cell.key, "figures": figures}) + "\n")
            out.flush()
            os.fsync(out.fileno())

    def rows(self) -> list[dict[str, Any]]:
        """Every finished cell with its figures."""
        names = ("server", "mode", "workload", "name", "connections", "run")
        return [
            {**dict(zip(names, json.loads(k), strict=True)), **figures} for k, figures in self.cells.items()
        ]
