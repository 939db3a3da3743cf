"""Numbered migrations, each room its own line; a released one is never edited (its digest is kept)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files

from aubier.ground.problem import problem
from aubier.ground.rows import Migration
from aubier.store.pool import UNHURRIED, Connection

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


async def upgrade(conn: Connection, rooms: Mapping[str, Sequence[Migration]]) -> list[str]:
    """Brings the database to this release, all rooms or none; gives the names of the steps taken.

    Problem (conflict) when the database is newer than this release, or when a step already taken differs
    from the one shipped.
    """
    async with conn.transaction():
        await conn.execute(UNHURRIED)
        await conn.execute("select pg_advisory_xact_lock($1)", _LOCK)
        await conn.execute(_TABLE)
        done = {
            (r["room"], r["number"]): r["digest"]
            for r in await conn.fetch("select room, number, digest from migration")
        }
        _refuse_newer(done, rooms)
        taken = []
        for room, steps in rooms.items():
            for step in sorted(steps, key=lambda s: s.number):
                if await _take(conn, room, step, done):
                    taken.append(f"{room} {step.number:04d} {step.name}")  # noqa: PERF401 - in order, one by one
        return taken


async def _take(conn: Connection, room: str, step: Migration, done: Mapping[tuple[str, int], str]) -> bool:
    digest = sha256(step.sql.encode()).hexdigest()
    before = done.get((room, step.number))
    if before == digest:
        return False
    if before is not None:
        raise problem(
            "conflict",
            f"Migration {room} {step.number} was changed after it was applied; restore the released file",
            f"La migration {room} {step.number} a été modifiée après coup ; remettez le fichier publié",
        )
    await conn.execute(step.sql)
    await conn.execute(
        "insert into migration (room, number, name, digest) values ($1, $2, $3, $4)",
        room,
        step.number,
        step.name,
        digest,
    )
    return True


def _refuse_newer(done: Mapping[tuple[str, int], str], rooms: Mapping[str, Sequence[Migration]]) -> None:
    known = {(room, step.number) for room, steps in rooms.items() for step in steps}
    ahead = sorted(
        f"{room} {number}" for room, number in done if room in rooms and (room, number) not in known
    )
    if ahead:
        raise problem(
            "conflict",
            f"This data folder was written by a newer release ({', '.join(ahead)}); install that release",
            f"Ce dossier vient d'une version plus récente ({', '.join(ahead)}) ; installez cette version",
        )
