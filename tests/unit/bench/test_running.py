"""A run goes on when one server does not."""

import asyncpg
import pytest
from bench import running


@pytest.mark.parametrize(
    "trouble",
    [
        RuntimeError("java did not start"),
        OSError("no room"),
        asyncpg.exceptions.DiskFullError("full"),
        asyncpg.exceptions.InterfaceError("closed"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_what_stops_one_server_is_told_and_does_not_stop_the_run(trouble: Exception) -> None:
    def work() -> str:
        raise trouble

    assert running._tried(work) == f"{type(trouble).__name__}: {trouble}"


def test_an_order_to_end_ends_the_run() -> None:
    def work() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        running._tried(work)
    assert running._tried(lambda: "") == ""
