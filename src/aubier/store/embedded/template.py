"""A copy of the freshly filled database, from which the sandbox is reset in seconds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from aubier.ground.problem import problem
from aubier.ground.rows import Migration
from aubier.store.opening.upgrade import own_steps, upgrade
from aubier.store.pool import answered

_FRESH = "aubier_fresh"
_LOCK = 0x0A0B1E3
_TRIES = 10
_CUT_OFF = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = $1 and backend_type = 'client backend'"
)
"""PostgreSQL stops its own work there by itself; `with (force)` is refused to our role meanwhile."""
_MARGIN = 10_000  # blocks of numbers that processes may take while a reset goes on


def _beside(dsn: str, name: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path=f"/{name}"))


def _name(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


async def keep_template(dsn: str) -> None:
    """Copies the database at `dsn` once; whoever is connected meanwhile is cut off and comes back."""
    name = _name(dsn)
    async with answered():
        conn = await asyncpg.connect(_beside(dsn, "postgres"))
        try:
            if not await conn.fetchval("select 1 from pg_database where datname = $1", _FRESH):
                copied = f'create database "{_FRESH}" template "{name}" strategy file_copy'
                await _alone(conn, name, lambda: conn.execute(copied))
        finally:
            await conn.close()


async def reset(
    dsn: str,
    rooms: Mapping[str, Sequence[Migration]],
    ready: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Puts the fresh copy in place of the database; whoever is connected is cut off and comes back.

    The copy may be of an older release: what is made of it takes the steps of `rooms` and of the store first,
    then `ready`, given its DSN, does what else a release does to a database it opens.
    The new one is made beside the old and takes its name at once: interrupted, one or the other is there.
    Problem (not-found) when no copy was kept, (transient) when the server does not answer or others hold on.
    """
    name = _name(dsn)
    made = f"{name}_next"
    async with answered():
        conn = await asyncpg.connect(_beside(dsn, "postgres"))
        try:
            await conn.execute("select pg_advisory_lock($1)", _LOCK)
            if not await conn.fetchval("select 1 from pg_database where datname = $1", _FRESH):
                raise problem(
                    "not-found",
                    "No fresh copy was kept; remove the data folder and start again",
                    "Aucune copie neuve n'a été gardée ; supprimez le dossier de données et recommencez",
                )
            await _drop(conn, made)
            try:
                await conn.execute(f'create database "{made}" template "{_FRESH}" strategy file_copy')
                await _bring_forward(dsn, _beside(dsn, made), rooms)
                if ready is not None:
                    await ready(_beside(dsn, made))
                await _drop(conn, f"{name}_old")
                await _exchange(conn, name, made)
            finally:  # what took the name is no longer called so
                await _drop(conn, made)
            await _drop(conn, f"{name}_old")
        finally:
            await conn.close()


async def _exchange(conn: asyncpg.Connection, name: str, made: str) -> None:
    """The new one under the name, the old one aside, in one transaction."""

    async def exchange() -> None:
        async with conn.transaction():
            await conn.execute(f'alter database "{name}" rename to "{name}_old"')
            await conn.execute(f'alter database "{made}" rename to "{name}"')

    await _alone(conn, name, exchange)


async def _drop(conn: asyncpg.Connection, name: str) -> None:
    """Drops the database `name` if it is there, whoever is in it."""
    await _alone(conn, name, lambda: conn.execute(f'drop database if exists "{name}"'))


async def _alone(conn: asyncpg.Connection, name: str, act: Callable[[], Awaitable[object]]) -> None:
    """Does what needs that nobody is connected to the database `name`; Problem when others hold on."""
    for _ in range(_TRIES):
        await conn.fetch(_CUT_OFF, name)
        try:
            await act()
        except asyncpg.ObjectInUseError:
            continue
        return
    raise problem(
        "transient",
        "Others keep using the database; try again when it is calmer",
        "D'autres se servent sans cesse de la base ; réessayez quand elle sera plus calme",
    )


async def _bring_forward(before: str, after: str, rooms: Mapping[str, Sequence[Migration]]) -> None:
    """Gives what was made of the copy the schema of this release, and numbers not given yet.

    Those that serving processes hold from before the reset must not be given a second time after it.
    """
    old = await asyncpg.connect(before)
    try:
        last = await old.fetchval("select last_value from number_block")
    finally:
        await old.close()
    new = await asyncpg.connect(after)
    try:
        await upgrade(new, {**own_steps(), **rooms})
        await new.execute("select setval('number_block', $1)", last + _MARGIN)
    finally:
        await new.close()
