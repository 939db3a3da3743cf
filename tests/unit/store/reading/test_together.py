"""Questions that wait go together; each gets its own answer, refusal or end."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from aubier.store.reading import Together


class Book:
    """Answers n with n * 10, slowly enough for others to come; notes what was asked together."""

    def __init__(self, *bad: int, error: type[BaseException] = asyncpg.DataError) -> None:
        self.asked: list[list[int]] = []
        self.bad, self.error = set(bad), error
        self.open = asyncio.Event()

    async def answer(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        await self.open.wait()
        if self.bad & set(questions):
            raise self.error("cannot be read")
        return [n * 10 for n in questions]


async def test_what_waits_goes_with_the_next() -> None:
    book = Book()
    together = Together(book.answer)
    asked = [asyncio.create_task(together.ask(n)) for n in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(together.ask(n)) for n in range(3, 200)]
    await asyncio.sleep(0)
    book.open.set()
    assert await asyncio.gather(*asked, *later) == [n * 10 for n in range(200)]
    assert [n for part in book.asked for n in part] == list(range(200))
    assert len(book.asked) <= 5
    assert max(map(len, book.asked)) == 64
    await asyncio.sleep(0)
    assert not together.lanes


async def test_one_that_cannot_be_read_does_not_cost_the_others_their_answer() -> None:
    book = Book(2)
    book.open.set()
    found = await asyncio.gather(*map(Together(book.answer).ask, range(4)), return_exceptions=True)
    assert [found[n] for n in (0, 1, 3)] == [0, 10, 30]
    assert isinstance(found[2], asyncpg.DataError)


async def test_a_lost_connection_is_told_to_all_and_nothing_is_asked_twice() -> None:
    book = Book(2, error=ConnectionError)
    book.open.set()
    together = Together(book.answer)
    found = await asyncio.gather(*map(together.ask, range(4)), return_exceptions=True)
    assert [type(f) for f in found] == [ConnectionError] * 4
    assert len(book.asked) == 1
    assert await together.ask(7) == 70


async def test_who_no_longer_waits_is_not_asked_for() -> None:
    book = Book()
    together = Together(book.answer)
    first = [asyncio.create_task(together.ask(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = [asyncio.create_task(together.ask(n)) for n in (3, 4)]
    await asyncio.sleep(0)
    gone = asyncio.create_task(together.ask(5))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    book.open.set()
    assert await asyncio.gather(*first, *second) == [10, 20, 30, 40]
    assert 5 not in [n for part in book.asked for n in part]


async def test_who_asks_as_the_last_lanes_end_is_answered() -> None:
    book = Book()
    together = Together(book.answer)

    async def twice() -> int:
        await together.ask(1)
        return await together.ask(3)

    asked = asyncio.create_task(twice())
    await asyncio.sleep(0)
    other = asyncio.create_task(together.ask(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(book.asked) == 2, "both lanes are under way, and end in the same step of the loop"
    book.open.set()
    assert await asyncio.wait_for(asked, 5) == 30
    assert await other == 20
