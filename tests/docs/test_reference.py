"""The generated pages are those that the program's rows make now."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.where import ROOT


def builder() -> ModuleType:
    """`tools/build_docs.py` as a module."""
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "tools" / "build_docs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES: dict[Path, str] = builder().pages()


@pytest.mark.parametrize("place", PAGES, ids=lambda place: place.name)
def test_a_generated_page_is_up_to_date(place: Path) -> None:
    assert place.exists(), f"{place.name} is missing: run make docs"
    assert place.read_text(encoding="utf-8") == PAGES[place], f"{place.name} is out of date: run make docs"
