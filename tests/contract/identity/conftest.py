"""Identity over a fresh database, in a sandbox, with its content rule bound to every write of a Patient."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from aubier.access.actor import Actor, Context, system_actor
from aubier.access.view import Access
from aubier.referentials.identity import SERVICE
from aubier.store.store import Store, open_store

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DOCTOR = Actor(
    "professional",
    "morvan",
    "Dr Morvan",
    keys=("ps:810000000009",),
    client="aubier",
    scopes=("user/*.cruds",),
    purpose="TREAT",
)


@dataclass(frozen=True)
class Desk:
    """Contexts over one store; `loader` is a system actor that may write every Patient."""

    store: Store
    access: Access

    def ctx(self, actor: Actor) -> Context:
        """A context of the sandbox at NOW."""
        return self.access.context(actor, NOW)

    @property
    def loader(self) -> Context:
        """Somebody who may load Patients."""
        return self.ctx(system_actor("loader"))

    @property
    def doctor(self) -> Context:
        """A professional without any relationship."""
        return self.ctx(DOCTOR)

    async def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        """What stands in the tables."""
        return [dict(row) for row in await self.store.pool.fetch(sql, *args)]


@pytest.fixture(scope="session")
async def identity_store(database: Callable[[], str]) -> AsyncIterator[Store]:
    """A store with the tables of identity."""
    store = await open_store(
        database(), pool_size=6, migrations={"identity": SERVICE.migrations}, statements=SERVICE.statements
    )
    yield store
    await store.close()


@pytest.fixture
async def desk(identity_store: Store) -> Desk:
    """The store with empty identity tables, in a sandbox."""
    await identity_store.pool.execute("truncate identity_base, identity_known, identity_asked")
    rules = {"Patient": list(SERVICE.before_write)}
    settings = SimpleNamespace(sandbox=True)
    return Desk(identity_store, Access(identity_store, before_write=rules, settings=settings))
