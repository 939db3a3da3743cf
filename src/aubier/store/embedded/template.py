"""A copy of the freshly filled database, from which the sandbox is reset in seconds."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import asyncpg

from aubier.ground.problem import problem
from aubier.store.pool import answered

_FRESH = "aubier_fresh"


def _beside(dsn: str, name: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path=f"/{name}"))


def _name(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


async def keep_template(dsn: str) -> None:
    """Copies the database at `dsn` once, while nobody is connected to it."""
    async with answered():
        conn = await asyncpg.connect(_beside(dsn, "postgres"))
        try:
            if not await conn.fetchval("select 1 from pg_database where datname = $1", _FRESH):
                await conn.execute(f'create database "{_FRESH}" template "{_name(dsn)}" strategy file_copy')
        finally:
            await conn.close()


async def forget_template(dsn: str) -> None:
    """Removes the copy: the database it was made of is no longer what a reset should give."""
    async with answered():
        conn = await asyncpg.connect(_beside(dsn, "postgres"))
        try:
            await conn.execute(f'drop database if exists "{_FRESH}" with (force)')
        finally:
            await conn.close()


async def reset(dsn: str) -> None:
    """Puts the fresh copy in place of the database; whoever is connected is cut off and comes back.

    Problem (not-found) when no copy was kept.
    """
    async with answered():
        conn = await asyncpg.connect(_beside(dsn, "postgres"))
        try:
            if not await conn.fetchval("select 1 from pg_database where datname = $1", _FRESH):
                raise problem(
                    "not-found",
                    "No fresh copy was kept; remove the data folder and start again",
                    "Aucune copie neuve n'a été gardée ; supprimez le dossier de données et recommencez",
                )
            name = _name(dsn)
            await conn.execute(f'drop database if exists "{name}" with (force)')
            await conn.execute(f'create database "{name}" template "{_FRESH}" strategy file_copy')
        finally:
            await conn.close()
