"""Values that no row could hold, in a room's own statement: refused as what they are."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.ground.rows import Statement
from aubier.store.store import Store, open_store

_ONE = "select n::int, v from unnest($1::text[]) with ordinality as t(v, n)"


@pytest.fixture(scope="module")
async def store(database: Callable[[], str]) -> AsyncIterator[Store]:
    opened = await open_store(
        database(),
        statements=[
            Statement("test.text", "select $1::text as v", "A text back"),
            Statement("test.number", "select $1::int as v", "A number back"),
            Statement("test.day", "select $1::text::date as v", "A day back"),
            Statement("test.each", _ONE, "A text back, with those of others", together=True),
        ],
    )
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test.text", "a\0b"),
        ("test.text", "\ud800"),
        ("test.text", 7),
        ("test.number", 2**31),
        ("test.number", 10**30),
        ("test.number", "1"),
        ("test.day", "2026-02-30"),
        ("test.day", "10000000-01-01"),
        ("test.each", "a\0b"),
        ("test.each", "\ud800"),
    ],
    ids=repr,
)
async def test_it_is_told_in_both_languages(store: Store, name: str, value: Any) -> None:
    with pytest.raises(Problem) as caught:
        await store.run(name, value)
    (issue,) = caught.value.issues
    assert caught.value.kind == "value" and issue.text != issue.fr
    assert [row["v"] for row in await store.run("test.text", "good")] == ["good"]


async def test_a_fault_in_the_statement_is_not_the_requests(store: Store) -> None:
    store.rooms.named = {**store.rooms.named, "test.wrong": Statement("test.wrong", "select nowhere", "x")}
    with pytest.raises(Exception, match="nowhere") as caught:
        await store.run("test.wrong")
    assert not isinstance(caught.value, Problem)
