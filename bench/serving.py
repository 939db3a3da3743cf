"""The applications that granian serves as limits: hello-world, and the same with one statement behind it.

The second has nothing of ours between the request and the database: no FHIR, no rights, no statement shared
by those who ask at once. It is what a server of this stack can do that proves each access before it answers.
"""

from __future__ import annotations

import os
from itertools import count
from typing import Any

import asyncpg

BODY = b'{"hello":"world"}'
ROWS = 20_000
"""Resources of the corpus, over and over, to read from."""
PAGE = 20
"""Entries of a page, and of a transaction."""
DSN = "BENCH_DSN"
CONNECTIONS = 8

TABLES = """
create table if not exists floor (id bigint primary key, raw bytea not null);
create table if not exists line (at timestamptz not null default now(), what text not null);
create table if not exists came (id bigint generated always as identity primary key, raw bytea not null);
truncate floor, line, came;
"""
_LINE = "with l as (insert into line (what) values ('read'))"
STATEMENTS = {
    "/one": f"{_LINE} select raw from floor where id = $1",
    "/page": f"{_LINE} select raw from floor where id >= $1 order by id limit {PAGE}",
    "/new": f"{_LINE} insert into came (raw) select raw from floor where id >= $1 order by id limit {PAGE}",
}
"""What a path runs: each is one statement, its own transaction, made sure by one commit."""


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """The least that this HTTP stack can do."""
    if scope["type"] == "lifespan":
        await _living(receive, send)
    else:
        await _answer(send, BODY)


class Floor:
    """The least that can be done with one statement of the database and a line committed with it."""

    def __init__(self) -> None:
        self.pool: Any = None
        self.asked = count()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            self.pool = await asyncpg.create_pool(os.environ[DSN], min_size=CONNECTIONS, max_size=CONNECTIONS)
            await _living(receive, send)
            await self.pool.close()
        elif sql := STATEMENTS.get(scope["path"]):
            # A step that has no divisor in common with the rows goes through all of them, never in order.
            rows = await self.pool.fetch(sql, next(self.asked) * 7919 % (ROWS - PAGE))
            await _answer(send, b"[" + b",".join(row["raw"] for row in rows) + b"]")
        else:
            await _answer(send, BODY)


async def _living(receive: Any, send: Any) -> None:
    """The beginning and the end of a process."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def floor() -> Floor:
    """A factory: each process has its own connections."""
    return Floor()
