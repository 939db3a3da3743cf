"""A token that is refused leaves its line in the audit, and a flood of them does not fill the disk."""

import asyncio
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.referentials.signon import api
from tests.contract.signon.stage import Stage


@pytest.fixture(autouse=True)
async def quiet(pool: Any, stage: Stage) -> None:
    """No line of another test."""
    await pool.execute("delete from audit where action = 'authenticate'")


async def noted(pool: Any) -> list[tuple[str, str, str]]:
    rows = await pool.fetch(
        "select actor, what, outcome from audit where action = 'authenticate' order by aid"
    )
    return [(r["actor"], r["what"], r["outcome"]) for r in rows]


async def refused(stage: Stage, token: str) -> str:
    with pytest.raises(Problem) as found:
        await api.authenticate(stage.ctx(), token)
    return found.value.kind


async def test_a_tampered_and_an_expired_token_are_noted_by_kind(stage: Stage, pool: Any) -> None:
    token = await api.issue_token(stage.ctx(), "yann")
    await api.authenticate(stage.ctx(), token)
    assert await noted(pool) == []
    tampered = token[:-8] + "AAAAAAAA"
    for bad in (tampered, "x", "", "a.b.c", "é" * 9000):
        assert await refused(stage, bad) == "login"
    stage.later(hours=2)
    assert await refused(stage, token) == "login"
    lines = await noted(pool)
    assert [kind for _, _, kind in lines] == ["invalid"] * 5 + ["expired"]
    assert {(who, what) for who, what, _ in lines} == {("anonymous", "Bearer token of someone unknown")}
    assert tampered[:20] not in str(lines)


async def test_a_flood_leaves_sixty_lines_a_minute(stage: Stage, pool: Any) -> None:
    for _ in range(4):
        await asyncio.gather(*(refused(stage, "x") for _ in range(25)))
    lines = await noted(pool)
    assert len(lines) == 60
    assert sum("more in this minute" in what for _, what, _ in lines) == 1
    stage.later(seconds=61)
    await refused(stage, "x")
    assert len(await noted(pool)) == 61
