"""Reaching a database on a real server: each way of not being let in has its sentence."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from aubier.app import migrations
from aubier.ground.problem import Problem
from aubier.store.opening import reach as reaching
from aubier.store.opening.reach import place, reach
from aubier.store.opening.state import major, state_of
from aubier.store.store import open_store


async def refusal(dsn: str) -> Problem:
    """Why it is not reached, the same for who looks and for who opens."""
    with pytest.raises(Problem) as first:
        await reach(dsn)
    for other in (state_of(dsn, migrations()), open_store(dsn)):
        with pytest.raises(Problem) as again:
            await other
        assert again.value.issues == first.value.issues
    assert first.value.issues[0].fr
    return first.value


async def run(dsn: str, *commands: str) -> None:
    """Runs SQL."""
    conn = await asyncpg.connect(dsn)
    try:
        for command in commands:
            await conn.execute(command)
    finally:
        await conn.close()


def other(dsn: str, *, name: str = "", user: str = "", password: str = "") -> str:
    """The same server, another database, another role."""
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{user}:{password}@{host}" if user else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{name}" if name else parts.path))


async def test_a_database_that_fits_is_reached_and_looked_at(database: Callable[[], str]) -> None:
    dsn = database()
    before = await state_of(dsn, migrations())
    assert before.resources == 0 and any(step.startswith("store 0001") for step in before.behind)
    conn = await reach(dsn)
    assert await conn.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0, (
        "only looked at"
    )
    await conn.close()
    await (await open_store(dsn, migrations=migrations())).close()
    assert (await state_of(dsn, migrations())).behind == ()
    assert await major(dsn) >= 15


@pytest.mark.parametrize("address", ["nonsense", "postgresql://u:pass@host:port/db", "http://example.org/"])
async def test_what_is_no_address(address: str) -> None:
    refused = await refusal(address)
    assert refused.kind == "value"
    assert refused.issues[0].at == ("AUBIER_DATABASE_URL",) and "pass@" not in str(refused)


@contextmanager
def strange() -> Iterator[int]:
    """The port of a program that does not speak PostgreSQL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with listening.accept()[0] as line:
                        line.recv(100)
                        line.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


async def test_nothing_answers() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        refused = await refusal(f"postgresql://u:word@127.0.0.1:{port}/db")
    assert (
        refused.kind == "transient" and f"127.0.0.1:{port}/db" in str(refused) and "word" not in str(refused)
    )


async def test_something_else_answers() -> None:
    with strange() as port:
        refused = await refusal(f"postgresql://u:word@127.0.0.1:{port}/db")
    assert "no PostgreSQL answers" in str(refused)


async def test_a_machine_that_nobody_knows() -> None:
    refused = await refusal("postgresql://u:word@nowhere.invalid/db")
    assert "nowhere.invalid/db" in str(refused) and "AUBIER_DATABASE_URL" in str(refused)


async def test_a_database_that_is_not_there(database_server: str) -> None:
    refused = await refusal(other(database_server, name="not_made_yet"))
    assert "createdb not_made_yet --encoding UTF8" in str(refused)


async def test_a_role_that_is_refused(database_server: str) -> None:
    refused = await refusal(other(database_server, user="nobody_here", password="word"))
    assert refused.kind == "login"
    assert "check name, password and pg_hba.conf" in str(refused) and "word'" not in str(refused)


async def test_a_database_in_another_encoding(database: Callable[[], str]) -> None:
    dsn = database()
    name = urlsplit(dsn).path.lstrip("/")
    await run(
        other(dsn, name="postgres"),
        f"drop database {name}",
        f"create database {name} template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'",
    )
    refused = await refusal(dsn)
    assert refused.kind == "not-supported" and "is in SQL_ASCII" in str(refused)


async def test_a_role_that_may_not_make_tables(database: Callable[[], str]) -> None:
    dsn = database()
    name = urlsplit(dsn).path.lstrip("/")
    await run(dsn, f"alter database {name} set search_path = pg_catalog")  # where no role of ours may
    refused = await refusal(dsn)
    assert refused.kind == "forbidden" and "make it the owner" in str(refused)


async def test_a_server_that_is_too_old(database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = database()
    monkeypatch.setattr(reaching, "_OLDEST", 99)
    refused = await refusal(dsn)
    assert refused.kind == "not-supported" and "Aubier needs 99 or later" in str(refused)


def test_where_it_is_without_the_password() -> None:
    assert place("postgresql://me:s%40cret@db.example.org:5433/health") == "db.example.org:5433/health"
    assert place("postgresql://me:word@/health?host=%2Frun%2Fpg") == "/run/pg/health"
    assert place("postgresql:///health") == "localhost/health"
