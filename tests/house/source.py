"""The program read as text: its modules, what they import, how long they are."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.where import ROOT

SRC = ROOT / "src"
PACKAGE = "aubier"


@dataclass(frozen=True)
class Module:
    """A file of the program or of the tests; `name` is dotted, `package` is true for `__init__.py`."""

    name: str
    path: Path
    tree: ast.Module
    lines: int
    package: bool

    @property
    def place(self) -> str:
        """Where it is, from the root of the repository."""
        return str(self.path.relative_to(ROOT))


@dataclass(frozen=True)
class Import:
    """One name that a module imports: `target` is the dotted module it comes from."""

    module: Module
    target: str
    line: int
    type_only: bool

    def __str__(self) -> str:
        return f"{self.module.place}:{self.line} imports {self.target}"


@cache
def modules(folder: Path = SRC) -> tuple[Module, ...]:
    """Every Python file under `folder`."""
    return tuple(_module(path, folder) for path in sorted(folder.rglob("*.py")))


@cache
def imports(folder: Path = SRC) -> tuple[Import, ...]:
    """Every import of ours by ours, wherever it stands: at the top, in a function, for types only."""
    known = {module.name for module in modules(folder)}
    return tuple(found for module in modules(folder) for found in _imports(module, known))


def outside_imports(module: Module) -> Iterator[tuple[str, int]]:
    """The top names of the libraries that a module imports, with the line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, method and nested function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a name or an attribute chain, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inside = dotted(node.value)
        return f"{inside}.{node.attr}" if inside else ""
    return ""


@cache
def tracked() -> tuple[Path, ...]:
    """The files that make the project: those git knows or would know, else all that are not hidden."""
    asked = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [path for top in ROOT.glob("[!.]*") for path in (top.rglob("*") if top.is_dir() else [top])]
    return tuple(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def _module(path: Path, folder: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    parts = path.relative_to(folder).with_suffix("").parts
    package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if package else parts)
    return Module(name, path, ast.parse(text), text.count("\n"), package)


def _imports(module: Module, known: set[str]) -> Iterator[Import]:
    type_only = {id(inner) for node in ast.walk(module.tree) if _for_types(node) for inner in ast.walk(node)}
    for node in ast.walk(module.tree):
        for target in _targets(module, node, known):
            yield Import(module, target, getattr(node, "lineno", 0), id(node) in type_only)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and dotted(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _targets(module: Module, node: ast.AST, known: set[str]) -> Iterator[str]:
    """A name that is itself a module is the target; otherwise the module it is taken from."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
    if not isinstance(node, ast.ImportFrom):
        return
    origin = _origin(module, node)
    if origin.split(".")[0] == PACKAGE:
        for alias in node.names:
            full = f"{origin}.{alias.name}"
            yield full if full in known else origin


def _origin(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = module.name.split(".")
    above = above[: len(above) - node.level + module.package]
    return ".".join([*above, *([node.module] if node.module else [])])
