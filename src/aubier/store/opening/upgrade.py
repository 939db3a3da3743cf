"""Numbered migrations, each room its own line; a released one is never edited (its digest is kept)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files

from aubier import __version__
from aubier.ground.problem import problem
from aubier.ground.rows import Migration
from aubier.store.indexing.tables import MIGRATIONS
from aubier.store.pool import UNHURRIED, Connection
from aubier.store.proof import sealing, standing

_LOCK = 0x0A0B1E2
_TABLE = """create table if not exists migration (
  room text not null, number int not null, name text not null, digest text not null,
  done timestamptz not null default now(), primary key (room, number))"""


def store_migrations() -> tuple[Migration, ...]:
    """The migrations of the store itself, from the SQL files of this room."""
    folder = files("aubier.store").joinpath("migrations")
    found = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    return tuple(
        Migration(int(name[:4]), name[5:-4], folder.joinpath(name).read_text("utf-8")) for name in found
    )


def own_steps() -> dict[str, Sequence[Migration]]:
    """The lines of migrations that every database takes, whatever its rooms."""
    beside = {"standing": standing.MIGRATIONS, "sealing": sealing.MIGRATIONS}
    return {"store": store_migrations(), "indexing": MIGRATIONS, **beside}


async def upgrade(conn: Connection, rooms: Mapping[str, Sequence[Migration]]) -> list[str]:
    """Brings the database to this release, all rooms or none; gives the names of the steps taken.

    Problem (conflict) when the database is newer than this release, or when a step already taken differs
    from the one shipped.
    """
    async with conn.transaction():
        await conn.execute(UNHURRIED)
        await conn.execute("select pg_advisory_xact_lock($1)", _LOCK)
        await conn.execute(_TABLE)
        taken = await _left(conn, rooms)
        for room, step in taken:
            await _take(conn, room, step)
        return [_name(room, step) for room, step in taken]


async def to_take(conn: Connection, rooms: Mapping[str, Sequence[Migration]]) -> list[str]:
    """The names of the steps that `upgrade` would take now. Problem as there; nothing is changed."""
    if not await conn.fetchval("select to_regclass('migration')"):
        return [_name(room, step) for room, steps in rooms.items() for step in steps]
    return [_name(room, step) for room, step in await _left(conn, rooms)]


async def _left(conn: Connection, rooms: Mapping[str, Sequence[Migration]]) -> list[tuple[str, Migration]]:
    """The steps not taken yet, in order."""
    done = {
        (r["room"], r["number"]): r["digest"]
        for r in await conn.fetch("select room, number, digest from migration")
    }
    _refuse_newer(done, rooms)
    steps = [(room, step) for room in rooms for step in sorted(rooms[room], key=lambda s: s.number)]
    return [(room, step) for room, step in steps if not _is_taken(room, step, done)]


def _is_taken(room: str, step: Migration, done: Mapping[tuple[str, int], str]) -> bool:
    before = done.get((room, step.number))
    if before not in (None, _digest(step)):
        raise problem(
            "conflict",
            f"Migration {room} {step.number} was changed after it was applied; restore the released file",
            f"La migration {room} {step.number} a été modifiée après coup ; remettez le fichier publié",
        )
    return before is not None


async def _take(conn: Connection, room: str, step: Migration) -> None:
    await conn.execute(step.sql)
    await conn.execute(
        "insert into migration (room, number, name, digest) values ($1, $2, $3, $4)",
        *(room, step.number, step.name, _digest(step)),
    )


def _digest(step: Migration) -> str:
    return sha256(step.sql.encode()).hexdigest()


def _name(room: str, step: Migration) -> str:
    return f"{room} {step.number:04d} {step.name}"


def _refuse_newer(done: Mapping[tuple[str, int], str], rooms: Mapping[str, Sequence[Migration]]) -> None:
    known = {(room, step.number) for room, steps in rooms.items() for step in steps}
    ahead = sorted(
        f"{room} {number}" for room, number in done if room in rooms and (room, number) not in known
    )
    if ahead:
        steps = ", ".join(ahead)
        raise problem(
            "conflict",
            f"This database was written by a newer release of Aubier than {__version__} ({steps}):"
            " start it with that release, or choose another data folder",
            f"Cette base vient d'une version d'Aubier plus récente que {__version__} ({steps}) :"
            " démarrez-la avec cette version, ou choisissez un autre dossier de données",
        )
