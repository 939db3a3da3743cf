"""The pages of the project lead where they say."""

import re
from pathlib import Path

import pytest

from tests.where import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken


def test_every_page_is_found_from_the_index_and_the_index_from_the_first_page() -> None:
    docs = ROOT / "docs"
    told = {
        (docs / link).resolve() for link in LINK.findall((docs / "README.md").read_text(encoding="utf-8"))
    }
    assert set(docs.rglob("*.md")) - {docs / "README.md"} <= told
    assert "docs/README.md" in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_readme_shows_commands_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = {
        word
        for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md")
        for word in re.findall(r"(?:^|`|\s)make ([a-z][a-z-]*)(?=`|\s|$)", page.read_text(encoding="utf-8"))
    }
    assert told and told <= targets
