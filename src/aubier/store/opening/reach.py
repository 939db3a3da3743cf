"""Reaching a database: a connection to it, or the sentence that says why there is none."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from aubier.ground.problem import Problem, problem
from aubier.store.pool import Connection, unavailable

_WITHIN = 5.0
_OLDEST = 15
_OURS = {"application_name": "aubier", "timezone": "UTC"}
_LINE = (OSError, asyncpg.InternalClientError)
"""Nothing that speaks PostgreSQL is there."""
_REFUSALS = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError, ssl.SSLError)
_RIGHT = "select has_schema_privilege(current_schema(), 'create')"


async def reach(dsn: str) -> Connection:
    """A connection to the database at `dsn`, which is one that Aubier can use.

    Problem: `value` for an address that is none, `transient` when nothing answers there, `login` when the
    server refuses us, `not-supported` when it is too old or not in UTF-8, `forbidden` without the right to
    make tables.
    """
    try:
        conn = await asyncpg.connect(dsn, timeout=_WITHIN, server_settings=_OURS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, *_LINE, ValueError) as error:
        raise _why(dsn, error) from error
    try:
        await _fits(dsn, conn)
    except BaseException:
        await conn.close()
        raise
    return conn


def place(dsn: str) -> str:
    """Where a database is, without the password: `db.example.org:5432/aubier`."""
    parts = urlsplit(dsn)
    given = parse_qs(parts.query).get("host", [""])[0]
    return f"{parts.netloc.rpartition('@')[2] or given or 'localhost'}{parts.path}"


def _why(dsn: str, error: Exception) -> Problem:
    """The sentence for what the connection said, never with the address as given: it holds a password."""
    if isinstance(error, socket.gaierror):
        return _unknown_host(dsn)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return _no_database(dsn)
    if isinstance(error, _REFUSALS):
        return _refused(dsn, str(error))
    if isinstance(error, _LINE):
        return _silent(dsn)
    return _no_address() if isinstance(error, ValueError) else unavailable()


def _no_address() -> Problem:
    form = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
    return problem(
        "value",
        f"this is no address of a database: write {form}, with %40 for an @ in the password",
        f"ceci n'est pas l'adresse d'une base : écrivez {form}, avec %40 pour un @ dans le mot de passe",
        at="AUBIER_DATABASE_URL",
    )


def _unknown_host(dsn: str) -> Problem:
    return problem(
        "transient",
        f"no machine is known by the name of the database {place(dsn)}; check AUBIER_DATABASE_URL",
        f"aucune machine ne porte le nom donné pour la base {place(dsn)} ; vérifiez AUBIER_DATABASE_URL",
    )


def _silent(dsn: str) -> Problem:
    return problem(
        "transient",
        f"no PostgreSQL answers at {place(dsn)}; start it, or check the address and the firewall",
        f"aucun PostgreSQL ne répond à {place(dsn)} ; démarrez-le, ou vérifiez l'adresse et le pare-feu",
    )


def _no_database(dsn: str) -> Problem:
    name = unquote(urlsplit(dsn).path.lstrip("/"))
    order = f"createdb {name} --encoding UTF8 --template template0"
    return problem(
        "transient",  # also said for a moment while the sandbox is reset
        f"the server of {place(dsn)} has no database of that name; make it with: {order}",
        f"le serveur de {place(dsn)} n'a pas de base de ce nom ; créez-la : {order}",
    )


def _refused(dsn: str, words: str) -> Problem:
    return problem(
        "login",
        f"the server of {place(dsn)} refuses us ({words}); check name, password and pg_hba.conf",
        f"le serveur de {place(dsn)} nous refuse ({words}) ; vérifiez le nom, le mot de passe et pg_hba.conf",
    )


async def _fits(dsn: str, conn: Connection) -> None:
    version = conn.get_server_version()
    if version.major < _OLDEST:
        raise problem(
            "not-supported",
            f"{place(dsn)} is PostgreSQL {version.major}; Aubier needs {_OLDEST} or later",
            f"{place(dsn)} est un PostgreSQL {version.major} ; il faut la version {_OLDEST} ou une suivante",
        )
    encoding = await conn.fetchval("show server_encoding")
    if encoding != "UTF8":
        raise problem(
            "not-supported",
            f"{place(dsn)} is in {encoding}; make it again: createdb --encoding UTF8 --template template0",
            f"{place(dsn)} est en {encoding} ; recréez-la : createdb --encoding UTF8 --template template0",
        )
    if not await conn.fetchval(_RIGHT):
        raise problem(
            "forbidden",
            f"the role given for {place(dsn)} may not make tables; make it the owner of the database",
            f"le rôle donné pour {place(dsn)} ne peut créer de tables ; rendez-le propriétaire de la base",
        )
