"""Writes the reference pages that are made from the program's own rows: `make docs`.

A test compares what is written with what this makes, so the pages cannot fall behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from aubier.settings import Settings, variable

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
_KINDS = {bool: "yes or no", int: "number"}


def settings_page() -> str:
    """`settings.md`: one line per setting."""
    lines = [
        "# Settings",
        "",
        "Read from the environment when Aubier starts; an option on the command line comes first.",
        "A wrong value stops the start with a sentence. Made by `make docs` from `src/aubier/settings.py`.",
        "",
        "| setting | variable | default | unit | what it does |",
        "|---|---|---|---|---|",
    ]
    for row in fields(Settings):
        unit = (
            row.metadata["unit"]
            or _choices(row.metadata.get("among"))
            or _KINDS.get(type(row.default), "text")
        )
        shown = _value(row.default)
        lines.append(
            f"| `{row.name}` | `{variable(row.name)}` | {shown} | {unit} | {row.metadata['about']} |"
        )
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """`commands.md`: one section per command of `aubier`, with its options."""
    lines = ["# Commands", "", "Written by `make docs` from the commands themselves.", ""]
    for path, command in _commands(_program(), ("aubier",)):
        lines += [f"## `{' '.join(path)}`", "", command.help or "", ""]
        rows = [_option(option) for option in command.params if not getattr(option, "hidden", False)]
        if rows:
            lines += ["| option | default | what it does |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def pages() -> dict[Path, str]:
    """Every generated page: its place and its text."""
    return {REFERENCE / "settings.md": settings_page(), REFERENCE / "commands.md": commands_page()}


def _program() -> click.Command | None:
    """The `aubier` command: what the script of the package runs."""
    import aubier.cli as cli

    main = getattr(cli, "main", None)
    return main if isinstance(main, click.Command) else getattr(cli, "program", None)


def _commands(
    command: click.Command | None, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _commands(inner, (*path, name))
    elif command and not command.hidden:
        yield path, command


def _option(option: click.Parameter) -> str:
    names = ", ".join(option.opts) if isinstance(option, click.Option) else option.human_readable_name
    about = getattr(option, "help", None) or ""
    default = option.default if isinstance(option.default, str | int | Path) else ""
    return f"| `{names}` | {_value(default)} | {about} |"


def _value(value: Any) -> str:
    if value in ("", None):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _choices(among: tuple[str, ...] | None) -> str:
    return ", ".join(among or ())


def main() -> None:
    """Write every page that changed, and say which."""
    for place, text in pages().items():
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
            sys.stdout.write(f"written {place.relative_to(REFERENCE.parents[1])}\n")


if __name__ == "__main__":
    main()
