"""A provider on a fresh database, with three people and one public application."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from aubier.access.actor import Actor, Context
from aubier.access.view import Access
from aubier.referentials.signon import SERVICE, api
from aubier.store.store import Store, open_store
from tests.contract.signon.stage import ADMIN, BACK, BASE, MORVAN, YANN, Stage

TABLES = ("account", "client", "session", "grant", "refresh", "assertion", "try", "key", "consent")


@pytest.fixture(scope="session")
async def signon_store(database: Callable[[], str]) -> AsyncIterator[Store]:
    """A store with the tables of sign-on."""
    store = await open_store(
        database(), pool_size=4, migrations={"signon": SERVICE.migrations}, statements=SERVICE.statements
    )
    yield store
    await store.close()


@pytest.fixture
def pool(signon_store: Store) -> Any:
    """The connections below, to look at tables."""
    return signon_store.pool


@pytest.fixture
async def stage(signon_store: Store) -> Stage:
    """A sandbox provider at START, with a citizen, a professional and an operator."""
    async with signon_store.pool.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL statement_timeout = '1min'")  # a busy disk is no fault of sign-on
        await conn.execute("TRUNCATE " + ", ".join(f"signon_{name}" for name in TABLES))
    settings = SimpleNamespace(url=BASE, sandbox=True, signon_scrypt_cost=2)

    def contexts(actor: Actor, now: datetime) -> Context:
        return Access(signon_store, settings=settings).context(actor, now)

    made = Stage(contexts, settings)
    for account in (YANN, MORVAN, ADMIN):
        await api.add_account(made.ctx(), account)
    return made


@pytest.fixture
async def app(stage: Stage) -> api.Client:
    """A public application, which may ask anything a public one may."""
    return await api.add_client(stage.ctx(), "Carnet", [BACK])


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """One browser."""
    async with stage.browser() as made:
        yield made
