"""Where the tests find published examples and reference data."""

import os
from pathlib import Path
from typing import NoReturn, cast

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINES = ROOT / ".build" / "engine"
"""The PostgreSQL binaries that the tests' data folders share."""


class _Absent:
    """Stands for the published examples where nobody put them: what needs them is skipped, and says why."""

    def __truediv__(self, name: str) -> NoReturn:
        pytest.skip(
            f"the published examples ({name}) are not in ../shared, nor where AUBIER_TEST_SHARED says",
            allow_module_level=True,
        )


_PLACE = Path(os.environ.get("AUBIER_TEST_SHARED") or ROOT.parent / "shared")
SHARED = _PLACE if _PLACE.is_dir() else cast(Path, _Absent())
"""Published examples and reference data, never part of the project."""
