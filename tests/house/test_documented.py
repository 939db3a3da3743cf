"""Whatever has a public name says what it gives."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields

import click
import pytest

import aubier.cli
from aubier.referentials.signon.settings import SignonSettings
from aubier.settings import Settings, variable
from tests.house.source import Module, modules
from tests.where import ROOT

PROMISED = (
    *("up", "serve", "reset", "load", "tour", "doctor"),
    *("token", "accounts", "client", "backup", "restore"),
)
REFERENCE = ROOT / "docs" / "reference"


def undocumented(module: Module) -> Iterator[str]:
    """The public names of a module without a docstring, the module's own first."""
    if module.tree.body and not ast.get_docstring(module.tree):
        yield f"{module.place}: the module itself"
    yield from _inside(module, module.tree.body, "")


def _inside(module: Module, body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_") and node.name != "__init__":
            continue
        if not ast.get_docstring(node) and not _excused(node):
            yield f"{module.place}:{node.lineno} {prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _inside(module, node.body, f"{prefix}{node.name}.")


def _excused(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """A constructor without arguments of its own to explain is described by its class."""
    return node.name == "__init__"


def test_every_public_name_is_documented() -> None:
    missing = [name for module in modules() for name in undocumented(module)]
    assert not missing, "\n".join(missing)


def test_every_room_says_what_it_is() -> None:
    silent = [
        module.place
        for module in modules()
        if module.package and module.name != "aubier" and not ast.get_docstring(module.tree)
    ]
    assert not silent, "\n".join(silent)


def test_every_setting_is_in_the_reference() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    missing = [row.name for row in fields(Settings) if f"`{variable(row.name)}`" not in page]
    assert not missing


def test_every_setting_is_read_by_something() -> None:
    names = {row.name for row in fields(Settings)}
    read = {
        value
        for module in modules()
        if module.name != "aubier.settings"
        for node in ast.walk(module.tree)
        for value in _words(node)
    }
    read |= {f"signon_{row.name}" for row in fields(SignonSettings)}
    assert not names - read, "settings that change nothing"


def _words(node: ast.AST) -> Iterator[str]:
    """Attribute names, keyword names and texts: the ways a setting may be named."""
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def commands() -> dict[str, click.Command]:
    """Every command of `aubier`, by its words."""
    found: dict[str, click.Command] = {}

    def walk(command: click.Command, words: str) -> None:
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                walk(inner, f"{words} {name}")
        else:
            found[words] = command

    program = getattr(aubier.cli, "main", None)
    if isinstance(program, click.Command):
        walk(program, "aubier")
    return found


@pytest.mark.parametrize("name", PROMISED)
def test_the_commands_that_are_promised_exist(name: str) -> None:
    assert any(f"{words} ".startswith(f"aubier {name} ") for words in commands())


def test_every_command_and_option_is_documented() -> None:
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    missing = [words for words, command in commands().items() if not command.help or f"`{words}`" not in page]
    missing += [
        f"{words} {option.opts[0]}"
        for words, command in commands().items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert not missing


def test_the_version_has_its_entry_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(version)}\b", changes, re.MULTILINE)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    page = (ROOT / "docs" / "design" / "dependencies.md").read_text(encoding="utf-8")
    names = [re.split(r"[<>=~ \[]", line)[0] for line in wanted]
    assert not [name for name in names if f"| {name} |" not in page]


def test_the_pages_that_a_newcomer_looks_for_are_there() -> None:
    for name in ("README.md", "GLOSSARY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/honesty.md", "LICENSE"):
        assert (ROOT / name).stat().st_size > 500, name
