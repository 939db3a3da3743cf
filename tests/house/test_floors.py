"""The floors hold: a module imports its own room and lower floors, and nothing goes in circles."""

from collections.abc import Callable, Iterator

import pytest

from tests.house.source import Import, Module, imports, modules, outside_imports

FLOORS = {
    "": -1,
    "ground": 0,
    "fhir": 1,
    "search": 2,
    "store": 3,
    "terminology": 4,
    "validation": 5,
    "access": 5,
    "referentials": 6,
    "services": 7,
    "settings": 7.5,
    "rest": 8,
    "portals": 9,
    "sandbox": 9,
    "app": 10,
    "cli": 11,
}
"""`app` is the composition root; only `cli`, the entrance, stands above it. "" is the package itself."""

BETWEEN_REFERENTIALS = {
    ("sharing", "identity"),
    ("sharing", "directory"),
    ("signon", "identity"),
    ("signon", "directory"),
}

NO_STORE = ("referentials", "services", "portals")
"""Rooms that receive the record as seen by an actor, never the bare store."""

SHAPES = {"aubier.store.intent"}
"""What a room may hand to its view: descriptions of a write, which run nothing by themselves."""

WEB = {"starlette", "granian", "uvicorn", "httpx", "click"}
WEB_ROOMS = {"rest", "portals", "sandbox", "app", "cli"}
PURE = {"ground", "fhir", "search"}
INPUT_OUTPUT = {
    "asyncpg",
    "obstore",
    "socket",
    "subprocess",
    "httpx",
    "urllib3",
    "requests",
    "sqlite3",
    "asyncio",
}


def room(name: str) -> str:
    """The first folder below the package: `aubier.store.embedded.server` is in `store`."""
    return name.split(".")[1] if "." in name else ""


def inner(name: str) -> str:
    """The room inside `referentials` or `services`."""
    parts = name.split(".")
    return parts[2] if len(parts) > 2 else ""


def crossings() -> Iterator[Import]:
    """The imports from one room to another."""
    return (found for found in imports() if room(found.target) != room(found.module.name))


def test_every_module_stands_on_a_known_floor() -> None:
    strays = {module.place for module in modules() if room(module.name) not in FLOORS}
    assert not strays, "a folder or file that the floors do not know"


def test_a_module_imports_lower_floors_only() -> None:
    broken = [
        str(found)
        for found in crossings()
        if FLOORS.get(room(found.target), 99) >= FLOORS.get(room(found.module.name), -2)
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("floor", ["services", "referentials"])
def test_rooms_of_a_floor_do_not_import_each_other(floor: str) -> None:
    broken = [str(found) for found in _between(floor) if not _allowed(found)]
    assert not broken, "\n".join(broken)


def _between(floor: str) -> Iterator[Import]:
    for found in imports():
        here, there = found.module.name, found.target
        if room(here) == room(there) == floor and inner(here) != inner(there) and inner(here):
            yield found


def _allowed(found: Import) -> bool:
    pair = (inner(found.module.name), inner(found.target))
    return pair in BETWEEN_REFERENTIALS and found.target.split(".")[3:4] == ["api"]


def test_rest_knows_no_room_by_name() -> None:
    broken = [
        str(found)
        for found in crossings()
        if room(found.module.name) == "rest" and room(found.target) in ("referentials", "services")
    ]
    assert not broken, "\n".join(broken)


def test_no_room_reaches_the_bare_store() -> None:
    broken = [
        str(found)
        for found in crossings()
        if room(found.target) == "store"
        and found.target not in SHAPES
        and room(found.module.name) in NO_STORE
    ]
    assert not broken, "\n".join(broken)


def test_only_the_top_floors_know_http_and_terminals() -> None:
    broken = _foreign(WEB, lambda module: room(module.name) not in WEB_ROOMS)
    assert not broken, "\n".join(broken)


def test_the_lowest_floors_do_no_input_or_output() -> None:
    broken = _foreign(INPUT_OUTPUT, lambda module: room(module.name) in PURE)
    assert not broken, "\n".join(broken)


def test_only_the_store_has_a_database_driver() -> None:
    broken = _foreign({"asyncpg", "psycopg", "sqlite3"}, lambda module: room(module.name) != "store")
    assert not broken, "\n".join(broken)


def _foreign(libraries: set[str], applies: Callable[[Module], bool]) -> list[str]:
    return [
        f"{module.place}:{line} imports {library}"
        for module in modules()
        if applies(module)
        for library, line in outside_imports(module)
        if library in libraries
    ]


def test_nothing_imports_in_circles() -> None:
    circles = list(_circles())
    assert not circles, "\n".join(" -> ".join(circle) for circle in circles)


def _circles() -> Iterator[list[str]]:
    """Each circle once. Imports inside functions count; those for types alone never run."""
    graph: dict[str, set[str]] = {}
    for found in imports():
        if not found.type_only and found.target != found.module.name:
            graph.setdefault(found.module.name, set()).add(found.target)
    done: set[str] = set()
    for start in graph:
        yield from _walk(graph, start, [], done)


def _walk(graph: dict[str, set[str]], name: str, road: list[str], done: set[str]) -> Iterator[list[str]]:
    if name in road:
        yield [*road[road.index(name) :], name]
        return
    if name in done:
        return
    for following in sorted(graph.get(name, ())):
        yield from _walk(graph, following, [*road, name], done)
    done.add(name)


def test_the_reading_of_imports_sees_all_kinds() -> None:
    kinds = {(found.module.name, found.target): found for found in imports()}
    assert kinds["aubier.access.actor", "aubier.access.view"].type_only
    assert not kinds["aubier.store.embedded.server", "aubier.ground.problem"].type_only


def test_a_circle_would_be_seen() -> None:
    done: set[str] = set()
    found = list(_walk({"a": {"b"}, "b": {"c"}, "c": {"a"}}, "a", [], done))
    assert found == [["a", "b", "c", "a"]]
