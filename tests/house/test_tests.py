"""The tests themselves: each asserts something, and none is left out without a reason."""

import ast
from collections.abc import Iterator

from hypothesis import HealthCheck, settings

from tests.house.source import Module, dotted, functions, modules
from tests.where import ROOT

ASSERTS = {"pytest.raises", "pytest.warns", "pytest.fail", "raises"}
SKIPS = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.skip", "pytest.xfail"}


def run_by_pytest(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions that pytest runs."""
    return (node for node in functions(module.tree) if node.name.startswith("test_"))


def asserting(module: Module) -> set[str]:
    """The functions of a module that assert, by themselves or through one another."""
    bodies = {node.name: node for node in functions(module.tree)}
    found = {name for name, node in bodies.items() if _asserts(node)}
    while True:
        more = {name for name, node in bodies.items() if name not in found and found & set(_called(node))}
        if not more:
            return found
        found |= more


def _asserts(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Assert) or name in ASSERTS for inner, name in _names(node))


def _names(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for inner in ast.walk(node):
        yield inner, dotted(inner.func) if isinstance(inner, ast.Call) else ""


def _called(node: ast.AST) -> Iterator[str]:
    return (name.split(".")[-1] for _, name in _names(node) if name)


def test_no_test_without_an_assertion() -> None:
    shared = {
        name
        for module in modules(ROOT / "tests")
        if not module.path.name.startswith("test_")
        for name in asserting(module)
    }
    idle = [
        f"{module.place}:{node.lineno} {node.name}"
        for module in modules(ROOT / "tests")
        for node in run_by_pytest(module)
        if node.name not in asserting(module) and not shared & set(_called(node))
    ]
    assert not idle, "\n".join(idle)


def test_no_test_is_left_out_without_a_reason() -> None:
    silent = [
        f"{module.place}:{getattr(inner, 'lineno', 0)} {name or dotted(inner)}"
        for module in modules(ROOT / "tests")
        for inner, name in _names(module.tree)
        if name in SKIPS and isinstance(inner, ast.Call) and not _reason(inner, name)
    ]
    bare = [
        f"{module.place}:{node.lineno} {node.name}"
        for module in modules(ROOT / "tests")
        for node in functions(module.tree)
        if any(dotted(mark) in SKIPS for mark in node.decorator_list)
    ]
    assert not silent + bare, "\n".join(silent + bare)


def test_no_example_fails_for_a_slow_machine() -> None:
    made_up = settings()
    assert made_up.deadline is None
    assert HealthCheck.too_slow in made_up.suppress_health_check


def _reason(call: ast.Call, name: str) -> bool:
    named = any(keyword.arg == "reason" for keyword in call.keywords)
    return named or (name in ("pytest.skip", "pytest.xfail", "pytest.mark.skip") and bool(call.args))
