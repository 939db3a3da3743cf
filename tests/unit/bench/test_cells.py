"""A run that was stopped goes on; one of something else begins anew."""

import json
from pathlib import Path

import pytest
from bench.cells import Cell, Journal

ABOUT = {"commit": "abc", "options": {"patients": 10, "connections": [1, 8]}}
FIRST = Cell("aubier", "on", "search", "patients by name", 8, 0)
SECOND = Cell("aubier", "on", "search", "patients by name", 8, 1)


def test_finished_cells_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run" / "cells", ABOUT)
    assert FIRST not in journal and not journal.kept
    journal.keep(FIRST, {"rate": 5.0})
    again = Journal(tmp_path / "run" / "cells", ABOUT)
    assert again.kept and FIRST in again and SECOND not in again
    again.keep(SECOND, {"rate": 6.0})
    rows = Journal(tmp_path / "run" / "cells", ABOUT).rows()
    assert [(r["server"], r["run"], r["rate"]) for r in rows] == [("aubier", 0, 5.0), ("aubier", 1, 6.0)]


@pytest.mark.parametrize("torn", ['{"cell": "x", "fig', "{", "\x00"])
def test_a_line_that_was_not_finished_does_not_count(tmp_path: Path, torn: str) -> None:
    place = tmp_path / "cells"
    Journal(place, ABOUT).keep(FIRST, {"rate": 5.0})
    with place.open("a") as out:
        out.write(torn)
    again = Journal(place, ABOUT)
    assert list(again.cells) == [FIRST.key]
    again.keep(SECOND, {"rate": 6.0})
    assert len(Journal(place, ABOUT).cells) == 2


@pytest.mark.parametrize(
    "other",
    [{**ABOUT, "commit": "abd"}, {"commit": "abc", "options": {"patients": 11, "connections": [1, 8]}}],
)
def test_cells_of_another_run_are_not_mixed_in(tmp_path: Path, other: dict[str, object]) -> None:
    place = tmp_path / "cells"
    Journal(place, ABOUT).keep(FIRST, {"rate": 5.0})
    assert not Journal(place, other).cells
    assert json.loads(place.read_text()) == other


def test_one_may_begin_anew(tmp_path: Path) -> None:
    Journal(tmp_path / "cells", ABOUT).keep(FIRST, {"rate": 5.0})
    assert not Journal(tmp_path / "cells", ABOUT, fresh=True).cells
    assert not Journal(tmp_path / "cells", ABOUT).cells


def test_a_file_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "cells").write_text("not a run\n")
    assert not Journal(tmp_path / "cells", ABOUT).cells
