"""A provider on a fresh database, with three people and one public application."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import asyncpg
import httpx
import pytest

from aubier.access.actor import Actor, Context
from aubier.referentials.signon import SERVICE, api
from tests.contract.signon.stage import ADMIN, BACK, BASE, MORVAN, YANN, Stage


class _Statements:
    def __init__(self, pool, patients=None):
        self.pool = pool
        self.sql = {s.name: s.sql for s in SERVICE.statements}

    async def run(self, name, *args):
        return [dict(r) for r in await self.pool.fetch(self.sql[name], *args)]

    def as_system(self, name):
        return self

    async def read(self, kind, id):
        from aubier.ground.problem import not_found

        raise not_found("x")


@pytest.fixture(scope="session")
async def pool(database: Callable[[], str]):
    pool = await asyncpg.create_pool(database(), min_size=1, max_size=4)
    async with pool.acquire() as conn:
        for m in SERVICE.migrations:
            await conn.execute(m.sql)
    yield pool
    await pool.close()


@pytest.fixture
async def stage(pool) -> AsyncIterator[Stage]:
    """A sandbox provider at START."""
    settings = SimpleNamespace(url=BASE, sandbox=True, signon_scrypt_cost=2)
    store = _Statements(pool)

    def contexts(actor: Actor, now, language: str = "fr") -> Context:
        return Context(actor, store, now, settings, language)

    for table in ["account", "client", "session", "grant", "refresh", "assertion", "try", "key"]:
        await pool.execute(f"TRUNCATE signon_{table}")
    made = Stage(contexts, settings)
    for account in (YANN, MORVAN, ADMIN):
        await api.add_account(made.ctx(), account)
    yield made


@pytest.fixture
async def app(stage: Stage) -> api.Client:
    """A public application, which may ask anything a public one may."""
    return await api.add_client(stage.ctx(), "Carnet", [BACK])


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """One browser."""
    async with stage.browser() as made:
        yield made
