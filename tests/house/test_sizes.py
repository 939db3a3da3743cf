"""Functions, files and rooms stay small enough to be read. `pytest -s` prints the figures."""

from collections import Counter
from statistics import median, quantiles

from tests.house.source import SRC, functions, modules

FUNCTION_MEDIAN, FUNCTION_P95, FUNCTION_MAX = 9, 45, 80
FILE_MEDIAN, FILE_MAX = 120, 800
ROOM_MAX = 1500
POSITIONAL_MAX = 5


def function_lengths() -> dict[str, int]:
    """Lines of every function, by place."""
    return {
        f"{module.place}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for module in modules()
        for node in functions(module.tree)
    }


def room_lengths() -> Counter[str]:
    """Lines of the files that stand directly in each folder: a folder is a room."""
    rooms: Counter[str] = Counter()
    for module in modules():
        rooms[str(module.path.parent.relative_to(SRC))] += module.lines
    return rooms


def longest(lengths: dict[str, int], limit: int) -> str:
    """Those above the limit, the longest first."""
    over = sorted((item for item in lengths.items() if item[1] > limit), key=lambda item: -item[1])
    return "\n".join(f"{length:5} {place}" for place, length in over)


def test_functions_are_short() -> None:
    lengths = function_lengths()
    middle, p95 = median(lengths.values()), quantiles(lengths.values(), n=20)[-1]
    print(f"functions: {len(lengths)}, median {middle}, p95 {p95:.0f}, max {max(lengths.values())}")
    assert not longest(lengths, FUNCTION_MAX), longest(lengths, FUNCTION_MAX)
    assert p95 <= FUNCTION_P95
    assert middle <= FUNCTION_MEDIAN


def test_files_are_short() -> None:
    lengths = {module.place: module.lines for module in modules()}
    middle = median(lengths.values())
    print(f"files: {len(lengths)}, median {middle}, max {max(lengths.values())}, sum {sum(lengths.values())}")
    assert not longest(lengths, FILE_MAX), longest(lengths, FILE_MAX)
    assert middle <= FILE_MEDIAN


def test_rooms_are_small() -> None:
    rooms = room_lengths()
    print("rooms:", ", ".join(f"{name} {size}" for name, size in rooms.most_common(8)))
    assert not longest(rooms, ROOM_MAX), longest(rooms, ROOM_MAX)


def test_functions_take_few_arguments_by_position() -> None:
    many = [
        f"{module.place}:{node.lineno} {node.name}"
        for module in modules()
        for node in functions(module.tree)
        if len([a for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls")])
        > POSITIONAL_MAX
    ]
    assert not many, "\n".join(many)
