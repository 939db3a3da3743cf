"""What is remembered is bounded in bytes, and what is used stays."""

import pytest

from aubier.ground.memory import Memory, remembered


def test_what_is_kept_never_takes_more_than_its_bound() -> None:
    memory: Memory[int, str] = Memory(1_000)
    for n in range(500):
        memory.keep(n, "a" * n, n)
        assert memory.held <= memory.most
    assert memory.get(499) == "a" * 499
    assert memory.get(0, "gone") == "gone"


def test_what_is_used_outlives_what_is_not() -> None:
    memory: Memory[str, int] = Memory(1_000)
    memory.keep("used", 1, 10)
    for n in range(200):
        memory.keep(f"once {n}", n, 100)
        assert memory.get("used") == 1
    assert memory.get("once 0") is None


def test_what_would_push_all_else_out_is_not_kept() -> None:
    memory: Memory[str, int] = Memory(1_000)
    memory.keep("a", 1, 100)
    memory.keep("b", 2, 501)
    assert memory.get("b") is None
    assert memory.get("a") == 1
    assert len(memory) == 1


def test_a_value_that_is_kept_again_is_the_new_one() -> None:
    memory: Memory[str, int] = Memory(1_000)
    memory.keep("a", 1, 10)
    memory.keep("a", 2, 10)
    assert memory.get("a") == 2
    memory.clear()
    assert memory.get("a") is None


def test_a_function_is_called_once_for_what_it_remembers_even_nothing() -> None:
    called: list[str] = []

    @remembered(1_000, lambda found, text, **_: len(text))
    def last(text: str, *, upper: bool = False) -> str | None:
        """The last character."""
        called.append(text)
        return (text.upper() if upper else text)[-1:] or None

    assert [last("ab"), last("ab"), last("ab", upper=True), last(""), last("")] == ["b", "b", "B", None, None]
    assert called == ["ab", "ab", ""]
    assert last.__doc__ == "The last character."
    last.cache_clear()
    assert last("ab") == "b"
    assert len(called) == 4


def test_what_raises_is_not_remembered() -> None:
    @remembered(1_000, lambda found, text: len(text))
    def number(text: str) -> int:
        return int(text)

    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            number("a")
    assert len(number.memory) == 0
