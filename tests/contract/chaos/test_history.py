"""The judge of histories: a true one passes, and each kind of lie is found."""

from dataclasses import replace

import pytest

from tests.contract.chaos.history import FOREVER, Seen, faults, torn

MADE = Seen("r", "write", 0, 1, version=1, value=10)
FIRST = Seen("r", "write", 2, 3, version=2, value=20)
LOST = Seen("r", "write", 4, FOREVER, value=30)
LAST = Seen("r", "write", 6, 8, version=4, value=40, expected=3)
READS = (
    Seen("r", "read", 2.5, 2.8, version=1, value=10),
    Seen("r", "read", 2.6, 2.9, version=2, value=20),
    Seen("r", "read", 4.5, 5, version=3, value=30),
    Seen("r", "read", 9, 10, version=4, value=40),
)
REFUSED = Seen("r", "write", 7, 9, value=50, expected=3, refused=True)
ALL = (MADE, FIRST, LOST, LAST, *READS, REFUSED)
STORED = {"r": [10, 20, 30, 40]}


def test_a_true_history_has_no_fault() -> None:
    assert faults(ALL, STORED) == []
    assert faults((MADE, FIRST, LOST), {"r": [10, 20]}) == [], "what was not acknowledged may be lost"
    assert torn([("a", "b", 1), ("a", "b", 2)], {"a": [1, 3], "b": [1]}) == []


@pytest.mark.parametrize(
    ("lie", "stored", "words"),
    [
        (replace(LAST), [10, 20, 30], "is not what is stored"),
        (replace(FIRST, value=21), [10, 20, 30, 40], "nobody wrote 20"),
        (replace(READS[3], version=3, value=30), [10, 20, 30, 40], "came after version 4"),
        (Seen("r", "write", 3.5, 3.9, version=2, value=20), [10, 20, 30, 40], "came after version 2"),
        (replace(READS[2], value=31), [10, 20, 30, 40], "is not what is stored"),
        (replace(LAST, expected=2), [10, 20, 30, 40], "passed over a version"),
        (Seen("r", "read", 3.1, 3.5, version=3, value=30), [10, 20, 30, 40], "before it was written"),
        (replace(REFUSED, begun=8.5, ended=9, expected=4), [10, 20, 30, 40], "it was the current version"),
        (replace(REFUSED, value=40), [10, 20, 30, 40], "was refused and done"),
        (LOST, [10, 20, 30, 40, 30], "written twice"),
    ],
)
def test_each_kind_of_lie_is_found(lie: Seen, stored: list[int], words: str) -> None:
    told = faults((*ALL, lie) if lie.kind == "read" or lie.refused else (*_without(lie), lie), {"r": stored})
    assert any(words in fault for fault in told), told


def _without(lie: Seen) -> list[Seen]:
    return [one for one in ALL if one.version != lie.version or one.kind == "read" or not lie.version]


def test_half_of_a_transaction_is_found() -> None:
    assert torn([("a", "b", 1)], {"a": [1], "b": []}) == ["a and b: 1 is in one only"]
