"""Time, chance, SQL and importing: habits that the rest of the house counts on."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tests.house.source import Module, dotted, modules
from tests.house.test_floors import room

CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today",
}  # fmt: skip
CHANCE = re.compile(
    r"secrets\.(token_\w+|choice|randbelow|randbits)|uuid\.uuid[14]|uuid[14]|os\.urandom"
    r"|random\.(random|randint|choice|choices|shuffle|sample|randrange|uniform|getrandbits)"
)
SQL = re.compile(
    r"\s*(select|insert|update|delete|with|create|alter|drop|truncate|copy|merge)\b", re.IGNORECASE
)
RUNS_SQL = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "cursor", "copy_from_query"}
DOES_SOMETHING = (ast.Expr, ast.For, ast.While, ast.With, ast.Assert, ast.Raise)


def calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call of a module, with the dotted name that is called."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def test_only_the_clock_looks_at_the_time() -> None:
    found = [
        f"{module.place}:{call.lineno} {name}()"
        for module in modules()
        if module.name != "aubier.ground.clock"
        for call, name in calls(module)
        if name in CLOCKS
    ]
    assert not found, "\n".join(found)


def test_only_chance_throws_dice() -> None:
    found = [
        f"{module.place}:{call.lineno} {name}()"
        for module in modules()
        if module.name != "aubier.ground.chance"
        for call, name in calls(module)
        if CHANCE.fullmatch(name)
    ]
    assert not found, "\n".join(found)


def test_only_the_store_runs_sql() -> None:
    found = [
        f"{module.place}:{call.lineno} {name}"
        for module in modules()
        if room(module.name) != "store"
        for call, name in calls(module)
        if name.split(".")[-1] in RUNS_SQL and call.args and SQL.match(_text(call.args[0]))
    ]
    assert not found, "\n".join(found)


def _text(node: ast.expr) -> str:
    """The beginning of a text, written plainly or with values put in."""
    if isinstance(node, ast.JoinedStr) and node.values:
        return _text(node.values[0])
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_importing_a_module_does_nothing() -> None:
    found = [
        f"{module.place}:{node.lineno}"
        for module in modules()
        for node in module.tree.body
        if isinstance(node, DOES_SOMETHING)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    assert not found, "\n".join(found)


def test_a_refusal_is_said_in_both_languages() -> None:
    found = [
        f"{module.place}:{call.lineno}"
        for module in modules()
        if not module.name.startswith("aubier.ground")
        for call, name in calls(module)
        if name.split(".")[-1] in ("problem", "Issue") and not _both_languages(call)
    ]
    assert not found, "\n".join(found)


def test_the_french_of_a_refusal_tells_as_much_as_the_english() -> None:
    found = [
        f"{module.place}:{english.lineno}"
        for module in modules()
        for call, name in calls(module)
        if name != "Route"
        for english, french in pairwise(call.args)
        if _is_sentence(english) and _is_sentence(french) and _holes(english) and not _holes(french)
    ]
    assert not found, "\n".join(found)


def _is_sentence(node: ast.expr) -> bool:
    """A text of several words, with values put in or without; not a statement of SQL."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    written = "".join(p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str))
    return len(written.split()) > 1 and not SQL.match(written)


def _holes(node: ast.expr) -> int:
    """How many values are put in a text."""
    return sum(isinstance(inner, ast.FormattedValue) for inner in ast.walk(node))


def _both_languages(call: ast.Call) -> bool:
    """English is the second argument, French the third; a starred argument is trusted."""
    french = len(call.args) > 2 or any(word.arg in ("fr", None) for word in call.keywords)
    return french or any(isinstance(argument, ast.Starred) for argument in call.args)
