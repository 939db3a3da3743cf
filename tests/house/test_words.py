"""What must not be written anywhere in the project."""

import re
from pathlib import Path

import pytest

from tests.house.source import tracked
from tests.where import ROOT

EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "misc", "lib"}
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".lock",
    ".txt",
    ".html",
    ".css",
    ".js",
    ".svg",
    ".csv",
    ".json",
    ".sql",
    ".sh",
    "",
}

# A place on somebody's machine: a folder of one person, of root, of a build machine.
MACHINE = re.compile(r"(?<![\w.:/-])/(?:root|work|home/\w+|Users/\w+|opt/\w+|mnt/\w+)/\S*")
# Where packages happen to come from is the business of whoever installs.
HOSTS = re.compile(
    r"\b(?:pypi|test\.pypi|pythonhosted|files\.pythonhosted|registry\.npmjs|registry\.yarnpkg|deb\.debian"
    r"|security\.debian|crates|proxy\.golang|rubygems)\.(?:org|com|io)\b",
    re.IGNORECASE,
)
# What a merge leaves where nobody chose.
MERGE = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def texts() -> list[tuple[Path, str]]:
    """The text files of the project, but the licence and this list."""
    apart = {ROOT / "LICENSE", Path(__file__)}
    chosen = [path for path in tracked() if path.suffix in TEXT and path not in apart]
    return [(path, path.read_text(encoding="utf-8")) for path in chosen]


@pytest.mark.parametrize("pattern", [MACHINE, HOSTS], ids=["machine paths", "registry hosts"])
def test_the_project_says_nothing_of_the_machine_it_was_made_on(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for path, text in texts()
        for match in pattern.finditer(text)
    ]
    assert not found, "\n".join(found[:40])


def test_nothing_is_left_of_a_merge() -> None:
    assert not [str(path.relative_to(ROOT)) for path, text in texts() if MERGE.search(text)]
    assert MERGE.search("a\n<<<<<<< here\n")


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("see /work" + "/main/x", True),
        ("/home" + "/ana/x", True),
        ("https://example.org/home" + "/page/x", False),
        ("a/root" + "/b", False),
        ('href="/work' + '/list"', True),
    ],
)
def test_the_pattern_of_a_machine_path(text: str, caught: bool) -> None:
    assert bool(MACHINE.search(text)) is caught


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lists_of_exact_versions_name_no_host(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|@ ", text)
    pinned = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
    assert len(pinned) > 15
    assert text.count("--hash=sha256:") >= len(pinned)


def test_the_two_lists_agree() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))

    running, testing = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: testing.get(name) for name in running} == running


def test_a_thing_lives_where_its_name_says() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if EMPTY_NAMES & {*path.relative_to(ROOT).parts[:-1], path.stem} and path.suffix in ("", ".py")
    ]
    assert not found, "\n".join(found)
